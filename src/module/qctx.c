/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reads the targets of a query, judges them by the cache, requests their resolution, and waits for it. See qctx.h. */

#include "module/qctx.h"

#include <urcu.h>
#include <sys/param.h>

#include "module/log.h"
#include "module/stats.h"
#include "util/clock.h"

/* --- the node and its targets --- */

/*! Whether the private layout of nodes holds, which the first query that can has to prove. Logs an error once if not. */
static layout_t known_layout(const qctx_t *qctx)
{
	layout_t layout = qctx->ctx->layout;
	if (layout == LAYOUT_UNKNOWN) {
		layout = node_layout(qctx->qdata, qctx->pkt->rrset_count == 0);
		if (layout != LAYOUT_UNKNOWN && atomic_exchange(&qctx->ctx->layout, layout) == LAYOUT_UNKNOWN &&
		    layout == LAYOUT_FAILED) {
			knotd_mod_log(qctx->mod, LOG_ERR,
			              "unknown layout of zone nodes in this build of "
			              "Knot DNS, only ALIAS at the zone apex is served");
		}
	}
	return layout;
}

knot_rrset_t qctx_rrset(const qctx_t *qctx, uint16_t rrtype)
{
	return (qctx->node != NULL) ? node_rrset(qctx->node, rrtype) :
	                              knotd_qdata_zone_apex_rrset(qctx->qdata, rrtype);
}

static bool is_denied_target(const policy_t *policy, const knot_dname_t *name)
{
	return (policy->allow_target.count > 0 && !name_set_covers(&policy->allow_target, name)) ||
	       (policy->deny_target.count > 0 && name_set_covers(&policy->deny_target, name));
}

/*! Whether a target is the owner. The first two octets mostly differ, which saves the comparison of names. */
static bool is_qname(const qctx_t *qctx, const qctx_target_t *target)
{
	const knot_dname_t *qname = qctx->qdata->name;
	return target->name[0] == qname[0] && target->name[1] == qname[1] && knot_dname_is_equal(target->name, qname);
}

/*! What a record is, or what is wrong with it. */
typedef enum {
	RECORD_USABLE,
	RECORD_MALFORMED, /*!< Not one uncompressed name. */
	RECORD_DENIED,    /*!< The policy rules the target out. */
	RECORD_SELF,      /*!< The target is the owner. */
	RECORD_SURPLUS,   /*!< There are ALIAS_TARGETS_MAX targets already. */
	RECORD_BEYOND,    /*!< Not looked at: behind ALIAS_RECORDS_MAX others. */
	RECORDS,
} record_kind_t;

/*! Reads a record into the next target. */
static record_kind_t read_record(qctx_t *qctx, const knot_rdata_t *rdata)
{
	int len = knot_dname_wire_check(rdata->data, rdata->data + rdata->len, NULL);
	if (len <= 0 || len != rdata->len) {
		return RECORD_MALFORMED;
	}
	if (qctx->count == ALIAS_TARGETS_MAX) {
		return RECORD_SURPLUS;
	}
	qctx_target_t *target = &qctx->target[qctx->count];
	target->len = len;
	knot_dname_copy_lower(target->name, rdata->data);
	if (is_denied_target(&qctx->ctx->conf.policy, target->name)) {
		return RECORD_DENIED;
	}
	return is_qname(qctx, target) ? RECORD_SELF : RECORD_USABLE;
}

/*! Counts and logs what is wrong with records, once for each kind. \param found  The kinds, as bits. */
static void note_faults(const qctx_t *qctx, unsigned found)
{
	static const char *const text[RECORDS] = {
		[RECORD_MALFORMED] = "malformed RDATA ignored, it must be one uncompressed domain name",
		[RECORD_DENIED] = "target ignored, 'allow-target' or 'deny-target' rules it out",
		[RECORD_SELF] = "its target is the name itself",
		[RECORD_SURPLUS] = "more than 8 targets, the rest is ignored",
		[RECORD_BEYOND] = "more than 32 records, the rest is ignored",
	};
	for (record_kind_t kind = RECORD_MALFORMED; kind < RECORDS; kind++) {
		if (found & 1U << kind) {
			log_once(qctx, text[kind]);
		}
	}
	if (found & 1U << RECORD_DENIED) {
		stats_count(qctx->mod, qctx->qdata, STAT_DENIED, DENIED_TARGET);
	}
}

/*!
 * Reads the targets. RDATA other than one uncompressed name, and targets that the policy rules out, are skipped. No more
 * than ALIAS_RECORDS_MAX records are looked at: their number must not decide what a query costs.
 */
static void read_targets(qctx_t *qctx, const knot_rrset_t *alias)
{
	qctx->ttl = alias->ttl;
	qctx->count = 0;
	unsigned found = 0;

	const knot_rdata_t *rdata = alias->rrs.rdata;
	for (uint16_t i = 0; i < alias->rrs.count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		record_kind_t kind = (i < ALIAS_RECORDS_MAX) ? read_record(qctx, rdata) : RECORD_BEYOND;
		if (kind == RECORD_USABLE) {
			qctx->count++;
			continue;
		}
		found |= 1U << kind;
		if (kind >= RECORD_SURPLUS) {
			break;
		}
	}

	qctx->self = found & 1U << RECORD_SELF;
	if (found != 0) {
		note_faults(qctx, found);
	}
}

bool qctx_begin(qctx_t *qctx, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	qctx->ctx = knotd_mod_ctx(mod);
	qctx->mod = mod;
	qctx->pkt = pkt;
	qctx->qdata = qdata;
	qctx->qtype = knot_pkt_qtype(qdata->query);
	qctx->keys = NULL;
	qctx->negative_ttl = UINT32_MAX;

	knot_rrset_t alias = node_find_alias(known_layout(qctx), qdata, &qctx->node);
	if (knot_rrset_empty(&alias)) {
		return false;
	}
	read_targets(qctx, &alias);
	return true;
}

/* --- what is known of them --- */

static bool denies(const qctx_t *qctx, addr_type_t type)
{
	return refresh_denies(&qctx->ctx->conf.policy.refresh, type);
}

static void judge_target(const qctx_t *qctx, qctx_target_t *target, addr_type_t type, const health_t *health)
{
	const entry_t *entry = (target->target != NULL) ? &target->target->entry[type] : NULL;
	target->verdict[type] = verdict_get(entry, health, &qctx->ctx->conf.policy, qctx->ttl, qctx->now);
}

static void look_up(const qctx_t *qctx, qctx_target_t *target)
{
	target->target = cache_lookup(engine_cache(qctx->ctx->engine), target->name, target->len);
}

/*! Notes that a target is used, of the types that the zone serves. */
static void touch(const qctx_t *qctx, target_t *target)
{
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		if (!denies(qctx, type)) {
			cache_touch(&target->entry[type], qctx->now);
		}
	}
}

static bool is_unclaimed(const target_t *target)
{
	return target != NULL && atomic_load_explicit(&target->unclaimed, memory_order_relaxed);
}

/*! A worker that serves UDP, QUIC or XDP must not wait, as it would hold up other clients. */
static bool may_wait(const qctx_t *qctx)
{
	const knotd_qdata_params_t *params = qctx->qdata->params;
	return params->proto != KNOTD_QUERY_PROTO_UDP && params->proto != KNOTD_QUERY_PROTO_QUIC &&
	       params->xdp_msg == NULL;
}

/*! Judges a target, but for types that are never asked for, and requests what is due. \return False if the engine takes no request. */
static bool ask_target(const qctx_t *qctx, qctx_target_t *target)
{
	const health_t *health = engine_health(qctx->ctx->engine);
	wishes_t wishes = { 0 };
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		verdict_t *verdict = &target->verdict[type];
		if (denies(qctx, type)) {
			*verdict = (verdict_t){ .kind = VERDICT_NODATA, .ede = KNOT_EDNS_EDE_NONE, .state = STATE_UNKNOWN };
			continue;
		}
		judge_target(qctx, target, type, health);
		if (!verdict->ask) {
			continue;
		}
		if (verdict->kind != VERDICT_COLD && verdict->kind != VERDICT_RETRY) {
			wishes.refresh |= 1U << type;
		} else if (may_wait(qctx)) {
			wishes.wait |= 1U << type;
		} else {
			wishes.cold |= 1U << type;
		}
	}
	return (wishes_all(&wishes) == 0 && !is_unclaimed(target->target)) ||
	       engine_ask(qctx->ctx->engine, target->target, target->name, wishes, qctx->ctx->tenant, qctx->now);
}

void qctx_ask(qctx_t *qctx)
{
	qctx->now = clock_ms();
	qctx->dropped = qctx->settled = false;
	for (unsigned i = 0; i < qctx->count; i++) {
		qctx_target_t *target = &qctx->target[i];
		look_up(qctx, target);
		if (target->target != NULL) {
			touch(qctx, target->target);
		}
		if (!ask_target(qctx, target)) {
			stats_count(qctx->mod, qctx->qdata, STAT_QUEUE_FULL, 0);
			qctx->dropped = true;
		}
	}
}

void qctx_outcome(const qctx_t *qctx, addr_type_t type, outcome_t *outcome)
{
	outcome_begin(outcome, qctx->self);
	if (qctx->self && denies(qctx, type)) {
		outcome_deny(outcome); /* Of other targets the verdicts say so. */
	}
	for (unsigned i = 0; i < qctx->count; i++) {
		outcome_add(outcome, &qctx->target[i].verdict[type], &qctx->ctx->conf.policy.deny_address);
	}
	if (qctx->settled && outcome_is_unknown(outcome)) {
		outcome_settle(outcome);
	}
}

void qctx_log(const qctx_t *qctx, addr_type_t type)
{
	for (unsigned i = 0; i < qctx->count; i++) {
		if (qctx->target[i].target != NULL) {
			log_state(qctx, &qctx->target[i], type);
		}
	}
}

/* --- the wait --- */

typedef struct {
	qctx_t *qctx;
	unsigned types;
	unsigned looks;
} wait_ctx_t;

/*! The result is there with addresses of a type, or when all types are known. */
static wait_result_t look_again(void *ctx)
{
	wait_ctx_t *wait = ctx;
	qctx_t *qctx = wait->qctx;
	wait->looks++;
	qctx->now = clock_ms();
	wait_result_t result = WAIT_ANSWERED;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		if (!(wait->types & (1U << type)) || denies(qctx, type)) {
			continue;
		}
		for (unsigned i = 0; i < qctx->count; i++) {
			look_up(qctx, &qctx->target[i]);
			judge_target(qctx, &qctx->target[i], type, engine_health(qctx->ctx->engine));
		}
		outcome_t outcome;
		qctx_outcome(qctx, type, &outcome);
		if (outcome.kind == VERDICT_ADDRESSES) {
			return WAIT_ANSWERED;
		}
		if (outcome_is_unknown(&outcome)) {
			result = WAIT_PENDING;
		} else if (outcome.kind == VERDICT_FAILED) {
			result = MIN(result, WAIT_FAILED);
		}
	}
	return result;
}

void qctx_wait(qctx_t *qctx, unsigned types)
{
	const conf_alias_t *conf = &qctx->ctx->conf;
	const wait_t wait = {
		.ms = (may_wait(qctx) && !qctx->dropped) ? conf->policy.cold_wait : 0,
		.max_waiters = conf->max_waiters,
		.worker = qctx->qdata->params->thread_id,
	};
	wait_ctx_t ctx = { .qctx = qctx, .types = types };
	engine_wait(qctx->ctx->engine, qctx->ctx->tenant, &wait, look_again, &ctx);
	qctx->settled = true;
	if (ctx.looks > 1) {
		stats_count(qctx->mod, qctx->qdata, STAT_WAIT, 0);
	}
}
