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

/*! An unchanged answer is written again after 1/RENEW_SHARE of stale-max ... */
#define RENEW_SHARE 8
/*! ... and after an hour at most, ms. */
#define RENEW_MAX_MS (3600 * 1000ULL)

/*! Each set of resolvers, and require-ad, has its own file, as the answers may differ. */
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

store_t *archive_open(const char *dir, const resolvers_t *set, log_queue_t *log)
{
	store_t *store = NULL;
	if (dir[0] != '\0') {
		char file[32];
		file_name(file, sizeof(file), set);
		(void)store_open(&store, dir, file, log);
	}
	return store;
}

/*! Milliseconds since a time of the wall clock; 0 if it is in the future, written by a wrong clock. */
static uint64_t age_ms(uint64_t when)
{
	uint64_t now = time(NULL);
	return now > when ? (now - when) * 1000 : 0;
}

int archive_next(store_t *store, archived_t *answer, uint64_t now)
{
	int ret = store_next(store, &answer->record, answer->name);
	if (ret != KNOT_EOK) {
		return ret;
	}
	uint64_t age = age_ms(answer->record.received);
	if (age >= (answer->record.reply.ttl + (uint64_t)POLICY_WEEK) * 1000) {
		store_drop(store);
		return KNOT_EAGAIN;
	}
	answer->received = now - age;
	answer->used = now - age_ms(answer->record.used);
	return KNOT_EOK;
}

/*! Compares one by one, as the addresses are sorted in both. */
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

uint64_t archive_stored(const store_t *store, const answer_t *old, const reply_t *reply,
                        const refresh_options_t *options, uint64_t now)
{
	if (old == NULL || !is_same(old, reply) || !store_has(store, old->stored)) {
		return 0;
	}
	uint64_t renew = MIN(options->stale_max * 1000ULL / RENEW_SHARE, RENEW_MAX_MS);
	return now - old->stored < renew ? old->stored : 0;
}

uint64_t archive_put(store_t *store, const target_t *target, addr_type_t type, const reply_t *reply, uint64_t now)
{
	uint64_t wall = time(NULL), used = target->entry[type].used;
	uint64_t unused = now > used ? (now - used) / 1000 : 0;
	record_t record = {
		.type = type,
		.reply = *reply,
		.received = wall,
		.used = wall > unused ? wall - unused : 0,
	};
	return store_put(store, target->name, &record, now) ? now : 0;
}
