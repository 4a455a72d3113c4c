/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <libknot/errcode.h>

/*! Buckets to begin with; the table doubles by itself. */
#define BUCKETS_MIN	1024

struct cache {
	struct cds_lfht *table;
	uint64_t seed[2]; /*!< Tenants write target names; they must not know which ones collide. */
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*! Keyed multiply-and-fold over words of eight octets. */
static unsigned long hash_name(const cache_t *cache, const knot_dname_t *name, size_t len)
{
	uint64_t hash = cache->seed[0] ^ len;
	while (len > 0) {
		uint64_t word = 0;
		size_t part = len < sizeof(word) ? len : sizeof(word);
		memcpy(&word, name, part);
		hash = mix(hash ^ word, cache->seed[1]);
		name += part;
		len -= part;
	}
	return hash;
}

static int match_name(struct cds_lfht_node *node, const void *name)
{
	const target_t *target = caa_container_of(node, target_t, node);
	return knot_dname_is_equal(target->name, name);
}

static void free_answer(struct rcu_head *head)
{
	free(caa_container_of(head, answer_t, rcu));
}

static void free_target(struct rcu_head *head)
{
	target_t *target = caa_container_of(head, target_t, rcu);
	for (unsigned i = 0; i < SLOTS; i++) {
		free(target->slot[i].answer);
	}
	free(target);
}

static void remove_target(cache_t *cache, target_t *target)
{
	if (cds_lfht_del(cache->table, &target->node) == 0) {
		call_rcu(&target->rcu, free_target);
	}
}

cache_t *cache_new(void)
{
	cache_t *cache = calloc(1, sizeof(*cache));
	if (cache == NULL) {
		return NULL;
	}

	cache->table = cds_lfht_new(BUCKETS_MIN, BUCKETS_MIN, 0,
	                            CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	if (cache->table == NULL) {
		free(cache);
		return NULL;
	}
	if (getrandom(cache->seed, sizeof(cache->seed), 0) != sizeof(cache->seed)) {
		cache_free(cache);
		return NULL;
	}
	cache->seed[1] |= 1; /* A zero factor would make all names collide. */

	return cache;
}

void cache_clear(cache_t *cache)
{
	struct cds_lfht_iter iter;
	target_t *target;
	rcu_read_lock();
	cds_lfht_for_each_entry(cache->table, &iter, target, node) {
		remove_target(cache, target);
	}
	rcu_read_unlock();

	rcu_barrier();
}

void cache_free(cache_t *cache)
{
	if (cache != NULL) {
		cds_lfht_destroy(cache->table, NULL);
		free(cache);
	}
}

target_t *cache_find(cache_t *cache, const knot_dname_t *name)
{
	struct cds_lfht_iter iter;
	cds_lfht_lookup(cache->table, hash_name(cache, name, knot_dname_size(name)),
	                match_name, name, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	return (node != NULL) ? caa_container_of(node, target_t, node) : NULL;
}

target_t *cache_add(cache_t *cache, const knot_dname_t *name)
{
	rcu_read_lock();
	target_t *target = cache_find(cache, name);
	if (target == NULL) {
		size_t len = knot_dname_size(name);
		target = calloc(1, sizeof(*target) + len);
		if (target != NULL) {
			memcpy(target->name, name, len);
			cds_lfht_node_init(&target->node);
			cds_lfht_add(cache->table, hash_name(cache, name, len), &target->node);
		}
	}
	rcu_read_unlock();
	return target;
}

static answer_t *new_answer(const reply_t *reply, uint64_t now)
{
	size_t step = knot_rdata_size(reply->len);
	answer_t *answer = malloc(sizeof(*answer) + reply->count * step);
	if (answer == NULL) {
		return NULL;
	}

	answer->received = now;
	answer->ttl = reply->ttl;
	answer->kind = reply->kind;
	answer->rrs.count = reply->count;
	answer->rrs.size = reply->count * step;
	answer->rrs.rdata = (reply->count > 0) ? (knot_rdata_t *)answer->rdata : NULL;
	for (unsigned i = 0; i < reply->count; i++) {
		knot_rdata_init((knot_rdata_t *)(answer->rdata + i * step), reply->len, reply->addr[i]);
	}

	return answer;
}

int cache_publish(slot_t *slot, const reply_t *reply, uint64_t now)
{
	answer_t *answer = new_answer(reply, now);
	if (answer == NULL) {
		return KNOT_ENOMEM;
	}

	answer_t *old = rcu_xchg_pointer(&slot->answer, answer);
	atomic_store_explicit(&slot->failed_at, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->failures, 0, memory_order_relaxed);
	if (old != NULL) {
		call_rcu(&old->rcu, free_answer);
	}

	return KNOT_EOK;
}

void cache_fail(slot_t *slot, int16_t ede, uint64_t now)
{
	/* A reader between two of these sees a mix of this failure and the one before: harmless. */
	atomic_store_explicit(&slot->failed_ede, ede, memory_order_relaxed);
	atomic_fetch_add_explicit(&slot->failures, 1, memory_order_relaxed);
	atomic_store_explicit(&slot->failed_at, now, memory_order_release);
}

static bool is_useful(const slot_t *slot, uint64_t now)
{
	if (slot->asked || slot->busy) {
		return true;
	}
	if (slot->failed_at != 0 && now - slot->failed_at < CACHE_FAILURE_MAX_MS) {
		return true;
	}
	return slot->answer != NULL &&
	       now < slot->answer->received + slot->answer->ttl * 1000ULL + CACHE_STALE_MAX_MS;
}

void cache_sweep(cache_t *cache, uint64_t now)
{
	struct cds_lfht_iter iter;
	target_t *target;
	rcu_read_lock();
	cds_lfht_for_each_entry(cache->table, &iter, target, node) {
		if (!is_useful(&target->slot[SLOT_A], now) && !is_useful(&target->slot[SLOT_AAAA], now)) {
			remove_target(cache, target);
		}
	}
	rcu_read_unlock();
}
