/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/upstream.h"

#include <signal.h>
#include <stdlib.h>
#include <libknot/libknot.h>

#include "engine/thread.h"
#include "util/clock.h"

/*! How long the start waits for the store to be read, in ms. */
#define START_WAIT_MS 300

/* --- workers --- */

cache_t *upstream_cache(upstream_t *upstream)
{
	return upstream->cache;
}

const health_t *upstream_health(const upstream_t *upstream)
{
	return &upstream->planner.health;
}

news_t *upstream_news(upstream_t *upstream)
{
	return &upstream->news;
}

/*! Marks slots as asked for; those of which that is news. */
static unsigned mark(target_t *target, unsigned slots, asked_t how)
{
	for (unsigned i = 0; target != NULL && i < ADDR_TYPES; i++) {
		if (!(slots & (1U << i))) {
			continue;
		}
		_Atomic uint8_t *asked = &target->slot[i].asked;
		uint8_t before = atomic_load_explicit(asked, memory_order_relaxed);
		while (before < how && !atomic_compare_exchange_weak(asked, &before, how)) {
		}
		if (before >= how) {
			slots &= ~(1U << i); /* Somebody else was first. */
		}
	}
	return slots;
}

void upstream_admit(upstream_t *upstream, account_t *account)
{
	request_t request = { .account = account };
	if (queue_push(&upstream->queue, &request, (const knot_dname_t *)"")) {
		uv_async_send(&upstream->wakeup);
	}
}

bool upstream_ask(upstream_t *upstream, target_t *target, const knot_dname_t *name,
                  unsigned refresh, unsigned wait, account_t *account, uint64_t now)
{
	request_t request = {
		.account = account,
		.made = now,
		.refresh = mark(target, refresh, ASKED_REFRESH),
		.wait = mark(target, wait, ASKED_WAIT),
	};
	bool orphan = target != NULL && target->orphan && atomic_exchange(&target->orphan, false);
	if (request.refresh == 0 && request.wait == 0 && !orphan) {
		return true;
	}

	if (!queue_push(&upstream->queue, &request, name)) {
		for (unsigned i = 0; target != NULL && i < ADDR_TYPES; i++) {
			if ((request.refresh | request.wait) & (1U << i)) {
				atomic_store(&target->slot[i].asked, ASKED_NOT);
			}
		}
		if (orphan) {
			atomic_store(&target->orphan, true);
		}
		return false;
	}
	uv_async_send(&upstream->wakeup);
	return true;
}

bool upstream_wait(upstream_t *upstream, uint32_t wait_ms, unsigned seats,
                   waiters_done_f done, void *ctx)
{
	return waiters_wait(&upstream->waiters, wait_ms, seats, done, ctx);
}

/* --- life --- */

static void free_upstream(upstream_t *upstream)
{
	queue_deinit(&upstream->queue);
	lanes_deinit(&upstream->lanes);
	account_close(upstream->account);
	news_free(news_take(&upstream->news));
	planner_deinit(&upstream->planner);
	cache_free(upstream->cache);
	waiters_deinit(&upstream->waiters);
	sem_destroy(&upstream->restored);
	free(upstream);
}

/*! Starts the thread with all signals blocked: they are knotd's. */
static int start_thread(upstream_t *upstream)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&upstream->thread, NULL, thread_run, upstream);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret == 0) {
		pthread_setname_np(upstream->thread, "alias");
	}
	return ret == 0 ? KNOT_EOK : knot_map_errno_code(ret);
}

static void wait_restored(upstream_t *upstream)
{
	struct timespec end = clock_in(START_WAIT_MS);
	(void)sem_clockwait(&upstream->restored, CLOCK_MONOTONIC, &end);
}

int upstream_start(upstream_t **result, const upstream_key_t *key, const terms_t *terms,
                   const limits_t *limits, upstream_retire_f retire, void *ctx)
{
	upstream_t *upstream = calloc(1, sizeof(*upstream));
	if (upstream == NULL) {
		return KNOT_ENOMEM;
	}
	upstream->key = *key;
	upstream->retire = retire;
	upstream->retire_ctx = ctx;
	upstream_limit(upstream, limits);
	lanes_init(&upstream->lanes, &upstream->loop, &upstream->key.resolvers, &upstream->common);
	queue_init(&upstream->queue);
	waiters_init(&upstream->waiters);
	sem_init(&upstream->restored, 0, 0);
	planner_init(&upstream->planner);

	int ret = KNOT_ENOMEM;
	upstream->cache = cache_new();
	if (upstream->cache == NULL) {
		goto fail;
	}
	ret = thread_init(upstream);
	if (ret != KNOT_EOK) {
		goto fail;
	}
	terms_t restored = *terms;
	restored.stale_max = TERMS_WEEK; /* For each zone its own stale-max decides. */
	upstream->account = account_open((const knot_dname_t *)"", &restored, 0, NULL, upstream);
	ret = KNOT_ENOMEM;
	if (upstream->account != NULL && lanes_admit(&upstream->lanes, upstream->account)) {
		ret = start_thread(upstream);
	}
	if (ret != KNOT_EOK) {
		thread_close(upstream);
		uv_run(&upstream->loop, UV_RUN_DEFAULT);
		uv_loop_close(&upstream->loop);
		goto fail;
	}

	wait_restored(upstream);
	*result = upstream;
	return KNOT_EOK;
fail:
	free_upstream(upstream);
	return ret;
}

void upstream_limit(upstream_t *upstream, const limits_t *limits)
{
	atomic_store(&upstream->max_rate, limits->max_rate);
	atomic_store(&upstream->max_targets, limits->max_targets);
}

void upstream_stop(upstream_t *upstream)
{
	atomic_store(&upstream->stop, true);
	uv_async_send(&upstream->wakeup);
}

void upstream_join(upstream_t *upstream)
{
	pthread_join(upstream->thread, NULL);
	free_upstream(upstream);
}
