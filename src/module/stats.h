/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The module's counters of one zone, as `knotc zone-stats` shows them.
 *
 * Workers count what clients get, each for itself: Knot keeps a set of counters for each
 * thread. What the engine's thread counts is stored by it (engine/tenant.h).
 */

#pragma once

#include <knot/module.h>

#include "engine/counters.h"

/*! What a client got for A or AAAA. */
typedef enum {
	GOT_FRESH,     /*!< The targets' addresses. */
	GOT_STALE,     /*!< The same, with EDE 3 (Stale Answer). */
	GOT_NEGATIVE,  /*!< NODATA. */
	GOT_SIBLING,   /*!< The owner's own addresses instead. */
	GOT_COLD,      /*!< TC: to come back over TCP. */
	GOT_FAILED,    /*!< SERVFAIL. */
	GOT_UNCHANGED, /*!< What the zone has: signed by others, or no target of use. */
	GOTS,
} got_t;

/*! What the policy of the zone has left out. */
typedef enum {
	DENIED_ADDRESS,
	DENIED_TARGET,
	DENIEDS,
} denied_t;

/*! Counters in the order of their registration. */
typedef enum {
	/* Workers. */
	STAT_ANSWER_A,    /*!< By got_t. */
	STAT_ANSWER_AAAA, /*!< By got_t. */
	STAT_WAIT,        /*!< Waits of TCP clients. */
	STAT_SUPPRESSED,  /*!< Answers for which a target was not asked again, as it has just failed. */
	STAT_DENIED,      /*!< Answers that lack addresses, and those that lack targets, by the zone's policy. */
	STAT_QUEUE_FULL,  /*!< Requests that the thread could not take. */
	STATS_OF_WORKERS,

	/* The engine's thread, for the zone. */
	STAT_QUERY = STATS_OF_WORKERS,
	STAT_RESULT,
	STAT_LATENCY,
	STAT_LIMITED,

	/* The engine's thread, for all zones that share it. */
	STAT_TARGETS,
	STAT_REMOVED,
	STAT_TCP,
	STAT_DOWN,
	STAT_STORE,
	STATS,
} stat_t;

/*! \brief Registers all counters; for the load callback. \return KNOT_E* */
int stats_register(knotd_mod_t *mod);

/*! \brief Stores what the engine's thread has counted; a tenant_publish_f. */
void stats_publish(void *ctx, const counters_t own, const counters_t common);

/*! \brief Counts one; worker. */
static inline void stats_count(knotd_mod_t *mod, const knotd_qdata_t *qdata, stat_t id, unsigned index)
{
	knotd_mod_stats_incr(mod, qdata->params->thread_id, id, index, 1);
}
