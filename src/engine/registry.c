/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/registry.h"

#include <urcu/list.h>
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libknot/errcode.h>

#include "util/clock.h"

/*! How long an engine without zones is kept, in ms. */
#define LINGER_MS 60000

/*! Limits that some zones ask for. */
typedef struct {
	struct cds_list_head node;
	limits_t limits;
	unsigned refs;
} claim_t;

typedef struct {
	struct cds_list_head node;
	engine_key_t key;
	engine_t *engine;
	struct cds_list_head claims; /*!< One for each different limits: few. */
	uint64_t idle_since;         /*!< clock_ms() of when the last claim went. */
	bool stopped;
} running_t;

static struct {
	pthread_mutex_t lock;
	struct cds_list_head live;    /*!< In use or lingering. */
	struct cds_list_head retired; /*!< Their threads have ended or are about to. */
	atomic_uint waiting;          /*!< Workers that wait for any of them. */
} registry = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.live = CDS_LIST_HEAD_INIT(registry.live),
	.retired = CDS_LIST_HEAD_INIT(registry.retired),
};

/*! Waits for the threads of a list and frees what they leave. They need no lock any more. */
static void join(struct cds_list_head *list)
{
	running_t *running, *next;
	cds_list_for_each_entry_safe(running, next, list, node) {
		engine_join(running->engine);
		cds_list_del(&running->node);
		free(running);
	}
}

/*! For the engine's thread. While the registry is busy the answer is no. */
static bool retire(void *ctx)
{
	running_t *running = ctx;
	if (pthread_mutex_trylock(&registry.lock) != 0) {
		return false;
	}
	bool done = cds_list_empty(&running->claims) && !running->stopped &&
	            clock_ms() - running->idle_since >= LINGER_MS;
	if (done) {
		cds_list_del(&running->node);
		cds_list_add(&running->node, &registry.retired);
	}
	pthread_mutex_unlock(&registry.lock);
	return done;
}

static running_t *find_running(const engine_key_t *key)
{
	running_t *running;
	cds_list_for_each_entry(running, &registry.live, node) {
		if (memcmp(&running->key, key, sizeof(*key)) == 0) {
			return running;
		}
	}
	return NULL;
}

static running_t *add_running(const engine_key_t *key, const refresh_options_t *options, const limits_t *limits, int *ret)
{
	running_t *running = calloc(1, sizeof(*running));
	if (running == NULL) {
		*ret = KNOT_ENOMEM;
		return NULL;
	}
	running->key = *key;
	running->idle_since = clock_ms();
	CDS_INIT_LIST_HEAD(&running->claims);

	*ret = engine_start(&running->engine, key, options, limits, &registry.waiting, retire, running);
	if (*ret != KNOT_EOK) {
		free(running);
		return NULL;
	}
	cds_list_add(&running->node, &registry.live);
	return running;
}

static claim_t *find_claim(const running_t *running, const limits_t *limits)
{
	claim_t *claim;
	cds_list_for_each_entry(claim, &running->claims, node) {
		if (memcmp(&claim->limits, limits, sizeof(*limits)) == 0) {
			return claim;
		}
	}
	return NULL;
}

static int add_claim(running_t *running, const limits_t *limits)
{
	claim_t *claim = find_claim(running, limits);
	if (claim == NULL) {
		claim = calloc(1, sizeof(*claim));
		if (claim == NULL) {
			return KNOT_ENOMEM;
		}
		claim->limits = *limits;
		cds_list_add(&claim->node, &running->claims);
	}
	claim->refs++;
	return KNOT_EOK;
}

static void remove_claim(running_t *running, const limits_t *limits)
{
	claim_t *claim = find_claim(running, limits);
	assert(claim != NULL);
	if (--claim->refs == 0) {
		cds_list_del(&claim->node);
		free(claim);
	}
	if (cds_list_empty(&running->claims)) {
		running->idle_since = clock_ms();
	}
}

/*! The highest of all claims; without any, what was before stays. */
static void apply_limits(running_t *running)
{
	limits_t limits = { 0 };
	claim_t *claim;
	cds_list_for_each_entry(claim, &running->claims, node) {
		limits.max_rate = MAX(limits.max_rate, claim->limits.max_rate);
		limits.max_targets = MAX(limits.max_targets, claim->limits.max_targets);
	}
	if (!cds_list_empty(&running->claims)) {
		engine_limit(running->engine, &limits);
	}
}

int registry_acquire(engine_t **engine, const engine_key_t *key, const refresh_options_t *options,
                     const limits_t *limits)
{
	int ret = KNOT_EOK;
	*engine = NULL;

	pthread_mutex_lock(&registry.lock);
	join(&registry.retired);
	running_t *running = find_running(key);
	if (running == NULL) {
		running = add_running(key, options, limits, &ret);
	}
	if (ret == KNOT_EOK) {
		ret = add_claim(running, limits);
	}
	if (ret == KNOT_EOK) {
		apply_limits(running);
		*engine = running->engine;
	}
	pthread_mutex_unlock(&registry.lock);

	return ret;
}

void registry_release(engine_t *engine, const limits_t *limits)
{
	if (engine == NULL) {
		return;
	}

	pthread_mutex_lock(&registry.lock);
	running_t *running;
	cds_list_for_each_entry(running, &registry.live, node) {
		if (running->engine == engine) {
			remove_claim(running, limits);
			apply_limits(running);
			break;
		}
	}
	pthread_mutex_unlock(&registry.lock);
}

/*! At the exit of the process, after all zones are gone. The library stays loaded until then (-z nodelete). */
__attribute__((destructor)) static void stop_all(void)
{
	/* A thread may be at retire(): it must find the lock free, and itself stopped. */
	pthread_mutex_lock(&registry.lock);
	running_t *running;
	cds_list_for_each_entry(running, &registry.live, node) {
		running->stopped = true;
		engine_stop(running->engine);
	}
	pthread_mutex_unlock(&registry.lock);

	join(&registry.live);
	join(&registry.retired);
}
