/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief An engine: one set of resolvers, with its thread, cache and store.
 *
 * Terms. Zones with the same resolvers and store share one engine (registry.h), whatever their other options. Each zone
 * is a tenant of its engine (tenant.h).
 *
 * Owners. The registry owns the engines and frees them. An engine owns its cache, queue, log queue and
 * table of tenants; its thread owns the loop, the planner, the resolver and the store.
 *
 * Threads. Workers read the cache under RCU and push requests to a queue, without locks. The engine's thread takes the
 * requests, sends queries, and is the only writer of the cache and the store. Any thread may start and stop an engine.
 *
 * Worst case. A worker waits only in engine_wait(). engine_start() waits up to 300 ms for the store to be read. When
 * the queue is full, requests are dropped and clients get what the cache has.
 */

#pragma once

#include "cache/cache.h"
#include "cache/health.h"
#include "engine/tenant.h"
#include "engine/waiters.h"
#include "resolve/resolver.h"
#include "util/log_queue.h"

/*! Size of the path of the store's directory with its final zero, octets. */
#define ENGINE_STORE_MAX 1024

/*! Zones with equal keys share an engine. Zeroed before use, so that memcmp() compares keys. */
typedef struct {
	resolvers_t resolvers;        /*!< At least one. */
	char store[ENGINE_STORE_MAX]; /*!< Directory of the store, empty for none. */
} engine_key_t;

/*! Limits of an engine; they may change while it runs. */
typedef struct {
	uint32_t max_rate;    /*!< Queries/s to the resolvers. */
	uint32_t max_targets; /*!< Targets in the cache. */
} limits_t;

typedef struct engine engine_t;

/*! \brief The engine's cache. Any thread inside rcu_read_lock(). */
cache_t *engine_cache(engine_t *engine);

/*! \brief Health of the resolvers. Any thread. */
const health_t *engine_health(const engine_t *engine);

/*! \brief Makes the caller the one that says that the engine has started. Any thread. \return True once. */
bool engine_claim_start(engine_t *engine);

/*! \brief Messages to be logged. Any thread. */
log_queue_t *engine_log(engine_t *engine);

/*!
 * \brief Finds or makes the tenant of a zone that is being loaded. Any thread.
 *
 * The engine's thread applies the options and restarts the counters before it does anything else. For the parameters
 * see tenants_join().
 *
 * \return The tenant, to be given back by tenant_leave(); NULL if out of memory.
 */
tenant_t *engine_tenant(engine_t *engine, const knot_dname_t *zone, const tenant_options_t *options,
                        tenant_publish_f publish, void *module);

/*!
 * \brief Requests the resolution of a target. Worker, inside rcu_read_lock(); never blocks.
 *
 * Simultaneous requests for the same name and type cause one query. An unclaimed target is charged to the tenant,
 * also without entries.
 *
 * \param engine  Engine.
 * \param target  Target in the cache, or NULL.
 * \param name    Its name, lower case.
 * \param wishes  Entries to be resolved.
 * \param tenant  Tenant of the zone.
 * \param now     clock_ms() from before the look-up in the cache. A newer result makes the request void.
 *
 * \return false if the queue is full or memory is out; the request is dropped.
 */
bool engine_ask(engine_t *engine, target_t *target, const knot_dname_t *name,
                wishes_t wishes, tenant_t *tenant, uint64_t now);

/*!
 * \brief Waits for a result of the engine, if that is of use. TCP worker, inside rcu_read_lock().
 *
 * There is no wait while the resolvers are down, nor where waiters_may_wait() or tenant_may_wait() have something against it.
 *
 * \param engine  Engine.
 * \param tenant  Tenant of the client's zone.
 * \param wait    The wait.
 * \param look    Called at least once, and after each result.
 * \param ctx     Argument of `look`.
 */
void engine_wait(engine_t *engine, tenant_t *tenant, const wait_t *wait, waiters_look_f look, void *ctx);
