/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "cache/verdict.h"

#include <sys/param.h>
#include <libknot/consts.h>

#include "cache/schedule.h"

static uint32_t fresh_ttl(const answer_t *answer, uint64_t left_ms, uint32_t alias_ttl, const policy_t *policy)
{
	uint32_t ttl = MIN(alias_ttl, (left_ms + 999) / 1000);
	ttl = MIN(ttl, policy->ttl_max);
	return (answer->kind == REPLY_ADDRESSES) ? MAX(ttl, policy->ttl_min) : ttl;
}

static verdict_kind_t serve(const answer_t *answer)
{
	switch (answer->kind) {
	case REPLY_ADDRESSES: return VERDICT_ADDRESSES;
	case REPLY_NXDOMAIN: return VERDICT_NXDOMAIN;
	default: return VERDICT_NODATA;
	}
}

static uint32_t stale_ttl(uint32_t alias_ttl, const policy_t *policy)
{
	return MIN(VERDICT_STALE_TTL, MIN(alias_ttl, policy->ttl_max));
}

static uint32_t grace_ttl(const answer_t *answer, uint32_t alias_ttl, const policy_t *policy)
{
	uint32_t longest = (answer->kind == REPLY_ADDRESSES) ? VERDICT_GRACE_TTL : VERDICT_GRACE_NEGATIVE_TTL;
	uint32_t ttl = MIN(longest, MAX(answer->ttl, 1));
	return MIN(ttl, MIN(alias_ttl, policy->ttl_max));
}

/*! Whether an answer serves until its refresh. "No addresses" does not: an idle name is refreshed only twice a minute. */
static bool is_kept_warm(const entry_t *entry, const answer_t *answer)
{
	return atomic_load_explicit(&entry->warm, memory_order_relaxed) &&
	       (answer->kind == REPLY_ADDRESSES || answer_held(answer) != NULL);
}

/*! Whether the zone's clients may get an answer: not if it comes from resolvers that only other zones used. */
static bool may_serve(const answer_t *answer, const policy_t *policy)
{
	return answer->restored <= ANSWER_STORED || formers_have(&policy->formers, answer->restored);
}

/*! Judges an entry that has an answer. \return False if the answer is too old to serve, or not for this zone. */
static bool judge_answer(verdict_t *verdict, const entry_t *entry, const answer_t *answer,
                         const policy_t *policy, uint32_t alias_ttl, uint64_t now,
                         bool failing, bool suppressed)
{
	/* The caller may have read the clock before this answer came. */
	now = MAX(now, answer->received);
	uint64_t age = now - answer->received;
	uint64_t expiry = schedule_expiry(answer, &policy->refresh);

	if (now < expiry && !answer->restored) {
		/* An ALIAS with a shorter TTL than its target has the target refreshed as often as that TTL says. */
		verdict->kind = serve(answer);
		verdict->state = failing ? STATE_UNKNOWN : (answer->kind == REPLY_NXDOMAIN ? STATE_DANGLING : STATE_GOOD);
		verdict->answer = answer;
		verdict->ttl = fresh_ttl(answer, expiry - now, alias_ttl, policy);
		verdict->ask = age >= alias_ttl * 1000ULL && age >= SCHEDULE_LIFE_MIN_MS && !suppressed;
		return true;
	}
	if (now >= expiry + policy->refresh.stale_max * 1000ULL || !may_serve(answer, policy)) {
		return false;
	}

	/* COLD: the old answer is served only if the resolution does not end in time. */
	verdict->answer = answer;
	verdict->ttl = stale_ttl(alias_ttl, policy);
	verdict->ede = KNOT_EDNS_EDE_STALE;
	bool in_grace = now < expiry + VERDICT_GRACE_MS && !answer->restored;
	if (failing) {
		verdict->kind = serve(answer);
		verdict->ask = !suppressed;
		verdict->state = STATE_STALE;
	} else if (in_grace || answer->restored || is_kept_warm(entry, answer)) {
		/* After the grace the refresh is late: others come first, or the server has just started. */
		verdict->kind = serve(answer);
		verdict->ttl = grace_ttl(answer, alias_ttl, policy);
		verdict->ede = in_grace ? KNOT_EDNS_EDE_NONE : KNOT_EDNS_EDE_STALE;
	}
	return true;
}

/*! Replaces an NXDOMAIN by the addresses from before it. */
static void hold(verdict_t *verdict, const policy_t *policy, uint32_t alias_ttl, uint64_t now)
{
	const answer_t *held = answer_held(verdict->answer);
	if (held != NULL && may_serve(held, policy) && now < schedule_expiry(held, &policy->refresh) + policy->refresh.stale_max * 1000ULL) {
		if (verdict->kind == VERDICT_NXDOMAIN) {
			verdict->kind = VERDICT_ADDRESSES;
		}
		verdict->answer = held;
		verdict->ttl = stale_ttl(alias_ttl, policy);
		verdict->ede = KNOT_EDNS_EDE_STALE;
	}
}

verdict_t verdict_get(const entry_t *entry, const health_t *health, const policy_t *policy,
                      uint32_t alias_ttl, uint64_t now)
{
	verdict_t verdict = { .kind = VERDICT_COLD, .ede = KNOT_EDNS_EDE_NONE, .ask = true, .state = STATE_UNKNOWN };
	if (entry == NULL) {
		return verdict;
	}

	/* The failure is read first: the writer publishes an answer before it clears the failure. */
	uint64_t failed_at = atomic_load_explicit(&entry->failed_at, memory_order_acquire);
	const answer_t *answer = rcu_dereference(entry->answer);
	bool failing = (failed_at != 0);
	uint64_t retry_at = atomic_load_explicit(&entry->retry_at, memory_order_relaxed);
	bool suppressed = failing && now < retry_at && health_blames(health, failed_at);

	if (answer != NULL &&
	    judge_answer(&verdict, entry, answer, policy, alias_ttl, now, failing, suppressed)) {
		if (answer->kind != REPLY_ADDRESSES) {
			/* No resolver may keep NODATA for longer than the negative answer (RFC 2308, section 5). */
			verdict.ttl = MIN(verdict.ttl, MIN(answer->ttl, policy->refresh.negative_ttl_max));
		}
		if (policy->nxdomain == NXDOMAIN_HOLD && answer->kind == REPLY_NXDOMAIN) {
			hold(&verdict, policy, alias_ttl, now);
		}
		return verdict;
	}

	if (failing) {
		verdict.kind = suppressed ? VERDICT_FAILED : VERDICT_RETRY;
		verdict.ede = atomic_load_explicit(&entry->failed_ede, memory_order_relaxed);
		verdict.ask = !suppressed;
		verdict.state = STATE_FAILED;
	}
	return verdict;
}
