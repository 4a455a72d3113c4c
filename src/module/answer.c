/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * By the time of this hook Knot has looked the name up, following CNAMEs, and
 * has put what the zone has: nothing (NODATA), or the owner's own addresses
 * (HIT). At a node with ALIAS the hook
 *
 *   - has the targets' A and AAAA resolved when they are due, whatever was asked;
 *   - for A and AAAA puts the targets' addresses, in place of or beside the
 *     owner's own, or changes the reply to what there is to say instead;
 *   - hides the record itself.
 *
 * Every other name and type passes untouched.
 */

#include "module/answer.h"

#include <urcu.h>
#include <string.h>
#include <sys/param.h>

#include "module/denial.h"
#include "module/log.h"
#include "module/packet.h"
#include "module/qctx.h"
#include "module/stats.h"
#include "util/clock.h"

/* --- the reply --- */

static knotd_in_state_t fail(knotd_qdata_t *qdata, uint16_t rcode, int ede)
{
	qdata->rcode = rcode;
	qdata->rcode_ede = ede;
	return KNOTD_IN_STATE_ERROR;
}

/*! Octets that mod-onlinesign will add for the RRsets in the answer and one more; without that room it fails. */
static uint16_t signature_room(const qctx_t *qctx)
{
	const conf_alias_t *conf = &qctx->ctx->conf;
	if (!conf->onlinesign || !knot_pkt_has_dnssec(qctx->qdata->query)) {
		return 0;
	}

	const knot_pktsection_t *answer = &qctx->pkt->sections[KNOT_ANSWER];
	size_t fixed = knot_dname_size(knotd_qdata_zone_name(qctx->qdata)) + conf->rrsig_len;
	size_t room = knot_dname_size(qctx->qdata->name) + fixed;
	for (uint16_t i = 0; i < answer->count; i++) {
		room += knot_dname_size(qctx->pkt->rr[answer->pos + i].owner) + fixed;
	}
	return MIN(room, qctx->pkt->max_size);
}

/*! What becomes of the reply after a try to put something. */
static knotd_in_state_t has_put(const qctx_t *qctx, int ret)
{
	switch (ret) {
	case KNOT_EOK:
		return KNOTD_IN_STATE_HIT;
	case KNOT_ESPACE:
		knot_wire_set_tc(qctx->pkt->wire);
		return KNOTD_IN_STATE_TRUNC;
	default:
		return fail(qctx->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
	}
}

static knotd_in_state_t put(const qctx_t *qctx, const knot_rrset_t *rrset, uint16_t flags)
{
	knot_pkt_t *pkt = qctx->pkt;
	uint16_t id = knot_wire_get_id(qctx->qdata->query->wire);
	uint16_t hint = (pkt->rrset_count == 0) ? KNOT_COMPR_HINT_QNAME : KNOT_COMPR_HINT_NONE;
	uint16_t room = signature_room(qctx);

	int ret = knot_pkt_reserve(pkt, room);
	if (ret == KNOT_EOK) {
		ret = knot_pkt_put_rotate(pkt, hint, rrset, qctx->ctx->conf.rotate ? id : 0, flags);
		knot_pkt_reclaim(pkt, room);
	} else {
		ret = KNOT_ESPACE;
	}
	return has_put(qctx, ret);
}

/*! Puts the signatures of the RRset that was put last. */
static knotd_in_state_t put_rrsigs(const qctx_t *qctx, const knot_rdataset_t *rrsigs, uint16_t flags)
{
	knot_pkt_t *pkt = qctx->pkt;
	const knot_rrset_t *covered = &pkt->rr[pkt->rrset_count - 1];
	uint16_t hint = knot_compr_hint(&pkt->rr_info[pkt->rrset_count - 1], KNOT_COMPR_HINT_OWNER);

	knot_rrset_t rrset;
	knot_rrset_init(&rrset, covered->owner, KNOT_RRTYPE_RRSIG, KNOT_CLASS_IN, covered->ttl);
	rrset.rrs = *rrsigs;
	return has_put(qctx, knot_pkt_put(pkt, hint, &rrset, flags));
}

/*!
 * The TTL that signed addresses of this owner have at most: what resolvers hold is to be valid, and one signature has
 * to do for all TTLs on the way down.
 */
static uint32_t original_ttl(const qctx_t *qctx)
{
	const policy_t *policy = &qctx->ctx->conf.policy;
	return MAX(MIN(qctx->ttl, policy->ttl_max), policy->ttl_min);
}

/*! Puts addresses, with signatures where the reply needs them. */
static knotd_in_state_t put_signed(const qctx_t *qctx, const knot_rrset_t *rrset, uint16_t flags)
{
	if (qctx->keys == NULL) {
		return put(qctx, rrset, flags);
	}

	knot_rrset_t own;
	knot_rrset_init(&own, qctx->node->owner, rrset->type, KNOT_CLASS_IN, original_ttl(qctx));
	own.rrs = rrset->rrs;
	const signature_t *signature = signer_sign(qctx->ctx->signer, qctx->mod, qctx->keys, &own);
	if (signature == NULL) {
		return fail(qctx->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
	}
	knotd_in_state_t state = put(qctx, rrset, flags);
	return (state == KNOTD_IN_STATE_HIT) ? put_rrsigs(qctx, &signature->rrsigs, 0) : state;
}

/*! Puts the union of several sets, without what `deny-address` has of the targets'. */
static knotd_in_state_t put_union(const qctx_t *qctx, uint16_t type, const outcome_t *outcome,
                                  const knot_rrset_t *sibling)
{
	knot_pkt_t *pkt = qctx->pkt;
	knot_dname_t *owner = knot_dname_copy(qctx->qdata->name, &pkt->mm);
	if (owner == NULL) {
		return fail(qctx->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
	}
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, owner, type, KNOT_CLASS_IN, outcome->ttl);

	int ret = KNOT_EOK;
	for (unsigned i = 0; i < outcome->count && ret == KNOT_EOK; i++) {
		ret = knot_rdataset_merge(&rrset.rrs, &outcome->answer[i]->rrs, &pkt->mm);
	}
	if (outcome->denied) {
		address_set_remove(&qctx->ctx->conf.policy.deny_address, &rrset.rrs);
	}
	if (sibling != NULL && ret == KNOT_EOK) {
		ret = knot_rdataset_merge(&rrset.rrs, &sibling->rrs, &pkt->mm);
		rrset.ttl = MIN(sibling->ttl, rrset.ttl);
	}

	uint16_t before = pkt->rrset_count;
	knotd_in_state_t state = (ret == KNOT_EOK) ? put_signed(qctx, &rrset, KNOT_PF_FREE) :
	                                             fail(qctx->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
	if (pkt->rrset_count == before) {
		knot_rrset_clear(&rrset, &pkt->mm);
	}
	return state;
}

static knotd_in_state_t put_addresses(const qctx_t *qctx, uint16_t type, const outcome_t *outcome,
                                      const knot_rrset_t *sibling)
{
	qctx->qdata->rcode_ede = outcome->ede;
	if (sibling != NULL || outcome->count > 1 || outcome->denied) {
		return put_union(qctx, type, outcome, sibling);
	}

	/* The packet points to the answer until it has been written, within the same read section. */
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)qctx->qdata->name, type, KNOT_CLASS_IN, outcome->ttl);
	rrset.rrs = outcome->answer[0]->rrs;
	return put_signed(qctx, &rrset, 0);
}

static void note_denied_address(const qctx_t *qctx)
{
	stats_count(qctx->mod, qctx->qdata, STAT_DENIED, DENIED_ADDRESS);
	log_once(qctx->ctx, qctx->mod, qctx_owner(qctx), "addresses left out, 'deny-address' rules them out");
}

/*! Counts what a client gets. \return the state that goes with it */
static knotd_in_state_t got(const qctx_t *qctx, uint16_t type, got_t what, knotd_in_state_t state)
{
	stat_t id = STAT_ANSWER_A + addr_type(type);
	stats_count(qctx->mod, qctx->qdata, id, state == KNOTD_IN_STATE_ERROR && what != GOT_COLD ? GOT_FAILED : what);
	return state;
}

/*! The answer to A or AAAA. In state HIT the owner's own addresses are in the packet. */
static knotd_in_state_t answer_addresses(qctx_t *qctx, knotd_in_state_t state, uint16_t type,
                                         uint64_t now)
{
	const policy_t *policy = &qctx->ctx->conf.policy;
	addr_type_t id = addr_type(type);
	bool has_sibling = (state == KNOTD_IN_STATE_HIT);
	if (has_sibling && policy->sibling == SIBLING_OVERRIDE) {
		return got(qctx, type, GOT_SIBLING, state);
	}

	outcome_t outcome = qctx_judge(qctx, id, now);
	bool unknown = (outcome.kind == VERDICT_COLD || outcome.kind == VERDICT_RETRY);
	bool udp = (qctx->qdata->params->proto == KNOTD_QUERY_PROTO_UDP);
	if (unknown && !udp) {
		outcome = qctx_wait(qctx, id);
	}
	qctx_log(qctx, id, &outcome, now);
	if (unknown && udp) {
		return got(qctx, type, GOT_COLD, come_back(qctx->qdata));
	}
	if (outcome.suppressed) {
		stats_count(qctx->mod, qctx->qdata, STAT_SUPPRESSED, 0);
	}
	if (outcome.denied) {
		note_denied_address(qctx);
	}

	if (outcome.kind == VERDICT_ADDRESSES) {
		if (has_sibling && !packet_drop(qctx->pkt, type)) {
			return got(qctx, type, GOT_UNCHANGED, state); /* Another module's answer. */
		}
		knot_rrset_t sibling = qctx_rrset(qctx, type);
		bool merge = has_sibling && policy->sibling == SIBLING_MERGE;
		return got(qctx, type, outcome.ede == KNOT_EDNS_EDE_STALE ? GOT_STALE : GOT_FRESH,
		           put_addresses(qctx, type, &outcome, merge ? &sibling : NULL));
	}
	if (has_sibling) {
		return got(qctx, type, GOT_SIBLING, state);
	}

	switch (outcome.kind) {
	case VERDICT_FAILED:
		return got(qctx, type, GOT_FAILED, fail(qctx->qdata, KNOT_RCODE_SERVFAIL, outcome.other_ede));
	case VERDICT_NXDOMAIN:
		if (policy->nxdomain == NXDOMAIN_SERVFAIL) {
			return got(qctx, type, GOT_FAILED,
			           fail(qctx->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_OTHER));
		}
		/* fall through */
	default:
		qctx->qdata->rcode_ede = outcome.other_ede;
		return got(qctx, type, GOT_NEGATIVE, state);
	}
}

/* --- hiding the record --- */

static bool is_other(knot_rrset_t *rrset, uint16_t *flags, void *ctx)
{
	(void)flags, (void)ctx;
	return !shows_alias(rrset);
}

/*! Takes what shows the record off the answer. False if there is nothing, or it may be shown. */
static bool drop_alias(const qctx_t *qctx)
{
	const knot_pktsection_t *answer = &qctx->pkt->sections[KNOT_ANSWER];
	for (uint16_t i = 0; i < answer->count && !qctx->ctx->conf.policy.expose; i++) {
		if (shows_alias(knot_pkt_rr(answer, i))) {
			return packet_edit(qctx->pkt, answer->pos + i, is_other, NULL) == KNOT_EOK;
		}
	}
	return false;
}

/*! Refuses what would show the record and can't be had otherwise. */
static knotd_in_state_t refuse_alias(const qctx_t *qctx, knotd_in_state_t state)
{
	return drop_alias(qctx) ? fail(qctx->qdata, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_NONE) : state;
}

/*! The reply to a query for the record itself. */
static knotd_in_state_t hide_alias(const qctx_t *qctx, knotd_in_state_t state)
{
	if (qctx->ctx->conf.policy.expose) {
		return state;
	}
	/* The NSEC of mod-onlinesign lists all types of the node: a NODATA could not be proven. */
	if (qctx->ctx->conf.onlinesign) {
		return fail(qctx->qdata, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_NONE);
	}
	return drop_alias(qctx) ? KNOTD_IN_STATE_NODATA : state;
}

/*! Puts an RRset of the zone, with the zone's signatures of it. */
static knotd_in_state_t put_own(const qctx_t *qctx, const node_rrset_t *own)
{
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)qctx->qdata->name, own->type, KNOT_CLASS_IN, own->ttl);
	rrset.rrs = own->rrs;
	knotd_in_state_t state = put(qctx, &rrset, 0);
	if (qctx->keys == NULL || state != KNOTD_IN_STATE_HIT) {
		return state;
	}

	knot_mm_t *mm = &qctx->pkt->mm;
	knot_rrset_t all = qctx_rrset(qctx, KNOT_RRTYPE_RRSIG);
	knot_rdataset_t rrsigs;
	knot_rdataset_init(&rrsigs);
	int ret = KNOT_EOK;
	knot_rdata_t *rrsig = all.rrs.rdata;
	for (uint16_t i = 0; i < all.rrs.count && ret == KNOT_EOK; i++, rrsig = knot_rdataset_next(rrsig)) {
		if (knot_rrsig_type_covered(rrsig) == own->type) {
			ret = knot_rdataset_add(&rrsigs, rrsig, mm);
		}
	}
	return (ret == KNOT_EOK && rrsigs.count > 0) ? put_rrsigs(qctx, &rrsigs, 0) : has_put(qctx, ret);
}

/*! The reply to ANY is one RRset (RFC 8482, section 4.1): another one than the record. */
static knotd_in_state_t answer_any(const qctx_t *qctx, knotd_in_state_t state, uint64_t now)
{
	if (!drop_alias(qctx)) {
		return state;
	}

	for (uint16_t i = 0; qctx->node != NULL && i < qctx->node->rrset_count; i++) {
		const node_rrset_t *own = &qctx->node->rrs[i];
		if (own->type != RRTYPE_ALIAS && own->type != KNOT_RRTYPE_RRSIG && own->type != KNOT_RRTYPE_NSEC) {
			return put_own(qctx, own);
		}
	}

	outcome_t outcome = { .kind = VERDICT_NODATA };
	uint16_t type = KNOT_RRTYPE_A;
	bool denied = false;
	for (unsigned id = 0; id < ADDR_TYPES && outcome.kind != VERDICT_ADDRESSES; id++) {
		type = addr_rrtype(id);
		outcome = qctx_judge(qctx, id, now);
		qctx_log(qctx, id, &outcome, now);
		denied |= outcome.denied;
	}
	if (denied) {
		note_denied_address(qctx);
	}
	if (outcome.kind == VERDICT_ADDRESSES) {
		return put_addresses(qctx, type, &outcome, NULL);
	}
	return hide_alias(qctx, KNOTD_IN_STATE_NODATA);
}

/* --- the hook --- */

/*!
 * Finds out whether the reply has to be signed, and how. Where it has to be, and can't be, signatures that Knot put or will
 * put are of the zone's own data, and no place for other addresses.
 */
static signer_state_t find_keys(qctx_t *qctx)
{
	if (qctx->ctx->conf.onlinesign || !knot_pkt_has_dnssec(qctx->qdata->query)) {
		return SIGNER_UNSIGNED;
	}
	if (qctx->ctx->signer != NULL && qctx->node != NULL) {
		return signer_keys(qctx->ctx->signer, qctx->mod, qctx->qdata, &qctx->keys);
	}
	knot_rrset_t rrsig = knotd_qdata_zone_apex_rrset(qctx->qdata, KNOT_RRTYPE_RRSIG);
	if (knot_rrset_empty(&rrsig)) {
		return SIGNER_UNSIGNED;
	}
	if (qctx->ctx->signer == NULL) {
		log_signed_elsewhere(qctx->ctx, qctx->mod);
	}
	return SIGNER_LOST;
}

knotd_in_state_t answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	if (state != KNOTD_IN_STATE_NODATA && state != KNOTD_IN_STATE_HIT) {
		return state;
	}

	qctx_t qctx;
	if (!qctx_begin(&qctx, pkt, qdata, mod)) {
		return state;
	}
	uint64_t now = clock_ms();
	qctx_ask(&qctx, now);
	if (log_queue_pending(engine_log(qctx.ctx->engine))) {
		log_queued(qctx.ctx, mod);
	}
	if (atomic_load_explicit(&qctx.ctx->tenant->delayed, memory_order_relaxed)) {
		log_zone_rate(qctx.ctx, mod, now);
	}

	uint16_t type = knot_pkt_qtype(qdata->query);
	bool is_address = addr_is_rrtype(type);
	switch (find_keys(&qctx)) {
	case SIGNER_BUSY:
		state = come_back(qdata);
		return is_address ? got(&qctx, type, GOT_COLD, state) : state;
	case SIGNER_LOST:
		return is_address ? got(&qctx, type, GOT_UNCHANGED, state) : refuse_alias(&qctx, state);
	default:
		break;
	}
	if (is_address && qctx.count == 0 && !qctx.self) {
		return got(&qctx, type, GOT_UNCHANGED, state);
	}

	switch (type) {
	case KNOT_RRTYPE_A:
	case KNOT_RRTYPE_AAAA:
		return answer_addresses(&qctx, state, type, now);
	case RRTYPE_ALIAS:
		return hide_alias(&qctx, state);
	case KNOT_RRTYPE_ANY:
		state = answer_any(&qctx, state, now);
		break;
	case KNOT_RRTYPE_NSEC:
		break;
	case KNOT_RRTYPE_RRSIG:
		return refuse_alias(&qctx, state);
	default:
		return state;
	}
	if (qctx.ctx->signer != NULL && state == KNOTD_IN_STATE_HIT) {
		return denial_correct(state, pkt, qdata, mod);
	}
	return state;
}
