/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Before this hook Knot has looked up the name, following CNAMEs, and has put
 * what the zone has: nothing (NODATA), or the owner's own addresses (HIT). At a
 * node with ALIAS the hook
 *
 *   - requests resolution of the targets' A and AAAA when due, whatever the type asked;
 *   - for A and AAAA puts the targets' addresses, in place of the owner's own or
 *     merged with them, or makes the reply NODATA, SERVFAIL or truncated;
 *   - hides the record itself.
 *
 * Other names and types are not changed.
 */

#include "module/hooks.h"

#include <urcu.h>
#include <sys/param.h>

#include "cache/merge.h"
#include "module/log.h"
#include "module/packet.h"
#include "module/qctx.h"
#include "module/stats.h"

/* --- the reply --- */

static knotd_in_state_t reply_error(knotd_qdata_t *qdata, uint16_t rcode, int ede)
{
	qdata->rcode = rcode;
	qdata->rcode_ede = ede;
	return KNOTD_IN_STATE_ERROR;
}

/*! Octets that mod-onlinesign will add for the RRsets in the answer and one more; without this space it fails. */
static uint16_t signature_room(const qctx_t *qctx)
{
	const knot_pktsection_t *answer = &qctx->pkt->sections[KNOT_ANSWER];
	size_t fixed = knot_dname_size(knotd_qdata_zone_name(qctx->qdata)) + qctx->ctx->conf.rrsig_len;
	size_t room = knot_dname_size(qctx->qdata->name) + fixed;
	for (uint16_t i = 0; i < answer->count; i++) {
		room += knot_dname_size(qctx->pkt->rr[answer->pos + i].owner) + fixed;
	}
	return MIN(room, qctx->pkt->max_size);
}

/*! State of the reply after an attempt to put an RRset. */
static knotd_in_state_t has_put(const qctx_t *qctx, int ret)
{
	if (ret == KNOT_ESPACE) {
		knot_wire_set_tc(qctx->pkt->wire);
		return KNOTD_IN_STATE_TRUNC;
	}
	return (ret == KNOT_EOK) ? KNOTD_IN_STATE_HIT :
	                           reply_error(qctx->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
}

static knotd_in_state_t put(const qctx_t *qctx, const knot_rrset_t *rrset, uint16_t flags)
{
	knot_pkt_t *pkt = qctx->pkt;
	const conf_alias_t *conf = &qctx->ctx->conf;
	uint16_t hint = (pkt->rrset_count == 0) ? KNOT_COMPR_HINT_QNAME : KNOT_COMPR_HINT_NONE;
	uint16_t rotate = conf->rotate ? knot_wire_get_id(qctx->qdata->query->wire) : 0;
	uint16_t room = 0;
	if (conf->onlinesign && knot_pkt_has_dnssec(qctx->qdata->query)) {
		room = signature_room(qctx);
		if (knot_pkt_reserve(pkt, room) != KNOT_EOK) {
			return has_put(qctx, KNOT_ESPACE);
		}
	}
	int ret = knot_pkt_put_rotate(pkt, hint, rrset, rotate, flags);
	knot_pkt_reclaim(pkt, room);
	return has_put(qctx, ret);
}

/*! Puts the signatures of the RRset that was put last. */
static knotd_in_state_t put_rrsigs(const qctx_t *qctx, const knot_rdataset_t *rrsigs)
{
	knot_pkt_t *pkt = qctx->pkt;
	const knot_rrset_t *covered = &pkt->rr[pkt->rrset_count - 1];
	uint16_t hint = knot_compr_hint(&pkt->rr_info[pkt->rrset_count - 1], KNOT_COMPR_HINT_OWNER);

	knot_rrset_t rrset;
	knot_rrset_init(&rrset, covered->owner, KNOT_RRTYPE_RRSIG, KNOT_CLASS_IN, covered->ttl);
	rrset.rrs = *rrsigs;
	return has_put(qctx, knot_pkt_put(pkt, hint, &rrset, 0));
}

/*!
 * The highest TTL of signed addresses of this owner, for the RRSIG. One signature serves while the TTL counts down, and
 * no TTL in an answer may be above the original TTL.
 */
static uint32_t original_ttl(const qctx_t *qctx)
{
	const policy_t *policy = &qctx->ctx->conf.policy;
	return MAX(MIN(qctx->ttl, policy->ttl_max), policy->ttl_min);
}

/*! Puts addresses, with signatures if the reply needs them. */
static knotd_in_state_t put_signed(const qctx_t *qctx, const knot_rrset_t *rrset, uint16_t flags)
{
	if (qctx->signing == SIGNER_UNSIGNED) {
		return put(qctx, rrset, flags);
	}
	if (qctx->signing != SIGNER_READY) {
		return come_back(qctx->qdata);
	}

	knot_rrset_t own;
	knot_rrset_init(&own, qctx->node->owner, rrset->type, KNOT_CLASS_IN, original_ttl(qctx));
	own.rrs = rrset->rrs;
	const signature_t *signature;
	signer_state_t signing = signer_sign(qctx->ctx->signer, qctx->mod, qctx->qdata, qctx->keys, &own, 0, &signature);
	if (signing == SIGNER_BUSY) {
		return come_back(qctx->qdata);
	}
	knotd_in_state_t state = (signing == SIGNER_READY) ? put(qctx, rrset, flags) : has_put(qctx, KNOT_ERROR);
	return (state == KNOTD_IN_STATE_HIT) ? put_rrsigs(qctx, &signature->rrsigs) : state;
}

/*! Puts the union of several sets, without target addresses that `deny-address` rules out. */
static knotd_in_state_t put_union(const qctx_t *qctx, uint16_t rrtype, const outcome_t *outcome, bool merge)
{
	knot_pkt_t *pkt = qctx->pkt;
	knot_dname_t *owner = knot_dname_copy(qctx->qdata->name, &pkt->mm);
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, owner, rrtype, KNOT_CLASS_IN, outcome->ttl);

	int ret = (owner != NULL) ? KNOT_EOK : KNOT_ENOMEM;
	for (unsigned i = 0; i < outcome->count && ret == KNOT_EOK; i++) {
		const knot_rdataset_t rrs = answer_rrs(outcome->answer[i]);
		ret = merge_rdata(&rrset.rrs, &rrs, &pkt->mm);
	}
	if (outcome->denied) {
		address_set_remove(&qctx->ctx->conf.policy.deny_address, &rrset.rrs);
	}
	if (merge && ret == KNOT_EOK) {
		knot_rrset_t sibling = qctx_rrset(qctx, rrtype);
		ret = merge_rdata(&rrset.rrs, &sibling.rrs, &pkt->mm);
		rrset.ttl = MIN(sibling.ttl, rrset.ttl);
	}

	uint16_t before = pkt->rrset_count;
	knotd_in_state_t state = (ret == KNOT_EOK) ? put_signed(qctx, &rrset, KNOT_PF_FREE) : has_put(qctx, ret);
	if (pkt->rrset_count == before) {
		knot_rrset_clear(&rrset, &pkt->mm);
	}
	return state;
}

/*! Puts the targets' addresses, merged with the owner's own if asked. */
static knotd_in_state_t put_addresses(const qctx_t *qctx, uint16_t rrtype, const outcome_t *outcome, bool merge)
{
	qctx->qdata->rcode_ede = outcome->ede;
	if (merge || outcome->count > 1 || outcome->denied) {
		return put_union(qctx, rrtype, outcome, merge);
	}

	/* The packet points to the cached answer until the reply is written, which is in the same read section. */
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)qctx->qdata->name, rrtype, KNOT_CLASS_IN, outcome->ttl);
	rrset.rrs = answer_rrs(outcome->answer[0]);
	return put_signed(qctx, &rrset, 0);
}

static void note_denied_address(const qctx_t *qctx)
{
	stats_count(qctx->mod, qctx->qdata, STAT_DENIED, DENIED_ADDRESS);
	log_once(qctx, "addresses left out, 'deny-address' rules them out");
}

/*! Counts an answer without addresses of the targets if the type is never asked for. */
static void note_denied_type(const qctx_t *qctx)
{
	if (refresh_denies(&qctx->ctx->conf.policy.refresh, addr_type(qctx->qtype))) {
		stats_count(qctx->mod, qctx->qdata, STAT_DENIED, DENIED_TYPE);
	}
}

/*! Counts what a client gets. \return `state`. */
static knotd_in_state_t got(const qctx_t *qctx, got_t what, knotd_in_state_t state)
{
	if (state == KNOTD_IN_STATE_ERROR && (what == GOT_FRESH || what == GOT_STALE)) {
		what = comes_back(qctx->qdata) ? GOT_COLD : GOT_FAILED;
	}
	stats_count(qctx->mod, qctx->qdata, STAT_ANSWER_A + addr_type(qctx->qtype), what);
	return state;
}

/*! Has TCP clients wait for keys that are being read, as there is something to sign. */
static signer_state_t wait_for_keys(qctx_t *qctx)
{
	if (qctx->signing == SIGNER_BUSY) {
		qctx->signing = signer_wait(qctx->ctx->signer, qctx->mod, qctx->qdata, &qctx->keys);
	}
	return qctx->signing;
}

/*! Puts the targets' addresses in place of the owner's own, which are in the packet in state HIT, or merges both. */
static knotd_in_state_t replace_siblings(qctx_t *qctx, knotd_in_state_t state, const outcome_t *outcome, bool merge)
{
	if (wait_for_keys(qctx) == SIGNER_LOST) {
		return got(qctx, GOT_UNCHANGED, state);
	}
	if (state == KNOTD_IN_STATE_HIT && !packet_drop(qctx->pkt, qctx->qtype)) {
		return got(qctx, GOT_UNCHANGED, state); /* Another module's answer. */
	}
	got_t what = (outcome->ede == KNOT_EDNS_EDE_STALE) ? GOT_STALE : GOT_FRESH;
	return got(qctx, what, put_addresses(qctx, qctx->qtype, outcome, merge));
}

/*! Changes the reply as decided. */
static knotd_in_state_t apply(qctx_t *qctx, knotd_in_state_t state, const outcome_t *outcome, decision_t decision)
{
	switch (decision.kind) {
	case DECISION_ADDRESSES:
	case DECISION_MERGED:
		return replace_siblings(qctx, state, outcome, decision.kind == DECISION_MERGED);
	case DECISION_SIBLING:
		note_denied_type(qctx);
		return got(qctx, GOT_SIBLING, state);
	case DECISION_SERVFAIL:
		return got(qctx, GOT_FAILED, reply_error(qctx->qdata, KNOT_RCODE_SERVFAIL, decision.ede));
	case DECISION_COLD:
		return got(qctx, GOT_COLD, come_back(qctx->qdata));
	default:
		note_denied_type(qctx);
		qctx->qdata->rcode_ede = decision.ede;
		qctx->negative_ttl = decision.ttl;
		return got(qctx, GOT_NEGATIVE, state);
	}
}

/*! Answers A or AAAA. In state HIT the owner's own addresses are in the packet. */
static knotd_in_state_t answer_addresses(qctx_t *qctx, knotd_in_state_t state)
{
	const policy_t *policy = &qctx->ctx->conf.policy;
	addr_type_t type = addr_type(qctx->qtype);
	bool has_sibling = (state == KNOTD_IN_STATE_HIT);
	if (has_sibling && policy->sibling == SIBLING_OVERRIDE) {
		return got(qctx, GOT_SIBLING, state);
	}

	outcome_t outcome;
	qctx_outcome(qctx, type, &outcome);
	if (outcome_is_unknown(&outcome) && qctx->qdata->params->proto != KNOTD_QUERY_PROTO_UDP) {
		qctx_wait(qctx, 1U << type);
		qctx_outcome(qctx, type, &outcome);
	}
	qctx_log(qctx, type);

	decision_t decision = outcome_decide(&outcome, policy, has_sibling);
	if (decision.kind != DECISION_COLD) {
		if (outcome.suppressed) {
			stats_count(qctx->mod, qctx->qdata, STAT_SUPPRESSED, 0);
		}
		if (outcome.denied) {
			note_denied_address(qctx);
		}
	}
	return apply(qctx, state, &outcome, decision);
}

/* --- hiding the record --- */

/*! Removes the record and its RRSIGs from the answer. \return False if there is none or it may be shown. */
static bool drop_alias(const qctx_t *qctx)
{
	return !qctx->ctx->conf.policy.expose && packet_drop(qctx->pkt, RRTYPE_ALIAS);
}

/*! Refuses a query whose answer shows the record and can't do without it. */
static knotd_in_state_t refuse_alias(const qctx_t *qctx, knotd_in_state_t state)
{
	return drop_alias(qctx) ? reply_error(qctx->qdata, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_NONE) : state;
}

/*! Replies to a query for the record itself. */
static knotd_in_state_t hide_alias(const qctx_t *qctx, knotd_in_state_t state)
{
	if (qctx->ctx->conf.policy.expose) {
		return state;
	}
	/* The NSEC of mod-onlinesign lists all types of the node, so NODATA could not be proven. */
	if (qctx->ctx->conf.onlinesign) {
		return reply_error(qctx->qdata, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_NONE);
	}
	return drop_alias(qctx) ? KNOTD_IN_STATE_NODATA : state;
}

/* --- ANY --- */

/*! Puts an RRset of the zone, with the zone's signatures of it. */
static knotd_in_state_t put_own(const qctx_t *qctx, uint16_t type)
{
	knot_rrset_t rrset = qctx_rrset(qctx, type);
	rrset.owner = (knot_dname_t *)qctx->qdata->name;
	knotd_in_state_t state = put(qctx, &rrset, 0);
	if (qctx->signing == SIGNER_UNSIGNED || state != KNOTD_IN_STATE_HIT) {
		return state;
	}

	knot_mm_t *mm = &qctx->pkt->mm;
	knot_rrset_t all = qctx_rrset(qctx, KNOT_RRTYPE_RRSIG);
	knot_rdataset_t rrsigs;
	knot_rdataset_init(&rrsigs);
	int ret = KNOT_EOK;
	knot_rdata_t *rrsig = all.rrs.rdata;
	for (uint16_t i = 0; i < all.rrs.count && ret == KNOT_EOK; i++, rrsig = knot_rdataset_next(rrsig)) {
		uint16_t covered = knot_rrsig_type_covered(rrsig);
		if (covered > type) {
			break; /* They are in the order of types, and few come before one that is put for ANY. */
		}
		if (covered == type) {
			ret = knot_rdataset_add(&rrsigs, rrsig, mm);
		}
	}
	return (ret == KNOT_EOK && rrsigs.count > 0) ? put_rrsigs(qctx, &rrsigs) : has_put(qctx, ret);
}

/*! Decides what a client would get that asks for A or AAAA. */
static decision_t decide(const qctx_t *qctx, addr_type_t type, outcome_t *outcome)
{
	const policy_t *policy = &qctx->ctx->conf.policy;
	knot_rrset_t sibling = qctx_rrset(qctx, addr_rrtype(type));
	bool has_sibling = !knot_rrset_empty(&sibling), usable = (qctx->count > 0 || qctx->self);
	qctx_outcome(qctx, type, outcome);
	if (!usable || (has_sibling && policy->sibling == SIBLING_OVERRIDE)) {
		return (decision_t){ .kind = has_sibling ? DECISION_SIBLING : DECISION_NODATA,
			             .ede = KNOT_EDNS_EDE_NONE,
			             .ttl = UINT32_MAX };
	}
	return outcome_decide(outcome, policy, has_sibling);
}

/*!
 * Decides by both types: the addresses of one, and NODATA only if both have none.
 *
 * \param[out] type     Type of the addresses.
 * \param[out] outcome  Its outcome.
 */
static decision_t decide_any(const qctx_t *qctx, addr_type_t *type, outcome_t *outcome)
{
	decision_t both = { .kind = DECISION_NODATA, .ede = KNOT_EDNS_EDE_NONE, .ttl = UINT32_MAX };
	bool denied = false;
	for (*type = 0; *type < ADDR_TYPES; ++*type) {
		decision_t one = decide(qctx, *type, outcome);
		if (one.kind < DECISION_NODATA) {
			return one;
		}
		uint32_t ttl = MIN(one.ttl, both.ttl);
		both = (one.kind >= both.kind) ? one : both;
		both.ttl = ttl;
		denied |= outcome->denied;
	}
	outcome->denied = denied;
	return both;
}

/*! Answers ANY as A or AAAA is answered. */
static knotd_in_state_t answer_any_address(qctx_t *qctx)
{
	addr_type_t type;
	outcome_t outcome;
	decision_t decision = decide_any(qctx, &type, &outcome);
	if (decision.kind == DECISION_COLD && qctx->qdata->params->proto != KNOTD_QUERY_PROTO_UDP) {
		qctx_wait(qctx, (1U << ADDR_TYPES) - 1);
		decision = decide_any(qctx, &type, &outcome);
	}
	for (addr_type_t each = 0; each < ADDR_TYPES; each++) {
		qctx_log(qctx, each);
	}
	if (outcome.denied && decision.kind != DECISION_COLD) {
		note_denied_address(qctx);
	}

	switch (decision.kind) {
	case DECISION_ADDRESSES:
	case DECISION_MERGED:
		(void)wait_for_keys(qctx);
		return put_addresses(qctx, addr_rrtype(type), &outcome, decision.kind == DECISION_MERGED);
	case DECISION_SIBLING:
		return put_own(qctx, addr_rrtype(type));
	case DECISION_SERVFAIL:
		return reply_error(qctx->qdata, KNOT_RCODE_SERVFAIL, decision.ede);
	case DECISION_COLD:
		return come_back(qctx->qdata);
	default:
		qctx->qdata->rcode_ede = decision.ede;
		qctx->negative_ttl = decision.ttl;
		return hide_alias(qctx, KNOTD_IN_STATE_NODATA);
	}
}

/*! Whether ANY may show an RRset of the owner as it is in the zone. */
static bool is_static(const qctx_t *qctx, uint16_t type)
{
	return !addr_is_rrtype(type) && type != KNOT_RRTYPE_RRSIG && type != KNOT_RRTYPE_NSEC &&
	       (type != RRTYPE_ALIAS || qctx->ctx->conf.policy.expose);
}

/*!
 * Answers ANY with one RRset (RFC 8482, section 4.1). Knot has put the first one of the node, which is replaced if it is
 * the record or has addresses.
 */
static knotd_in_state_t answer_any(qctx_t *qctx, knotd_in_state_t state)
{
	bool dropped = drop_alias(qctx);
	for (addr_type_t type = 0; type < ADDR_TYPES && !dropped; type++) {
		dropped = packet_drop(qctx->pkt, addr_rrtype(type));
	}
	if (!dropped) {
		return state;
	}
	if (qctx->node == NULL) {
		return put_own(qctx, KNOT_RRTYPE_SOA); /* Only the apex is known. */
	}
	for (uint16_t i = 0; i < qctx->node->rrset_count; i++) {
		if (is_static(qctx, qctx->node->rrs[i].type)) {
			return put_own(qctx, qctx->node->rrs[i].type);
		}
	}
	return answer_any_address(qctx);
}

/* --- the hook --- */

/*!
 * Finds out whether the reply has to be signed, and the keys. If it has to be but can't be, other addresses must not be
 * put: the signatures that Knot puts cover only the zone's own data.
 */
static signer_state_t find_keys(qctx_t *qctx)
{
	signer_t *signer = (qctx->node != NULL) ? qctx->ctx->signer : NULL;
	if (qctx->ctx->conf.onlinesign || !knot_pkt_has_dnssec(qctx->qdata->query)) {
		if (signer != NULL) {
			signer_prepare(signer, qctx->mod, qctx->qdata);
		}
		return SIGNER_UNSIGNED;
	}
	if (signer != NULL) {
		return signer_keys(signer, qctx->mod, qctx->qdata, &qctx->keys);
	}
	knot_rrset_t rrsig = knotd_qdata_zone_apex_rrset(qctx->qdata, KNOT_RRTYPE_RRSIG);
	return knot_rrset_empty(&rrsig) ? SIGNER_UNSIGNED : SIGNER_LOST;
}

/*! Replies when the reply has to be signed, but can't be signed. */
static knotd_in_state_t answer_without_keys(const qctx_t *qctx, knotd_in_state_t state)
{
	return addr_is_rrtype(qctx->qtype) ? got(qctx, GOT_UNCHANGED, state) : refuse_alias(qctx, state);
}

/*! Replies by the type asked for. */
static knotd_in_state_t answer_type(qctx_t *qctx, knotd_in_state_t state)
{
	switch (qctx->qtype) {
	case KNOT_RRTYPE_A:
	case KNOT_RRTYPE_AAAA:
		return (qctx->count > 0 || qctx->self) ? answer_addresses(qctx, state) : got(qctx, GOT_UNCHANGED, state);
	case KNOT_RRTYPE_ANY:
		return answer_any(qctx, state);
	case KNOT_RRTYPE_RRSIG:
		return refuse_alias(qctx, state);
	case RRTYPE_ALIAS:
		return hide_alias(qctx, state);
	default:
		return state;
	}
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
	qctx_ask(&qctx);
	log_queued(qctx.ctx, mod);
	log_zone_rate(&qctx);

	qctx.signing = find_keys(&qctx);
	state = (qctx.signing == SIGNER_LOST) ? answer_without_keys(&qctx, state) : answer_type(&qctx, state);
	if (state == KNOTD_IN_STATE_NODATA) {
		negative_limit(qdata, qctx.negative_ttl);
	}
	/* The answer section itself may have the owner's NSEC. */
	bool has_nsec = qctx.qtype == KNOT_RRTYPE_ANY || qctx.qtype == KNOT_RRTYPE_NSEC;
	return (has_nsec && qctx.ctx->signer != NULL && state == KNOTD_IN_STATE_HIT) ?
	               denial_correct(state, pkt, qdata, mod) :
	               state;
}
