/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/archive.h"

#include <string.h>
#include <sys/param.h>
#include <time.h>

/*! An unchanged answer is written again after 1/RENEW_SHARE of stale-max ... */
#define RENEW_SHARE 8
/*! ... and after an hour at most, ms. */
#define RENEW_MAX_MS (3600 * 1000ULL)

store_t *archive_open(const char *dir, const resolvers_t *set, log_queue_t *log, void (*wake)(void *ctx), void *ctx)
{
	static const char suffix[] = " require-ad"; /* The answers may differ. */
	char name[RESOLVERS_TEXT_MAX + sizeof(suffix)];
	if (dir[0] == '\0') {
		return NULL;
	}
	resolvers_print(name, set);
	if (set->require_ad) {
		strcat(name, suffix);
	}
	return store_open(dir, name, log, wake, ctx);
}

/*! Milliseconds since a time of the wall clock; 0 if it is in the future, written by a wrong clock. */
static uint64_t age_ms(uint64_t when)
{
	uint64_t now = time(NULL);
	return now > when ? (now - when) * 1000 : 0;
}

bool archive_times(const record_t *record, uint64_t now, uint64_t *received, uint64_t *used)
{
	uint64_t age = age_ms(record->received);
	*received = now - age;
	*used = now - age_ms(record->used);
	return age < (record->ttl + (uint64_t)POLICY_WEEK) * 1000;
}

/*! Compares one by one, as the addresses are sorted in both. */
static bool is_same(const answer_t *answer, const reply_t *reply)
{
	if (answer->kind != reply->kind || answer->count != reply->count) {
		return false;
	}
	const knot_rdata_t *rdata = &answer->rdata;
	for (unsigned i = 0; i < reply->count; i++) {
		if (memcmp(rdata->data, reply->addr[i], reply->len) != 0) {
			return false;
		}
		rdata = knot_rdataset_next((knot_rdata_t *)rdata);
	}
	return true;
}

uint64_t archive_stored(const store_t *store, const answer_t *old, const reply_t *reply,
                        const refresh_options_t *options, uint64_t now)
{
	if (old == NULL || !is_same(old, reply) || !store_has(store, old->stored)) {
		return 0;
	}
	uint64_t renew = MIN(options->stale_max * 1000ULL / RENEW_SHARE, RENEW_MAX_MS);
	return now - old->stored < renew ? old->stored : 0;
}

/*! The answer of an entry that belongs into the store, or NULL. */
static answer_t *to_store(const target_t *target, addr_type_t type, const refresh_options_t *options)
{
	answer_t *answer = target->entry[type].answer;
	answer_t *held = (answer != NULL && options->hold) ? answer_held(answer) : NULL;
	return held != NULL ? held : answer;
}

static uint64_t wall_time(uint64_t when, uint64_t now)
{
	uint64_t wall = time(NULL), ago = now > when ? (now - when) / 1000 : 0;
	return wall > ago ? wall - ago : 0;
}

void archive_put(store_t *store, const target_t *target, addr_type_t type, const refresh_options_t *options, uint64_t now)
{
	answer_t *answer = to_store(target, type, options);
	if (store == NULL) {
		return;
	}
	const knot_rdataset_t rrs = answer_rrs(answer);
	record_t *record = record_new(target->name, type, answer->kind, answer->ttl, &rrs);
	if (record != NULL) {
		record->received = wall_time(answer->received, now);
		record->used = wall_time(target->entry[type].used, now);
	}
	answer->stored = store_put(store, record) ? now : 0;
}

unsigned archive_refill(store_t *store, const target_t *target, const refresh_options_t *options, uint64_t now)
{
	unsigned count = 0;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		const answer_t *answer = to_store(target, type, options);
		bool foreign = answer != NULL && answer->restored > ANSWER_STORED;
		if (answer != NULL && !foreign && !store_has(store, answer->stored)) {
			archive_put(store, target, type, options, now);
			count++;
		}
	}
	return count;
}
