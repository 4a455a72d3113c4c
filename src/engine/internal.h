/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The inside of an engine, for its two halves: what all threads ask of it (engine.c), what its own does (thread.c).
 */

#pragma once

#include <pthread.h>
#include <semaphore.h>

#include "engine/engine.h"
#include "engine/planner.h"
#include "engine/pool.h"
#include "engine/queue.h"
#include "store/archive.h"

struct engine {
	pthread_t thread;

	/* The registry's, under its lock. */
	struct cds_list_head node;   /*!< Among those in use or lingering, or those retired. */
	struct cds_list_head claims; /*!< One for each different limits of its zones: few. */
	uint64_t idle_since;         /*!< clock_ms() of when the last claim went. */

	/* Constant. */
	engine_key_t key;
	cache_t *cache;
	engine_retire_f retire;

	/* From any thread. */
	_Atomic uint32_t max_rate;
	_Atomic uint32_t max_targets;
	atomic_bool stop;
	queue_t queue;
	uv_async_t wakeup;

	/* To any thread. */
	waiters_t waiters;
	log_queue_t log;
	sem_t restored;

	/* The thread's own; of the planner, `health` is for all. */
	uv_loop_t loop;
	uv_prepare_t prepare; /*!< Before each look for replies. */
	uv_timer_t tick;      /*!< When the planner has something next. */
	uv_timer_t sweep;
	uv_timer_t commit;
	planner_t planner;
	pool_t pool;
	tenants_t tenants;
	tenant_t *tenant;  /*!< No zone's: of what is restored, until a zone asks for it. */
	counters_t common; /*!< What is counted for all zones together. */
	store_t *store;
	bool restoring;
	bool closing;
	uint64_t capped_logged_at;
	uint64_t down_at; /*!< Since when nothing succeeds, or 0. */
};

/*! \brief Sets the loop up, with all handles but those of the pool; any thread. \return KNOT_E*, then there is nothing to close. */
int thread_init(engine_t *engine);

/*! \brief The thread: runs the loop until thread_close(), or until `retire` says so. */
void *thread_run(void *ctx);

/*! \brief Ends all queries and handles: the loop runs out of them. The thread, or while there is none. */
void thread_close(engine_t *engine);
