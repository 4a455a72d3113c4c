/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The planner decides which target is resolved next, and when.
 *
 * Terms. Each target is in one of four heaps. AGENDA_WAITED has those that a client waits for, by arrival. AGENDA_DUE
 * has those due for a refresh, by expiry, with idle ones last. AGENDA_FAILING has those that failed before: they get
 * every eighth query while there are others, and at most half of the queries under way, so that they do not hold up the
 * others. AGENDA_LATER has the rest, by the time of their next refresh, retry or removal. All queries keep to max-rate.
 * Refreshes slow down further while the resolver fails (health.h). The queries of a zone keep to its zone-rate: a
 * target whose rate slot has not come waits for it in AGENDA_LATER.
 *
 * Owners. The cache owns the targets, the planner its heaps. A target leaves the planner before it leaves the cache.
 *
 * Threads. The engine's thread only; any thread may read `health`.
 *
 * Worst case. Each event costs O(log n), and nothing visits all targets. planner_next() handles at most some thousands
 * of targets before it returns. Without memory for a heap a target is put off by a second.
 */

#pragma once

#include "cache/cache.h"
#include "cache/health.h"
#include "util/rate_limit.h"

/*! Most queries under way at a time: a flood of new names must not become a flood for the resolver. */
#define PLANNER_FLIGHTS_MAX 512

/*! While others wait, targets that failed before get one query in this many. */
#define PLANNER_FAILING_SHARE 8

/*! Heap of a target. */
typedef enum {
	AGENDA_LATER,   /*!< By time. */
	AGENDA_DUE,     /*!< By use and expiry. */
	AGENDA_WAITED,  /*!< By arrival. */
	AGENDA_FAILING, /*!< Failed before: by arrival those waited for, then by expiry. */
	AGENDAS,
} agenda_t;

/*! Zeroed before planner_init(). */
typedef struct {
	health_t health;
	uint32_t max_rate; /*!< Queries/s. */
	heap_t heap[AGENDAS];
	uint64_t arrivals;
	unsigned flights;         /*!< Queries under way. */
	unsigned failing_flights; /*!< Of these: for entries that had failed before. */
	rate_limit_t limit;       /*!< Limit of all queries. */
	rate_limit_t due_limit;   /*!< Limit of refreshes. */
	unsigned others;          /*!< Queries since the last one for a failing target. */
	uint64_t capped_since;    /*!< clock_ms() since which max-rate makes queries wait without a break, or 0. */
} planner_t;

void planner_init(planner_t *planner);

/*! \brief Frees the heaps. */
void planner_deinit(planner_t *planner);

/*! \brief Files a target that is new or got an answer from the store. \return KNOT_ENOMEM or KNOT_EOK. */
int planner_add(planner_t *planner, target_t *target, uint64_t now);

/*! \brief Forgets a target that is not busy. */
void planner_remove(planner_t *planner, target_t *target);

/*!
 * \brief Plans the queries of a worker's request, except for entries with a newer result.
 *
 * \param target   Target.
 * \param refresh  Entries to be refreshed, as bits (1 << addr_type_t).
 * \param wait     Entries that a client waits for, as bits.
 * \param made     clock_ms() from before the worker's look-up in the cache.
 * \param now      clock_ms().
 */
void planner_request(planner_t *planner, target_t *target, unsigned refresh, unsigned wait,
                     uint64_t made, uint64_t now);

/*! The next thing to do. */
typedef enum {
	PLAN_NOTHING, /*!< Nothing for `wait` ms, or until the next event. */
	PLAN_ASK,     /*!< Ask for entry `id` of `target`; it is busy until planner_done(). */
	PLAN_REMOVE,  /*!< Remove `target`, which the planner has forgotten. */
} plan_kind_t;

typedef struct {
	plan_kind_t kind;
	target_t *target;
	addr_type_t id;
	bool failing; /*!< The entry failed before. */
	uint64_t at;  /*!< clock_ms(). */
	uint64_t wait;
} plan_t;

/*! \brief Takes the next thing to do; to be called until there is nothing. */
plan_t planner_next(planner_t *planner, uint64_t now);

/*!
 * \brief Notes the result of a query, once, after cache_publish() or cache_fail().
 *
 * \return true if the resolver has just gone down or come back, see health_note().
 */
bool planner_note(planner_t *planner, const plan_t *plan, bool success, uint64_t now);

/*! \brief Ends a query: the entry is no longer busy, and its target is filed again. */
void planner_done(planner_t *planner, const plan_t *plan, uint64_t now);
