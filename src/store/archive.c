/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>
#include <libknot/errcode.h>

#include "util/hash.h"

/*! An answer that stays the same is written again after that share of the time that it may serve ... */
#define RENEW_SHARE 8
/*! ... and after an hour at most, in ms. */
#define RENEW_MAX_MS (3600 * 1000ULL)

struct archive {
	store_t *store;
};

/*! One file for each set of resolvers and what is required of them: they may give different answers. */
static void file_name(char *file, size_t size, const resolvers_t *set)
{
	uint64_t id = FNV_INIT;
	for (unsigned i = 0; i < set->count; i++) {
		id = hash_fnv(id, &set->server[i].port, sizeof(set->server[i].port));
		id = hash_fnv(id, set->server[i].addr, sizeof(set->server[i].addr));
	}
	if (set->require_ad) {
		id = hash_fnv(id, &set->require_ad, sizeof(set->require_ad));
	}
	(void)snprintf(file, size, "%016" PRIx64 ".mdb", id);
}

archive_t *archive_open(const char *dir, const resolvers_t *set, store_log_f log, void *ctx)
{
	if (dir[0] == '\0') {
		return NULL;
	}
	archive_t *archive = calloc(1, sizeof(*archive));
	if (archive == NULL) {
		return NULL;
	}
	char file[32];
	file_name(file, sizeof(file), set);
	if (store_open(&archive->store, dir, file, log, ctx) != KNOT_EOK) {
		free(archive);
		return NULL;
	}
	return archive;
}

void archive_close(archive_t *archive)
{
	if (archive != NULL) {
		store_close(archive->store);
		free(archive);
	}
}

/*! Milliseconds since a time of the wall clock; what lies ahead of it, by a clock that was wrong, is now. */
static uint64_t age_ms(uint64_t when)
{
	uint64_t now = time(NULL);
	return now > when ? (now - when) * 1000 : 0;
}

typedef struct {
	archive_read_f read;
	void *ctx;
	uint64_t now;
} reading_t;

/*! False if the record is of no use any more. */
static bool read_record(const knot_dname_t *name, const record_t *record, void *ctx)
{
	const reading_t *reading = ctx;
	uint64_t age = age_ms(record->received);
	if (age >= (record->reply.ttl + (uint64_t)POLICY_WEEK) * 1000) {
		return false;
	}
	reading->read(reading->ctx, name, record->type, &record->reply, reading->now - age,
	              reading->now - age_ms(record->used), reading->now);
	return true;
}

bool archive_read(archive_t *archive, unsigned max, archive_read_f read, void *ctx, uint64_t now)
{
	reading_t reading = { .read = read, .ctx = ctx, .now = now };
	return archive != NULL && store_read(archive->store, max, read_record, &reading) == KNOT_EOK;
}

/*! Addresses are sorted in both. */
static bool is_same(const answer_t *answer, const reply_t *reply)
{
	if (answer->kind != reply->kind || answer->rrs.count != reply->count) {
		return false;
	}
	const knot_rdata_t *rdata = answer->rrs.rdata;
	for (unsigned i = 0; i < reply->count; i++) {
		if (memcmp(rdata->data, reply->addr[i], reply->len) != 0) {
			return false;
		}
		rdata = knot_rdataset_next((knot_rdata_t *)rdata);
	}
	return true;
}

uint64_t archive_stored(const archive_t *archive, const answer_t *old, const reply_t *reply,
                        const refresh_options_t *options, uint64_t now)
{
	if (archive == NULL || old == NULL || !is_same(old, reply) || !store_has(archive->store, old->stored)) {
		return 0;
	}
	uint64_t renew = MIN(options->stale_max * 1000ULL / RENEW_SHARE, RENEW_MAX_MS);
	return now - old->stored < renew ? old->stored : 0;
}

uint64_t archive_put(archive_t *archive, const target_t *target, addr_type_t id, const reply_t *reply, uint64_t now)
{
	if (archive == NULL) {
		return 0;
	}
	uint64_t wall = time(NULL), unused = now > target->used ? (now - target->used) / 1000 : 0;
	record_t record = {
		.type = id,
		.reply = *reply,
		.received = wall,
		.used = wall > unused ? wall - unused : 0,
	};
	return store_put(archive->store, target->name, &record, now) ? now : 0;
}

void archive_remove(archive_t *archive, const knot_dname_t *name, uint64_t now)
{
	if (archive != NULL) {
		store_del(archive->store, name, now);
	}
}

bool archive_pending(const archive_t *archive)
{
	return archive != NULL && store_pending(archive->store);
}

const store_stats_t *archive_stats(const archive_t *archive)
{
	return archive != NULL ? store_stats(archive->store) : NULL;
}

void archive_commit(archive_t *archive, uint64_t now)
{
	if (archive != NULL) {
		(void)store_commit(archive->store, now);
	}
}
