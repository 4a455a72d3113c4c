/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/stats.h"

#include <stdio.h>
#include <string.h>

/*! Names of a counter's parts by index, NULL-terminated. */
typedef const char *const parts_t[];

static const parts_t got = { "fresh", "stale", "negative", "sibling", "cold", "failed", "unchanged", NULL };
static const parts_t denied = { "address", "target", NULL };
static const parts_t query = { "first", "refresh", "probe", NULL };
static const parts_t result = { "addresses", "negative", "timeout", "failure", NULL };
static const parts_t limited = { "max-rate", "zone-rate", "max-targets", NULL };
static const parts_t removed = { "evicted", "expired", NULL };
static const parts_t store = { "restored", "written", "lost-batch", NULL };

/* Knot's callback for the name of a part gets only the index, so each counter needs a function. */
#define PART_NAME(parts) \
	static char *parts##_name(uint32_t index, uint32_t count) \
	{ \
		return index < count ? strdup((parts)[index]) : NULL; \
	}

PART_NAME(got)
PART_NAME(denied)
PART_NAME(query)
PART_NAME(result)
PART_NAME(limited)
PART_NAME(removed)
PART_NAME(store)

static char *latency_name(uint32_t index, uint32_t count)
{
	char text[16];
	if (index < count - 1) {
		(void)snprintf(text, sizeof(text), "%ums", COUNTER_LATENCY_MS(index));
	} else {
		(void)snprintf(text, sizeof(text), "more");
	}
	return strdup(text);
}

#define COUNT(parts) (sizeof(parts) / sizeof(*(parts)) - 1)

/* clang-format off */
static const struct {
	const char *name;
	uint32_t count;
	knotd_mod_idx_to_str_f part_name;
} stats[STATS] = {
	[STAT_ANSWER_A]    = { "answer-a",      COUNT(got),        got_name },
	[STAT_ANSWER_AAAA] = { "answer-aaaa",   COUNT(got),        got_name },
	[STAT_WAIT]        = { "wait",          1 },
	[STAT_SUPPRESSED]  = { "suppressed",    1 },
	[STAT_DENIED]      = { "denied",        COUNT(denied),     denied_name },
	[STAT_QUEUE_FULL]  = { "queue-full",    1 },
	[STAT_QUERY]       = { "query",         COUNT(query),      query_name },
	[STAT_RESULT]      = { "result",        COUNT(result),     result_name },
	[STAT_LATENCY]     = { "latency",       COUNTER_LATENCIES, latency_name },
	[STAT_LIMITED]     = { "limited",       COUNT(limited),    limited_name },
	[STAT_TARGETS]     = { "targets",       1 },
	[STAT_REMOVED]     = { "removed",       COUNT(removed),    removed_name },
	[STAT_TCP]         = { "tcp",           1 },
	[STAT_DOWN]        = { "resolver-down", 1 },
	[STAT_STORE]       = { "store",         COUNT(store),      store_name },
};
/* clang-format on */

_Static_assert(COUNT(got) == GOTS && COUNT(denied) == DENIEDS, "a name for each outcome");

int stats_register(knotd_mod_t *mod)
{
	int ret = KNOT_EOK;
	for (unsigned i = 0; i < STATS && ret == KNOT_EOK; i++) {
		ret = knotd_mod_stats_add(mod, stats[i].name, stats[i].count, stats[i].part_name);
	}
	return ret;
}

/*! Stores values for thread 0: Knot shows the sum over all threads. */
static void set_counter(knotd_mod_t *mod, stat_t id, const uint64_t *values)
{
	for (unsigned i = 0; i < stats[id].count; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): it does not look into stats[]. */
		knotd_mod_stats_store(mod, 0, id, i, values[i]);
	}
}

#define SET(mod, id, ...) set_counter(mod, id, (const uint64_t[]){ __VA_ARGS__ })

void stats_publish(void *ctx, const counters_t own, const counters_t common)
{
	knotd_mod_t *mod = ctx;
	SET(mod, STAT_QUERY, own[COUNTER_QUERIES] - own[COUNTER_REFRESHES] - own[COUNTER_PROBES],
	    own[COUNTER_REFRESHES], own[COUNTER_PROBES]);
	SET(mod, STAT_RESULT, own[COUNTER_ANSWERS], own[COUNTER_NEGATIVE], own[COUNTER_TIMEOUTS],
	    own[COUNTER_FAILURES]);
	set_counter(mod, STAT_LATENCY, &own[COUNTER_LATENCY]);
	SET(mod, STAT_LIMITED, own[COUNTER_CAPPED], own[COUNTER_DELAYED], own[COUNTER_REFUSED]);
	SET(mod, STAT_TARGETS, common[COUNTER_TARGETS]);
	SET(mod, STAT_REMOVED, common[COUNTER_EVICTED], common[COUNTER_EXPIRED]);
	SET(mod, STAT_TCP, common[COUNTER_TCP]);
	SET(mod, STAT_DOWN, common[COUNTER_DOWN]);
	SET(mod, STAT_STORE, common[COUNTER_RESTORED], common[COUNTER_STORED], common[COUNTER_STORE_ERRORS]);
}
