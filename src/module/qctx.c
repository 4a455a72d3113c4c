/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/qctx.h"

#include <urcu.h>
#include <sys/param.h>

#include "module/log.h"
#include "module/stats.h"
#include "util/clock.h"

/* --- the node and its targets --- */

const knot_dname_t *qctx_owner(const qctx_t *qctx)
{
	return (qctx->node != NULL) ? qctx->node->owner : qctx->qdata->name;
}

static void log_owner(const qctx_t *qctx, const char *what)
{
	log_once(qctx->ctx, qctx->mod, qctx_owner(qctx), what);
}

/*! Finds the node; false if there is none whose ALIAS could matter. */
static bool find_node(qctx_t *qctx)
{
	if (context_knows_nodes(qctx->ctx, qctx->mod, qctx->qdata)) {
		qctx->node = node_found(qctx->qdata);
		return qctx->node != NULL && !(qctx->node->flags & (NODE_DELEG | NODE_NONAUTH));
	}
	qctx->node = NULL;
	return knot_dname_is_equal(qctx->qdata->name, knotd_qdata_zone_name(qctx->qdata));
}

knot_rrset_t qctx_rrset(const qctx_t *qctx, uint16_t type)
{
	return (qctx->node != NULL) ? node_rrset(qctx->node, type) :
	                              knotd_qdata_zone_apex_rrset(qctx->qdata, type);
}

static void note_denied_target(const qctx_t *qctx)
{
	stats_count(qctx->mod, qctx->qdata, STAT_DENIED, DENIED_TARGET);
	log_owner(qctx, "target ignored, 'allow-target' or 'deny-target' rules it out");
}

static bool is_denied_target(const policy_t *policy, const knot_dname_t *name)
{
	return (policy->allow_target.count > 0 && !name_set_covers(&policy->allow_target, name)) ||
	       (policy->deny_target.count > 0 && name_set_covers(&policy->deny_target, name));
}

/*! Reads the targets. What is not exactly one uncompressed name, or not to be used, is none. */
static void read_targets(qctx_t *qctx, const knot_rrset_t *alias)
{
	qctx->ttl = alias->ttl;
	qctx->count = 0;
	qctx->self = false;
	bool denied = false;

	const knot_rdata_t *rdata = alias->rrs.rdata;
	for (uint16_t i = 0; i < alias->rrs.count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		int len = knot_dname_wire_check(rdata->data, rdata->data + rdata->len, NULL);
		if (len <= 0 || len != rdata->len) {
			log_owner(qctx, "malformed RDATA ignored, it must be one uncompressed domain name");
			continue;
		}
		if (qctx->count == ALIAS_TARGETS_MAX) {
			log_owner(qctx, "more than 8 targets, the rest is ignored");
			break;
		}
		uint8_t *name = qctx->name[qctx->count];
		knot_dname_copy_lower(name, rdata->data);
		if (is_denied_target(&qctx->ctx->conf.policy, name)) {
			denied = true;
			continue;
		}
		if (knot_dname_is_equal(name, qctx->qdata->name)) {
			log_owner(qctx, "its target is the name itself");
			qctx->self = true;
			continue;
		}
		qctx->count++;
	}

	if (denied) {
		note_denied_target(qctx);
	}
}

bool qctx_begin(qctx_t *qctx, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	qctx->ctx = knotd_mod_ctx(mod);
	qctx->mod = mod;
	qctx->pkt = pkt;
	qctx->qdata = qdata;
	qctx->keys = NULL;

	if (!find_node(qctx)) {
		return false;
	}
	knot_rrset_t alias = qctx_rrset(qctx, RRTYPE_ALIAS);
	if (knot_rrset_empty(&alias)) {
		return false;
	}
	read_targets(qctx, &alias);
	return true;
}

/* --- what is known of them --- */

static void find_targets(qctx_t *qctx, uint64_t now)
{
	cache_t *cache = engine_cache(qctx->ctx->engine);
	for (unsigned i = 0; i < qctx->count; i++) {
		qctx->target[i] = cache_find(cache, qctx->name[i]);
		if (qctx->target[i] != NULL) {
			cache_touch(qctx->target[i], now);
		}
	}
}

static verdict_t judge_one(const qctx_t *qctx, unsigned i, addr_type_t id, uint64_t now)
{
	const target_t *target = qctx->target[i];
	return verdict_get(target != NULL ? &target->entry[id] : NULL, engine_health(qctx->ctx->engine),
	                   &qctx->ctx->conf.policy, qctx->ttl, now);
}

void qctx_ask(qctx_t *qctx, uint64_t now)
{
	find_targets(qctx, now);
	qctx->dropped = false;
	for (unsigned i = 0; i < qctx->count; i++) {
		unsigned refresh = 0, wait = 0;
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			verdict_t verdict = judge_one(qctx, i, id, now);
			bool waits = verdict.kind == VERDICT_COLD || verdict.kind == VERDICT_RETRY;
			if (verdict.ask) {
				*(waits ? &wait : &refresh) |= 1U << id;
			}
		}
		bool unclaimed = qctx->target[i] != NULL &&
		                 atomic_load_explicit(&qctx->target[i]->unclaimed, memory_order_relaxed);
		if (((refresh | wait) != 0 || unclaimed) &&
		    !engine_ask(qctx->ctx->engine, qctx->target[i], qctx->name[i], refresh, wait,
		                qctx->ctx->tenant, now)) {
			stats_count(qctx->mod, qctx->qdata, STAT_QUEUE_FULL, 0);
			qctx->dropped = true;
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

outcome_t qctx_judge(const qctx_t *qctx, addr_type_t id, uint64_t now)
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
		.kind = qctx->self ? VERDICT_FAILED : VERDICT_NXDOMAIN,
		.ede = KNOT_EDNS_EDE_NONE,
		.other_ede = qctx->self ? KNOT_EDNS_EDE_NREACH_AUTH : KNOT_EDNS_EDE_NONE,
		.ttl = UINT32_MAX,
	};

	for (unsigned i = 0; i < qctx->count; i++) {
		verdict_t verdict = judge_one(qctx, i, id, now);
		outcome.state[i] = verdict.state;
		outcome.suppressed |= !verdict.ask && (verdict.state == STATE_STALE || verdict.state == STATE_FAILED);
		outcome.denied |= deny_addresses(&qctx->ctx->conf.policy.deny_address, &verdict);
		if (verdict.answer != NULL && verdict.answer->kind == REPLY_ADDRESSES) {
			outcome.answer[outcome.count++] = verdict.answer;
			outcome.ttl = MIN(verdict.ttl, outcome.ttl);
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

void qctx_log(const qctx_t *qctx, addr_type_t id, const outcome_t *outcome, uint64_t now)
{
	for (unsigned i = 0; i < qctx->count; i++) {
		if (qctx->target[i] != NULL) {
			log_state(qctx->ctx, qctx->mod, qctx_owner(qctx), qctx->target[i], id, outcome->state[i], now);
		}
	}
}

typedef struct {
	qctx_t *qctx;
	addr_type_t id;
	unsigned looks;
	outcome_t outcome;
} wait_ctx_t;

static bool is_known(void *ctx)
{
	wait_ctx_t *wait = ctx;
	uint64_t now = clock_ms();
	wait->looks++;
	find_targets(wait->qctx, now);
	wait->outcome = qctx_judge(wait->qctx, wait->id, now);
	return wait->outcome.kind != VERDICT_COLD && wait->outcome.kind != VERDICT_RETRY;
}

/*! A worker that serves UDP, QUIC or XDP must not wait: other clients are behind it. */
static bool may_wait(const qctx_t *qctx)
{
	const knotd_qdata_params_t *params = qctx->qdata->params;
	return params->proto != KNOTD_QUERY_PROTO_UDP && params->proto != KNOTD_QUERY_PROTO_QUIC &&
	       params->xdp_msg == NULL && !qctx->dropped;
}

outcome_t qctx_wait(qctx_t *qctx, addr_type_t id)
{
	const conf_alias_t *conf = &qctx->ctx->conf;
	uint32_t wait_ms = may_wait(qctx) ? conf->policy.cold_wait : 0;

	wait_ctx_t wait = { .qctx = qctx, .id = id };
	bool known = engine_wait(qctx->ctx->engine, wait_ms, conf->max_waiters, is_known, &wait);
	if (wait.looks > 1) {
		stats_count(qctx->mod, qctx->qdata, STAT_WAIT, 0);
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
