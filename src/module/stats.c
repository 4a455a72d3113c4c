/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/stats.h"

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
PARTS(result, "addresses", "nodata", "nxdomain", "timeout", "failure")
/* Bounds in seconds, COUNTER_LATENCY_MS: PromQL makes the label `le` of a histogram of them. */
PARTS(latency, "le-0.001", "le-0.004", "le-0.016", "le-0.064", "le-0.256", "le-1.024", "le-+Inf")
PARTS(limited, "max-rate", "zone-rate", "max-targets", "addresses", "under-way")
PARTS(removed, "evicted", "expired")
PARTS(datagram, "sent", "dropped")
PARTS(store, "restored", "written", "lost-batch")

/* clang-format off */
static const struct {
	const char *name;
	uint32_t count;
	knotd_mod_idx_to_str_f part_name;
	counter_t first; /*!< The engine's counter of the first part; the others follow. */
} stats[STATS] = {
	[STAT_ANSWER_A]    = { "answer-a",            COUNT(got),      got_name },
	[STAT_ANSWER_AAAA] = { "answer-aaaa",         COUNT(got),      got_name },
	[STAT_WAIT]        = { "client-wait",         1 },
	[STAT_SUPPRESSED]  = { "resolver-suppressed", 1 },
	[STAT_DENIED]      = { "policy-denied",       COUNT(denied),   denied_name },
	[STAT_QUEUE_FULL]  = { "resolver-queue-full", 1 },
	[STAT_QUERY]       = { "resolver-query",      COUNT(query),    query_name,    COUNTER_QUERIES },
	[STAT_RESULT]      = { "resolver-result",     COUNT(result),   result_name,   COUNTER_ANSWERS },
	[STAT_LATENCY]     = { "resolver-latency",    COUNT(latency),  latency_name,  COUNTER_LATENCY },
	[STAT_LIMITED]     = { "resolver-limited",    COUNT(limited),  limited_name,  COUNTER_CAPPED },
	[STAT_TARGETS]     = { "cache-targets",       1,               NULL,          COUNTER_TARGETS },
	[STAT_REMOVED]     = { "cache-removed",       COUNT(removed),  removed_name,  COUNTER_EVICTED },
	[STAT_DATAGRAM]    = { "resolver-datagram",   COUNT(datagram), datagram_name, COUNTER_SENT },
	[STAT_TCP]         = { "resolver-tcp",        1,               NULL,          COUNTER_TCP },
	[STAT_DOWN]        = { "resolver-down",       1,               NULL,          COUNTER_DOWN },
	[STAT_STORE]       = { "cache-store",         COUNT(store),    store_name,    COUNTER_RESTORED },
};
/* clang-format on */

_Static_assert(COUNT(got) == GOTS && COUNT(denied) == DENIEDS && COUNT(latency) == COUNTER_LATENCIES, "a name for each part");
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
		uint64_t within = 0;
		for (uint32_t i = 0; i < stats[id].count; i++) {
			uint64_t value = values[i];
			if (id == STAT_LATENCY) { /* Each bucket has those below it, too. */
				within += value;
				value = within;
			} else if (id == STAT_QUERY && i == 0) { /* Those that are neither of the other parts. */
				value -= values[1] + values[2];
			}
			/* For thread 0: Knot shows the sum over all threads. */
			knotd_mod_stats_store(ctx, 0, id, i, value);
		}
	}
}
