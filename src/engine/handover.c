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
#define WALK_MAX 1024

/*! A handover. Once it has ended its former engine may be gone. */
typedef struct {
	struct cds_list_head node;
	engine_t *former;
	uint16_t id; /*!< Of the former engine. */
	cache_place_t place;
	uint64_t answers; /*!< Taken so far. */
	uint64_t number;
	uint64_t end; /*!< clock_ms(); 0 while it goes on. */
} handover_t;

/*! What is taken from a target. */
typedef struct gift {
	struct gift *next;
	answer_t *answer[ADDR_TYPES]; /*!< Each may be NULL. */
	uint64_t used[ADDR_TYPES];    /*!< clock_ms() of the last use. */
	uint8_t name[];
} gift_t;

typedef struct {
	engine_t *engine;
	uint16_t id;
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
	handover->end = clock_ms();
	handovers->ended = handover->number;
	pthread_cond_broadcast(&handovers->changed);
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

/*! Finds the handover from an engine, if it goes on or ended a moment ago. Forgets those that ended before. */
static handover_t *find_handover(handovers_t *handovers, uint16_t id, uint64_t now)
{
	handover_t *handover, *next, *found = NULL;
	cds_list_for_each_entry_safe(handover, next, &handovers->list, node) {
		if (handover->end != 0 && now >= handover->end + HANDOVER_PAUSE_MS) {
			cds_list_del(&handover->node);
			free(handover);
		} else if (handover->id == id) {
			found = handover;
		}
	}
	return found;
}

uint64_t handover_begin(engine_t *engine, engine_t *former)
{
	handovers_t *handovers = &engine->handovers;
	pthread_mutex_lock(&handovers->lock);
	handover_t *handover = find_handover(handovers, former->id, clock_ms());
	if (handover == NULL && (handover = calloc(1, sizeof(*handover))) != NULL) {
		handover->former = former;
		handover->id = former->id;
		handover->number = ++handovers->begun;
		atomic_fetch_add(&former->handovers.takers, 1);
		cds_list_add_tail(&handover->node, &handovers->list);
		atomic_store(&handovers->active, true);
		uv_async_send(&engine->wakeup);
	}
	uint64_t number = (handover != NULL) ? handover->number : 0;
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

/*! Copies what is of use. Within a read section, in which the cache must not grow. */
static void collect(const target_t *from, void *ctx)
{
	walk_t *walk = ctx;
	const target_t *to = cache_lookup(walk->engine->cache, from->name, from->name_len);
	gift_t *gift = NULL;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		const answer_t *answer = rcu_dereference(from->entry[i].answer);
		if (answer == NULL || (to != NULL && !is_better(answer, &to->entry[i], walk->now))) {
			continue;
		}
		if (gift == NULL && (gift = calloc(1, sizeof(*gift) + from->name_len)) == NULL) {
			return;
		}
		gift->answer[i] = answer_copy(answer, walk->id);
		gift->used[i] = from->entry[i].used;
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
		if (target == NULL || gift->answer[i] == NULL) {
			answer_free(gift->answer[i]);
			continue;
		}
		cache_adopt(&target->entry[i], gift->answer[i]);
		cache_touch(&target->entry[i], gift->used[i]);
		answers++;
	}
	if (answers > 0) {
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

/*! Ends a handover and moves on to the next one. \return False if there is none. */
static bool end_handover(engine_t *engine, handover_t *handover)
{
	handovers_t *handovers = &engine->handovers;
	log_handover(engine, handover);
	pthread_mutex_lock(&handovers->lock);
	end(handovers, handover);
	bool more = (handovers->ended < handovers->begun);
	atomic_store(&handovers->active, more);
	pthread_mutex_unlock(&handovers->lock);
	return more;
}

/*! The oldest handover that goes on. Only this thread ends one, so it stays. */
static handover_t *first_handover(handovers_t *handovers)
{
	handover_t *handover, *first = NULL;
	pthread_mutex_lock(&handovers->lock);
	cds_list_for_each_entry(handover, &handovers->list, node) {
		if (handover->end == 0) {
			first = handover;
			break;
		}
	}
	pthread_mutex_unlock(&handovers->lock);
	return first;
}

bool handover_some(engine_t *engine)
{
	if (!atomic_load(&engine->handovers.active)) {
		return false;
	}
	handover_t *handover = first_handover(&engine->handovers);
	walk_t walk = { .engine = engine, .id = handover->id, .now = clock_ms() };
	bool more = cache_walk(handover->former->cache, &handover->place, WALK_MAX, collect, &walk);

	gift_t *gift, *next;
	for (gift = walk.gifts; gift != NULL; gift = next) {
		next = gift->next;
		handover->answers += take(engine, gift, walk.now);
	}
	if (!more) {
		more = end_handover(engine, handover);
	}
	waiters_wake(engine->waiters);
	return more;
}
