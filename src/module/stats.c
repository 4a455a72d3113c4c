/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/stats.h"

#include <stdio.h>
#include <string.h>

/* Knot's callback for the name of a part gets only the index, so each counter needs a function. */
#define PARTS(counter, ...) \
	static const char *const counter##_parts[] = { __VA_ARGS__ }; \
	static char *counter##_name(uint32_t index, uint32_t count) \
	{ \
		return index < count ? strdup(counter##_parts[index]) : NULL; \
	}
#define COUNT(counter) (sizeof(counter##_parts) / sizeof(*counter##_parts))

PARTS(got, "fresh", "stale", "negative", "sibling", "cold", "failed", "unchanged")
PARTS(denied, "address", "target", "type")
PARTS(query, "first", "refresh", "probe")
PARTS(result, "addresses", "negative", "timeout", "failure")
PARTS(limited, "max-rate", "zone-rate", "max-targets", "addresses", "under-way")
PARTS(removed, "evicted", "expired")
PARTS(datagram, "sent", "dropped")
PARTS(store, "restored", "written", "lost-batch")

static char *latency_name(uint32_t index, uint32_t count)
{
	char text[16];
	(void)snprintf(text, sizeof(text), "%ums", COUNTER_LATENCY_MS(index));
	return strdup(index < count - 1 ? text : "more");
}

/* clang-format off */
static const struct {
	const char *name;
	uint32_t count;
	knotd_mod_idx_to_str_f part_name;
	counter_t first; /*!< The engine's counter of the first part; the others follow. */
} stats[STATS] = {
	[STAT_ANSWER_A]    = { "answer-a",      COUNT(got),        got_name },
	[STAT_ANSWER_AAAA] = { "answer-aaaa",   COUNT(got),        got_name },
	[STAT_WAIT]        = { "wait",          1 },
	[STAT_SUPPRESSED]  = { "suppressed",    1 },
	[STAT_DENIED]      = { "denied",        COUNT(denied),     denied_name },
	[STAT_QUEUE_FULL]  = { "queue-full",    1 },
	[STAT_QUERY]       = { "query",         COUNT(query),      query_name,   COUNTER_QUERIES },
	[STAT_RESULT]      = { "result",        COUNT(result),     result_name,  COUNTER_ANSWERS },
	[STAT_LATENCY]     = { "latency",       COUNTER_LATENCIES, latency_name, COUNTER_LATENCY },
	[STAT_LIMITED]     = { "limited",       COUNT(limited),    limited_name, COUNTER_CAPPED },
	[STAT_TARGETS]     = { "targets",       1,                 NULL,         COUNTER_TARGETS },
	[STAT_REMOVED]     = { "removed",       COUNT(removed),    removed_name, COUNTER_EVICTED },
	[STAT_DATAGRAM]    = { "datagram",      COUNT(datagram),   datagram_name, COUNTER_SENT },
	[STAT_TCP]         = { "tcp",           1,                 NULL,         COUNTER_TCP },
	[STAT_DOWN]        = { "resolver-down", 1,                 NULL,         COUNTER_DOWN },
	[STAT_STORE]       = { "store",         COUNT(store),      store_name,   COUNTER_RESTORED },
};
/* clang-format on */

_Static_assert(COUNT(got) == GOTS && COUNT(denied) == DENIEDS, "a name for each outcome");
_Static_assert(COUNTER_QUERIES + COUNT(query) == COUNTER_ANSWERS && COUNTER_ANSWERS + COUNT(result) == COUNTER_CAPPED &&
                       COUNTER_CAPPED + COUNT(limited) == COUNTER_LATENCY &&
                       COUNTER_EVICTED + COUNT(removed) == COUNTER_SENT &&
                       COUNTER_SENT + COUNT(datagram) == COUNTER_TCP && COUNTER_RESTORED + COUNT(store) == COUNTERS,
               "the engine's counters in the order of the parts");

int stats_register(knotd_mod_t *mod)
{
	int ret = KNOT_EOK;
	for (unsigned i = 0; i < STATS && ret == KNOT_EOK; i++) {
		ret = knotd_mod_stats_add(mod, stats[i].name, stats[i].count, stats[i].part_name);
	}
	return ret;
}

void stats_publish(void *ctx, const counters_t own, const counters_t common)
{
	for (stat_t id = STATS_OF_WORKERS; id < STATS; id++) {
		const uint64_t *values = (id < STATS_OF_ZONE ? own : common) + stats[id].first;
		for (uint32_t i = 0; i < stats[id].count; i++) {
			uint64_t value = values[i];
			if (id == STAT_QUERY && i == 0) { /* Those that are neither of the other parts. */
				value -= values[1] + values[2];
			}
			/* For thread 0: Knot shows the sum over all threads. */
			knotd_mod_stats_store(ctx, 0, id, i, value);
		}
	}
}
