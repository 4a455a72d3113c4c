/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Which target is asked for next, and when.
 *
 * Each target is in one of four heaps: those that a client waits for, in order of
 * arrival; those due for a refresh, the soonest to expire first, and behind them
 * those not in use; those that failed before, which get every eighth query while
 * there are others, and half of the flights at most, so that dead targets do not
 * hold up the living; and all the rest by the time when something is to be done
 * about them.
 *
 * All queries together keep to max-rate; refreshes slow down further while the
 * resolver fails (health.h). Those of a zone keep to its zone-rate: a target
 * without a slot yet waits for it among the rest. For the engine's thread only,
 * but for `health`.
 */

#pragma once

#include "cache/cache.h"
#include "cache/health.h"
#include "util/rate_limit.h"

/*! Queries under way at a time: a flood of new names must not become one for the resolver. */
#define PLANNER_FLIGHTS_MAX 512

/*! While others are there, targets that failed before get one query in so many. */
#define PLANNER_FAILING_SHARE 8

/*! What a target is in. */
typedef enum {
	AGENDA_LATER,   /*!< By time. */
	AGENDA_DUE,     /*!< By use and expiry. */
	AGENDA_WAITED,  /*!< By arrival. */
	AGENDA_FAILING, /*!< Failed before: first those waited for. */
	AGENDAS,
} agenda_t;

/*! Zeroed but for planner_init(). */
typedef struct {
	health_t health;
	uint32_t max_rate; /*!< Queries/s. */
	heap_t heap[AGENDAS];
	uint64_t arrivals;
	unsigned flights;         /*!< Queries under way. */
	unsigned failing_flights; /*!< Of these: of targets that had failed before. */
	rate_limit_t limit;       /*!< Of all queries. */
	rate_limit_t due_limit;   /*!< Of refreshes. */
	unsigned others;          /*!< Queries since the last one for a failing target. */
	uint64_t capped_since;    /*!< clock_ms(): since then max-rate makes queries wait without a break; 0: it does not. */
} planner_t;

void planner_init(planner_t *planner);

/*! \brief Frees what the planner has allocated. */
void planner_deinit(planner_t *planner);

/*! \brief Takes up a target that is new, or has got an answer from elsewhere. \return KNOT_ENOMEM or KNOT_EOK. */
int planner_add(planner_t *planner, target_t *target, uint64_t now);

/*! \brief Lets go of a target that is not busy. */
void planner_remove(planner_t *planner, target_t *target);

/*!
 * \brief Plans what a worker has asked for, if that is still of use.
 *
 * \param target   Target.
 * \param refresh  Entries, as bits, that a worker has something to serve for.
 * \param wait     Entries, as bits, that a client waits for.
 * \param made     clock_ms() of what the worker knew.
 * \param now      clock_ms().
 */
void planner_request(planner_t *planner, target_t *target, unsigned refresh, unsigned wait,
                     uint64_t made, uint64_t now);

/*! What is to be done next. */
typedef enum {
	PLAN_NOTHING, /*!< For `wait` ms, or until something happens. */
	PLAN_ASK,     /*!< Ask for entry `id` of `target`; it is busy until planner_done(). */
	PLAN_REMOVE,  /*!< Remove `target`, which the planner has let go. */
} plan_kind_t;

typedef struct {
	plan_kind_t kind;
	target_t *target;
	addr_type_t id;
	bool failing; /*!< It failed before. */
	uint64_t at;  /*!< clock_ms(). */
	uint64_t wait;
} plan_t;

plan_t planner_next(planner_t *planner, uint64_t now);

/*!
 * \brief Notes the outcome of a query, once, after cache_publish() or cache_fail().
 *
 * \return true if the resolver has gone down or come back with it, see health_note().
 */
bool planner_note(planner_t *planner, const plan_t *plan, bool success, uint64_t now);

/*! \brief Ends a query: the entry is not busy any more, its target is planned anew. */
void planner_done(planner_t *planner, const plan_t *plan, uint64_t now);
