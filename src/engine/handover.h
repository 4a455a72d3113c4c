/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What an engine takes over from the engines that its zones used before.
 *
 * Terms. A zone that gets other resolvers, or another store, gets another engine. The one before is its former engine.
 * The new engine takes the answers of the former one over, as restored ones: they are stale. Each has the ID of the engine
 * whose resolvers gave it, and is served only in zones that used that engine (formers_t). Targets that were charged to a
 * zone which has come keep the time of their last use, so those in use are refreshed at once. Others count as not used:
 * the new resolvers must not learn of all names of zones that stay with the former ones.
 *
 * Owners. An engine owns its handovers. An engine does not retire while others take over from it: it counts them.
 *
 * Threads. A load begins a handover under the registry's lock, and waits for it without that lock. The thread of the new
 * engine reads the cache of the former one, some targets in each turn.
 *
 * Worst case. A million targets take some three seconds, in read sections of about ten milliseconds. Of many zones that
 * come from the same engine, the load of the first one waits. The others have another handover together, a second or
 * two after that one: it is for their names in use.
 */

#pragma once

#include <urcu/list.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/tenant.h"

/*! Shortest time between handovers between the same engines, ms. */
#define HANDOVER_PAUSE_MS 1000

struct engine;

/*! The handovers of an engine. */
typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;    /*!< A handover has ended. */
	struct cds_list_head list; /*!< The oldest first; also those that ended a moment ago. */
	uint64_t begun;            /*!< Number of the last one that a load waits for. */
	uint64_t ended;            /*!< Number of the last one of these that has ended. */
	uint64_t ended_at;         /*!< clock_ms() when the last one of any kind ended. */
	atomic_uint active;        /*!< Handovers that have not ended. */
	atomic_uint takers;        /*!< Handovers of other engines, which read the cache of this one. */
} handovers_t;

void handovers_init(handovers_t *handovers);

/*! \brief Ends all handovers. The engine's thread at its end, or any thread without it. */
void handovers_deinit(handovers_t *handovers);

/*!
 * \brief Has an engine take over from another one, for a zone. Any thread, under the registry's lock.
 *
 * \param former  The zone's former engine.
 * \param tenant  The zone's tenant there.
 *
 * \return For handover_wait().
 */
uint64_t handover_begin(struct engine *engine, struct engine *former, tenant_t *tenant);

/*! \brief Waits until a handover has ended, `ms` milliseconds at most. Any thread but the engine's. */
void handover_wait(struct engine *engine, uint64_t number, uint32_t ms);

/*! \brief Takes over from some targets. The engine's thread. \return False if there is nothing to do now. */
bool handover_some(struct engine *engine);
