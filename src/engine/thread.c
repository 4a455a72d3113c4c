/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/thread.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <libknot/libknot.h>

#include "cache/schedule.h"
#include "util/clock.h"

/*! Queries that leave before the loop looks for replies again: socket buffers hold few hundred messages. */
#define BURST_MAX 64
/*! Requests taken before that. */
#define INTAKE_MAX 1024
/*! Records read from the store before that. */
#define RESTORE_MAX 2048
/*! Targets that leave at a time when max-targets has been lowered. */
#define EVICT_MAX 1024
/*! The next ones follow after so many ms. */
#define EVICT_PAUSE_MS 10
/*! Period of house-keeping, in ms. */
#define SWEEP_MS 10000
/*! How long a batch for the store is collected, in ms. */
#define COMMIT_MS 1000
/*! When max-rate has made queries wait for so long, it is logged, in ms ... */
#define CAPPED_MS 2000
/*! ... once in that time. */
#define CAPPED_LOG_MS 60000

/*! A query under way. Its target can't leave the cache: the slot is busy. */
typedef struct {
	upstream_t *upstream;
	account_t *account;
	plan_t plan;
	bool failed; /*!< A failure has been noted. */
} flight_t;

/* --- targets --- */

/*! Removes a target that the planner has let go. */
static void remove_target(upstream_t *upstream, target_t *target)
{
	archive_remove(upstream->archive, target->name, clock_ms());
	account_charge(NULL, target);
	cache_remove(upstream->cache, target);
	upstream->common[COUNTER_TARGETS]--;
}

static bool evict_one(upstream_t *upstream)
{
	target_t *victim = cache_victim(upstream->cache);
	if (victim == NULL) {
		return false;
	}
	planner_remove(&upstream->planner, victim);
	remove_target(upstream, victim);
	upstream->common[COUNTER_EVICTED]++;
	return true;
}

static target_t *add_target(upstream_t *upstream, const knot_dname_t *name, account_t *account,
                            uint64_t used, uint64_t now)
{
	target_t *target = cache_add(upstream->cache, name, used);
	if (target == NULL) {
		return NULL;
	}
	account_charge(account, target);
	if (planner_add(&upstream->planner, target, now) != KNOT_EOK) {
		account_charge(NULL, target);
		cache_remove(upstream->cache, target);
		return NULL;
	}
	upstream->common[COUNTER_TARGETS]++;
	return target;
}

static target_t *find_target(upstream_t *upstream, const knot_dname_t *name)
{
	rcu_read_lock();
	target_t *target = cache_find(upstream->cache, name);
	rcu_read_unlock();
	return target; /* Only this thread removes it. */
}

/* --- results --- */

static void publish(upstream_t *upstream, const flight_t *flight, const reply_t *reply, uint64_t now)
{
	target_t *target = flight->plan.target;
	slot_t *slot = &target->slot[flight->plan.id];
	const terms_t *terms = &flight->account->terms;

	uint64_t stored = archive_stored(upstream->archive, slot->answer, reply, terms, now);
	if (cache_publish(slot, reply, now) != KNOT_EOK) {
		/* A failure like any other: the last good answer stays. */
		cache_fail(slot, KNOT_EDNS_EDE_OTHER, schedule_retry(slot, terms, now), flight->plan.at);
		return;
	}
	slot->answer->stored = stored;
	bool held = terms->hold && slot->answer->held != NULL; /* Then these stay in the store. */
	if (stored == 0 && !held) {
		slot->answer->stored = archive_put(upstream->archive, target, flight->plan.id, reply, now);
	}
}

static void count_result(const flight_t *flight, const reply_t *reply, int16_t ede, uint64_t now)
{
	counter_t id = COUNTER_FAILURES;
	if (reply != NULL) {
		id = (reply->kind == REPLY_ADDRESSES) ? COUNTER_ANSWERS : COUNTER_NEGATIVE;
	} else if (ede == KNOT_EDNS_EDE_NREACH_AUTH) {
		id = COUNTER_TIMEOUTS;
	}
	account_t *account = account_of(flight->plan.target);
	account_count(account, id);
	account_count_latency(account, now - flight->plan.at);
}

/*! Tells that the resolvers went down, or came back. */
static void note_health(upstream_t *upstream, uint64_t now)
{
	char servers[RESOLVERS_TEXT_MAX], text[sizeof(servers) + 128];
	resolvers_print(servers, &upstream->key.resolvers);
	if (upstream->planner.health.down) {
		upstream->common[COUNTER_DOWN]++;
		upstream->down_at = now;
		(void)snprintf(text, sizeof(text),
		               "resolver %s is down, nothing has been resolved for %d s, "
		               "the last good answers are served",
		               servers, HEALTH_DOWN_MS / 1000);
		news_post(&upstream->news, LOG_WARNING, text);
	} else {
		(void)snprintf(text, sizeof(text), "resolver %s is up again after %" PRIu64 " s",
		               servers, (now - upstream->down_at) / 1000);
		news_post(&upstream->news, LOG_NOTICE, text);
	}
}

static void on_result(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	flight_t *flight = ctx;
	upstream_t *upstream = flight->upstream;
	slot_t *slot = &flight->plan.target->slot[flight->plan.id];
	uint64_t now = clock_ms();

	if (upstream->closing) {
		if (final) {
			free(flight);
		}
		return;
	}

	if (reply != NULL) {
		publish(upstream, flight, reply, now);
	} else if (!flight->failed) {
		cache_fail(slot, ede, schedule_retry(slot, &flight->account->terms, now), flight->plan.at);
	}
	if (!flight->failed) {
		count_result(flight, reply, ede, now);
	}
	if (reply != NULL || !flight->failed) {
		if (planner_note(&upstream->planner, &flight->plan, reply != NULL, now)) {
			note_health(upstream, now);
		}
		flight->failed = (reply == NULL);
	}

	if (final) {
		planner_done(&upstream->planner, &flight->plan, now);
		flight->account->flights--;
		free(flight);
	}
	waiters_wake(&upstream->waiters);
}

/* --- the thread's turn --- */

static void take_request(upstream_t *upstream, const request_t *request, uint64_t now)
{
	account_t *account = request->account;
	if (!lanes_admit(&upstream->lanes, account)) {
		account = upstream->account; /* Other terms are better than none. */
	}

	target_t *target = find_target(upstream, request->name);
	if (target != NULL) {
		account_charge(account, target);
	} else if (request->refresh == 0 && request->wait == 0) {
		return; /* The account was all, see upstream_admit(). */
	} else if (cache_count(upstream->cache) < upstream->max_targets || evict_one(upstream)) {
		target = add_target(upstream, request->name, account, now, now);
	}
	if (target == NULL) {
		account_count(account, COUNTER_REFUSED);
		return;
	}
	planner_request(&upstream->planner, target, request->refresh, request->wait, request->made, now);
}

/*! True if there may be more. */
static bool take_requests(upstream_t *upstream)
{
	request_t *request = NULL;
	for (unsigned i = 0; i < INTAKE_MAX && (request = queue_pop(&upstream->queue)) != NULL; i++) {
		take_request(upstream, request, clock_ms());
		request_free(request);
	}
	return request != NULL;
}

static void fly(upstream_t *upstream, const plan_t *plan)
{
	account_t *account = plan->target->account;
	flight_t *flight = malloc(sizeof(*flight));
	if (flight == NULL) {
		slot_t *slot = &plan->target->slot[plan->id];
		uint64_t now = clock_ms();
		cache_fail(slot, KNOT_EDNS_EDE_OTHER, schedule_retry(slot, &account->terms, now), plan->at);
		planner_done(&upstream->planner, plan, now);
		waiters_wake(&upstream->waiters);
		return;
	}

	*flight = (flight_t){ .upstream = upstream, .account = account, .plan = *plan };
	account->flights++;
	account->lane->unsettled = true;
	resolver_query(account->lane->resolver, plan->target->name, addr_rrtype(plan->id), on_result, flight);
}

/*! Does what the planner says. \return ms until there is more to do. */
static uint64_t follow_plan(upstream_t *upstream)
{
	upstream->planner.max_rate = upstream->max_rate;

	for (unsigned i = 0; i < BURST_MAX; i++) {
		plan_t plan = planner_next(&upstream->planner, clock_ms());
		if (plan.kind == PLAN_NOTHING) {
			return plan.wait;
		} else if (plan.kind == PLAN_ASK) {
			fly(upstream, &plan);
		} else {
			remove_target(upstream, plan.target);
			upstream->common[COUNTER_EXPIRED]++;
		}
	}
	return 0;
}

/*! What has been too many for max-targets was never stored: on_sweep() sees to the rest. */
static void restore(void *ctx, const knot_dname_t *name, addr_type_t id, const reply_t *reply,
                    uint64_t received, uint64_t used, uint64_t now)
{
	upstream_t *upstream = ctx;
	target_t *target = find_target(upstream, name);
	if (target == NULL) {
		target = add_target(upstream, name, upstream->account, used, now);
	}
	if (target == NULL || target->slot[id].answer != NULL ||
	    cache_restore(&target->slot[id], reply, received) != KNOT_EOK) {
		return;
	}
	target->slot[id].answer->stored = received;
	upstream->common[COUNTER_RESTORED]++;
	(void)planner_add(&upstream->planner, target, now);
}

static void log_restored(upstream_t *upstream)
{
	if (upstream->common[COUNTER_RESTORED] > 0) {
		char text[64];
		(void)snprintf(text, sizeof(text), "%" PRIu64 " answers read back from the store",
		               upstream->common[COUNTER_RESTORED]);
		news_post(&upstream->news, LOG_INFO, text);
	}
}

static void restore_some(upstream_t *upstream)
{
	upstream->restoring = archive_read(upstream->archive, RESTORE_MAX, restore, upstream, clock_ms());
	if (!upstream->restoring) {
		log_restored(upstream);
		sem_post(&upstream->restored);
		waiters_wake(&upstream->waiters);
	}
}

static void log_cap(upstream_t *upstream)
{
	uint64_t now = clock_ms(), since = upstream->planner.capped_since;
	if (since == 0 || now - since < CAPPED_MS || now - upstream->capped_logged_at < CAPPED_LOG_MS) {
		return;
	}
	upstream->capped_logged_at = now;

	char text[128];
	(void)snprintf(text, sizeof(text),
	               "max-rate of %u queries/s reached, %u targets wait to be refreshed, %u to be resolved",
	               upstream->planner.max_rate,
	               upstream->planner.heap[AGENDA_DUE].count, upstream->planner.heap[AGENDA_WAITED].count);
	news_post(&upstream->news, LOG_WARNING, text);
}

static void publish_counters(upstream_t *upstream, bool all)
{
	const store_stats_t *stats = archive_stats(upstream->archive);
	if (stats != NULL) {
		upstream->common[COUNTER_STORED] = stats->puts;
		upstream->common[COUNTER_STORE_ERRORS] = stats->errors;
	}
	lanes_publish(&upstream->lanes, all);
}

static void on_tick(uv_timer_t *tick)
{
	(void)tick; /* Its time has made a turn of the loop. */
}

static void on_commit(uv_timer_t *timer)
{
	upstream_t *upstream = timer->data;
	archive_commit(upstream->archive, clock_ms());
}

static void on_turn(uv_prepare_t *turn)
{
	upstream_t *upstream = turn->data;
	if (upstream->closing) {
		return;
	}

	bool more = take_requests(upstream);
	uint64_t wait = follow_plan(upstream);
	lanes_settle(&upstream->lanes);
	publish_counters(upstream, false);
	if (upstream->restoring) {
		restore_some(upstream);
		more = true;
	}
	log_cap(upstream);

	if (archive_pending(upstream->archive) && !uv_is_active((uv_handle_t *)&upstream->commit)) {
		uv_timer_start(&upstream->commit, on_commit, COMMIT_MS, 0);
	}
	uv_timer_start(&upstream->tick, on_tick, more ? 0 : wait, 0);
}

void thread_close(upstream_t *upstream)
{
	upstream->closing = true;
	lanes_close(&upstream->lanes);
	uv_close((uv_handle_t *)&upstream->wakeup, NULL);
	uv_close((uv_handle_t *)&upstream->turn, NULL);
	uv_close((uv_handle_t *)&upstream->tick, NULL);
	uv_close((uv_handle_t *)&upstream->sweep, NULL);
	uv_close((uv_handle_t *)&upstream->commit, NULL);
}

static void on_wakeup(uv_async_t *wakeup)
{
	upstream_t *upstream = wakeup->data;
	if (atomic_load(&upstream->stop) && !upstream->closing) {
		thread_close(upstream);
	}
}

static void on_sweep(uv_timer_t *timer)
{
	upstream_t *upstream = timer->data;
	if (upstream->retire(upstream->retire_ctx)) {
		thread_close(upstream);
		return;
	}

	for (unsigned i = 0; i < EVICT_MAX && cache_count(upstream->cache) > upstream->max_targets; i++) {
		if (!evict_one(upstream)) {
			break;
		}
	}
	if (cache_count(upstream->cache) > upstream->max_targets) {
		uv_timer_start(timer, on_sweep, EVICT_PAUSE_MS, SWEEP_MS);
	}
	publish_counters(upstream, true);
	lanes_sweep(&upstream->lanes);
}

static void log_news(void *ctx, int priority, const char *text)
{
	news_post(ctx, priority, text);
}

int thread_init(upstream_t *upstream)
{
	if (uv_loop_init(&upstream->loop) != 0) {
		return KNOT_ERROR;
	}
	if (uv_async_init(&upstream->loop, &upstream->wakeup, on_wakeup) != 0) {
		uv_loop_close(&upstream->loop);
		return KNOT_ERROR;
	}
	uv_prepare_init(&upstream->loop, &upstream->turn);
	uv_timer_init(&upstream->loop, &upstream->tick);
	uv_timer_init(&upstream->loop, &upstream->sweep);
	uv_timer_init(&upstream->loop, &upstream->commit);
	upstream->wakeup.data = upstream->turn.data = upstream->tick.data = upstream;
	upstream->sweep.data = upstream->commit.data = upstream;

	uv_prepare_start(&upstream->turn, on_turn);
	uv_timer_start(&upstream->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	return KNOT_EOK;
}

void *thread_run(void *ctx)
{
	upstream_t *upstream = ctx;

	rcu_register_thread();

	upstream->archive = archive_open(upstream->key.store, &upstream->key.resolvers, log_news, &upstream->news);
	upstream->restoring = true;
	uv_timer_start(&upstream->tick, on_tick, 0, 0);
	uv_run(&upstream->loop, UV_RUN_DEFAULT);
	int ret = uv_loop_close(&upstream->loop);
	assert(ret == 0);
	(void)ret;

	sem_post(&upstream->restored);
	archive_close(upstream->archive);
	cache_clear(upstream->cache);
	rcu_unregister_thread();

	return NULL;
}
