/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What an engine takes over from the engines that its zones used before.
 *
 * Terms. A zone that gets other resolvers, or another store, gets another engine. The one before is its former engine.
 * The new engine takes the answers of the former one over, as restored ones: they are stale, and refreshed at once if they
 * are in use. Each has the ID of the engine whose resolvers gave it, and is served only in zones that used that engine
 * (formers_t).
 *
 * Owners. An engine owns its handovers. An engine does not retire while others take over from it: it counts them.
 *
 * Threads. A load begins a handover under the registry's lock, and waits for it without that lock. The thread of the new
 * engine reads the cache of the former one, some targets in each turn.
 *
 * Worst case. A million targets take three or four seconds, in read sections of some milliseconds. Loads of many zones do
 * not repeat that: a handover between the same engines begins HANDOVER_PAUSE_MS after the end of the last one, or later.
 */

#pragma once

#include <urcu/list.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*! Shortest time between two handovers between the same engines, ms. */
#define HANDOVER_PAUSE_MS 1000

struct engine;

/*! The handovers of an engine. */
typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;    /*!< A handover has ended. */
	struct cds_list_head list; /*!< Those that go on, the oldest first, and those that ended a moment ago. */
	uint64_t begun;            /*!< Number of the last one that began. */
	uint64_t ended;            /*!< Number of the last one that ended. */
	atomic_bool active;        /*!< Some go on. */
	atomic_uint takers;        /*!< Handovers of other engines, which read the cache of this one. */
} handovers_t;

void handovers_init(handovers_t *handovers);

/*! \brief Ends all handovers. The engine's thread at its end, or any thread without it. */
void handovers_deinit(handovers_t *handovers);

/*!
 * \brief Has an engine take over from another one, unless it does so, or did so a moment ago.
 *
 * Any thread, under the registry's lock.
 *
 * \return For handover_wait(); 0 if out of memory.
 */
uint64_t handover_begin(struct engine *engine, struct engine *former);

/*! \brief Waits until a handover has ended, `ms` milliseconds at most. Any thread but the engine's. */
void handover_wait(struct engine *engine, uint64_t number, uint32_t ms);

/*! \brief Takes over from some targets. The engine's thread. \return False if there is no more to do. */
bool handover_some(struct engine *engine);
