/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "verdict.h"

#include <libknot/consts.h>

static uint32_t min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*! Life of an answer from its reception on, in ms. */
static uint64_t life_ms(const answer_t *answer, const policy_t *policy)
{
	uint32_t ttl = answer->ttl;
	if (answer->kind != REPLY_ADDRESSES) {
		ttl = min(ttl, policy->negative_ttl_max);
	}
	return ttl * 1000ULL;
}

/*! Suppression after a number of failures in a row, in ms: it doubles (RFC 9520, section 3.2). */
static uint64_t backoff_ms(uint32_t failures, const policy_t *policy)
{
	uint64_t backoff = policy->failure_ttl;
	uint64_t max = backoff > VERDICT_BACKOFF_MAX ? backoff : VERDICT_BACKOFF_MAX;
	for (; failures > 1 && backoff < max; failures--) {
		backoff *= 2;
	}
	return (backoff < max ? backoff : max) * 1000;
}

static uint32_t fresh_ttl(uint64_t left_ms, uint32_t alias_ttl, const policy_t *policy)
{
	uint32_t ttl = min(alias_ttl, (left_ms + 999) / 1000);
	ttl = min(ttl, policy->ttl_max);
	return ttl < policy->ttl_min ? policy->ttl_min : ttl;
}

static verdict_kind_t serve(const answer_t *answer)
{
	switch (answer->kind) {
	case REPLY_ADDRESSES: return VERDICT_ADDRESSES;
	case REPLY_NXDOMAIN:  return VERDICT_NXDOMAIN;
	default:              return VERDICT_NODATA;
	}
}

verdict_t verdict_get(const slot_t *slot, const policy_t *policy, uint32_t alias_ttl, uint64_t now)
{
	verdict_t verdict = { .kind = VERDICT_COLD, .ede = KNOT_EDNS_EDE_NONE, .ask = true };
	if (slot == NULL) {
		return verdict;
	}

	/* In this order: a failure is cleared after the answer that ends it is there. */
	uint64_t failed_at = atomic_load_explicit(&slot->failed_at, memory_order_acquire);
	const answer_t *answer = rcu_dereference(slot->answer);
	bool failing = (failed_at != 0);
	uint32_t failures = atomic_load_explicit(&slot->failures, memory_order_relaxed);
	bool suppressed = failing && now < failed_at + backoff_ms(failures, policy);

	if (answer != NULL) {
		/* The clock may have been read before this answer came. */
		uint64_t age = now > answer->received ? now - answer->received : 0;
		uint64_t life = life_ms(answer, policy);

		if (age < life) {
			/* An ALIAS that changes faster than its target is looked after as often as it says. */
			verdict.kind = serve(answer);
			verdict.answer = answer;
			verdict.ttl = fresh_ttl(life - age, alias_ttl, policy);
			verdict.ask = age >= alias_ttl * 1000ULL && age >= VERDICT_REFRESH_MIN_MS && !suppressed;
			return verdict;
		}

		uint64_t past = age - life;
		uint32_t ttl_max = min(alias_ttl, policy->ttl_max);
		if (past < CACHE_STALE_MAX_MS) {
			verdict.answer = answer;
			if (failing) {
				verdict.kind = serve(answer);
				verdict.ttl = min(VERDICT_STALE_TTL, ttl_max);
				verdict.ede = KNOT_EDNS_EDE_STALE;
				verdict.ask = !suppressed;
				return verdict;
			}
			if (past < VERDICT_GRACE_MS) {
				verdict.kind = serve(answer);
				verdict.ttl = min(ttl_max, min(VERDICT_GRACE_TTL, answer->ttl > 0 ? answer->ttl : 1));
				verdict.ask = age >= VERDICT_REFRESH_MIN_MS;
				return verdict;
			}
			/* Should the resolution not end in time. */
			verdict.ttl = min(VERDICT_STALE_TTL, ttl_max);
			verdict.ede = KNOT_EDNS_EDE_STALE;
			return verdict;
		}
	}

	if (failing) {
		verdict.kind = suppressed ? VERDICT_FAILED : VERDICT_RETRY;
		verdict.ede = atomic_load_explicit(&slot->failed_ede, memory_order_relaxed);
		verdict.ask = !suppressed;
	}
	return verdict;
}
