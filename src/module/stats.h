/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The module's counters of one zone, as `knotc zone-stats` shows them.
 *
 * Workers count what clients get, each in its own set of counters, which Knot keeps per thread.
 * The engine's thread stores its counters by itself (engine/tenant.h).
 */

#pragma once

#include <knot/module.h>

#include "engine/counters.h"

/*! What a client got for A or AAAA. */
typedef enum {
	GOT_FRESH,     /*!< The targets' addresses. */
	GOT_STALE,     /*!< The targets' addresses, with EDE 3 (Stale Answer). */
	GOT_NEGATIVE,  /*!< NODATA. */
	GOT_SIBLING,   /*!< The owner's own addresses instead. */
	GOT_COLD,      /*!< TC, so that the client asks over TCP; over TCP EDE 14: no keys yet, or too much to sign. */
	GOT_FAILED,    /*!< SERVFAIL. */
	GOT_UNCHANGED, /*!< The zone's own data: it is signed elsewhere, or no target is usable. */
	GOTS,
} got_t;

/*! What the zone's policy has ruled out. */
typedef enum {
	DENIED_ADDRESS,
	DENIED_TARGET,
	DENIED_TYPE,
	DENIEDS,
} denied_t;

/*! Counters in the order of their registration. */
typedef enum {
	/* Counted by workers. */
	STAT_ANSWER_A,    /*!< By got_t. */
	STAT_ANSWER_AAAA, /*!< By got_t. */
	STAT_WAIT,        /*!< Waits of TCP clients. */
	STAT_SUPPRESSED,  /*!< Answers for which a target was not resolved again, as it failed shortly before. */
	STAT_DENIED,      /*!< By denied_t: answers that lack addresses or targets because of the zone's policy. */
	STAT_QUEUE_FULL,  /*!< Requests dropped as the queue was full. */
	STATS_OF_WORKERS,

	/* Counted by the engine's thread for the zone. */
	STAT_QUERY = STATS_OF_WORKERS,
	STAT_RESULT,
	STAT_LATENCY,
	STAT_LIMITED,
	STATS_OF_ZONE,

	/* Counted by the engine's thread for all its zones. */
	STAT_TARGETS = STATS_OF_ZONE,
	STAT_REMOVED,
	STAT_DATAGRAM,
	STAT_TCP,
	STAT_DOWN,
	STAT_STORE,
	STATS,
} stat_t;

/*! \brief Registers all counters. For the load callback. \return KNOT_E* */
int stats_register(knotd_mod_t *mod);

/*! \brief Stores the counters of the engine's thread; a tenant_publish_f. */
void stats_publish(void *ctx, const counters_t own, const counters_t common);

/*! \brief Increments a counter's part. Worker. */
static inline void stats_count(knotd_mod_t *mod, const knotd_qdata_t *qdata, stat_t id, unsigned index)
{
	knotd_mod_stats_incr(mod, qdata->params->thread_id, id, index, 1);
}
