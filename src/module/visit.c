/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/visit.h"

#include <urcu.h>

#include "module/log.h"
#include "module/stats.h"
#include "util/clock.h"

/*! Whether the private layout of zone nodes has been proven for the zone. */
typedef enum {
	LAYOUT_UNKNOWN,
	LAYOUT_HOLDS,
	LAYOUT_FAILED,
} layout_t;

/* --- the node and its targets --- */

const knot_dname_t *visit_owner(const visit_t *visit)
{
	return (visit->node != NULL) ? visit->node->owner : visit->qdata->name;
}

static void log_owner(const visit_t *visit, const char *what)
{
	log_once(visit->ctx, visit->mod, visit_owner(visit), what);
}

bool visit_layout_holds(alias_ctx_t *ctx, knotd_mod_t *mod, knotd_qdata_t *qdata)
{
	layout_t layout = ctx->layout;
	if (layout == LAYOUT_UNKNOWN) {
		layout = node_layout_holds(qdata) ? LAYOUT_HOLDS : LAYOUT_FAILED;
		if (atomic_exchange(&ctx->layout, layout) == LAYOUT_UNKNOWN && layout == LAYOUT_FAILED) {
			knotd_mod_log(mod, LOG_ERR,
			              "unknown layout of zone nodes in this build of "
			              "Knot DNS, only ALIAS at the zone apex is served");
		}
	}
	return layout == LAYOUT_HOLDS;
}

/*! Finds the node; false if there is none whose ALIAS could matter. */
static bool find_node(visit_t *visit)
{
	if (visit_layout_holds(visit->ctx, visit->mod, visit->qdata)) {
		visit->node = node_found(visit->qdata);
		return visit->node != NULL && !(visit->node->flags & (NODE_DELEG | NODE_NONAUTH));
	}
	visit->node = NULL;
	return knot_dname_is_equal(visit->qdata->name, knotd_qdata_zone_name(visit->qdata));
}

knot_rrset_t visit_rrset(const visit_t *visit, uint16_t type)
{
	return (visit->node != NULL) ? node_rrset(visit->node, type) :
	                               knotd_qdata_zone_apex_rrset(visit->qdata, type);
}

knotd_in_state_t visit_come_back(knotd_qdata_t *qdata)
{
	if (qdata->params->proto == KNOTD_QUERY_PROTO_UDP) {
		qdata->err_truncated = true;
		qdata->rcode = KNOT_RCODE_NOERROR;
	} else {
		qdata->rcode = KNOT_RCODE_SERVFAIL;
		qdata->rcode_ede = KNOT_EDNS_EDE_NOT_READY;
	}
	return KNOTD_IN_STATE_ERROR;
}

bool visit_shows_alias(const knot_rrset_t *rrset)
{
	if (rrset->type != KNOT_RRTYPE_RRSIG) {
		return rrset->type == RRTYPE_ALIAS;
	}
	knot_rdata_t *rrsig = rrset->rrs.rdata;
	for (uint16_t i = 0; i < rrset->rrs.count; i++, rrsig = knot_rdataset_next(rrsig)) {
		if (knot_rrsig_type_covered(rrsig) == RRTYPE_ALIAS) {
			return true;
		}
	}
	return false;
}

static void note_denied_target(const visit_t *visit)
{
	stats_count(visit->mod, visit->qdata, STAT_DENIED, DENIED_TARGET);
	log_owner(visit, "target ignored, 'allow-target' or 'deny-target' rules it out");
}

static bool is_denied_target(const policy_t *policy, const knot_dname_t *name)
{
	return (policy->allow_target.count > 0 && !name_set_covers(&policy->allow_target, name)) ||
	       (policy->deny_target.count > 0 && name_set_covers(&policy->deny_target, name));
}

/*! Reads the targets. What is not exactly one uncompressed name, or not to be used, is none. */
static void read_targets(visit_t *visit, const knot_rrset_t *alias)
{
	visit->ttl = alias->ttl;
	visit->count = 0;
	visit->self = false;
	bool denied = false;

	const knot_rdata_t *rdata = alias->rrs.rdata;
	for (uint16_t i = 0; i < alias->rrs.count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		int len = knot_dname_wire_check(rdata->data, rdata->data + rdata->len, NULL);
		if (len <= 0 || len != rdata->len) {
			log_owner(visit, "malformed RDATA ignored, it must be one uncompressed domain name");
			continue;
		}
		if (visit->count == ALIAS_TARGETS_MAX) {
			log_owner(visit, "more than 8 targets, the rest is ignored");
			break;
		}
		uint8_t *name = visit->name[visit->count];
		knot_dname_copy_lower(name, rdata->data);
		if (is_denied_target(&visit->ctx->conf.policy, name)) {
			denied = true;
			continue;
		}
		if (knot_dname_is_equal(name, visit->qdata->name)) {
			log_owner(visit, "its target is the name itself");
			visit->self = true;
			continue;
		}
		visit->count++;
	}

	if (denied) {
		note_denied_target(visit);
	}
}

bool visit_begin(visit_t *visit, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	visit->ctx = knotd_mod_ctx(mod);
	visit->mod = mod;
	visit->pkt = pkt;
	visit->qdata = qdata;
	visit->keys = NULL;

	if (!find_node(visit)) {
		return false;
	}
	knot_rrset_t alias = visit_rrset(visit, RRTYPE_ALIAS);
	if (knot_rrset_empty(&alias)) {
		return false;
	}
	read_targets(visit, &alias);
	return true;
}

/* --- what is known of them --- */

static void find_targets(visit_t *visit, uint64_t now)
{
	cache_t *cache = engine_cache(visit->ctx->engine);
	for (unsigned i = 0; i < visit->count; i++) {
		visit->target[i] = cache_find(cache, visit->name[i]);
		if (visit->target[i] != NULL) {
			cache_touch(visit->target[i], now);
		}
	}
}

static verdict_t judge_one(const visit_t *visit, unsigned i, addr_type_t id, uint64_t now)
{
	const target_t *target = visit->target[i];
	return verdict_get(target != NULL ? &target->slot[id] : NULL, engine_health(visit->ctx->engine),
	                   &visit->ctx->conf.policy, visit->ttl, now);
}

void visit_ask(visit_t *visit, uint64_t now)
{
	find_targets(visit, now);
	visit->dropped = false;
	for (unsigned i = 0; i < visit->count; i++) {
		unsigned refresh = 0, wait = 0;
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			verdict_t verdict = judge_one(visit, i, id, now);
			bool waits = verdict.kind == VERDICT_COLD || verdict.kind == VERDICT_RETRY;
			if (verdict.ask) {
				*(waits ? &wait : &refresh) |= 1U << id;
			}
		}
		bool orphan = visit->target[i] != NULL &&
		              atomic_load_explicit(&visit->target[i]->orphan, memory_order_relaxed);
		if (((refresh | wait) != 0 || orphan) &&
		    !engine_ask(visit->ctx->engine, visit->target[i], visit->name[i], refresh, wait,
		                visit->ctx->account, now)) {
			stats_count(visit->mod, visit->qdata, STAT_QUEUE_FULL, 0);
			visit->dropped = true;
		}
	}
}

/* --- the outcome over all targets --- */

/*! Applies `deny-address`: addresses with none left are NODATA. Returns whether any was denied. */
static bool deny_addresses(const address_set_t *deny, verdict_t *verdict)
{
	if (address_set_empty(deny) || verdict->answer == NULL || verdict->answer->kind != REPLY_ADDRESSES) {
		return false;
	}
	uint16_t denied = address_set_count(deny, &verdict->answer->rrs);
	if (denied == verdict->answer->rrs.count) {
		verdict->answer = NULL;
		verdict->kind = (verdict->kind == VERDICT_ADDRESSES) ? VERDICT_NODATA : verdict->kind;
	}
	return denied > 0;
}

outcome_t visit_judge(const visit_t *visit, addr_type_t id, uint64_t now)
{
	/* Addresses of one serve in spite of others that failed, but not of one that is yet to come. */
	static const unsigned rank[] = {
		[VERDICT_NXDOMAIN] = 0,
		[VERDICT_NODATA] = 1,
		[VERDICT_FAILED] = 2,
		[VERDICT_RETRY] = 3,
		[VERDICT_ADDRESSES] = 4,
		[VERDICT_COLD] = 5,
	};

	outcome_t outcome = {
		.kind = visit->self ? VERDICT_FAILED : VERDICT_NXDOMAIN,
		.ede = KNOT_EDNS_EDE_NONE,
		.other_ede = visit->self ? KNOT_EDNS_EDE_NREACH_AUTH : KNOT_EDNS_EDE_NONE,
		.ttl = UINT32_MAX,
	};

	for (unsigned i = 0; i < visit->count; i++) {
		verdict_t verdict = judge_one(visit, i, id, now);
		outcome.state[i] = verdict.state;
		outcome.suppressed |= !verdict.ask && (verdict.state == STATE_STALE || verdict.state == STATE_FAILED);
		outcome.denied |= deny_addresses(&visit->ctx->conf.policy.deny_address, &verdict);
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

void visit_tell(const visit_t *visit, addr_type_t id, const outcome_t *outcome, uint64_t now)
{
	for (unsigned i = 0; i < visit->count; i++) {
		if (visit->target[i] != NULL) {
			log_state(visit->ctx, visit->mod, visit_owner(visit), visit->target[i], id, outcome->state[i], now);
		}
	}
}

typedef struct {
	visit_t *visit;
	addr_type_t id;
	unsigned looks;
	outcome_t outcome;
} wait_ctx_t;

static bool is_known(void *ctx)
{
	wait_ctx_t *wait = ctx;
	uint64_t now = clock_ms();
	wait->looks++;
	find_targets(wait->visit, now);
	wait->outcome = visit_judge(wait->visit, wait->id, now);
	return wait->outcome.kind != VERDICT_COLD && wait->outcome.kind != VERDICT_RETRY;
}

/*! A worker that serves UDP, QUIC or XDP must not wait: other clients are behind it. */
static bool may_wait(const visit_t *visit)
{
	const knotd_qdata_params_t *params = visit->qdata->params;
	return params->proto != KNOTD_QUERY_PROTO_UDP && params->proto != KNOTD_QUERY_PROTO_QUIC &&
	       params->xdp_msg == NULL && !visit->dropped;
}

outcome_t visit_wait(visit_t *visit, addr_type_t id)
{
	const conf_alias_t *conf = &visit->ctx->conf;
	uint32_t wait_ms = may_wait(visit) ? conf->policy.cold_wait : 0;

	wait_ctx_t wait = { .visit = visit, .id = id };
	bool known = engine_wait(visit->ctx->engine, wait_ms, conf->seats, is_known, &wait);
	if (wait.looks > 1) {
		stats_count(visit->mod, visit->qdata, STAT_WAIT, 0);
	}
	if (!known) {
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
