/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What an upstream counts. One writer, the upstream's thread; any thread may read.
 */

#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef enum {
	COUNTER_QUERIES,      /*!< Resolutions started; each may take several datagrams. */
	COUNTER_REFRESHES,    /*!< Of these: to keep a target warm. */
	COUNTER_PROBES,       /*!< Of these: to see whether the resolver is back. */
	COUNTER_ANSWERS,      /*!< Resolutions that gave addresses. */
	COUNTER_NEGATIVE,     /*!< Resolutions that gave NODATA or NXDOMAIN. */
	COUNTER_TIMEOUTS,     /*!< Resolutions that ran out of time. */
	COUNTER_FAILURES,     /*!< Resolutions that failed otherwise. */
	COUNTER_SUPPRESSED,   /*!< Requests not followed because their target failed a moment ago. */
	COUNTER_REFUSED,      /*!< Targets not taken, because the cache was full of busy ones. */
	COUNTER_EVICTED,      /*!< Targets that left because of max-targets. */
	COUNTER_EXPIRED,      /*!< Targets that left because nothing was of use any more. */
	COUNTER_CAPPED,       /*!< Queries that left while max-rate made others wait. */
	COUNTER_DOWN,         /*!< Times that the resolver went down. */
	COUNTER_RESTORED,     /*!< Answers read back from the store. */
	COUNTER_TARGETS,      /*!< Targets in the cache: a gauge. */
	COUNTERS,
} counter_t;

typedef struct {
	_Atomic uint64_t value[COUNTERS];
} counters_t;

static inline uint64_t counter_get(const counters_t *counters, counter_t id)
{
	return atomic_load_explicit(&counters->value[id], memory_order_relaxed);
}

/*! With one writer there is no need for a locked instruction. */
static inline void counter_set(counters_t *counters, counter_t id, uint64_t value)
{
	atomic_store_explicit(&counters->value[id], value, memory_order_relaxed);
}

static inline void counter_add(counters_t *counters, counter_t id)
{
	counter_set(counters, id, counter_get(counters, id) + 1);
}
