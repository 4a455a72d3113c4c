/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Counters of an engine's thread. Only that thread writes and reads them.
 */

#pragma once

#include <stdint.h>

typedef enum {
	/* Per zone. */
	COUNTER_QUERIES,   /*!< Resolutions started; each may take several datagrams. */
	COUNTER_REFRESHES, /*!< Of these: other refreshes, to keep a target warm. */
	COUNTER_PROBES,    /*!< Of these: refreshes of failing targets while the resolver is down. */
	COUNTER_ANSWERS,   /*!< Resolutions that gave addresses. */
	COUNTER_NODATA,    /*!< Resolutions that gave NODATA. */
	COUNTER_NXDOMAIN,  /*!< Resolutions that gave NXDOMAIN: the target does not exist. */
	COUNTER_TIMEOUTS,  /*!< Resolutions that timed out. */
	COUNTER_FAILURES,  /*!< Resolutions that failed otherwise. */
	COUNTER_CAPPED,    /*!< Queries sent while max-rate made others wait. */
	COUNTER_DELAYED,   /*!< Queries delayed by zone-rate. */
	COUNTER_REFUSED,   /*!< Targets not added because the cache was full of busy ones, or memory was out. */
	COUNTER_CUT,       /*!< Resolutions that gave more addresses than are kept. */
	COUNTER_CROWDED,   /*!< Queries sent while the limits of queries under way made others wait. */
	COUNTER_LATENCY,   /*!< Resolutions by the time until their result: COUNTER_LATENCIES counters. */
	COUNTER_LATENCY_LAST = COUNTER_LATENCY + 6,

	/* Per engine. */
	COUNTER_TARGETS,      /*!< Targets in the cache: a gauge. */
	COUNTER_EVICTED,      /*!< Targets removed because of max-targets. */
	COUNTER_EXPIRED,      /*!< Targets removed because nothing of them was of use any more. */
	COUNTER_SENT,         /*!< Queries to resolvers: datagrams, and queries over TCP. */
	COUNTER_DROPPED,      /*!< Datagrams from resolvers' addresses that were no replies to a query. */
	COUNTER_TCP,          /*!< TCP connections to resolvers, made after truncated replies. */
	COUNTER_DOWN,         /*!< How often the resolvers went down. */
	COUNTER_RESTORED,     /*!< Answers read back from the store. */
	COUNTER_STORED,       /*!< Answers written to the store. */
	COUNTER_STORE_ERRORS, /*!< Batches for the store that were lost. */
	COUNTERS,
} counter_t;

/*! Upper bound of each latency counter but the last, ms: four times the one before. */
#define COUNTER_LATENCY_MS(i) (1U << (2 * (i)))
#define COUNTER_LATENCIES (COUNTER_LATENCY_LAST - COUNTER_LATENCY + 1)

typedef uint64_t counters_t[COUNTERS];
