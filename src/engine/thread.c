/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine's thread: a libuv loop that takes requests, sends queries and takes results. */

#include "engine/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/param.h>
#include <syslog.h>
#include <libknot/libknot.h>

#include "cache/schedule.h"
#include "util/clock.h"

/*! Queries sent before the loop polls for replies again: socket buffers hold only some hundred messages. */
#define BURST_MAX 64
/*! Requests taken between two polls. */
#define INTAKE_MAX 1024
/*! Targets evicted at a time after max-targets has been lowered. */
#define EVICT_MAX 1024
/*! Pause before the next ones, ms. */
#define EVICT_PAUSE_MS 10
/*! Period of house-keeping, ms. */
#define SWEEP_MS 10000
/*! It is logged when a limit has made queries wait for this long, ms ... */
#define CAPPED_MS 2000
/*! ... once in this time, ms. */
#define CAPPED_LOG_MS 60000
/*! Shortest time between two lines about targets with too many addresses, ms. */
#define CUT_LOG_MS 1000

/*! A query under way. Its target stays in the cache, as the entry is busy. */
typedef struct {
	engine_t *engine;
	tenant_t *tenant; /*!< Tenant at the time of sending. */
	plan_t plan;
	bool failed; /*!< A failure has been noted. */
} flight_t;

/*! A trial under way, see health.h. */
typedef struct {
	engine_t *engine;
	uint64_t sent; /*!< clock_ms() */
	bool noted;    /*!< Its result has been noted. */
} trial_t;

/* --- targets --- */

/*! Removes a target that the planner has forgotten. */
static void remove_target(engine_t *engine, target_t *target)
{
	store_del(engine->store, target->name);
	tenant_charge(NULL, target);
	cache_remove(engine->cache, target);
	engine->common[COUNTER_TARGETS]--;
}

static bool evict_one(engine_t *engine)
{
	target_t *victim = cache_victim(engine->cache);
	if (victim == NULL) {
		return false;
	}
	planner_remove(&engine->planner, victim);
	remove_target(engine, victim);
	engine->common[COUNTER_EVICTED]++;
	return true;
}

target_t *thread_add(engine_t *engine, const knot_dname_t *name, tenant_t *tenant, uint64_t used, uint64_t now)
{
	target_t *target = cache_add(engine->cache, name, used);
	if (target == NULL) {
		return NULL;
	}
	tenant_charge(tenant, target);
	if (planner_add(&engine->planner, target, now) != KNOT_EOK) {
		tenant_charge(NULL, target);
		cache_remove(engine->cache, target);
		return NULL;
	}
	engine->common[COUNTER_TARGETS]++;
	return target;
}

target_t *thread_find(engine_t *engine, const knot_dname_t *name)
{
	rcu_read_lock();
	target_t *target = cache_find(engine->cache, name);
	rcu_read_unlock();
	return target; /* Safe after the unlock: only this thread removes targets. */
}

/* --- results --- */

static void publish_reply(engine_t *engine, const flight_t *flight, const reply_t *reply, uint64_t now)
{
	target_t *target = flight->plan.target;
	entry_t *entry = &target->entry[flight->plan.id];
	const refresh_options_t *options = &target->tenant->options.refresh;

	uint64_t stored = archive_stored(engine->store, entry->answer, reply, options, now);
	if (cache_publish(entry, reply, now) != KNOT_EOK) {
		/* It counts as a failure, and the last good answer stays. */
		cache_fail(entry, KNOT_EDNS_EDE_OTHER, schedule_retry(entry, options, now), flight->plan.at);
		return;
	}
	entry->answer->stored = stored;
	bool held = options->hold && answer_held(entry->answer) != NULL; /* The store keeps these addresses. */
	if (stored == 0 && !held) {
		archive_put(engine->store, target, flight->plan.id, options, now);
	}
}

static void count_result(const flight_t *flight, const reply_t *reply, int16_t ede, uint64_t now)
{
	counter_t id = COUNTER_FAILURES;
	if (reply != NULL) {
		id = (reply->kind == REPLY_ADDRESSES) ? COUNTER_ANSWERS :
		     (reply->kind == REPLY_NXDOMAIN)  ? COUNTER_NXDOMAIN :
		                                        COUNTER_NODATA;
	} else if (ede == KNOT_EDNS_EDE_NREACH_AUTH) {
		id = COUNTER_TIMEOUTS;
	}
	tenant_t *tenant = flight->plan.target->tenant;
	tenant_count(tenant, id);
	tenant_count_latency(tenant, now - flight->plan.at);
}

/*! Logs that the resolvers went down or came back. \param ede  Why the last query failed. */
static void note_health(engine_t *engine, int16_t ede, uint64_t now)
{
	const health_t *health = &engine->planner.health;
	char servers[RESOLVERS_TEXT_MAX];
	resolvers_print(servers, &engine->key.resolvers);
	bool down = health_is_down(health);
	if (down) {
		engine->common[COUNTER_DOWN]++;
		engine->down_at = now;
	}
	if (down && health->good_at == 0) {
		log_queue_post(&engine->log, LOG_WARNING,
		               "resolver %s is down, nothing has been resolved since the start (%s)",
		               servers, resolver_reason(ede));
	} else if (down) {
		log_queue_post(&engine->log, LOG_WARNING,
		               "resolver %s is down, nothing has been resolved for %d s, "
		               "the last good answers are served",
		               servers, HEALTH_DOWN_MS / 1000);
	} else {
		log_queue_post(&engine->log, LOG_NOTICE, "resolver %s is up again after %" PRIu64 " s",
		               servers, (now - engine->down_at) / 1000);
	}
}

/*! Counts a reply of which not all addresses are kept, and logs that once for each entry. */
static void note_cut(engine_t *engine, const plan_t *plan, uint64_t now)
{
	tenant_count(plan->target->tenant, COUNTER_CUT);
	entry_t *entry = &plan->target->entry[plan->id];
	if (entry->cut_told || now - engine->cut_logged_at < CUT_LOG_MS) {
		return;
	}
	entry->cut_told = true;
	engine->cut_logged_at = now;

	knot_dname_txt_storage_t name;
	if (knot_dname_to_str(name, plan->target->name, sizeof(name)) != NULL) {
		log_queue_post(&engine->log, LOG_WARNING, "target %s, more than %d addresses for %s, the %d lowest are served",
		               name, REPLY_ADDRESSES_MAX, addr_name(plan->id), REPLY_ADDRESSES_MAX);
	}
}

static void on_result(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	flight_t *flight = ctx;
	engine_t *engine = flight->engine;
	entry_t *entry = &flight->plan.target->entry[flight->plan.id];
	uint64_t now = clock_ms();

	if (engine->closing) {
		if (final) {
			free(flight);
		}
		return;
	}

	if (reply != NULL) {
		publish_reply(engine, flight, reply, now);
		if (reply->cut) {
			note_cut(engine, &flight->plan, now);
		}
	} else if (!flight->failed) {
		cache_fail(entry, ede, schedule_retry(entry, &flight->plan.target->tenant->options.refresh, now), flight->plan.at);
	}
	if (!flight->failed) {
		count_result(flight, reply, ede, now);
	}
	if (reply != NULL || !flight->failed) {
		if (planner_note(&engine->planner, &flight->plan, reply != NULL, now)) {
			note_health(engine, ede, now);
		}
		flight->failed = (reply == NULL);
	}

	if (final) {
		planner_done(&engine->planner, &flight->plan, now);
		flight->tenant->queries--;
		free(flight);
	}
	waiters_wake(engine->waiters);
}

/* --- the trial --- */

static void on_trial(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	trial_t *trial = ctx;
	engine_t *engine = trial->engine;
	uint64_t now = clock_ms();
	if (!engine->closing && !trial->noted && planner_tried(&engine->planner, reply != NULL, trial->sent, now)) {
		note_health(engine, ede, now);
	}
	trial->noted = true;
	if (final) {
		free(trial);
	}
}

/*! Asks for an address of the root. That there is none is an answer, too. While it is down, the next trial is the retransmission. */
static void send_trial(engine_t *engine)
{
	uint64_t now = clock_ms();
	if (!planner_wants_trial(&engine->planner, now)) {
		return;
	}
	trial_t *trial = malloc(sizeof(*trial));
	if (trial == NULL) {
		if (planner_tried(&engine->planner, false, now, now)) {
			note_health(engine, KNOT_EDNS_EDE_OTHER, now);
		}
		return;
	}
	*trial = (trial_t){ .engine = engine, .sent = now };
	const refresh_options_t *options = &engine->tenant->options.refresh;
	uint32_t retry = health_is_down(&engine->planner.health) ? 0 : options->retry;
	resolver_query(engine->resolver, (const knot_dname_t *)"", KNOT_RRTYPE_A, options->timeout, retry, on_trial, trial);
}

/* --- the loop --- */

static void take_request(engine_t *engine, const request_t *request, uint64_t now)
{
	tenant_t *tenant = request->tenant;
	target_t *target = thread_find(engine, request->name);
	if (target != NULL) {
		planner_charge(&engine->planner, target, tenant, now);
	} else if (wishes_all(&request->wishes) == 0) {
		return; /* It was to charge a target that has left meanwhile. */
	} else if (cache_count(engine->cache) < engine->max_targets || evict_one(engine)) {
		target = thread_add(engine, request->name, tenant, now, now);
	}
	if (target == NULL) {
		tenant_count(tenant, COUNTER_REFUSED);
		return;
	}
	planner_request(&engine->planner, target, request->wishes, request->made, now);
}

/*! \return True if there may be more requests. */
static bool take_requests(engine_t *engine)
{
	request_t *request = NULL;
	for (unsigned i = 0; i < INTAKE_MAX && (request = queue_pop(&engine->queue)) != NULL; i++) {
		take_request(engine, request, clock_ms());
		request_free(request);
	}
	return request != NULL;
}

/*! Fails a query that can't be sent. */
static void fail_query(engine_t *engine, const plan_t *plan)
{
	entry_t *entry = &plan->target->entry[plan->id];
	uint64_t now = clock_ms();
	uint64_t retry_at = schedule_retry(entry, &plan->target->tenant->options.refresh, now);
	cache_fail(entry, KNOT_EDNS_EDE_OTHER, retry_at, plan->at);
	planner_done(&engine->planner, plan, now);
	waiters_wake(engine->waiters);
}

static void send_query(engine_t *engine, const plan_t *plan)
{
	tenant_t *tenant = plan->target->tenant;
	flight_t *flight = malloc(sizeof(*flight));
	if (flight == NULL) {
		fail_query(engine, plan);
		return;
	}

	*flight = (flight_t){ .engine = engine, .tenant = tenant, .plan = *plan };
	tenant->queries++;
	const refresh_options_t *options = &tenant->options.refresh;
	resolver_query(engine->resolver, plan->target->name, addr_rrtype(plan->id), options->timeout, options->retry,
	               on_result, flight);
}

/*! Does what the planner says. \return Time until there is more to do, ms. */
static uint64_t follow_plan(engine_t *engine)
{
	engine->planner.max_rate = engine->max_rate;

	for (unsigned i = 0; i < BURST_MAX; i++) {
		plan_t plan = planner_next(&engine->planner, clock_ms());
		if (plan.kind == PLAN_NOTHING) {
			return plan.wait;
		} else if (plan.kind == PLAN_ASK) {
			send_query(engine, &plan);
		} else {
			remove_target(engine, plan.target);
			engine->common[COUNTER_EXPIRED]++;
		}
	}
	return 0;
}

/*! Whether a limit has been reached for so long that it is to be logged, which is then noted. */
static bool is_to_be_logged(uint64_t since, uint64_t *logged_at)
{
	uint64_t now = clock_ms();
	if (since == 0 || now - since < CAPPED_MS || now - *logged_at < CAPPED_LOG_MS) {
		return false;
	}
	*logged_at = now;
	return true;
}

static void log_limits(engine_t *engine)
{
	const planner_t *planner = &engine->planner;
	if (is_to_be_logged(planner->capped_since, &engine->capped_logged_at)) {
		log_queue_post(&engine->log, LOG_WARNING,
		               "max-rate of %u queries/s reached, %u targets wait to be refreshed, %u to be resolved",
		               planner->max_rate, planner_count_due(planner), planner_count_cold(planner));
	}
	if (is_to_be_logged(planner->crowded_since, &engine->crowded_logged_at)) {
		log_queue_post(&engine->log, LOG_WARNING,
		               "limit of queries under way reached, %u targets wait to be refreshed, %u to be resolved",
		               planner_count_due(planner), planner_count_cold(planner));
	}
}

/*! Takes over what the store and the resolver count by themselves. */
static void count_parts(engine_t *engine)
{
	const store_stats_t *stats = store_stats(engine->store);
	engine->common[COUNTER_STORED] = stats->puts;
	engine->common[COUNTER_STORE_ERRORS] = stats->errors;
	const channels_stats_t *sent = resolver_stats(engine->resolver);
	engine->common[COUNTER_SENT] = sent->sent;
	engine->common[COUNTER_DROPPED] = sent->dropped;
	engine->common[COUNTER_TCP] = sent->streams;
}

static void on_tick(uv_timer_t *tick)
{
	(void)tick; /* The timer only has to wake the loop for on_prepare(). */
}

static void on_prepare(uv_prepare_t *prepare)
{
	engine_t *engine = prepare->data;
	if (engine->closing) {
		return;
	}

	tenants_renew(&engine->tenants);
	bool more = take_requests(engine);
	uint64_t wait = follow_plan(engine);
	send_trial(engine);
	count_parts(engine);
	tenants_publish(&engine->tenants, engine->common);
	if (engine->handovers.active > 0) {
		more |= handover_some(engine);
		wait = MIN(wait, HANDOVER_PAUSE_MS);
	}
	if (engine->restoring || store_has_news(engine->store)) {
		restore_follow(engine);
	}
	more |= restore_refill(engine);
	log_limits(engine);

	uv_timer_start(&engine->tick, on_tick, more ? 0 : wait, 0);
}

void thread_close(engine_t *engine)
{
	engine->closing = true;
	store_close(engine->store); /* It wakes the loop until then. */
	engine->store = NULL;
	if (engine->resolver != NULL) {
		resolver_free(engine->resolver);
	}
	uv_close((uv_handle_t *)&engine->wakeup, NULL);
	uv_close((uv_handle_t *)&engine->prepare, NULL);
	uv_close((uv_handle_t *)&engine->tick, NULL);
	uv_close((uv_handle_t *)&engine->sweep, NULL);
}

static void on_wakeup(uv_async_t *wakeup)
{
	engine_t *engine = wakeup->data;
	if (atomic_load(&engine->stop) && !engine->closing) {
		thread_close(engine);
	}
}

static void on_sweep(uv_timer_t *timer)
{
	engine_t *engine = timer->data;
	if (engine->retire(engine)) {
		thread_close(engine);
		return;
	}

	for (unsigned i = 0; i < EVICT_MAX && cache_count(engine->cache) > engine->max_targets; i++) {
		if (!evict_one(engine)) {
			break;
		}
	}
	if (cache_count(engine->cache) > engine->max_targets) {
		uv_timer_start(timer, on_sweep, EVICT_PAUSE_MS, SWEEP_MS);
	}
	count_parts(engine);
	tenants_sweep(&engine->tenants, engine->common);
}

int thread_init(engine_t *engine)
{
	if (uv_loop_init(&engine->loop) != 0) {
		return KNOT_ERROR;
	}
	if (uv_async_init(&engine->loop, &engine->wakeup, on_wakeup) != 0) {
		uv_loop_close(&engine->loop);
		return KNOT_ERROR;
	}
	uv_prepare_init(&engine->loop, &engine->prepare);
	uv_timer_init(&engine->loop, &engine->tick);
	uv_timer_init(&engine->loop, &engine->sweep);
	engine->wakeup.data = engine->prepare.data = engine->tick.data = engine;
	engine->sweep.data = engine;

	uv_prepare_start(&engine->prepare, on_prepare);
	uv_timer_start(&engine->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	return KNOT_EOK;
}

/*! Called by the store's thread. */
static void wake(void *ctx)
{
	engine_t *engine = ctx;
	uv_async_send(&engine->wakeup);
}

void *thread_run(void *ctx)
{
	engine_t *engine = ctx;

	rcu_register_thread();

	engine->store = archive_open(engine->key.store, &engine->key.resolvers, &engine->log, wake, engine);
	engine->restoring = true;
	uv_timer_start(&engine->tick, on_tick, 0, 0);
	uv_run(&engine->loop, UV_RUN_DEFAULT);
	int ret = uv_loop_close(&engine->loop);
	assert(ret == 0);
	(void)ret;

	sem_post(&engine->restored);
	handovers_deinit(&engine->handovers);
	cache_clear(engine->cache);
	rcu_unregister_thread();
	atomic_store(&engine->ended, true);

	return NULL;
}
