/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief An engine: one set of resolvers, the thread that asks them, the cache they fill, the store that outlives it.
 *
 * Zones with the same resolvers and store share one engine (registry.h),
 * whatever their other options.
 */

#pragma once

#include "cache/cache.h"
#include "cache/health.h"
#include "engine/tenant.h"
#include "engine/waiters.h"
#include "resolve/resolver.h"
#include "util/log_queue.h"

/*! Room for the path of the store's directory, with its final zero. */
#define ENGINE_STORE_MAX 1024

/*! What makes an engine; zeroed before use, so that keys compare by memcmp(). */
typedef struct {
	resolvers_t resolvers;        /*!< At least one. */
	char store[ENGINE_STORE_MAX]; /*!< Directory of the store, empty for none. */
} engine_key_t;

/*! What bounds it; may change while it runs. */
typedef struct {
	uint32_t max_rate;    /*!< Queries/s to the resolvers. */
	uint32_t max_targets; /*!< Targets in the cache. */
} limits_t;

typedef struct engine engine_t;

/*! Says whether the engine has to end itself. Called by its thread now and then; must not wait. */
typedef bool (*engine_retire_f)(engine_t *engine);

/*!
 * \brief Starts an engine. Any thread, also one not registered with RCU.
 *
 * Waits a moment for the store to be read.
 *
 * \param[out] result  To be ended by engine_stop() or `retire`, then engine_join().
 * \param key          Resolvers and store.
 * \param options        For what is restored from the store, until a zone asks for it.
 * \param limits       Limits to begin with.
 * \param waiting      Counts the waiting threads of all engines.
 * \param retire       When to end.
 *
 * \return KNOT_E*
 */
int engine_start(engine_t **result, const engine_key_t *key, const refresh_options_t *options,
                 const limits_t *limits, atomic_uint *waiting, engine_retire_f retire);

/*! \brief Has the thread end. Any thread. */
void engine_stop(engine_t *engine);

/*! \brief Waits for the end of the thread and frees the engine. Any thread. */
void engine_join(engine_t *engine);

/*! \brief Changes the limits. Any thread. */
void engine_limit(engine_t *engine, const limits_t *limits);

/*! \brief The engine's cache, to be read inside rcu_read_lock(). */
cache_t *engine_cache(engine_t *engine);

/*! \brief How the resolver does. Any thread. */
const health_t *engine_health(const engine_t *engine);

/*! \brief What is to be logged. Any thread. */
log_queue_t *engine_log(engine_t *engine);

/*!
 * \brief Finds or makes the tenant of a zone that is being loaded. Any thread.
 *
 * The thread takes the options over, and restarts the counters, within milliseconds; when its queue is full, within
 * seconds.
 *
 * \return NULL if out of memory. To be given back by tenant_leave(). See tenants_join().
 */
tenant_t *engine_tenant(engine_t *engine, const knot_dname_t *zone, const tenant_options_t *options,
                        tenant_publish_f publish, void *module);

/*!
 * \brief Has a target resolved. Worker, inside rcu_read_lock(); never blocks.
 *
 * Of all that is asked for the same name and type at the same time, one query
 * leaves.
 *
 * \param engine  Engine.
 * \param target    Target from the cache, or NULL if it is not there yet.
 * \param name      Its name, lower case.
 * \param refresh   Entries, as bits (1 << addr_type_t), to be refreshed; without any an unclaimed target is charged all the same.
 * \param wait      Entries that a client waits for.
 * \param tenant   Of the zone.
 * \param now       clock_ms() from before the look-up in the cache: what has been learned since then is enough.
 *
 * \return false if too much is queued already; the request is dropped.
 */
bool engine_ask(engine_t *engine, target_t *target, const knot_dname_t *name,
                unsigned refresh, unsigned wait, tenant_t *tenant, uint64_t now);

/*!
 * \brief Waits until the engine has learned what makes `done` true.
 *
 * TCP worker, inside rcu_read_lock(): grace periods wait along, so keep it short.
 *
 * \param engine  Engine.
 * \param wait_ms   Longest wait, ms.
 * \param max_waiters     How many threads of the process may wait at a time.
 * \param done      Called before the wait and after each result.
 * \param ctx       Its argument.
 *
 * \return What `done` said last.
 */
bool engine_wait(engine_t *engine, uint32_t wait_ms, unsigned max_waiters,
                 waiters_done_f done, void *ctx);
