/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What an engine's thread counts; only that thread writes and reads.
 */

#pragma once

#include <stdint.h>

typedef enum {
	/* For each zone. */
	COUNTER_QUERIES,   /*!< Resolutions started; each may take several datagrams. */
	COUNTER_REFRESHES, /*!< Of these: to keep a target warm. */
	COUNTER_PROBES,    /*!< Of these: to see whether the resolver is back. */
	COUNTER_ANSWERS,   /*!< Resolutions that gave addresses. */
	COUNTER_NEGATIVE,  /*!< Resolutions that gave NODATA or NXDOMAIN. */
	COUNTER_TIMEOUTS,  /*!< Resolutions that ran out of time. */
	COUNTER_FAILURES,  /*!< Resolutions that failed otherwise. */
	COUNTER_CAPPED,    /*!< Queries that left while max-rate made others wait. */
	COUNTER_DELAYED,   /*!< Queries that zone-rate has put off. */
	COUNTER_REFUSED,   /*!< Targets not taken, because the cache was full of busy ones. */
	COUNTER_LATENCY,   /*!< Resolutions by the time until their result, COUNTER_LATENCIES of them. */
	COUNTER_LATENCY_LAST = COUNTER_LATENCY + 6,

	/* For the engine as a whole. */
	COUNTER_TARGETS,      /*!< Targets in the cache: a gauge. */
	COUNTER_EVICTED,      /*!< Targets that left because of max-targets. */
	COUNTER_EXPIRED,      /*!< Targets that left because nothing was of use any more. */
	COUNTER_TCP,          /*!< TCP connections to resolvers, for what did not fit into UDP. */
	COUNTER_DOWN,         /*!< Times that the resolvers went down. */
	COUNTER_RESTORED,     /*!< Answers read back from the store. */
	COUNTER_STORED,       /*!< Answers written to it. */
	COUNTER_STORE_ERRORS, /*!< Batches for it that were lost. */
	COUNTERS,
} counter_t;

/*! Upper bounds of all latencies but the last, ms: each four times the one before. */
#define COUNTER_LATENCY_MS(i) (1U << (2 * (i)))
#define COUNTER_LATENCIES (COUNTER_LATENCY_LAST - COUNTER_LATENCY + 1)

typedef uint64_t counters_t[COUNTERS];
