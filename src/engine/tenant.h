/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A tenant: one zone as an engine knows it, with its refresh options, its zone-rate and its counters.
 *
 * Terms. A target is charged to the tenant whose request for it came last: that zone's options decide when it is
 * refreshed, and its queries are counted for that zone and keep to its zone-rate. An engine has one tenant for each
 * zone, from the first load of the zone until the zone is gone and nothing is charged to it.
 *
 * Owners. The engine's table, the context of each loaded module, each queued request and the planner, while the tenant is
 * held up, have a reference to it. The last one frees it.
 *
 * Threads. Any thread may load a zone: it finds or makes the tenant, stores the new options in `next`, and puts it into
 * a list. The engine's thread takes these over and restarts the counters. Only that thread counts. It publishes the
 * counters to knotd under the tenant's lock. The unload of a zone takes the lock and clears `module`; after that the thread
 * does not touch the module. Knot loads the new module of a zone before it unloads the old one, so an unload clears
 * `module` only if it is its own.
 *
 * Worst case. A load waits while the counters of one bucket of the table are published, an unload while those of its
 * own tenant are: some microseconds.
 */

#pragma once

#include <urcu/list.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <libknot/dname.h>

#include "cache/cache.h"
#include "cache/policy.h"
#include "engine/counters.h"
#include "util/heap.h"
#include "util/rate_limit.h"

/*!
 * \brief Takes the counters of a zone and of its engine.
 *
 * Called by the engine's thread with the tenant's lock held, never after tenant_leave().
 */
typedef void (*tenant_publish_f)(void *module, const counters_t own, const counters_t common);

/*! Options of a zone for the engine's thread. */
typedef struct {
	refresh_options_t refresh;
	uint32_t rate;     /*!< zone-rate, queries/s; 0: no limit. */
	formers_t formers; /*!< Not for the thread: the next load has to know them. */
} tenant_options_t;

/*! Queues of targets that each tenant has. */
#define TENANT_QUEUES 5

/*! Targets of a tenant that wait for the same kind of query, see turns.h. */
typedef struct {
	heap_t targets;
	heap_node_t node; /*!< In the heap of tenants, if there are targets. */
	uint64_t turn;    /*!< Its next turn, or the one after its last. */
	bool paused;      /*!< There are targets, but it takes no turns until another query of the kind ends. */
} tenant_queue_t;

/*! Kinds of queries under way, each with a limit. */
typedef enum {
	FLIGHT_COLD,    /*!< For names that are not known yet. */
	FLIGHT_DUE,     /*!< Refreshes. */
	FLIGHT_FAILING, /*!< For targets that failed before. */
	FLIGHTS,
} flight_kind_t;

/*! What queries left for lately, so that the next ones are for what had less than its share. */
typedef struct {
	unsigned others; /*!< Queries since the last one for a failing target. */
	bool due_next;   /*!< The last other one was for a name not known yet, so a refresh is next. */
	bool retry_next; /*!< The last one for a failing target was a client's, so a refresh is next. */
} shares_t;

typedef struct tenant {
	struct cds_list_head node; /*!< In its bucket of the table, under the table's lock. */
	struct cds_list_head load; /*!< In the table's list of loads, under the table's lock. */

	tenant_publish_f publish; /*!< Constant; NULL: tenant of no zone. */

	/* Any thread. */
	atomic_uint refs;
	atomic_bool delayed;      /*!< zone-rate has delayed a query; set by the engine's thread, cleared by workers. */
	atomic_bool renewed;      /*!< `next` is not taken over yet; written under the table's lock. */
	_Atomic uint64_t wait_at; /*!< clock_ms() from which on a client may wait; 0: the last wait was not in vain. */
	_Atomic uint32_t pause;   /*!< Time from the last wait in vain to `wait_at`, ms. */
	_Atomic uint64_t left_at; /*!< clock_ms() at which the zone was unloaded, or 0; without a zone, see planner_add(). */
	pthread_mutex_t lock;     /*!< For the next two fields. */
	tenant_options_t next;    /*!< Options of the last load of the zone. */
	void *module;             /*!< Argument of `publish`; NULL while the zone is not loaded. */

	/* The engine's thread. */
	tenant_options_t options;
	rate_limit_t limit;
	heap_node_t held;              /*!< In the planner's heap of tenants that are held up by zone-rate. */
	struct cds_list_head changed;  /*!< In the list of tenants with counters to publish. */
	struct cds_list_head *changes; /*!< Head of that list. */
	uint32_t targets;              /*!< Targets charged to it. */
	uint32_t queries;              /*!< Queries under way. */
	tenant_queue_t queue[TENANT_QUEUES];
	uint32_t flights[FLIGHTS]; /*!< Queries under way, as the planner counts them. */
	shares_t shares;           /*!< With a zone-rate. */
	counters_t counters;

	uint8_t zone[]; /*!< Name of the zone; constant. */
} tenant_t;

/*! Longest time without waits after waits in vain, ms. */
#define TENANT_PAUSE_MAX_MS 60000

/*! How long targets of a zone are kept warm after it has been unloaded, ms: it may be added again, or be reloaded. */
#define TENANT_LINGER_MS 60000

/*! The same of targets that were read from the store or taken over, and that no zone has asked for, ms. */
#define TENANT_UNCLAIMED_MS (3600 * 1000)

/*! Enough for some tens of thousands of zones. */
#define TENANT_BUCKETS 4096

/*! The table of an engine's tenants. */
typedef struct {
	pthread_mutex_t lock;
	struct cds_list_head bucket[TENANT_BUCKETS]; /*!< By the hash of the zone's name. */
	struct cds_list_head loads;                  /*!< Tenants whose `next` is to be taken over. */
	atomic_bool loaded;                          /*!< There may be such tenants. */
	struct cds_list_head changes;                /*!< Tenants with counters to publish; the engine's thread. */
} tenants_t;

void tenants_init(tenants_t *tenants);

/*! \brief Drops the table's references. Any thread, while the engine's thread does not run. */
void tenants_deinit(tenants_t *tenants);

/*!
 * \brief Finds or makes the tenant of a zone that is being loaded. Any thread.
 *
 * \param zone     Name of the zone.
 * \param options  Options for the engine's thread from its next tenants_renew() on.
 * \param publish  Takes counters.
 * \param module   Argument of `publish`.
 *
 * \return The tenant, to be given back by tenant_leave(); NULL if out of memory.
 */
tenant_t *tenants_join(tenants_t *tenants, const knot_dname_t *zone, const tenant_options_t *options,
                       tenant_publish_f publish, void *module);

/*!
 * \brief Finds the tenant of a zone that is loaded now. Any thread.
 *
 * \param[out] options  Those of its last load; set unless the result is NULL.
 *
 * \return The tenant with a reference for tenant_unref(), or NULL.
 */
tenant_t *tenants_loaded(tenants_t *tenants, const knot_dname_t *zone, tenant_options_t *options);

/*!
 * \brief Takes over the options of zones that were loaded, restarts their counters, and has these published.
 *
 * The engine's thread. Costs nothing while no zone is loaded.
 */
void tenants_renew(tenants_t *tenants);

/*! \brief Publishes the counters that have changed. The engine's thread. */
void tenants_publish(tenants_t *tenants, const counters_t common);

/*! \brief Publishes the counters of all tenants and drops those that nobody needs. The engine's thread. */
void tenants_sweep(tenants_t *tenants, const counters_t common);

/*! \brief Makes a tenant that is in no table. Any thread. \return NULL if out of memory; tenant_unref() frees it. */
tenant_t *tenant_new(tenants_t *tenants, const knot_dname_t *zone, const tenant_options_t *options,
                     tenant_publish_f publish);

/*! \brief Ends publishing to a module and gives back its reference; NULL is fine. Any thread. */
void tenant_leave(tenant_t *tenant, const void *module);

/*! \brief Whether the zone was unloaded and not loaded again. The engine's thread. */
static inline bool tenant_left(const tenant_t *tenant)
{
	return atomic_load_explicit(&tenant->left_at, memory_order_relaxed) != 0;
}

/*! \brief Whether that was so long ago that its targets are not kept warm any more. The engine's thread. */
static inline bool tenant_is_gone(const tenant_t *tenant, uint64_t now)
{
	uint64_t left_at = atomic_load_explicit(&tenant->left_at, memory_order_relaxed);
	return left_at != 0 && now >= left_at + (tenant->publish == NULL ? TENANT_UNCLAIMED_MS : TENANT_LINGER_MS);
}

/*! \brief Gets a reference. Any thread that has one. */
static inline tenant_t *tenant_ref(tenant_t *tenant)
{
	atomic_fetch_add_explicit(&tenant->refs, 1, memory_order_relaxed);
	return tenant;
}

/*! \brief Gives a reference back; NULL is fine. Any thread. */
void tenant_unref(tenant_t *tenant);

/*! \brief Charges a target that is in none of its tenant's queues to a tenant, or to none with NULL. The engine's thread. */
void tenant_charge(tenant_t *tenant, target_t *target);

/*! \brief Charges a query that leaves to zone-rate. The engine's thread. \return When the next one may leave, clock_ms(). */
uint64_t tenant_take_slot(tenant_t *tenant, uint64_t now);

/*! \brief Whether zone-rate lets no query of a tenant leave now. The engine's thread. */
static inline bool tenant_is_held(const tenant_t *tenant)
{
	return tenant->held.pos != 0;
}

/*! \brief Increments a counter. The engine's thread. */
static inline void tenant_count(tenant_t *tenant, counter_t id)
{
	tenant->counters[id]++;
	if (cds_list_empty(&tenant->changed)) {
		cds_list_add(&tenant->changed, tenant->changes);
	}
}

/*!
 * \brief Whether a client of the zone may wait: after a wait in vain nobody does for a while, then one at a time.
 *
 * Any thread.
 *
 * \param wait_ms  How long the client would wait, ms.
 * \param now      clock_ms().
 */
bool tenant_may_wait(tenant_t *tenant, uint32_t wait_ms, uint64_t now);

/*! \brief Notes a wait in vain: a pause of twice its longest time, or of twice the last pause. Any thread. */
void tenant_waited_in_vain(tenant_t *tenant, uint32_t wait_ms, uint64_t now);

/*! \brief Notes a wait that had an answer: there was no wait in vain. Any thread. */
void tenant_waited_well(tenant_t *tenant);

/*! \brief Counts a resolution by the time that it took. The engine's thread. \param latency  Time, ms. */
void tenant_count_latency(tenant_t *tenant, uint64_t latency);
