/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The planner decides which target is resolved next, and when.
 *
 * Terms. A target that wants a query is in an agenda by why it wants it, see agenda_t. Within an agenda tenants take turns
 * (turns.h), and each tenant's targets have an order. Names that are not known yet and refreshes get half of the queries
 * each while both have work. Targets that failed before get every eighth query while there are others, in turn those that
 * clients ask for and those to be kept warm. Each of the three has its own limit of queries under way, of which a tenant
 * may have a part. So neither a flood of names nor slow or dead targets nor a single tenant hold up the others. All other
 * targets are in AGENDA_LATER, by the time of their next refresh, retry or removal, or in AGENDA_BACKOFF, from where all
 * become due when the resolver is back. All datagrams keep to max-rate. Refreshes slow down further while the resolver
 * fails (health.h). A tenant whose zone-rate lets no query leave now has no turns until it does.
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
#include "engine/turns.h"
#include "util/rate_limit.h"

/*!
 * Most refreshes under way at a time: those of a second at max-rate, within these bounds. Names that are not known yet have
 * half as many besides, and so have targets that failed before. A flood of new names must not become one for the resolver.
 */
#define PLANNER_FLIGHTS_MIN 512
#define PLANNER_FLIGHTS_MAX 16384

/*!
 * A tenant may have this many times the queries under way that are left for others. So one alone has two thirds, and a
 * tenant that has none under way finds room, however slow the targets of others are.
 */
#define PLANNER_FLIGHTS_SHARE 2

/*! While others wait, targets that failed before get one query in this many. */
#define PLANNER_FAILING_SHARE 8

/*! Why a target wants a query. All but the last ones are kinds of turns. */
typedef enum {
	AGENDA_WAITED,  /*!< A client waits for it: by arrival. */
	AGENDA_COLD,    /*!< A client was told to come back for it: by arrival. */
	AGENDA_DUE,     /*!< It is due for a refresh: by expiry, but by use if it failed meanwhile, and idle ones last. */
	AGENDA_FAILING, /*!< It failed before, and a client asked for it: by arrival, those waited for first. */
	AGENDA_RETRY,   /*!< It failed before, and is due for a refresh: the most recently used first. */
	AGENDA_TURNS,
	AGENDA_LATER = AGENDA_TURNS, /*!< It wants none yet: by time. */
	AGENDA_BACKOFF,              /*!< The same of a target that failed and is kept warm. */
} agenda_t;

/*! Zeroed before planner_init(). */
typedef struct {
	health_t health;
	uint32_t max_rate; /*!< Queries/s. */
	turns_t turns[AGENDA_TURNS];
	heap_t later;
	heap_t backoff;
	heap_t held;          /*!< Tenants that wait for their zone-rate, by time, with references. */
	uint64_t forgiven_at; /*!< That of `health` when no target in AGENDA_BACKOFF had a failure that is forgiven. */
	uint32_t targets;     /*!< Known to the planner. */
	uint64_t arrivals;
	uint32_t flights[FLIGHTS]; /*!< Queries under way. */
	rate_limit_t limit;        /*!< Limit of all datagrams. */
	rate_limit_t resend_limit; /*!< Limit of all but the first one of each query. */
	rate_limit_t due_limit;    /*!< Limit of refreshes. */
	shares_t shares;
	uint64_t capped_since;  /*!< clock_ms() since which max-rate makes queries wait without a break, or 0. */
	uint64_t crowded_since; /*!< clock_ms() since which targets wait because of the limits of queries under way, or 0. */
} planner_t;

void planner_init(planner_t *planner);

/*! \brief Frees the heaps. */
void planner_deinit(planner_t *planner);

/*!
 * \brief Files a target that is new or got an answer from the store.
 *
 * If it is charged to the tenant of no zone, that one's targets are kept warm for TENANT_UNCLAIMED_MS from now on.
 *
 * \return KNOT_ENOMEM or KNOT_EOK.
 */
int planner_add(planner_t *planner, target_t *target, uint64_t now);

/*! \brief Forgets a target that is not busy. */
void planner_remove(planner_t *planner, target_t *target);

/*! \brief Charges a target to a tenant. To be followed by planner_request(). */
void planner_charge(planner_t *planner, target_t *target, tenant_t *tenant, uint64_t now);

/*!
 * \brief Plans the queries of a worker's request, except for entries with a newer result.
 *
 * \param target  Target.
 * \param wishes  Entries to be resolved.
 * \param made    clock_ms() from before the worker's look-up in the cache.
 * \param now     clock_ms().
 */
void planner_request(planner_t *planner, target_t *target, wishes_t wishes, uint64_t made, uint64_t now);

/*!
 * \brief Whether a further datagram of a query that is under way may leave within max-rate; if so, it is charged.
 *
 * The first one is charged by planner_next(). The others come before new queries, as else those under way would fail
 * where there is more to send than may leave. But they take no more than half of max-rate: dead targets of one tenant
 * must not hold up the queries of others.
 *
 * \return 0 if it may leave, else the time after which to ask again, ms.
 */
uint64_t planner_may_send(planner_t *planner, uint64_t now);

/*! \brief Most queries of a kind that may be under way at a time. */
uint32_t planner_flights_max(const planner_t *planner, flight_kind_t kind);

/*! \brief Number of targets that wait to be refreshed. */
static inline uint32_t planner_count_due(const planner_t *planner)
{
	return planner->turns[AGENDA_DUE].count;
}

/*! \brief Number of targets that are not known yet and wait to be resolved. */
static inline uint32_t planner_count_cold(const planner_t *planner)
{
	return planner->turns[AGENDA_WAITED].count + planner->turns[AGENDA_COLD].count;
}

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
	tenant_t *tenant; /*!< Tenant of the target at this time. */
	flight_kind_t flight;
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

/*! \brief Whether a trial has to be sent, see health.h, which then is charged; planner_tried() has to follow. */
bool planner_wants_trial(planner_t *planner, uint64_t now);

/*! \brief Notes the result of a trial, once. \param sent  clock_ms(). \return As planner_note(). */
bool planner_tried(planner_t *planner, bool success, uint64_t sent, uint64_t now);

/*! \brief Ends a query: the entry is no longer busy, and its target is filed again. */
void planner_done(planner_t *planner, const plan_t *plan, uint64_t now);
