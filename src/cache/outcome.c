/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "cache/outcome.h"

#include <sys/param.h>
#include <libknot/consts.h>

void outcome_begin(outcome_t *outcome, bool self)
{
	outcome->kind = self ? VERDICT_FAILED : VERDICT_NXDOMAIN;
	outcome->ede = KNOT_EDNS_EDE_NONE;
	outcome->other_ede = self ? KNOT_EDNS_EDE_NREACH_AUTH : KNOT_EDNS_EDE_NONE;
	outcome->ttl = outcome->negative_ttl = UINT32_MAX;
	outcome->denied = outcome->suppressed = false;
	outcome->count = 0;
}

void outcome_deny(outcome_t *outcome)
{
	outcome_begin(outcome, false);
	outcome->kind = VERDICT_NODATA;
}

void outcome_add(outcome_t *outcome, const verdict_t *verdict, const address_set_t *deny)
{
	const answer_t *answer = verdict->answer;
	verdict_kind_t kind = verdict->kind;
	bool has_addresses = answer != NULL && answer->kind == REPLY_ADDRESSES;
	if (has_addresses && !address_set_empty(deny)) {
		const knot_rdataset_t rrs = answer_rrs(answer);
		uint16_t denied = address_set_count(deny, &rrs);
		outcome->denied |= denied > 0;
		if (denied == answer->count) {
			has_addresses = false;
			kind = (kind == VERDICT_ADDRESSES) ? VERDICT_NODATA : kind;
		}
	}

	outcome->suppressed |= !verdict->ask && (verdict->state == STATE_STALE || verdict->state == STATE_FAILED);
	if (has_addresses) {
		outcome->answer[outcome->count++] = answer;
		outcome->ttl = MIN(outcome->ttl, verdict->ttl);
		outcome->ede = verdict->ede != KNOT_EDNS_EDE_NONE ? verdict->ede : outcome->ede;
	} else if (verdict->ede != KNOT_EDNS_EDE_NONE && kind >= outcome->kind) {
		outcome->other_ede = verdict->ede;
	}
	if (answer != NULL && answer->kind != REPLY_ADDRESSES) {
		outcome->negative_ttl = MIN(outcome->negative_ttl, verdict->ttl);
	}
	outcome->kind = MAX(outcome->kind, kind);
}

void outcome_settle(outcome_t *outcome)
{
	if (outcome->kind == VERDICT_COLD) {
		outcome->other_ede = KNOT_EDNS_EDE_NOT_READY;
	}
	outcome->kind = (outcome->count > 0) ? VERDICT_ADDRESSES : VERDICT_FAILED;
}

decision_t outcome_decide(const outcome_t *outcome, const policy_t *policy, bool has_sibling)
{
	if (outcome_is_unknown(outcome)) {
		return (decision_t){ .kind = DECISION_COLD, .ede = KNOT_EDNS_EDE_NONE };
	}
	if (outcome->kind == VERDICT_ADDRESSES) {
		bool merge = has_sibling && policy->sibling == SIBLING_MERGE;
		return (decision_t){ .kind = merge ? DECISION_MERGED : DECISION_ADDRESSES, .ede = outcome->ede };
	}
	if (has_sibling) {
		return (decision_t){ .kind = DECISION_SIBLING, .ede = KNOT_EDNS_EDE_NONE };
	}
	if (outcome->kind == VERDICT_FAILED) {
		return (decision_t){ .kind = DECISION_SERVFAIL, .ede = outcome->other_ede };
	}
	if (outcome->kind == VERDICT_NXDOMAIN && policy->nxdomain == NXDOMAIN_SERVFAIL) {
		return (decision_t){ .kind = DECISION_SERVFAIL, .ede = KNOT_EDNS_EDE_OTHER };
	}
	return (decision_t){ .kind = DECISION_NODATA, .ede = outcome->other_ede, .ttl = outcome->negative_ttl };
}
