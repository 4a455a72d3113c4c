/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of handovers, and the walk through the former engine's cache. See handover.h. */

#include "engine/handover.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "cache/verdict.h"
#include "engine/internal.h"
#include "util/clock.h"

/*! Targets of the former engine looked at in a turn. */
#define WALK_MAX 4096

/*! A handover. Once it has ended its former engine may be gone. */
typedef struct {
	struct cds_list_head node;
	engine_t *former;
	uint16_t id;       /*!< Of the former engine. */
	bool late;         /*!< There was one from that engine a moment ago, so that it can wait. */
	bool started;      /*!< `tenant` stays as it is from now on. */
	uint64_t number;   /*!< Unless it is late. */
	uint64_t end;      /*!< clock_ms(); 0 before. */
	tenant_t **tenant; /*!< Tenants there of the zones that have come; once started by address. */
	unsigned tenants;
	cache_place_t place;
	uint64_t answers; /*!< Taken so far. */
} handover_t;

/*! What is taken from a target. */
typedef struct gift {
	struct gift *next;
	answer_t *answer[ADDR_TYPES]; /*!< Each may be NULL. */
	uint64_t used[ADDR_TYPES];    /*!< clock_ms() of the last use; 0 if the target is of other zones. */
	uint8_t name[];
} gift_t;

typedef struct {
	engine_t *engine;
	const handover_t *handover;
	gift_t *gifts;
	uint64_t now;
} walk_t;

void handovers_init(handovers_t *handovers)
{
	pthread_mutex_init(&handovers->lock, NULL);
	pthread_cond_init(&handovers->changed, NULL);
	CDS_INIT_LIST_HEAD(&handovers->list);
}

/*! Under the lock. */
static void end(handovers_t *handovers, handover_t *handover)
{
	for (unsigned i = 0; i < handover->tenants; i++) {
		tenant_unref(handover->tenant[i]);
	}
	free(handover->tenant);
	handover->tenants = 0;
	handover->tenant = NULL;
	handover->end = handovers->ended_at = clock_ms();
	if (!handover->late) {
		handovers->ended = handover->number;
		pthread_cond_broadcast(&handovers->changed);
	}
	atomic_fetch_sub(&handovers->active, 1);
	atomic_fetch_sub(&handover->former->handovers.takers, 1);
}

void handovers_deinit(handovers_t *handovers)
{
	handover_t *handover, *next;
	pthread_mutex_lock(&handovers->lock);
	cds_list_for_each_entry_safe(handover, next, &handovers->list, node) {
		if (handover->end == 0) {
			end(handovers, handover);
		}
		cds_list_del(&handover->node);
		free(handover);
	}
	pthread_mutex_unlock(&handovers->lock);
}

/*! The last handover from an engine, unless it ended a while ago. Forgets all that did. */
static handover_t *last_handover(handovers_t *handovers, uint16_t id)
{
	uint64_t now = clock_ms();
	handover_t *handover, *next, *last = NULL;
	cds_list_for_each_entry_safe(handover, next, &handovers->list, node) {
		if (handover->end != 0 && now >= handover->end + HANDOVER_PAUSE_MS) {
			cds_list_del(&handover->node);
			free(handover);
		} else if (handover->id == id) {
			last = handover;
		}
	}
	return last;
}

static handover_t *add_handover(engine_t *engine, engine_t *former, bool late)
{
	handovers_t *handovers = &engine->handovers;
	handover_t *handover = calloc(1, sizeof(*handover));
	if (handover != NULL) {
		handover->former = former;
		handover->id = former->id;
		handover->late = late;
		handover->number = late ? 0 : ++handovers->begun;
		cds_list_add_tail(&handover->node, &handovers->list);
		atomic_fetch_add(&handovers->active, 1);
		atomic_fetch_add(&former->handovers.takers, 1);
		uv_async_send(&engine->wakeup);
	}
	return handover;
}

/*! Without memory the zone's names wait for clients before they are refreshed. */
static void add_tenant(handover_t *handover, tenant_t *tenant)
{
	tenant_t **grown = realloc(handover->tenant, (handover->tenants + 1) * sizeof(tenant_t *));
	if (grown != NULL) {
		handover->tenant = grown;
		grown[handover->tenants++] = tenant_ref(tenant);
	}
}

uint64_t handover_begin(engine_t *engine, engine_t *former, tenant_t *tenant)
{
	handovers_t *handovers = &engine->handovers;
	pthread_mutex_lock(&handovers->lock);
	handover_t *last = last_handover(handovers, former->id), *handover = last;
	if (last == NULL || last->started) {
		handover = add_handover(engine, former, last != NULL);
	}
	if (handover != NULL) {
		add_tenant(handover, tenant);
	}
	uint64_t number = handovers->begun; /* A late one brings hardly any answer that a client could miss. */
	pthread_mutex_unlock(&handovers->lock);
	return number;
}

void handover_wait(engine_t *engine, uint64_t number, uint32_t ms)
{
	handovers_t *handovers = &engine->handovers;
	struct timespec limit = clock_in(ms);
	int ret = 0;
	pthread_mutex_lock(&handovers->lock);
	while (handovers->ended < number && ret == 0) {
		ret = pthread_cond_clockwait(&handovers->changed, &handovers->lock, CLOCK_MONOTONIC, &limit);
	}
	pthread_mutex_unlock(&handovers->lock);
}

/* --- the engine's thread --- */

/*! Whether an answer is better than what the engine has: an own one that serves, or may have to, stays. */
static bool is_better(const answer_t *answer, const entry_t *entry, uint64_t now)
{
	const answer_t *own = entry->answer;
	if (own == NULL) {
		return true;
	}
	bool serves = !own->restored && now < own->received + own->ttl * 1000ULL + VERDICT_GRACE_MS;
	return !serves && entry->failed_at == 0 && answer->received > own->received;
}

static int compare_tenants(const void *a, const void *b)
{
	const tenant_t *const *first = a, *const *second = b;
	return *first < *second ? -1 : *first > *second;
}

/*! Whether a target was charged to a zone that has come. Its tenant is only compared, it may be gone. */
static bool has_come(const handover_t *handover, const tenant_t *tenant)
{
	return handover->tenants > 0 && bsearch(&tenant, handover->tenant, handover->tenants, sizeof(tenant), compare_tenants) != NULL;
}

/*! Copies what is of use. Within a read section, in which the cache must not grow. */
static void collect(const target_t *from, void *ctx)
{
	walk_t *walk = ctx;
	const target_t *to = cache_lookup(walk->engine->cache, from->name, from->name_len);
	bool come = has_come(walk->handover, from->tenant);
	gift_t *gift = NULL;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		const answer_t *answer = rcu_dereference(from->entry[i].answer);
		uint64_t used = come ? from->entry[i].used : 0;
		bool better = answer != NULL && (to == NULL || is_better(answer, &to->entry[i], walk->now));
		if (!better && (to == NULL || used < to->entry[i].used + CACHE_USED_GRAIN_MS)) {
			continue;
		}
		if (gift == NULL && (gift = calloc(1, sizeof(*gift) + from->name_len)) == NULL) {
			return;
		}
		gift->answer[i] = better ? answer_copy(answer, walk->handover->id) : NULL;
		gift->used[i] = used;
	}
	if (gift != NULL) {
		memcpy(gift->name, from->name, from->name_len);
		gift->next = walk->gifts;
		walk->gifts = gift;
	}
}

/*! \return Number of answers taken. */
static unsigned take(engine_t *engine, gift_t *gift, uint64_t now)
{
	unsigned answers = 0;
	target_t *target = thread_find(engine, gift->name);
	if (target == NULL && cache_count(engine->cache) < engine->max_targets) {
		target = thread_add(engine, gift->name, engine->tenant, 0, now);
	}
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		if (target == NULL) {
			answer_free(gift->answer[i]);
			continue;
		}
		if (gift->answer[i] != NULL) {
			cache_adopt(&target->entry[i], gift->answer[i]);
			answers++;
		}
		cache_touch(&target->entry[i], gift->used[i]);
	}
	if (target != NULL) {
		(void)planner_add(&engine->planner, target, now);
	}
	free(gift);
	return answers;
}

static void log_handover(engine_t *engine, const handover_t *handover)
{
	if (handover->answers > 0) {
		char servers[RESOLVERS_TEXT_MAX];
		resolvers_print(servers, &handover->former->key.resolvers);
		log_queue_post(&engine->log, LOG_INFO, "%" PRIu64 " answers taken over from resolver %s",
		               handover->answers, servers);
	}
}

static void end_handover(engine_t *engine, handover_t *handover)
{
	log_handover(engine, handover);
	pthread_mutex_lock(&engine->handovers.lock);
	end(&engine->handovers, handover);
	pthread_mutex_unlock(&engine->handovers.lock);
}

/*! The one that goes on, or else the oldest one that may start; or NULL. Only this thread ends one, so it stays. */
static handover_t *next_handover(handovers_t *handovers, uint64_t now)
{
	handover_t *handover, *found = NULL;
	pthread_mutex_lock(&handovers->lock);
	cds_list_for_each_entry(handover, &handovers->list, node) {
		bool may_start = !handover->late || now >= handovers->ended_at + HANDOVER_PAUSE_MS;
		if (handover->end == 0 && (handover->started || (found == NULL && may_start))) {
			found = handover;
		}
	}
	if (found != NULL && !found->started) {
		found->started = true;
		qsort(found->tenant, found->tenants, sizeof(found->tenant[0]), compare_tenants);
	}
	pthread_mutex_unlock(&handovers->lock);
	return found;
}

bool handover_some(engine_t *engine)
{
	walk_t walk = { .engine = engine, .now = clock_ms() };
	handover_t *handover = next_handover(&engine->handovers, walk.now);
	if (handover == NULL) {
		return false;
	}
	walk.handover = handover;
	bool more = cache_walk(handover->former->cache, &handover->place, WALK_MAX, collect, &walk);

	gift_t *gift, *next;
	for (gift = walk.gifts; gift != NULL; gift = next) {
		next = gift->next;
		handover->answers += take(engine, gift, walk.now);
	}
	if (!more) {
		end_handover(engine, handover);
	}
	waiters_wake(engine->waiters);
	return true;
}
