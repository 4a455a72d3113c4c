/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "upstream.h"

#include <urcu/list.h>
#include <urcu/wfcqueue.h>
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "clock.h"

/*! Requests that may wait for the thread; each takes some 100 octets. */
#define QUEUE_MAX	65536
/*! Queries under way at a time: a flood of new names must not become one for the resolver. */
#define FLIGHTS_MAX	512
/*! Queries that leave before the loop looks for replies again: socket buffers hold few hundred messages. */
#define BURST_MAX	64
/*! Period of house-keeping, in ms. */
#define SWEEP_MS	30000
/*! How long an upstream without zones is kept, in ms. */
#define LINGER_MS	60000

struct upstream {
	/* Registry, under its lock. */
	struct cds_list_head node;
	unsigned refs;
	uint64_t idle_since;
	pthread_t thread;

	/* Constant. */
	resolvers_t set;
	cache_t *cache;

	/* From workers to the thread. */
	struct cds_wfcq_head queue_head;
	struct cds_wfcq_tail queue_tail;
	atomic_uint queued;
	uv_async_t wakeup;
	atomic_bool stop;

	/* From the thread to waiting workers. */
	waiters_t waiters;

	/* The thread's own. */
	uv_loop_t loop;
	uv_timer_t sweep;
	struct cds_list_head lanes;
	struct cds_list_head backlog;  /*!< Flights to be started, in order of request. */
	unsigned flights;              /*!< Flights under way. */
	bool closing;
};

/*! Resolver for one (timeout, retry); c-ares has these per channel. */
typedef struct {
	struct cds_list_head node;
	resolver_t *resolver;
} lane_t;

typedef struct {
	struct cds_wfcq_node node;
	uint32_t timeout;
	uint32_t retry;
	unsigned types;
	uint64_t made;  /*!< clock_ms() of what the worker knew. */
	uint8_t name[];
} request_t;

/*! The resolution of a slot. Its target can't leave the cache: the slot is marked as busy. */
typedef struct {
	struct cds_list_head node;  /*!< In the backlog. */
	upstream_t *upstream;
	resolver_t *resolver;
	target_t *target;
	slot_id_t id;
	bool failed;                /*!< A failure has been noted. */
} flight_t;

static const uint16_t slot_type[SLOTS] = {
	[SLOT_A]    = KNOT_RRTYPE_A,
	[SLOT_AAAA] = KNOT_RRTYPE_AAAA,
};

/* --- workers --- */

cache_t *upstream_cache(upstream_t *upstream)
{
	return upstream->cache;
}

static request_t *new_request(const knot_dname_t *name, unsigned types, const policy_t *policy,
                              uint64_t now)
{
	size_t len = knot_dname_size(name);
	request_t *request = malloc(sizeof(*request) + len);
	if (request != NULL) {
		cds_wfcq_node_init(&request->node);
		request->timeout = policy->timeout;
		request->retry = policy->retry;
		request->types = types;
		request->made = now;
		memcpy(request->name, name, len);
	}
	return request;
}

void upstream_ask(upstream_t *upstream, target_t *target, const knot_dname_t *name,
                  unsigned types, const policy_t *policy, uint64_t now)
{
	for (unsigned i = 0; target != NULL && i < SLOTS; i++) {
		if ((types & (1U << i)) && atomic_exchange(&target->slot[i].asked, true)) {
			types &= ~(1U << i); /* Somebody else was first. */
		}
	}
	if (types == 0) {
		return;
	}

	request_t *request = NULL;
	if (atomic_fetch_add(&upstream->queued, 1) < QUEUE_MAX) {
		request = new_request(name, types, policy, now);
	}
	if (request == NULL) {
		atomic_fetch_sub(&upstream->queued, 1);
		for (unsigned i = 0; target != NULL && i < SLOTS; i++) {
			if (types & (1U << i)) {
				atomic_store(&target->slot[i].asked, false);
			}
		}
		return;
	}

	cds_wfcq_enqueue(&upstream->queue_head, &upstream->queue_tail, &request->node);
	uv_async_send(&upstream->wakeup);
}

bool upstream_wait(upstream_t *upstream, uint32_t wait_ms, unsigned seats,
                   waiters_done_f done, void *ctx)
{
	return waiters_wait(&upstream->waiters, wait_ms, seats, done, ctx);
}

/* --- the thread --- */

static void on_result(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	flight_t *flight = ctx;
	upstream_t *upstream = flight->upstream;
	slot_t *slot = &flight->target->slot[flight->id];

	if (!upstream->closing) {
		if (reply != NULL) {
			/* Out of memory is a failure like any other: the last good answer stays. */
			if (cache_publish(slot, reply, clock_ms()) != KNOT_EOK) {
				cache_fail(slot, KNOT_EDNS_EDE_OTHER, clock_ms());
			}
		} else if (!flight->failed) {
			cache_fail(slot, ede, clock_ms());
			flight->failed = true;
		}
	}

	if (final) {
		slot->busy = false;
		slot->settled = clock_ms();
		atomic_store(&slot->asked, false);
		free(flight);
		upstream->flights--;
		/* The next one must not start from inside of this callback. */
		if (!cds_list_empty(&upstream->backlog)) {
			uv_async_send(&upstream->wakeup);
		}
	}

	waiters_wake(&upstream->waiters);
}

static resolver_t *find_resolver(upstream_t *upstream, uint32_t timeout, uint32_t retry)
{
	lane_t *lane;
	cds_list_for_each_entry(lane, &upstream->lanes, node) {
		if (resolver_is(lane->resolver, timeout, retry)) {
			return lane->resolver;
		}
	}

	lane = calloc(1, sizeof(*lane));
	if (lane == NULL) {
		return NULL;
	}
	lane->resolver = resolver_new(&upstream->loop, &upstream->set, timeout, retry);
	if (lane->resolver == NULL) {
		free(lane);
		return NULL;
	}
	cds_list_add(&lane->node, &upstream->lanes);
	return lane->resolver;
}

static void plan_flight(upstream_t *upstream, target_t *target, slot_id_t id,
                        resolver_t *resolver, uint64_t made)
{
	slot_t *slot = &target->slot[id];
	if (slot->busy) {
		return;
	}
	if (slot->settled >= made) {
		/* The worker could not know yet what is known by now. */
		atomic_store(&slot->asked, false);
		return;
	}

	flight_t *flight = (resolver != NULL) ? malloc(sizeof(*flight)) : NULL;
	if (flight == NULL) {
		cache_fail(slot, KNOT_EDNS_EDE_OTHER, clock_ms());
		atomic_store(&slot->asked, false);
		waiters_wake(&upstream->waiters);
		return;
	}

	atomic_store(&slot->asked, true);
	slot->busy = true;
	*flight = (flight_t){ .upstream = upstream, .resolver = resolver, .target = target, .id = id };
	cds_list_add_tail(&flight->node, &upstream->backlog);
}

static void start_flights(upstream_t *upstream)
{
	for (unsigned i = 0; upstream->flights < FLIGHTS_MAX && !cds_list_empty(&upstream->backlog); i++) {
		if (i == BURST_MAX) {
			uv_async_send(&upstream->wakeup);
			break;
		}
		flight_t *flight = cds_list_first_entry(&upstream->backlog, flight_t, node);
		cds_list_del(&flight->node);
		upstream->flights++;
		resolver_query(flight->resolver, flight->target->name, slot_type[flight->id],
		               on_result, flight);
	}
}

static request_t *next_request(upstream_t *upstream)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_blocking(&upstream->queue_head,
	                                                         &upstream->queue_tail);
	if (node == NULL) {
		return NULL;
	}
	atomic_fetch_sub(&upstream->queued, 1);
	return caa_container_of(node, request_t, node);
}

static void serve_queue(upstream_t *upstream)
{
	request_t *request;
	while ((request = next_request(upstream)) != NULL) {
		target_t *target = cache_add(upstream->cache, request->name);
		if (target != NULL) {
			resolver_t *resolver = find_resolver(upstream, request->timeout, request->retry);
			for (unsigned i = 0; i < SLOTS; i++) {
				if (request->types & (1U << i)) {
					plan_flight(upstream, target, i, resolver, request->made);
				}
			}
		}
		free(request);
	}
	start_flights(upstream);
}

/*! Ends all: the loop runs out of handles and the thread leaves it. */
static void close_all(upstream_t *upstream)
{
	upstream->closing = true;

	request_t *request;
	while ((request = next_request(upstream)) != NULL) {
		free(request);
	}
	flight_t *flight, *next_flight;
	cds_list_for_each_entry_safe(flight, next_flight, &upstream->backlog, node) {
		cds_list_del(&flight->node);
		free(flight);
	}
	lane_t *lane, *next_lane;
	cds_list_for_each_entry_safe(lane, next_lane, &upstream->lanes, node) {
		resolver_free(lane->resolver);
		free(lane);
	}

	uv_close((uv_handle_t *)&upstream->wakeup, NULL);
	uv_close((uv_handle_t *)&upstream->sweep, NULL);
}

static void on_wakeup(uv_async_t *wakeup)
{
	upstream_t *upstream = wakeup->data;
	if (atomic_load(&upstream->stop)) {
		close_all(upstream);
	} else {
		serve_queue(upstream);
	}
}

static void on_sweep(uv_timer_t *timer)
{
	upstream_t *upstream = timer->data;
	if (upstream_retire(upstream)) {
		close_all(upstream);
	} else {
		cache_sweep(upstream->cache, clock_ms());
	}
}

static void *run(void *ctx)
{
	upstream_t *upstream = ctx;

	rcu_register_thread();

	uv_run(&upstream->loop, UV_RUN_DEFAULT);
	int ret = uv_loop_close(&upstream->loop);
	assert(ret == 0);
	(void)ret;

	cache_clear(upstream->cache);
	rcu_unregister_thread();

	return NULL;
}

/* --- life --- */

static void free_upstream(upstream_t *upstream)
{
	cache_free(upstream->cache);
	waiters_deinit(&upstream->waiters);
	free(upstream);
}

static int init_loop(upstream_t *upstream)
{
	if (uv_loop_init(&upstream->loop) != 0) {
		return KNOT_ERROR;
	}
	if (uv_async_init(&upstream->loop, &upstream->wakeup, on_wakeup) != 0) {
		uv_loop_close(&upstream->loop);
		return KNOT_ERROR;
	}
	upstream->wakeup.data = upstream;
	uv_timer_init(&upstream->loop, &upstream->sweep);
	upstream->sweep.data = upstream;
	uv_timer_start(&upstream->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	return KNOT_EOK;
}

/*! Starts the thread with all signals blocked: they are knotd's. */
static int start_thread(upstream_t *upstream)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&upstream->thread, NULL, run, upstream);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret == 0) {
		pthread_setname_np(upstream->thread, "alias");
	}
	return ret == 0 ? KNOT_EOK : knot_map_errno_code(ret);
}

static int start_upstream(upstream_t **result, const resolvers_t *set)
{
	upstream_t *upstream = calloc(1, sizeof(*upstream));
	if (upstream == NULL) {
		return KNOT_ENOMEM;
	}
	upstream->set = *set;
	CDS_INIT_LIST_HEAD(&upstream->lanes);
	CDS_INIT_LIST_HEAD(&upstream->backlog);
	cds_wfcq_init(&upstream->queue_head, &upstream->queue_tail);
	waiters_init(&upstream->waiters);

	int ret = KNOT_ENOMEM;
	upstream->cache = cache_new();
	if (upstream->cache == NULL) {
		goto fail;
	}
	ret = init_loop(upstream);
	if (ret != KNOT_EOK) {
		goto fail;
	}
	ret = start_thread(upstream);
	if (ret != KNOT_EOK) {
		close_all(upstream);
		uv_run(&upstream->loop, UV_RUN_DEFAULT);
		uv_loop_close(&upstream->loop);
		goto fail;
	}

	*result = upstream;
	return KNOT_EOK;
fail:
	free_upstream(upstream);
	return ret;
}

/* --- registry --- */

static struct {
	pthread_mutex_t lock;
	struct cds_list_head live;    /*!< In use or lingering. */
	struct cds_list_head retired; /*!< Their threads have ended or are about to. */
} registry = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.live = CDS_LIST_HEAD_INIT(registry.live),
	.retired = CDS_LIST_HEAD_INIT(registry.retired),
};

/*! Waits for the threads of a list and frees what they leave. They need no lock any more. */
static void join_threads(struct cds_list_head *list)
{
	upstream_t *upstream, *next;
	cds_list_for_each_entry_safe(upstream, next, list, node) {
		pthread_join(upstream->thread, NULL);
		cds_list_del(&upstream->node);
		free_upstream(upstream);
	}
}

bool upstream_retire(upstream_t *upstream)
{
	if (pthread_mutex_trylock(&registry.lock) != 0) {
		return false;
	}
	bool retire = upstream->refs == 0 && !atomic_load(&upstream->stop) &&
	              clock_ms() - upstream->idle_since >= LINGER_MS;
	if (retire) {
		cds_list_move(&upstream->node, &registry.retired);
	}
	pthread_mutex_unlock(&registry.lock);
	return retire;
}

static upstream_t *find_upstream(const resolvers_t *set)
{
	upstream_t *upstream;
	cds_list_for_each_entry(upstream, &registry.live, node) {
		if (memcmp(&upstream->set, set, sizeof(*set)) == 0) {
			return upstream;
		}
	}
	return NULL;
}

int upstream_acquire(upstream_t **upstream, const resolvers_t *set)
{
	int ret = KNOT_EOK;

	pthread_mutex_lock(&registry.lock);
	join_threads(&registry.retired);
	*upstream = find_upstream(set);
	if (*upstream == NULL) {
		ret = start_upstream(upstream, set);
		if (ret == KNOT_EOK) {
			cds_list_add(&(*upstream)->node, &registry.live);
		}
	}
	if (ret == KNOT_EOK) {
		(*upstream)->refs++;
	}
	pthread_mutex_unlock(&registry.lock);

	return ret;
}

void upstream_release(upstream_t *upstream)
{
	if (upstream == NULL) {
		return;
	}

	pthread_mutex_lock(&registry.lock);
	assert(upstream->refs > 0);
	if (--upstream->refs == 0) {
		upstream->idle_since = clock_ms();
	}
	pthread_mutex_unlock(&registry.lock);
}

/*! At the exit of the process, after all zones are gone. The library stays loaded until then (-z nodelete). */
__attribute__((destructor))
static void stop_all(void)
{
	/* A thread may be at upstream_retire(): it must find the lock free, and itself stopped. */
	pthread_mutex_lock(&registry.lock);
	upstream_t *upstream;
	cds_list_for_each_entry(upstream, &registry.live, node) {
		atomic_store(&upstream->stop, true);
		uv_async_send(&upstream->wakeup);
	}
	pthread_mutex_unlock(&registry.lock);

	join_threads(&registry.live);
	join_threads(&registry.retired);
}
