/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The cache's hash table and LRU list, and the publishing of answers under RCU. See cache.h. */

#include "cache/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>
#include <libknot/errcode.h>

#include "util/alloc.h"
#include "util/hash.h"

/*! Initial number of buckets. */
#define BUCKETS_MIN 1024

/*! Targets compared to find the one to evict. */
#define VICTIM_LOOKS 16

struct cache {
	struct cds_lfht *table;
	struct cds_list_head lru; /*!< All targets, in the order of cache_victim()'s last look, the oldest first. */
	uint32_t count;
	uint32_t buckets;
	uint64_t seed; /*!< Zone owners choose target names and must not be able to make them collide. */
};

typedef struct {
	const knot_dname_t *name;
	size_t len;
} name_key_t;

static int match_name(struct cds_lfht_node *node, const void *arg)
{
	const target_t *target = caa_container_of(node, target_t, node);
	const name_key_t *key = arg;
	return target->name_len == key->len && memcmp(target->name, key->name, key->len) == 0;
}

void answer_free(answer_t *answer)
{
	if (answer != NULL) {
		free(answer_held(answer));
	}
	free(answer);
}

static void free_answer_rcu(struct rcu_head *head)
{
	free(caa_container_of(head, answer_t, rcu));
}

/*! Frees an answer that has been replaced, and what it holds, but for what the new answer holds. */
static void retire(answer_t *answer, const answer_t *kept)
{
	while (answer != NULL) {
		answer_t *held = answer_held(answer);
		if (answer != kept) {
			call_rcu(&answer->rcu, free_answer_rcu);
		}
		answer = held;
	}
}

static void free_target_rcu(struct rcu_head *head)
{
	target_t *target = caa_container_of(head, target_t, rcu);
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		answer_free(target->entry[i].answer);
	}
	free(target);
}

/*! Whether there is memory for twice the buckets: liburcu ends the process when there is none. */
static bool has_room(const cache_t *cache)
{
	return can_alloc(2 * cache->buckets * sizeof(struct cds_lfht_node));
}

cache_t *cache_new(void)
{
	cache_t *cache = calloc(1, sizeof(*cache));
	if (cache == NULL) {
		return NULL;
	}

	CDS_INIT_LIST_HEAD(&cache->lru);
	cache->buckets = BUCKETS_MIN;
	if (has_room(cache) && getrandom(&cache->seed, sizeof(cache->seed), 0) == sizeof(cache->seed)) {
		cache->table = cds_lfht_new(BUCKETS_MIN, BUCKETS_MIN, 0, 0, NULL);
	}
	if (cache->table == NULL) {
		free(cache);
		return NULL;
	}
	return cache;
}

void cache_clear(cache_t *cache)
{
	target_t *target, *next;
	cds_list_for_each_entry_safe(target, next, &cache->lru, lru) {
		cache_remove(cache, target);
	}
	rcu_barrier();
}

void cache_free(cache_t *cache)
{
	if (cache != NULL) {
		cds_lfht_destroy(cache->table, NULL);
		free(cache);
	}
}

static void find(cache_t *cache, const knot_dname_t *name, size_t len, struct cds_lfht_iter *iter)
{
	const name_key_t key = { name, len };
	cds_lfht_lookup(cache->table, hash64(cache->seed, name, len), match_name, &key, iter);
}

target_t *cache_lookup(cache_t *cache, const knot_dname_t *name, size_t len)
{
	struct cds_lfht_iter iter;
	find(cache, name, len, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	return (node != NULL) ? caa_container_of(node, target_t, node) : NULL;
}

uint32_t cache_count(const cache_t *cache)
{
	return cache->count;
}

target_t *cache_add(cache_t *cache, const knot_dname_t *name, uint64_t now)
{
	size_t len = knot_dname_size(name);
	target_t *target = calloc(1, MAX(sizeof(*target), offsetof(target_t, name) + len));
	if (target == NULL) {
		return NULL;
	}
	memcpy(target->name, name, len);
	target->name_len = len;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		atomic_init(&target->entry[i].used, now);
	}
	cds_lfht_node_init(&target->node);

	cds_list_add_tail(&target->lru, &cache->lru);
	cache->count++;
	if (cache->count > cache->buckets && has_room(cache)) {
		/* CDS_LFHT_AUTO_RESIZE fell behind in knotd: half a million targets were in chains of hundreds. */
		cache->buckets *= 2;
		cds_lfht_resize(cache->table, cache->buckets);
	}
	rcu_read_lock();
	cds_lfht_add(cache->table, hash64(cache->seed, name, len), &target->node);
	rcu_read_unlock();
	return target;
}

void cache_remove(cache_t *cache, target_t *target)
{
	cds_list_del(&target->lru);
	cache->count--;
	rcu_read_lock();
	cds_lfht_del(cache->table, &target->node);
	rcu_read_unlock();
	call_rcu(&target->rcu, free_target_rcu);
}

target_t *cache_victim(cache_t *cache)
{
	target_t *victim = NULL;
	for (unsigned i = 0; i < VICTIM_LOOKS && i < cache->count; i++) {
		target_t *target = cds_list_first_entry(&cache->lru, target_t, lru);
		cds_list_del(&target->lru);
		cds_list_add_tail(&target->lru, &cache->lru);
		bool busy = target->entry[ADDR_A].busy || target->entry[ADDR_AAAA].busy;
		if (!busy && (victim == NULL || cache_used(target) < cache_used(victim))) {
			victim = target;
		}
	}
	return victim;
}

/*! \param size  Octets of all addresses. */
static answer_t *allocate(size_t size)
{
	return calloc(1, MAX(sizeof(answer_t), offsetof(answer_t, rdata) + size));
}

static answer_t *new_answer(const reply_t *reply, uint64_t received)
{
	size_t step = knot_rdata_size(reply->len);
	answer_t *answer = allocate(reply->count * step);
	if (answer == NULL) {
		return NULL;
	}

	answer->received = received;
	answer->ttl = reply->ttl;
	answer->kind = reply->kind;
	answer->count = reply->count;
	for (unsigned i = 0; i < reply->count; i++) {
		knot_rdata_init((knot_rdata_t *)((uint8_t *)&answer->rdata + i * step), reply->len, reply->addr[i]);
	}

	return answer;
}

int cache_publish(entry_t *entry, const reply_t *reply, uint64_t now)
{
	answer_t *answer = new_answer(reply, now);
	if (answer == NULL) {
		return KNOT_ENOMEM;
	}

	answer_t *old = entry->answer;
	if (old != NULL && reply->kind == REPLY_NXDOMAIN) {
		answer->held = (old->kind == REPLY_ADDRESSES) ? old : answer_held(old);
	}
	rcu_set_pointer(&entry->answer, answer);
	atomic_store_explicit(&entry->failed_at, 0, memory_order_release);
	entry->failures = 0;
	retire(old, answer_held(answer));

	return KNOT_EOK;
}

int cache_restore(entry_t *entry, const reply_t *reply, uint64_t received)
{
	answer_t *answer = new_answer(reply, received);
	if (answer == NULL) {
		return KNOT_ENOMEM;
	}
	answer->restored = ANSWER_STORED;
	atomic_store_explicit(&entry->warm, true, memory_order_relaxed);
	rcu_set_pointer(&entry->answer, answer);
	return KNOT_EOK;
}

/*! Copies an answer without the one that it holds. */
static answer_t *copy_one(const answer_t *from, uint16_t former)
{
	const knot_rdataset_t rrs = answer_rrs(from);
	answer_t *answer = allocate(rrs.size);
	if (answer == NULL) {
		return NULL;
	}
	answer->received = from->received;
	answer->ttl = from->ttl;
	answer->kind = from->kind;
	answer->restored = (from->restored > ANSWER_STORED) ? from->restored : former;
	answer->count = rrs.count;
	memcpy(&answer->rdata, &from->rdata, rrs.size);
	return answer;
}

answer_t *answer_copy(const answer_t *from, uint16_t former)
{
	answer_t *answer = copy_one(from, former);
	const answer_t *held = answer_held(from);
	if (answer != NULL && held != NULL) {
		answer->held = copy_one(held, former);
	}
	return answer;
}

void cache_adopt(entry_t *entry, answer_t *answer)
{
	answer_t *old = entry->answer;
	atomic_store_explicit(&entry->warm, true, memory_order_relaxed);
	rcu_set_pointer(&entry->answer, answer);
	retire(old, NULL);
}

bool cache_walk(cache_t *cache, cache_place_t *place, unsigned max,
                void (*visit)(const target_t *target, void *ctx), void *ctx)
{
	struct cds_lfht_iter iter = { 0 };
	struct cds_lfht_node *node = NULL;
	rcu_read_lock();
	if (place->len > 0) {
		find(cache, place->name, place->len, &iter);
		node = cds_lfht_iter_get_node(&iter);
	}
	if (node != NULL) {
		cds_lfht_next(cache->table, &iter);
	} else {
		cds_lfht_first(cache->table, &iter);
	}

	const target_t *target = NULL;
	for (unsigned i = 0; i < max && (node = cds_lfht_iter_get_node(&iter)) != NULL; i++) {
		target = caa_container_of(node, target_t, node);
		visit(target, ctx);
		cds_lfht_next(cache->table, &iter);
	}
	bool more = (target != NULL && cds_lfht_iter_get_node(&iter) != NULL);
	if (more) {
		place->len = target->name_len;
		memcpy(place->name, target->name, target->name_len);
	}
	rcu_read_unlock();
	return more;
}

void cache_fail(entry_t *entry, int16_t ede, uint64_t retry_at, uint64_t sent)
{
	/* A reader in between sees a mix of this failure and the previous one, which is harmless. */
	atomic_store_explicit(&entry->failed_ede, ede, memory_order_relaxed);
	atomic_store_explicit(&entry->retry_at, retry_at, memory_order_relaxed);
	atomic_store_explicit(&entry->failed_at, sent, memory_order_release);
	if (entry->failures < UINT8_MAX) {
		entry->failures++;
	}
}
