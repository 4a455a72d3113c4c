/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The only global state of the module: the list of engines, under one lock. See registry.h. */

#include "engine/registry.h"

#include <urcu/list.h>
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libknot/errcode.h>

#include "engine/internal.h"
#include "util/clock.h"

/*! How long an engine without zones is kept, ms. */
#define LINGER_MS 60000

/*! How long a load waits for what its engine takes over, ms: enough for a million targets. The old zone serves meanwhile. */
#define HANDOVER_WAIT_MS 20000

/*! Limits, and the number of zones that have them. */
typedef struct {
	struct cds_list_head node;
	limits_t limits;
	unsigned refs;
} claim_t;

static struct {
	pthread_mutex_t lock;
	struct cds_list_head live;    /*!< Engines with zones, or without for less than LINGER_MS; the last loaded first. */
	struct cds_list_head retired; /*!< Engines whose threads have ended or are about to. */
	waiters_t waiters;            /*!< Workers that wait, for any engine. */
	uint16_t id;                  /*!< Of the last engine that was started. */
} registry = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.live = CDS_LIST_HEAD_INIT(registry.live),
	.retired = CDS_LIST_HEAD_INIT(registry.retired),
	.waiters = WAITERS_INITIALIZER,
	.id = ANSWER_STORED,
};

/*! Joins the threads of a list and frees their engines. These threads no longer need the lock. */
static void join_all(struct cds_list_head *list)
{
	engine_t *engine, *next;
	cds_list_for_each_entry(engine, list, node) {
		engine_join(engine); /* All first, as one may take over from another one. */
	}
	cds_list_for_each_entry_safe(engine, next, list, node) {
		cds_list_del(&engine->node);
		engine_free(engine);
	}
}

/*! Frees the retired engines whose threads have ended; another one may be waiting for a disk. */
static void free_ended(void)
{
	engine_t *engine, *next;
	cds_list_for_each_entry_safe(engine, next, &registry.retired, node) {
		if (atomic_load(&engine->ended)) {
			cds_list_del(&engine->node);
			engine_join(engine);
			engine_free(engine);
		}
	}
}

/*! Called by the engine's thread, so it must not wait: while the lock is held, the result is false. */
static bool retire(engine_t *engine)
{
	if (pthread_mutex_trylock(&registry.lock) != 0) {
		return false;
	}
	bool done = cds_list_empty(&engine->claims) && engine->handovers.takers == 0 && !engine->stop &&
	            clock_ms() - engine->idle_since >= LINGER_MS;
	if (done) {
		cds_list_del(&engine->node);
		cds_list_add(&engine->node, &registry.retired);
	}
	pthread_mutex_unlock(&registry.lock);
	return done;
}

static engine_t *find_engine(const engine_key_t *key)
{
	engine_t *engine;
	cds_list_for_each_entry(engine, &registry.live, node) {
		if (memcmp(&engine->key, key, sizeof(*key)) == 0) {
			return engine;
		}
	}
	return NULL;
}

static claim_t *find_claim(const engine_t *engine, const limits_t *limits)
{
	claim_t *claim;
	cds_list_for_each_entry(claim, &engine->claims, node) {
		if (memcmp(&claim->limits, limits, sizeof(*limits)) == 0) {
			return claim;
		}
	}
	return NULL;
}

static int add_claim(engine_t *engine, const limits_t *limits)
{
	claim_t *claim = find_claim(engine, limits);
	if (claim == NULL) {
		claim = calloc(1, sizeof(*claim));
		if (claim == NULL) {
			return KNOT_ENOMEM;
		}
		claim->limits = *limits;
		cds_list_add(&claim->node, &engine->claims);
	}
	claim->refs++;
	return KNOT_EOK;
}

static void remove_claim(engine_t *engine, const limits_t *limits)
{
	claim_t *claim = find_claim(engine, limits);
	assert(claim != NULL);
	if (--claim->refs == 0) {
		cds_list_del(&claim->node);
		free(claim);
	}
	if (cds_list_empty(&engine->claims)) {
		engine->idle_since = clock_ms();
	}
}

/*! Applies the highest limits of all claims. Without claims the limits stay. */
static void apply_limits(engine_t *engine)
{
	limits_t limits = { 0 };
	claim_t *claim;
	cds_list_for_each_entry(claim, &engine->claims, node) {
		limits.max_rate = MAX(limits.max_rate, claim->limits.max_rate);
		limits.max_targets = MAX(limits.max_targets, claim->limits.max_targets);
	}
	if (!cds_list_empty(&engine->claims)) {
		engine_limit(engine, &limits);
	}
}

/*! The engine with which a zone is loaded, its tenant there, with a reference, and its former engines then; or NULL. */
static engine_t *find_loaded(const knot_dname_t *zone, tenant_t **tenant, formers_t *formers)
{
	engine_t *engine;
	cds_list_for_each_entry(engine, &registry.live, node) {
		tenant_options_t options;
		*tenant = tenants_loaded(&engine->tenants, zone, &options);
		if (*tenant != NULL) {
			*formers = options.formers;
			return engine;
		}
	}
	return NULL;
}

/*! Whether a zone may get what its former engine knows: not if it now requires what the former resolvers did not. */
static bool may_take(const engine_t *engine, const engine_t *former)
{
	return !engine->key.resolvers.require_ad || former->key.resolvers.require_ad;
}

/*!
 * Has an engine take over what a zone had before.
 *
 * \param[out] formers  Former engines of the zone from now on.
 *
 * \return For handover_wait(); 0 if there is nothing to wait for.
 */
static uint64_t take_over(engine_t *engine, const knot_dname_t *zone, formers_t *formers)
{
	memset(formers, 0, sizeof(*formers));
	formers_t before = { 0 };
	tenant_t *tenant = NULL;
	engine_t *former = find_loaded(zone, &tenant, &before);
	uint64_t handover = 0;
	if (former == NULL || former == engine) {
		*formers = before;
	} else if (may_take(engine, former)) {
		formers->id[0] = former->id;
		memcpy(formers->id + 1, before.id, sizeof(before.id) - sizeof(before.id[0]));
		handover = handover_begin(engine, former, tenant);
	}
	tenant_unref(tenant);
	return handover;
}

/*! Finds or starts the engine of a key. \return KNOT_E* */
static int get_engine(engine_t **result, const engine_key_t *key, const refresh_options_t *options,
                      const limits_t *limits)
{
	engine_t *engine = find_engine(key);
	if (engine == NULL) {
		int ret = engine_start(&engine, key, options, limits, &registry.waiters, retire);
		if (ret != KNOT_EOK) {
			return ret;
		}
		registry.id = (registry.id == UINT16_MAX) ? ANSWER_STORED + 1 : registry.id + 1;
		engine->id = registry.id;
		cds_list_add(&engine->node, &registry.live);
	}
	*result = engine;
	return KNOT_EOK;
}

int registry_acquire(engine_t **result, formers_t *formers, const engine_key_t *key, const knot_dname_t *zone,
                     const refresh_options_t *options, const limits_t *limits)
{
	*result = NULL;
	registry_hold_waits();

	pthread_mutex_lock(&registry.lock);
	free_ended();
	engine_t *engine;
	int ret = get_engine(&engine, key, options, limits);
	if (ret == KNOT_EOK) {
		ret = add_claim(engine, limits);
	}
	uint64_t handover = 0;
	if (ret == KNOT_EOK) {
		apply_limits(engine);
		handover = take_over(engine, zone, formers);
		cds_list_move(&engine->node, &registry.live);
		*result = engine;
	}
	pthread_mutex_unlock(&registry.lock);

	if (handover != 0) {
		handover_wait(engine, handover, HANDOVER_WAIT_MS);
	}
	return ret;
}

void registry_hold_waits(void)
{
	waiters_hold(&registry.waiters);
}

void registry_release(engine_t *engine, const limits_t *limits)
{
	if (engine != NULL) {
		waiters_release(&registry.waiters); /* A grace period has passed since the load of the new instance. */
		pthread_mutex_lock(&registry.lock);
		remove_claim(engine, limits);
		apply_limits(engine);
		pthread_mutex_unlock(&registry.lock);
	}
}

/*! Runs at the exit of the process, after all zones are gone. The library stays loaded until then (-z nodelete). */
__attribute__((destructor)) static void stop_all(void)
{
	/* A thread may be in retire(): it must find the lock free and its engine stopped. */
	pthread_mutex_lock(&registry.lock);
	engine_t *engine;
	cds_list_for_each_entry(engine, &registry.live, node) {
		engine_stop(engine);
	}
	pthread_mutex_unlock(&registry.lock);

	cds_list_splice(&registry.retired, &registry.live);
	join_all(&registry.live);
}
