/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The calls of other threads: requests of workers, start and end of the engine. thread.c has its own thread. */

#include "engine/engine.h"

#include <signal.h>
#include <stdlib.h>
#include <libknot/libknot.h>

#include "engine/internal.h"
#include "util/clock.h"

/*! How long the start waits for the store to be read, ms. */
#define START_WAIT_MS 300

/* --- workers --- */

cache_t *engine_cache(engine_t *engine)
{
	return engine->cache;
}

const health_t *engine_health(const engine_t *engine)
{
	return &engine->planner.health;
}

bool engine_claim_start(engine_t *engine)
{
	return !atomic_exchange(&engine->claimed, true);
}

log_queue_t *engine_log(engine_t *engine)
{
	return &engine->log;
}

/*! Marks entries as asked for. \return Those that were not marked so before, as bits. */
static unsigned mark(target_t *target, unsigned entries, asked_t how)
{
	for (unsigned i = 0; target != NULL && i < ADDR_TYPES; i++) {
		if (!(entries & (1U << i))) {
			continue;
		}
		_Atomic uint8_t *asked = &target->entry[i].asked;
		uint8_t before = atomic_load_explicit(asked, memory_order_relaxed);
		while (before < how && !atomic_compare_exchange_weak(asked, &before, how)) {
		}
		if (before >= how) {
			entries &= ~(1U << i); /* Another thread was first. */
		}
	}
	return entries;
}

tenant_t *engine_tenant(engine_t *engine, const knot_dname_t *zone, const tenant_options_t *options,
                        tenant_publish_f publish, void *module)
{
	tenant_t *tenant = tenants_join(&engine->tenants, zone, options, publish, module);
	uv_async_send(&engine->wakeup);
	return tenant;
}

bool engine_ask(engine_t *engine, target_t *target, const knot_dname_t *name,
                wishes_t wishes, tenant_t *tenant, uint64_t now)
{
	request_t request = {
		.tenant = tenant,
		.made = now,
		.wishes = {
			.refresh = mark(target, wishes.refresh, ASKED_REFRESH),
			.cold = mark(target, wishes.cold, ASKED_COLD),
			.wait = mark(target, wishes.wait, ASKED_WAIT),
		},
	};
	bool unclaimed = target != NULL && target->unclaimed && atomic_exchange(&target->unclaimed, false);
	if (wishes_all(&request.wishes) == 0 && !unclaimed) {
		return true;
	}

	if (!queue_push(&engine->queue, &request, name)) {
		for (unsigned i = 0; target != NULL && i < ADDR_TYPES; i++) {
			if (wishes_all(&request.wishes) & (1U << i)) {
				atomic_store(&target->entry[i].asked, ASKED_NOT);
			}
		}
		if (unclaimed) {
			atomic_store(&target->unclaimed, true);
		}
		return false;
	}
	uv_async_send(&engine->wakeup);
	return true;
}

void engine_wait(engine_t *engine, tenant_t *tenant, const wait_t *wait, waiters_look_f look, void *ctx)
{
	uint64_t start = clock_ms();
	if (health_is_down(engine_health(engine)) || !waiters_may_wait(engine->waiters, wait, start) ||
	    !tenant_may_wait(tenant, wait->ms, start)) {
		(void)look(ctx);
		return;
	}

	wait_result_t result = waiters_wait(engine->waiters, wait, look, ctx);
	uint64_t end = clock_ms();
	/* A failure that comes soon costs little. */
	if (result == WAIT_TIMED_OUT || (result == WAIT_FAILED && end - start >= wait->ms / 2)) {
		tenant_waited_in_vain(tenant, wait->ms, end);
	} else if (result == WAIT_ANSWERED) {
		tenant_waited_well(tenant);
	}
}

/* --- life --- */

void engine_free(engine_t *engine)
{
	queue_deinit(&engine->queue);
	tenants_deinit(&engine->tenants);
	tenant_unref(engine->tenant);
	log_queue_free(log_queue_take(&engine->log));
	planner_deinit(&engine->planner);
	cache_free(engine->cache);
	sem_destroy(&engine->restored);
	free(engine);
}

/*! Starts the thread with all signals blocked: knotd's own threads handle signals. */
static int start_thread(engine_t *engine)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&engine->thread, NULL, thread_run, engine);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret == 0) {
		pthread_setname_np(engine->thread, "alias");
	}
	return ret == 0 ? KNOT_EOK : knot_map_errno_code(ret);
}

static void wait_restored(engine_t *engine)
{
	struct timespec end = clock_in(START_WAIT_MS);
	(void)sem_clockwait(&engine->restored, CLOCK_MONOTONIC, &end);
}

static uint64_t may_send(void *planner, uint64_t now)
{
	return planner_may_send(planner, now);
}

int engine_start(engine_t **result, const engine_key_t *key, const refresh_options_t *options,
                 const limits_t *limits, waiters_t *waiters, engine_retire_f retire)
{
	engine_t *engine = calloc(1, sizeof(*engine));
	if (engine == NULL) {
		return KNOT_ENOMEM;
	}
	engine->key = *key;
	engine->retire = retire;
	engine->waiters = waiters;
	engine->idle_since = clock_ms();
	CDS_INIT_LIST_HEAD(&engine->claims);
	engine_limit(engine, limits);
	tenants_init(&engine->tenants);
	queue_init(&engine->queue);
	handovers_init(&engine->handovers);
	sem_init(&engine->restored, 0, 0);
	planner_init(&engine->planner);

	int ret = KNOT_ENOMEM;
	engine->cache = cache_new();
	if (engine->cache == NULL) {
		goto fail;
	}
	ret = thread_init(engine);
	if (ret != KNOT_EOK) {
		goto fail;
	}
	tenant_options_t restored = { .refresh = *options };
	restored.refresh.stale_max = POLICY_WEEK; /* Each zone's own options decide later. */
	restored.refresh.denied = 0;
	engine->tenant = tenant_new(&engine->tenants, (const knot_dname_t *)"", &restored, NULL);
	engine->resolver = resolver_new(&engine->loop, &engine->key.resolvers);
	ret = KNOT_ENOMEM;
	if (engine->tenant != NULL && engine->resolver != NULL) {
		resolver_pace(engine->resolver, may_send, &engine->planner);
		ret = start_thread(engine);
	}
	if (ret != KNOT_EOK) {
		thread_close(engine);
		uv_run(&engine->loop, UV_RUN_DEFAULT);
		uv_loop_close(&engine->loop);
		goto fail;
	}

	wait_restored(engine);
	*result = engine;
	return KNOT_EOK;
fail:
	handovers_deinit(&engine->handovers);
	engine_free(engine);
	return ret;
}

void engine_limit(engine_t *engine, const limits_t *limits)
{
	atomic_store(&engine->max_rate, limits->max_rate);
	atomic_store(&engine->max_targets, limits->max_targets);
}

void engine_stop(engine_t *engine)
{
	atomic_store(&engine->stop, true);
	uv_async_send(&engine->wakeup);
}

void engine_join(engine_t *engine)
{
	pthread_join(engine->thread, NULL);
}
