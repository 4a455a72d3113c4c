/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A tenant: one zone, as an engine knows it. Its refresh options, its zone-rate, its counters.
 *
 * Terms. A target is charged to the tenant whose zone has asked for it last: it is refreshed by that zone's options, its
 * queries are counted for that zone and are within its zone-rate. An engine has one tenant for each zone, from the first
 * load of the zone until the zone is gone and nothing is charged to it.
 *
 * Owners. The table of the engine holds a reference to each tenant, the context of each loaded module another one, and
 * so does each request on its way to the engine's thread. The last one frees it.
 *
 * Threads. Any thread may load a zone, which finds or makes its tenant and leaves the new options in it (`next`); the
 * engine's thread takes them over and restarts the counters. Only that thread counts, and it hands the counters to knotd
 * by itself. It does so with the tenant's lock, which the unload of a zone takes to clear the way to its module: after
 * that nothing of the module is touched. Knot loads a zone anew before it unloads the old module, so an unload clears the
 * way only if that is still its own.
 *
 * Worst case. A load waits while the counters of one bucket of the table are published, an unload for those of its own
 * tenant: some microseconds.
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
#include "util/rate_limit.h"

/*!
 * \brief Takes all counters of a zone and of its engine.
 *
 * Called by the engine's thread with the tenant's lock held, never after tenant_leave().
 */
typedef void (*tenant_publish_f)(void *module, const counters_t own, const counters_t common);

/*! What a zone is loaded with. */
typedef struct {
	refresh_options_t refresh;
	uint32_t rate; /*!< Queries/s that the zone may cause; 0: no limit of its own. */
} tenant_options_t;

typedef struct tenant {
	struct cds_list_head node; /*!< In its bucket of the table, under the lock of that. */

	tenant_publish_f publish; /*!< Constant; NULL: no zone's tenant. */

	/* Any thread. */
	atomic_uint refs;
	atomic_bool delayed;   /*!< zone-rate has put a query off; set by the engine's thread. */
	atomic_bool renewed;   /*!< `next` has not been taken over yet; set under the lock. */
	pthread_mutex_t lock;  /*!< Of the next two. */
	tenant_options_t next; /*!< What the zone has been loaded with last. */
	void *module;          /*!< Argument of `publish`, NULL while the zone is not loaded. */

	/* The engine's thread. */
	tenant_options_t options;
	rate_limit_t limit;
	struct cds_list_head changed;  /*!< Among those that have something to publish. */
	struct cds_list_head *changes; /*!< Head of that list. */
	uint32_t targets;              /*!< That are charged to it. */
	uint32_t queries;              /*!< Under way. */
	counters_t counters;

	uint8_t zone[]; /*!< Its name; constant. */
} tenant_t;

/*! For some tens of thousands of zones. */
#define TENANT_BUCKETS 4096

/*! The tenants of an engine. */
typedef struct {
	pthread_mutex_t lock;
	struct cds_list_head bucket[TENANT_BUCKETS]; /*!< By the hash of the zone's name. */
	struct cds_list_head changes;                /*!< The engine's thread: those that have something to publish. */
} tenants_t;

void tenants_init(tenants_t *tenants);

/*! \brief Drops the table's references. The engine's thread, or while there is none. */
void tenants_deinit(tenants_t *tenants);

/*!
 * \brief Finds or makes the tenant of a zone that is being loaded. Any thread.
 *
 * \param zone     Name of the zone.
 * \param options  What the engine's thread is to go by from its next tenant_renew() on.
 * \param publish  Takes counters.
 * \param module   Its argument.
 *
 * \return NULL if out of memory. To be given back by tenant_leave().
 */
tenant_t *tenants_join(tenants_t *tenants, const knot_dname_t *zone, const tenant_options_t *options,
                       tenant_publish_f publish, void *module);

/*! \brief Publishes what has changed. The engine's thread. */
void tenants_publish(tenants_t *tenants, const counters_t common);

/*! \brief Publishes for all tenants, and drops those that nobody needs. The engine's thread. */
void tenants_sweep(tenants_t *tenants, const counters_t common);

/*! \brief Makes a tenant that is in no table; see tenants_join(). \return NULL if out of memory. */
tenant_t *tenant_new(tenants_t *tenants, const knot_dname_t *zone, const tenant_options_t *options,
                     tenant_publish_f publish);

/*! \brief Ends the publishing to a module, and gives back its reference; NULL is fine. Any thread. */
void tenant_leave(tenant_t *tenant, const void *module);

/*! \brief Gets a reference. Any thread that has one. */
static inline tenant_t *tenant_ref(tenant_t *tenant)
{
	atomic_fetch_add_explicit(&tenant->refs, 1, memory_order_relaxed);
	return tenant;
}

/*! \brief Gives a reference back; NULL is fine. Any thread. */
void tenant_unref(tenant_t *tenant);

/*! \brief Takes over what the zone has been loaded with last, if that is new. The engine's thread. */
void tenant_renew(tenant_t *tenant);

/*! \brief Charges a target to a tenant, or to none with NULL. The engine's thread. */
void tenant_charge(tenant_t *tenant, target_t *target);

/*!
 * \brief Whether a target's query may leave within the rate of its tenant; takes a slot for it if it has none.
 *
 * The engine's thread.
 *
 * \return false if target->rate_slot says when.
 */
bool tenant_allows(target_t *target, uint64_t now);

/*! \brief Whether a target has a slot that is yet to come. A slot from before a renewal is void. The engine's thread. */
bool tenant_delays(target_t *target, uint64_t now);

/*! \brief Counts. The engine's thread. */
static inline void tenant_count(tenant_t *tenant, counter_t id)
{
	tenant->counters[id]++;
	if (cds_list_empty(&tenant->changed)) {
		cds_list_add(&tenant->changed, tenant->changes);
	}
}

/*! \brief Counts how long a resolution took, ms. The engine's thread. */
void tenant_count_latency(tenant_t *tenant, uint64_t latency);
