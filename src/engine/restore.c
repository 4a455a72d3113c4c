/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the engine's thread takes from the store at a start, and gives it once more when the store has lost it. */

#include "engine/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <syslog.h>

#include "util/clock.h"

/*! Targets put into the store once more at a time. */
#define REFILL_MAX 2048

/*! Adds a target read from the store. Too many come only if max-targets was lowered; on_sweep() evicts those. */
static void restore(engine_t *engine, const record_t *record, uint64_t now)
{
	uint64_t received, used;
	if (!archive_times(record, now, &received, &used)) {
		return;
	}
	target_t *target = thread_find(engine, record->data);
	if (target == NULL) {
		target = thread_add(engine, record->data, engine->tenant, 0, now);
	}
	if (target == NULL) {
		return;
	}
	reply_t reply;
	record_reply(&reply, record);
	entry_t *entry = &target->entry[record->type];
	if (entry->answer != NULL || cache_restore(entry, &reply, received) != KNOT_EOK) {
		return;
	}
	entry->answer->stored = received;
	cache_touch(entry, used);
	engine->common[COUNTER_RESTORED]++;
	(void)planner_add(&engine->planner, target, now);
}

static void log_restored(engine_t *engine)
{
	if (engine->common[COUNTER_RESTORED] > 0) {
		log_queue_post(&engine->log, LOG_INFO, "%" PRIu64 " answers read back from the store",
		               engine->common[COUNTER_RESTORED]);
	}
}

/*! Takes what the store has read. */
static void restore_some(engine_t *engine, store_news_t *news, uint64_t now)
{
	while (news->records != NULL) {
		record_t *record = news->records;
		restore(engine, record, now);
		news->records = record->next;
		free(record);
		engine->restoring = true;
	}
	if (engine->restoring) {
		waiters_wake(engine->waiters);
	}
	if (engine->restoring && !news->reading) {
		engine->restoring = false;
		log_restored(engine);
		sem_post(&engine->restored);
	}
}

static void refill_target(const target_t *target, void *ctx)
{
	engine_t *engine = ctx;
	unsigned count = archive_refill(engine->store, target, &target->tenant->options.refresh, clock_ms());
	engine->refill_room -= MIN(count, engine->refill_room);
}

bool restore_refill(engine_t *engine)
{
	if (!engine->refilling || engine->refill_room == 0) {
		return false;
	}
	engine->refilling = cache_walk(engine->cache, &engine->refill_at, REFILL_MAX, refill_target, engine);
	return engine->refilling && engine->refill_room > 0;
}

void restore_follow(engine_t *engine)
{
	store_news_t news = store_take(engine->store);
	restore_some(engine, &news, clock_ms());
	if (news.lacking) {
		memset(&engine->refill_at, 0, sizeof(engine->refill_at));
		engine->refilling = true;
	}
	if (news.written) {
		engine->refill_room = STORE_BATCH;
	}
}
