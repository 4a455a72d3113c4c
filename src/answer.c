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

#include "answer.h"

#include <urcu.h>
#include <string.h>

#include "clock.h"
#include "node.h"
#include "packet.h"
#include "verdict.h"

/*! Whether the private layout of zone nodes has been proven for the zone. */
typedef enum {
	LAYOUT_UNKNOWN,
	LAYOUT_HOLDS,
	LAYOUT_FAILED,
} layout_t;

/*! The query, and the ALIAS node that it met. */
typedef struct {
	alias_ctx_t *ctx;
	knotd_mod_t *mod;
	knot_pkt_t *pkt;
	knotd_qdata_t *qdata;
	const node_t *node;   /*!< NULL where only the API's view of the apex is to be had. */
	uint32_t ttl;         /*!< TTL of the ALIAS, s. */
	unsigned count;       /*!< Targets. */
	bool self;            /*!< One of them is the owner. */
	bool dropped;         /*!< A resolution could not be asked for. */
	knot_dname_storage_t name[ALIAS_TARGETS_MAX]; /*!< Of the targets, lower case. */
	target_t *target[ALIAS_TARGETS_MAX];          /*!< What the cache has, or NULL. */
} visit_t;

/*! What all targets together have for one type. */
typedef struct {
	verdict_kind_t kind;
	int16_t ede;           /*!< With addresses: that they are stale. */
	int16_t other_ede;     /*!< Without. */
	uint32_t ttl;
	unsigned count;        /*!< Targets with addresses. */
	const answer_t *answer[ALIAS_TARGETS_MAX];
} outcome_t;

/* --- the node and its targets --- */

static void log_once(const visit_t *visit, const char *what)
{
	/* The owner in the zone: names below a wildcard are the clients' to choose. */
	const knot_dname_t *owner = (visit->node != NULL) ? visit->node->owner : visit->qdata->name;

	/* FNV-1a over owner and text. */
	uint64_t hash = 0xcbf29ce484222325;
	for (const uint8_t *pos = owner; *pos != '\0'; pos++) {
		hash = (hash ^ *pos) * 0x100000001b3;
	}
	hash = (hash ^ (uintptr_t)what) * 0x100000001b3;

	unsigned bit = (hash >> 32) % LOGGED_BITS;
	uint64_t mask = 1ULL << (bit % 64);
	if (atomic_fetch_or(&visit->ctx->logged[bit / 64], mask) & mask) {
		return;
	}

	knot_dname_txt_storage_t text;
	if (knot_dname_to_str(text, owner, sizeof(text)) != NULL) {
		knotd_mod_log(visit->mod, LOG_WARNING, "ALIAS at %s, %s", text, what);
	}
}

void answer_log_news(alias_ctx_t *ctx, knotd_mod_t *mod)
{
	news_item_t *items = news_take(upstream_news(ctx->upstream));
	for (const news_item_t *item = items; item != NULL; item = item->next) {
		knotd_mod_log(mod, item->priority, "%s", item->text);
	}
	news_free(items);
}

static bool layout_holds(visit_t *visit)
{
	layout_t layout = visit->ctx->layout;
	if (layout == LAYOUT_UNKNOWN) {
		layout = node_layout_holds(visit->qdata) ? LAYOUT_HOLDS : LAYOUT_FAILED;
		if (atomic_exchange(&visit->ctx->layout, layout) == LAYOUT_UNKNOWN && layout == LAYOUT_FAILED) {
			knotd_mod_log(visit->mod, LOG_ERR, "unknown layout of zone nodes in this build of "
			              "Knot DNS, only ALIAS at the zone apex is served");
		}
	}
	return layout == LAYOUT_HOLDS;
}

/*! Finds the node; false if there is none whose ALIAS could matter. */
static bool find_node(visit_t *visit)
{
	if (layout_holds(visit)) {
		visit->node = node_found(visit->qdata);
		return visit->node != NULL && !(visit->node->flags & (NODE_DELEG | NODE_NONAUTH));
	}
	visit->node = NULL;
	return knot_dname_is_equal(visit->qdata->name, knotd_qdata_zone_name(visit->qdata));
}

static knot_rrset_t own_rrset(const visit_t *visit, uint16_t type)
{
	return (visit->node != NULL) ? node_rrset(visit->node, type) :
	                               knotd_qdata_zone_apex_rrset(visit->qdata, type);
}

/*! Reads the targets. What is not exactly one uncompressed name is none. */
static void read_targets(visit_t *visit, const knot_rrset_t *alias)
{
	visit->ttl = alias->ttl;
	visit->count = 0;
	visit->self = false;

	const knot_rdata_t *rdata = alias->rrs.rdata;
	for (uint16_t i = 0; i < alias->rrs.count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		int len = knot_dname_wire_check(rdata->data, rdata->data + rdata->len, NULL);
		if (len <= 0 || len != rdata->len) {
			log_once(visit, "malformed RDATA ignored, it must be one uncompressed domain name");
			continue;
		}
		if (visit->count == ALIAS_TARGETS_MAX) {
			log_once(visit, "more than 8 targets, the rest is ignored");
			break;
		}
		uint8_t *name = visit->name[visit->count];
		knot_dname_copy_lower(name, rdata->data);
		if (knot_dname_is_equal(name, visit->qdata->name)) {
			log_once(visit, "its target is the name itself");
			visit->self = true;
			continue;
		}
		visit->count++;
	}
}

static void find_targets(visit_t *visit, uint64_t now)
{
	cache_t *cache = upstream_cache(visit->ctx->upstream);
	for (unsigned i = 0; i < visit->count; i++) {
		visit->target[i] = cache_find(cache, visit->name[i]);
		if (visit->target[i] != NULL) {
			cache_touch(visit->target[i], now);
		}
	}
}

static verdict_t judge_one(const visit_t *visit, unsigned i, slot_id_t id, uint64_t now)
{
	const target_t *target = visit->target[i];
	return verdict_get(target != NULL ? &target->slot[id] : NULL, upstream_health(visit->ctx->upstream),
	                   &visit->ctx->conf.policy, visit->ttl, now);
}

/*! Has resolved what is due, of both types: the other one will be asked for soon. */
static void ask(visit_t *visit, uint64_t now)
{
	visit->dropped = false;
	for (unsigned i = 0; i < visit->count; i++) {
		unsigned refresh = 0, wait = 0;
		for (unsigned id = 0; id < SLOTS; id++) {
			verdict_t verdict = judge_one(visit, i, id, now);
			bool waits = verdict.kind == VERDICT_COLD || verdict.kind == VERDICT_RETRY;
			if (verdict.ask) {
				*(waits ? &wait : &refresh) |= 1U << id;
			}
		}
		if ((refresh | wait) != 0 &&
		    !upstream_ask(visit->ctx->upstream, visit->target[i], visit->name[i], refresh, wait,
		                  &visit->ctx->conf.policy.terms, now)) {
			visit->dropped = true;
		}
	}
}

/* --- the outcome over all targets --- */

static outcome_t judge(const visit_t *visit, slot_id_t id, uint64_t now)
{
	/* Addresses of one serve in spite of others that failed, but not of one that is yet to come. */
	static const unsigned rank[] = {
		[VERDICT_NXDOMAIN]  = 0,
		[VERDICT_NODATA]    = 1,
		[VERDICT_FAILED]    = 2,
		[VERDICT_RETRY]     = 3,
		[VERDICT_ADDRESSES] = 4,
		[VERDICT_COLD]      = 5,
	};

	outcome_t outcome = {
		.kind = visit->self ? VERDICT_FAILED : VERDICT_NXDOMAIN,
		.ede = KNOT_EDNS_EDE_NONE,
		.other_ede = visit->self ? KNOT_EDNS_EDE_NREACH_AUTH : KNOT_EDNS_EDE_NONE,
		.ttl = UINT32_MAX,
	};

	for (unsigned i = 0; i < visit->count; i++) {
		verdict_t verdict = judge_one(visit, i, id, now);
		if (verdict.answer != NULL && verdict.answer->kind == REPLY_ADDRESSES) {
			outcome.answer[outcome.count++] = verdict.answer;
			outcome.ttl = verdict.ttl < outcome.ttl ? verdict.ttl : outcome.ttl;
			outcome.ede = verdict.ede != KNOT_EDNS_EDE_NONE ? verdict.ede : outcome.ede;
		} else if (verdict.ede != KNOT_EDNS_EDE_NONE && rank[verdict.kind] >= rank[outcome.kind]) {
			outcome.other_ede = verdict.ede;
		}
		if (rank[verdict.kind] > rank[outcome.kind]) {
			outcome.kind = verdict.kind;
		}
	}

	return outcome;
}

typedef struct {
	visit_t *visit;
	slot_id_t id;
	outcome_t outcome;
} wait_ctx_t;

static bool is_known(void *ctx)
{
	wait_ctx_t *wait = ctx;
	uint64_t now = clock_ms();
	find_targets(wait->visit, now);
	wait->outcome = judge(wait->visit, wait->id, now);
	return wait->outcome.kind != VERDICT_COLD && wait->outcome.kind != VERDICT_RETRY;
}

/*! A worker that serves UDP, QUIC or XDP must not wait: other clients are behind it. */
static bool may_wait(const visit_t *visit)
{
	const knotd_qdata_params_t *params = visit->qdata->params;
	return params->proto != KNOTD_QUERY_PROTO_UDP && params->proto != KNOTD_QUERY_PROTO_QUIC &&
	       params->xdp_msg == NULL && !visit->dropped;
}

/*! Waits for a resolution, and settles for what there is when it does not end in time. */
static outcome_t wait_for(visit_t *visit, slot_id_t id)
{
	const conf_alias_t *conf = &visit->ctx->conf;
	uint32_t wait_ms = may_wait(visit) ? conf->policy.cold_wait : 0;

	wait_ctx_t wait = { .visit = visit, .id = id };
	if (!upstream_wait(visit->ctx->upstream, wait_ms, conf->seats, is_known, &wait)) {
		outcome_t *outcome = &wait.outcome;
		if (outcome->count > 0) {
			outcome->kind = VERDICT_ADDRESSES;
		} else {
			if (outcome->kind == VERDICT_COLD) {
				outcome->other_ede = KNOT_EDNS_EDE_NOT_READY;
			}
			outcome->kind = VERDICT_FAILED;
		}
	}
	return wait.outcome;
}

/* --- the reply --- */

static knotd_in_state_t fail(knotd_qdata_t *qdata, uint16_t rcode, int ede)
{
	qdata->rcode = rcode;
	qdata->rcode_ede = ede;
	return KNOTD_IN_STATE_ERROR;
}

/*! An empty reply with TC and AA: the client comes back over TCP (RFC 2181, section 9). */
static knotd_in_state_t ask_over_tcp(knotd_qdata_t *qdata)
{
	qdata->err_truncated = true;
	return KNOTD_IN_STATE_ERROR;
}

/*! Octets that mod-onlinesign will add for the RRsets in the answer and one more; without that room it fails. */
static uint16_t signature_room(const visit_t *visit)
{
	const conf_alias_t *conf = &visit->ctx->conf;
	if (!conf->onlinesign || !knot_pkt_has_dnssec(visit->qdata->query)) {
		return 0;
	}

	const knot_pktsection_t *answer = &visit->pkt->sections[KNOT_ANSWER];
	size_t fixed = knot_dname_size(knotd_qdata_zone_name(visit->qdata)) + conf->rrsig_len;
	size_t room = knot_dname_size(visit->qdata->name) + fixed;
	for (uint16_t i = 0; i < answer->count; i++) {
		room += knot_dname_size(visit->pkt->rr[answer->pos + i].owner) + fixed;
	}
	return room < visit->pkt->max_size ? room : visit->pkt->max_size;
}

static knotd_in_state_t put(const visit_t *visit, const knot_rrset_t *rrset, uint16_t flags)
{
	knot_pkt_t *pkt = visit->pkt;
	uint16_t id = knot_wire_get_id(visit->qdata->query->wire);
	uint16_t hint = (pkt->rrset_count == 0) ? KNOT_COMPR_HINT_QNAME : KNOT_COMPR_HINT_NONE;
	uint16_t room = signature_room(visit);

	int ret = knot_pkt_reserve(pkt, room);
	if (ret == KNOT_EOK) {
		ret = knot_pkt_put_rotate(pkt, hint, rrset, visit->ctx->conf.rotate ? id : 0, flags);
		knot_pkt_reclaim(pkt, room);
	} else {
		ret = KNOT_ESPACE;
	}

	switch (ret) {
	case KNOT_EOK:
		return KNOTD_IN_STATE_HIT;
	case KNOT_ESPACE:
		knot_wire_set_tc(pkt->wire);
		return KNOTD_IN_STATE_TRUNC;
	default:
		return fail(visit->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
	}
}

/*! Puts the union of several sets. */
static knotd_in_state_t put_union(const visit_t *visit, uint16_t type, const outcome_t *outcome,
                                  const knot_rrset_t *sibling)
{
	knot_pkt_t *pkt = visit->pkt;
	knot_dname_t *owner = knot_dname_copy(visit->qdata->name, &pkt->mm);
	if (owner == NULL) {
		return fail(visit->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
	}
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, owner, type, KNOT_CLASS_IN, outcome->ttl);

	int ret = KNOT_EOK;
	for (unsigned i = 0; i < outcome->count && ret == KNOT_EOK; i++) {
		ret = knot_rdataset_merge(&rrset.rrs, &outcome->answer[i]->rrs, &pkt->mm);
	}
	if (sibling != NULL && ret == KNOT_EOK) {
		ret = knot_rdataset_merge(&rrset.rrs, &sibling->rrs, &pkt->mm);
		rrset.ttl = sibling->ttl < rrset.ttl ? sibling->ttl : rrset.ttl;
	}

	knotd_in_state_t state = (ret == KNOT_EOK) ? put(visit, &rrset, KNOT_PF_FREE) :
	                         fail(visit->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NONE);
	if (state != KNOTD_IN_STATE_HIT) {
		knot_rrset_clear(&rrset, &pkt->mm);
	}
	return state;
}

static knotd_in_state_t put_addresses(const visit_t *visit, uint16_t type, const outcome_t *outcome,
                                      const knot_rrset_t *sibling)
{
	visit->qdata->rcode_ede = outcome->ede;
	if (sibling != NULL || outcome->count > 1) {
		return put_union(visit, type, outcome, sibling);
	}

	/* The packet points to the answer until it has been written, within the same read section. */
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)visit->qdata->name, type, KNOT_CLASS_IN, outcome->ttl);
	rrset.rrs = outcome->answer[0]->rrs;
	return put(visit, &rrset, 0);
}

/*! The answer to A or AAAA. In state HIT the owner's own addresses are in the packet. */
static knotd_in_state_t answer_addresses(visit_t *visit, knotd_in_state_t state, uint16_t type,
                                         uint64_t now)
{
	const policy_t *policy = &visit->ctx->conf.policy;
	slot_id_t id = (type == KNOT_RRTYPE_A) ? SLOT_A : SLOT_AAAA;
	bool has_sibling = (state == KNOTD_IN_STATE_HIT);
	if (has_sibling && policy->sibling == SIBLING_OVERRIDE) {
		return state;
	}

	outcome_t outcome = judge(visit, id, now);
	if (outcome.kind == VERDICT_COLD || outcome.kind == VERDICT_RETRY) {
		if (visit->qdata->params->proto == KNOTD_QUERY_PROTO_UDP) {
			return ask_over_tcp(visit->qdata);
		}
		outcome = wait_for(visit, id);
	}

	if (outcome.kind == VERDICT_ADDRESSES) {
		if (has_sibling && !packet_drop_last(visit->pkt, type)) {
			return state; /* Another module's answer. */
		}
		knot_rrset_t sibling = own_rrset(visit, type);
		bool merge = has_sibling && policy->sibling == SIBLING_MERGE;
		return put_addresses(visit, type, &outcome, merge ? &sibling : NULL);
	}
	if (has_sibling) {
		return state;
	}

	switch (outcome.kind) {
	case VERDICT_FAILED:
		return fail(visit->qdata, KNOT_RCODE_SERVFAIL, outcome.other_ede);
	case VERDICT_NXDOMAIN:
		if (policy->nxdomain == NXDOMAIN_SERVFAIL) {
			return fail(visit->qdata, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_OTHER);
		}
		/* fall through */
	default:
		visit->qdata->rcode_ede = outcome.other_ede;
		return state;
	}
}

/* --- hiding the record --- */

/*! The reply to a query for the record itself. */
static knotd_in_state_t hide_alias(const visit_t *visit, knotd_in_state_t state)
{
	if (visit->ctx->conf.policy.expose) {
		return state;
	}
	/* The NSEC of mod-onlinesign lists all types of the node: a NODATA could not be proven. */
	if (visit->ctx->conf.onlinesign) {
		return fail(visit->qdata, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_NONE);
	}
	return packet_drop_last(visit->pkt, RRTYPE_ALIAS) ? KNOTD_IN_STATE_NODATA : state;
}

/*! The reply to ANY is one RRset (RFC 8482, section 4.1): another one than the record. */
static knotd_in_state_t answer_any(const visit_t *visit, knotd_in_state_t state, uint64_t now)
{
	if (visit->ctx->conf.policy.expose || !packet_drop_last(visit->pkt, RRTYPE_ALIAS)) {
		return state;
	}

	for (uint16_t i = 0; visit->node != NULL && i < visit->node->rrset_count; i++) {
		const node_rrset_t *own = &visit->node->rrs[i];
		if (own->type != RRTYPE_ALIAS && own->type != KNOT_RRTYPE_RRSIG && own->type != KNOT_RRTYPE_NSEC) {
			knot_rrset_t rrset;
			knot_rrset_init(&rrset, (knot_dname_t *)visit->qdata->name, own->type,
			                KNOT_CLASS_IN, own->ttl);
			rrset.rrs = own->rrs;
			return put(visit, &rrset, 0);
		}
	}

	for (unsigned id = 0; id < SLOTS; id++) {
		outcome_t outcome = judge(visit, id, now);
		if (outcome.kind == VERDICT_ADDRESSES) {
			uint16_t type = (id == SLOT_A) ? KNOT_RRTYPE_A : KNOT_RRTYPE_AAAA;
			return put_addresses(visit, type, &outcome, NULL);
		}
	}

	return hide_alias(visit, KNOTD_IN_STATE_NODATA);
}

/* --- the hook --- */

/*! Signatures that Knot put or will put are of the zone's own data: no place for other addresses. */
static bool is_signed_elsewhere(const visit_t *visit)
{
	if (visit->ctx->conf.onlinesign || !knot_pkt_has_dnssec(visit->qdata->query)) {
		return false;
	}
	knot_rrset_t rrsig = knotd_qdata_zone_apex_rrset(visit->qdata, KNOT_RRTYPE_RRSIG);
	return !knot_rrset_empty(&rrsig);
}

knotd_in_state_t answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	if (state != KNOTD_IN_STATE_NODATA && state != KNOTD_IN_STATE_HIT) {
		return state;
	}

	visit_t visit;
	visit.ctx = knotd_mod_ctx(mod);
	visit.mod = mod;
	visit.pkt = pkt;
	visit.qdata = qdata;

	if (!find_node(&visit)) {
		return state;
	}
	knot_rrset_t alias = own_rrset(&visit, RRTYPE_ALIAS);
	if (knot_rrset_empty(&alias)) {
		return state;
	}
	read_targets(&visit, &alias);

	uint64_t now = clock_ms(); /* Before the look-up, see upstream_ask(). */
	find_targets(&visit, now);
	ask(&visit, now);
	if (news_pending(upstream_news(visit.ctx->upstream))) {
		answer_log_news(visit.ctx, mod);
	}

	if (is_signed_elsewhere(&visit)) {
		return state;
	}

	uint16_t type = knot_pkt_qtype(qdata->query);
	switch (type) {
	case KNOT_RRTYPE_A:
	case KNOT_RRTYPE_AAAA:
		if (visit.count == 0 && !visit.self) {
			return state;
		}
		return answer_addresses(&visit, state, type, now);
	case RRTYPE_ALIAS:
		return hide_alias(&visit, state);
	case KNOT_RRTYPE_ANY:
		return answer_any(&visit, state, now);
	default:
		return state;
	}
}
