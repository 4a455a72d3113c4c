/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The private parts of an engine: engine.c has the calls of all threads, thread.c the engine's own thread,
 *        restore.c what that does with the store.
 */

#pragma once

#include <pthread.h>
#include <semaphore.h>

#include "engine/engine.h"
#include "engine/handover.h"
#include "engine/planner.h"
#include "engine/queue.h"
#include "store/archive.h"

/*! Says whether the engine has to end. Called by its thread about every ten seconds; must not wait. */
typedef bool (*engine_retire_f)(engine_t *engine);

struct engine {
	pthread_t thread;

	/* For the registry, under its lock. */
	struct cds_list_head node;   /*!< In the registry's list of live or of retired engines. */
	struct cds_list_head claims; /*!< One for each distinct set of limits of its zones: few. */
	uint64_t idle_since;         /*!< clock_ms() when the last claim was removed. */

	/* Constant. */
	uint16_t id; /*!< Above ANSWER_STORED, unique among the last 65,000 engines; set by the registry. */
	engine_key_t key;
	cache_t *cache;
	engine_retire_f retire;
	waiters_t *waiters; /*!< Of the registry, for all engines. */

	/* Written by any thread. */
	_Atomic uint32_t max_rate;
	_Atomic uint32_t max_targets;
	atomic_bool stop;
	atomic_bool ended;   /*!< The thread is about to return. */
	atomic_bool claimed; /*!< engine_claim_start() has been called. */
	handovers_t handovers;
	queue_t queue;
	uv_async_t wakeup;

	/* Written by the engine's thread, for any thread. */
	log_queue_t log;
	sem_t restored;

	/* The engine's thread only, except that any thread reads planner.health. */
	uv_loop_t loop;
	uv_prepare_t prepare; /*!< Runs before each poll for replies. */
	uv_timer_t tick;      /*!< Runs when the planner has something to do. */
	uv_timer_t sweep;
	planner_t planner;
	resolver_t *resolver;
	tenants_t tenants;
	tenant_t *tenant;  /*!< Tenant of no zone, for restored targets until a zone asks for them. */
	counters_t common; /*!< Counters of the engine. */
	store_t *store;
	bool restoring;          /*!< Answers are being read back. */
	bool refilling;          /*!< Answers that the store lacks are put again ... */
	cache_place_t refill_at; /*!< ... from this place ... */
	unsigned refill_room;    /*!< ... and so many of them now. */
	bool closing;
	uint64_t capped_logged_at;
	uint64_t crowded_logged_at;
	uint64_t cut_logged_at;
	uint64_t down_at; /*!< clock_ms() when the resolvers last went down, or 0. */
};

/*! \brief Sets up the loop and its handles, without the resolver's. Any thread. \return KNOT_E*; an error undoes all. */
int thread_init(engine_t *engine);

/*! \brief Start routine of the thread: runs the loop until thread_close(), or until `retire` is true. */
void *thread_run(void *ctx);

/*! \brief Ends all queries and closes all handles, so that the loop ends. The engine's thread, or without one. */
void thread_close(engine_t *engine);

/*! \brief Finds a target, which stays until this thread removes it. The engine's thread. */
target_t *thread_find(engine_t *engine, const knot_dname_t *name);

/*! \brief Adds a target that is not in the cache. The engine's thread. \return NULL if out of memory. */
target_t *thread_add(engine_t *engine, const knot_dname_t *name, tenant_t *tenant, uint64_t used, uint64_t now);

/*! \brief Sees what the store's thread has done: takes what it has read. The engine's thread. */
void restore_follow(engine_t *engine);

/*! \brief Puts some of what the store has lost. The engine's thread. \return True if there is more to do at once. */
bool restore_refill(engine_t *engine);

/* What the registry does with an engine. */

/*!
 * \brief Starts an engine. Any thread, also one not registered with RCU.
 *
 * Waits a moment for the store to be read.
 *
 * \param[out] result  The engine. It ends by engine_stop() or `retire`; then engine_join() and engine_free() have to follow.
 * \param key          Resolvers and store.
 * \param options      Options for targets read from the store, until a zone asks for them.
 * \param limits       Initial limits.
 * \param waiters      Waiters of all engines; must outlive the engine.
 * \param retire       Says when to end.
 *
 * \return KNOT_E*
 */
int engine_start(engine_t **result, const engine_key_t *key, const refresh_options_t *options,
                 const limits_t *limits, waiters_t *waiters, engine_retire_f retire);

/*! \brief Tells the thread to end. Any thread. */
void engine_stop(engine_t *engine);

/*! \brief Waits for the end of the thread, after which the engine takes nothing over any more. Any thread but that one. */
void engine_join(engine_t *engine);

/*! \brief Frees an engine that no other one takes over from. Any thread, after engine_join(). */
void engine_free(engine_t *engine);

/*! \brief Changes the limits. Any thread. */
void engine_limit(engine_t *engine, const limits_t *limits);
