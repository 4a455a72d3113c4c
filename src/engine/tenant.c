/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tenants, their rates and counters, and the table of an engine's tenants. See tenant.h. */

#include "engine/tenant.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/clock.h"
#include "util/hash.h"

/*! Queries of a zone that may leave at once after a pause, as time at zone-rate, ms. */
#define BURST_MS 1000

/* --- one tenant --- */

tenant_t *tenant_new(tenants_t *tenants, const knot_dname_t *zone, const tenant_options_t *options,
                     tenant_publish_f publish)
{
	size_t len = knot_dname_size(zone);
	tenant_t *tenant = calloc(1, sizeof(*tenant) + len);
	if (tenant == NULL) {
		return NULL;
	}
	memcpy(tenant->zone, zone, len);
	tenant->options = *options;
	tenant->publish = publish;
	tenant->changes = &tenants->changes;
	atomic_init(&tenant->refs, 1);
	pthread_mutex_init(&tenant->lock, NULL);
	CDS_INIT_LIST_HEAD(&tenant->changed);
	CDS_INIT_LIST_HEAD(&tenant->load);
	return tenant;
}

void tenant_unref(tenant_t *tenant)
{
	if (tenant != NULL && atomic_fetch_sub_explicit(&tenant->refs, 1, memory_order_acq_rel) == 1) {
		for (unsigned i = 0; i < TENANT_QUEUES; i++) {
			heap_deinit(&tenant->queue[i].targets);
		}
		pthread_mutex_destroy(&tenant->lock);
		free(tenant);
	}
}

void tenant_leave(tenant_t *tenant, const void *module)
{
	if (tenant == NULL) {
		return;
	}
	pthread_mutex_lock(&tenant->lock);
	if (tenant->module == module) {
		tenant->module = NULL;
		atomic_store_explicit(&tenant->left_at, clock_ms(), memory_order_relaxed);
	}
	pthread_mutex_unlock(&tenant->lock);
	tenant_unref(tenant);
}

static void renew(tenant_t *tenant)
{
	pthread_mutex_lock(&tenant->lock);
	tenant->options = tenant->next;
	atomic_store_explicit(&tenant->renewed, false, memory_order_relaxed);
	pthread_mutex_unlock(&tenant->lock);

	tenant->limit = (rate_limit_t){ 0 };
	memset(tenant->counters, 0, sizeof(tenant->counters));
	cds_list_del(&tenant->changed);
	cds_list_add(&tenant->changed, tenant->changes);
}

/*! Publishes the counters if the zone is loaded and has no newer load to be taken over first. */
static void publish_counters(tenant_t *tenant, const counters_t common)
{
	cds_list_del_init(&tenant->changed);
	pthread_mutex_lock(&tenant->lock);
	if (tenant->module != NULL && !tenant->renewed) {
		tenant->publish(tenant->module, tenant->counters, common);
	}
	pthread_mutex_unlock(&tenant->lock);
}

void tenant_charge(tenant_t *tenant, target_t *target)
{
	tenant_t *before = target->tenant;
	if (before == tenant) {
		return;
	}
	if (before != NULL) {
		before->targets--;
	}
	target->tenant = tenant;
	if (tenant != NULL) {
		tenant->targets++;
		atomic_store_explicit(&target->unclaimed, tenant->publish == NULL, memory_order_relaxed);
	}
}

uint64_t tenant_take_slot(tenant_t *tenant, uint64_t now)
{
	uint32_t rate = tenant->options.rate;
	if (rate == 0) {
		return 0;
	}
	(void)rate_limit_next(&tenant->limit, rate, BURST_MS, now);
	rate_limit_take(&tenant->limit, rate);
	return rate_limit_next(&tenant->limit, rate, BURST_MS, now);
}

bool tenant_may_wait(tenant_t *tenant, uint32_t wait_ms, uint64_t now)
{
	uint64_t wait_at = atomic_load_explicit(&tenant->wait_at, memory_order_relaxed);
	/* Who is the first after the pause puts off the others for as long as it may wait. */
	return wait_at == 0 || (wait_at <= now && atomic_compare_exchange_strong_explicit(
							  &tenant->wait_at, &wait_at, now + wait_ms,
							  memory_order_relaxed, memory_order_relaxed));
}

void tenant_waited_in_vain(tenant_t *tenant, uint32_t wait_ms, uint64_t now)
{
	uint32_t last = atomic_load_explicit(&tenant->pause, memory_order_relaxed);
	uint32_t pause = MIN(2 * MAX(last, wait_ms), TENANT_PAUSE_MAX_MS);
	atomic_store_explicit(&tenant->pause, pause, memory_order_relaxed);
	atomic_store_explicit(&tenant->wait_at, now + pause, memory_order_relaxed);
}

void tenant_waited_well(tenant_t *tenant)
{
	atomic_store_explicit(&tenant->pause, 0, memory_order_relaxed);
	atomic_store_explicit(&tenant->wait_at, 0, memory_order_relaxed);
}

void tenant_count_latency(tenant_t *tenant, uint64_t latency)
{
	unsigned i = 0;
	while (i < COUNTER_LATENCIES - 1 && latency > COUNTER_LATENCY_MS(i)) {
		i++;
	}
	tenant_count(tenant, COUNTER_LATENCY + i);
}

/* --- the table --- */

void tenants_init(tenants_t *tenants)
{
	pthread_mutex_init(&tenants->lock, NULL);
	CDS_INIT_LIST_HEAD(&tenants->changes);
	CDS_INIT_LIST_HEAD(&tenants->loads);
	atomic_init(&tenants->loaded, false);
	for (unsigned i = 0; i < TENANT_BUCKETS; i++) {
		CDS_INIT_LIST_HEAD(&tenants->bucket[i]);
	}
}

static void drop_tenant(tenant_t *tenant)
{
	cds_list_del(&tenant->node);
	cds_list_del(&tenant->changed);
	cds_list_del(&tenant->load);
	tenant_unref(tenant);
}

void tenants_deinit(tenants_t *tenants)
{
	for (unsigned i = 0; i < TENANT_BUCKETS; i++) {
		tenant_t *tenant, *next;
		cds_list_for_each_entry_safe(tenant, next, &tenants->bucket[i], node) {
			drop_tenant(tenant);
		}
	}
	pthread_mutex_destroy(&tenants->lock);
}

static tenant_t *find_tenant(const struct cds_list_head *bucket, const knot_dname_t *zone)
{
	tenant_t *tenant;
	cds_list_for_each_entry(tenant, bucket, node) {
		if (knot_dname_is_equal(tenant->zone, zone)) {
			return tenant;
		}
	}
	return NULL;
}

static struct cds_list_head *bucket_of(tenants_t *tenants, const knot_dname_t *zone)
{
	return &tenants->bucket[hash64(0, zone, knot_dname_size(zone)) % TENANT_BUCKETS];
}

tenant_t *tenants_join(tenants_t *tenants, const knot_dname_t *zone, const tenant_options_t *options,
                       tenant_publish_f publish, void *module)
{
	struct cds_list_head *bucket = bucket_of(tenants, zone);

	pthread_mutex_lock(&tenants->lock);
	tenant_t *tenant = find_tenant(bucket, zone);
	if (tenant == NULL) {
		tenant = tenant_new(tenants, zone, options, publish);
		if (tenant != NULL) {
			cds_list_add(&tenant->node, bucket);
		}
	}
	if (tenant != NULL) {
		tenant_ref(tenant);
		pthread_mutex_lock(&tenant->lock);
		tenant->next = *options;
		tenant->module = module;
		atomic_store_explicit(&tenant->left_at, 0, memory_order_relaxed);
		atomic_store_explicit(&tenant->renewed, true, memory_order_relaxed);
		pthread_mutex_unlock(&tenant->lock);
		cds_list_del(&tenant->load);
		cds_list_add_tail(&tenant->load, &tenants->loads);
		atomic_store(&tenants->loaded, true);
	}
	pthread_mutex_unlock(&tenants->lock);
	return tenant;
}

tenant_t *tenants_loaded(tenants_t *tenants, const knot_dname_t *zone, tenant_options_t *options)
{
	pthread_mutex_lock(&tenants->lock);
	tenant_t *tenant = find_tenant(bucket_of(tenants, zone), zone);
	if (tenant != NULL) {
		pthread_mutex_lock(&tenant->lock);
		*options = tenant->next;
		bool loaded = (tenant->module != NULL);
		pthread_mutex_unlock(&tenant->lock);
		tenant = loaded ? tenant_ref(tenant) : NULL;
	}
	pthread_mutex_unlock(&tenants->lock);
	return tenant;
}

void tenants_renew(tenants_t *tenants)
{
	if (!atomic_load(&tenants->loaded)) {
		return;
	}
	pthread_mutex_lock(&tenants->lock);
	atomic_store(&tenants->loaded, false);
	while (!cds_list_empty(&tenants->loads)) {
		tenant_t *tenant = cds_list_first_entry(&tenants->loads, tenant_t, load);
		cds_list_del_init(&tenant->load);
		renew(tenant);
	}
	pthread_mutex_unlock(&tenants->lock);
}

void tenants_publish(tenants_t *tenants, const counters_t common)
{
	tenant_t *tenant, *next;
	cds_list_for_each_entry_safe(tenant, next, &tenants->changes, changed) {
		publish_counters(tenant, common);
	}
}

/*! False if only the table has a reference and nothing is charged to it. New references come only from the table. */
static bool is_needed(const tenant_t *tenant)
{
	return atomic_load(&tenant->refs) > 1 || tenant->targets > 0 || tenant->queries > 0;
}

void tenants_sweep(tenants_t *tenants, const counters_t common)
{
	for (unsigned i = 0; i < TENANT_BUCKETS; i++) {
		pthread_mutex_lock(&tenants->lock);
		tenant_t *tenant, *next;
		cds_list_for_each_entry_safe(tenant, next, &tenants->bucket[i], node) {
			if (is_needed(tenant)) {
				publish_counters(tenant, common);
			} else {
				drop_tenant(tenant);
			}
		}
		pthread_mutex_unlock(&tenants->lock);
	}
}
