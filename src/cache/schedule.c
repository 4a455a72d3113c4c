/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "cache/schedule.h"

#include <sys/param.h>

#include "util/jitter.h"

static uint64_t life_ms(const answer_t *answer, const refresh_options_t *options)
{
	uint32_t ttl_max = (answer->kind == REPLY_ADDRESSES) ? UINT32_MAX : options->negative_ttl_max;
	return MAX(MIN(answer->ttl, ttl_max) * 1000ULL, SCHEDULE_LIFE_MIN_MS);
}

/*! Seed for jitter(), different for each entry and time. */
static uint64_t seed(const entry_t *entry, uint64_t when)
{
	return (uintptr_t)entry ^ when << 20;
}

uint64_t schedule_expiry(const answer_t *answer, const refresh_options_t *options)
{
	return answer->received + life_ms(answer, options);
}

uint64_t schedule_refresh(const entry_t *entry, const refresh_options_t *options, uint64_t now)
{
	uint64_t used = entry->used;
	const answer_t *answer = entry->answer;
	if (answer == NULL || now >= used + options->keep_warm * 1000ULL || now >= schedule_end(entry, options)) {
		return SCHEDULE_NEVER;
	}
	if (entry->failed_at != 0) {
		return entry->retry_at;
	}
	if (answer->restored) {
		return now;
	}

	uint64_t wait = jitter(SCHEDULE_SHARE(life_ms(answer, options)), seed(entry, answer->received));
	if (now >= used + SCHEDULE_IDLE_MS) {
		wait = MAX(wait, SCHEDULE_IDLE_MS);
	}
	return answer->received + wait;
}

uint64_t schedule_end(const entry_t *entry, const refresh_options_t *options)
{
	uint64_t end = (entry->failed_at != 0) ? entry->failed_at + CACHE_FAILURE_MAX_MS : 0;
	for (const answer_t *answer = entry->answer; answer != NULL; answer = answer_held(answer)) {
		end = MAX(end, schedule_expiry(answer, options) + options->stale_max * 1000ULL);
	}
	return end;
}

uint64_t schedule_retry(const entry_t *entry, const refresh_options_t *options, uint64_t now)
{
	uint64_t backoff = options->failure_ttl;
	uint64_t longest = MAX(backoff, SCHEDULE_BACKOFF_MAX);
	for (unsigned i = 0; i < entry->failures && backoff < longest; i++) {
		backoff *= 2;
	}
	backoff = jitter(MIN(backoff, longest) * 1000, seed(entry, now));
	return now + MIN(backoff, CACHE_FAILURE_MAX_MS);
}
