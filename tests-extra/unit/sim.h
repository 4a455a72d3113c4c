/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The planner with a resolver and clients that a test scripts, in fake time: no thread, no socket, no sleep.
 *
 * Does what the engine's thread does with plans and results, and what workers do
 * with verdicts; there is one of it at a time.
 */

#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/policy.h"
#include "engine/planner.h"
#include "engine/tenant.h"

#define SIM_T0 (1ULL << 42)
#define SIM_LATENCY_MS 50
#define SIM_TIMEOUT_MS 2000

/*! Number of the root, for which a trial asks. */
#define SIM_ROOT UINT_MAX

/*! What the resolver makes of a query. */
typedef struct {
	bool success;
	uint32_t latency; /*!< ms */
	uint32_t ttl;     /*!< s */
} sim_outcome_t;

/*! The resolver's script. */
typedef sim_outcome_t (*sim_resolver_f)(unsigned number, addr_type_t id, uint64_t now);

/*! A query that has left. */
typedef struct {
	uint64_t at;
	unsigned number;
	addr_type_t id;
	bool refresh; /*!< Nobody asked for it. */
	bool failing;
	bool early; /*!< Before the back-off of its entry allows it, by the simulation's own reckoning. */
} sim_query_t;

/*! What the simulation knows of an entry. */
typedef struct {
	uint64_t asked_at;  /*!< The last query, or 0. */
	uint64_t failed_at; /*!< The last result if it was a failure, or 0. */
	unsigned failures;  /*!< In a row. */
	unsigned queries;
	uint64_t gap_min; /*!< Shortest time from one query to the next. */
	uint64_t gap_max;
	bool busy;
} sim_entry_t;

typedef struct {
	uint64_t now;
	planner_t planner;
	cache_t *cache;
	tenant_t *tenant; /*!< Of the targets that are added. */
	policy_t policy;  /*!< With the same options. */

	sim_resolver_f resolver;
	void (*clients)(void);
	uint64_t period; /*!< Of the clients, ms. */
	uint64_t clients_at;

	unsigned count;    /*!< Targets, by number. */
	target_t **target; /*!< NULL if removed. */
	sim_entry_t (*entry)[ADDR_TYPES];
	unsigned removed;
	uint64_t removed_at; /*!< The last one. */

	sim_query_t *query; /*!< All that have left, the oldest first. */
	size_t queries;
	size_t capacity;
	unsigned trials;      /*!< That have left. */
	unsigned failing_max; /*!< Queries of targets that had failed, under way at a time. */

	/* What clients have seen, by entry. */
	uint64_t fresh, grace, stale, cold, failed;
} sim_t;

extern sim_t sim;

/*! \brief Before each test: an empty cache, max-rate 1000, a resolver that always has an answer of TTL 60. */
int sim_setup(void **state);
int sim_teardown(void **state);

/*! \brief What has been counted. */
uint64_t sim_counter(counter_t id);

/*! \brief Makes another tenant, with the same options and no rate; the caller gives it back by tenant_unref(). */
tenant_t *sim_tenant(void);

/*! \brief Adds that many targets, used now. */
void sim_add(unsigned count);

/*! \brief Gives an entry an answer without the resolver; to be followed by sim_replan(). */
void sim_publish(unsigned number, addr_type_t id, uint32_t ttl);

/*! \brief As after a restart; to be followed by sim_replan(). */
void sim_restore(unsigned number, addr_type_t id, uint32_t ttl, uint64_t received);

/*! \brief Has the planner look at a target again. */
void sim_replan(unsigned number);

/*! \brief Evicts a target. */
void sim_remove(unsigned number);

/*! \brief A client asks for a target: the hook's look-up, verdict and request. Over TCP it waits if need be. */
void sim_ask(unsigned number);

/*! \brief The same over UDP. */
void sim_ask_udp(unsigned number);

/*! \brief Takes the next plan and checks what holds for each. */
plan_t sim_next(void);

/*! \brief A plan's result. */
void sim_land(const plan_t *plan, bool success, uint32_t ttl);

/*! \brief Lets time pass. */
void sim_run(uint64_t ms);

/*! \brief The most queries in any window of time. */
unsigned sim_busiest(size_t from, uint64_t window);

/*! \brief Forgets queries and what clients have seen. */
void sim_forget(void);

/* Resolvers. */
sim_outcome_t sim_good(unsigned number, addr_type_t id, uint64_t now);
sim_outcome_t sim_silent(unsigned number, addr_type_t id, uint64_t now);
sim_outcome_t sim_servfail(unsigned number, addr_type_t id, uint64_t now);
