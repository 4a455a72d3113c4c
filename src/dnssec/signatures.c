/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A hash table of signatures that is read under RCU and grows one bucket at a time. See signatures.h. */

#include "dnssec/signatures.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/hash.h"

/*! Segment 0 has FIRST buckets, a power of two, and each further segment twice as many as the one before it. */
#define FIRST 64U
#define SEGMENTS 26 /*!< Together they have 2^32 - FIRST buckets. */

/*! Oldest entries checked with each put: more than one, so that useless entries leave faster than new ones come. */
#define LOOKS 2

/*! Entries not used for this long are dropped where there is no room, s. */
#define UNUSED_S 60

typedef struct signature *bucket_t;

struct signatures {
	bucket_t first[FIRST]; /*!< Segment 0. */
	bucket_t *segment[SEGMENTS];
	_Atomic uint32_t buckets; /*!< In use. */
	_Atomic uint32_t count;
	uint32_t reserve;
	signatures_memory_t *memory;
	struct cds_list_head node; /*!< In the list of tables, under its lock. */
	uint64_t seed;             /*!< Zone owners choose names and must not be able to make them collide. */
	pthread_mutex_t lock;      /*!< Held to change the table. */
	struct cds_list_head lru;
};

/*! The highest power of two that is not above `value`. */
static uint32_t floor_power(uint32_t value)
{
	return 1U << (31 - __builtin_clz(value));
}

/*! Place of a bucket: with FIRST added to its index, the highest bit says which segment, the others where in it. */
static bucket_t *bucket_at(signatures_t *table, uint32_t index)
{
	uint32_t place = index + FIRST, size = floor_power(place);
	return &table->segment[__builtin_ctz(size / FIRST)][place - size];
}

static bucket_t *bucket_of(signatures_t *table, uint64_t hash, uint32_t buckets)
{
	uint32_t power = floor_power(buckets), index = hash & (2ULL * power - 1);
	return bucket_at(table, index < buckets ? index : index - power);
}

static uint64_t hash_of(const signatures_t *table, const knot_dname_t *owner, uint32_t variant)
{
	return hash64(table->seed ^ variant, owner, knot_dname_size(owner));
}

static bool is_of(const signature_t *signature, uint64_t hash, const knot_dname_t *owner, uint32_t variant)
{
	return signature->hash == hash && signature->variant == variant && knot_dname_is_equal(signature->owner, owner);
}

static size_t size_of(const signature_t *signature)
{
	return sizeof(*signature) + signature->base.size + signature->truth.size + signature->rrsigs.size +
	       knot_dname_size(signature->owner);
}

signatures_t *signatures_new(signatures_memory_t *memory, uint32_t reserve)
{
	signatures_t *table = calloc(1, sizeof(*table));
	if (table == NULL) {
		return NULL;
	}

	table->buckets = FIRST;
	table->memory = memory;
	table->reserve = reserve;
	table->segment[0] = table->first;
	if (getrandom(&table->seed, sizeof(table->seed), 0) != sizeof(table->seed) ||
	    pthread_mutex_init(&table->lock, NULL) != 0) {
		free(table);
		return NULL;
	}
	CDS_INIT_LIST_HEAD(&table->lru);
	pthread_mutex_lock(&memory->lock);
	cds_list_add(&table->node, &memory->tables);
	pthread_mutex_unlock(&memory->lock);
	return table;
}

void signatures_free(signatures_t *table)
{
	if (table == NULL) {
		return;
	}
	pthread_mutex_lock(&table->memory->lock);
	cds_list_del(&table->node);
	pthread_mutex_unlock(&table->memory->lock);
	signature_t *signature, *next;
	cds_list_for_each_entry_safe(signature, next, &table->lru, lru) {
		table->memory->used -= size_of(signature);
		free(signature);
	}
	for (unsigned i = 1; i < SEGMENTS; i++) {
		free(table->segment[i]);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

uint32_t signatures_count(const signatures_t *table)
{
	return atomic_load_explicit(&table->count, memory_order_relaxed);
}

static uint8_t *copy_set(knot_rdataset_t *to, const knot_rdataset_t *from, uint8_t *storage)
{
	*to = *from;
	to->rdata = (knot_rdata_t *)storage;
	if (from->size > 0) {
		memcpy(storage, from->rdata, from->size);
	}
	return storage + from->size;
}

signature_t *signature_new(const knot_dname_t *owner, uint32_t variant, const knot_rdataset_t *base,
                           const knot_rdataset_t *truth, const knot_rdataset_t *rrsigs)
{
	/* Sets come first: they need alignment, and their sizes keep it. */
	size_t owner_len = knot_dname_size(owner);
	signature_t *signature = calloc(1, sizeof(*signature) + base->size + truth->size + rrsigs->size + owner_len);
	if (signature == NULL) {
		return NULL;
	}
	signature->variant = variant;
	uint8_t *pos = copy_set(&signature->base, base, signature->data);
	pos = copy_set(&signature->truth, truth, pos);
	signature->owner = copy_set(&signature->rrsigs, rrsigs, pos);
	memcpy(signature->owner, owner, owner_len);
	return signature;
}

static signature_t *find(signatures_t *table, uint64_t hash, const knot_dname_t *owner, uint32_t variant)
{
	uint32_t buckets = atomic_load_explicit(&table->buckets, memory_order_acquire);
	signature_t *signature = rcu_dereference(*bucket_of(table, hash, buckets));
	while (signature != NULL && !is_of(signature, hash, owner, variant)) {
		signature = rcu_dereference(signature->next);
	}
	return signature;
}

signature_t *signatures_find(signatures_t *table, const knot_dname_t *owner, uint32_t variant)
{
	return find(table, hash_of(table, owner, variant), owner, variant);
}

static void free_signature_rcu(struct rcu_head *head)
{
	free(caa_container_of(head, signature_t, rcu));
}

/*! Unlinks an entry. Readers that are at it can still go on to the next one. */
static void drop(signatures_t *table, signature_t *signature)
{
	bucket_t *link = bucket_of(table, signature->hash, table->buckets);
	while (*link != signature) {
		link = &(*link)->next;
	}
	rcu_assign_pointer(*link, signature->next);
	cds_list_del(&signature->lru);
	table->count--;
	table->memory->used -= size_of(signature);
	call_rcu(&signature->rcu, free_signature_rcu);
}

/*! Adds a bucket and moves its entries there. Readers in the old chain may miss these, or go on in the new chain. */
static void grow_table(signatures_t *table)
{
	uint32_t added = table->buckets, power = floor_power(added), place = added + FIRST;
	if (place < FIRST) {
		return; /* All segments are full. */
	}
	if (place == floor_power(place)) {
		bucket_t *segment = calloc(place, sizeof(bucket_t));
		if (segment == NULL) {
			return; /* The chains get longer. */
		}
		table->segment[__builtin_ctz(place / FIRST)] = segment;
	}

	bucket_t *to = bucket_at(table, added), *link = bucket_at(table, added - power);
	while (*link != NULL) {
		signature_t *signature = *link;
		if ((signature->hash & (2ULL * power - 1)) == added) {
			rcu_assign_pointer(*link, signature->next);
			rcu_assign_pointer(signature->next, *to);
			rcu_assign_pointer(*to, signature);
		} else {
			link = &signature->next;
		}
	}
	atomic_store_explicit(&table->buckets, added + 1, memory_order_release);
}

static bool has_room(const signatures_t *table, size_t size)
{
	return table->count < table->reserve || table->memory->used + size <= table->memory->max;
}

/*! Drops up to LOOKS entries that are past their time, or unused where there is no room. */
static void drop_old(signatures_t *table, uint64_t now, bool full)
{
	for (unsigned i = 0; i < LOOKS && !cds_list_empty(&table->lru); i++) {
		signature_t *oldest = cds_list_first_entry(&table->lru, signature_t, lru);
		/* The clock may have been set back. */
		bool unused = now >= oldest->used + UNUSED_S || oldest->used > now + UNUSED_S;
		if (now >= oldest->renew_at || (full && unused)) {
			drop(table, oldest);
		} else if (full) {
			cds_list_del(&oldest->lru);
			cds_list_add_tail(&oldest->lru, &table->lru);
		} else {
			break;
		}
	}
}

/*! Drops old entries of another table; tables take turns. The lock of `table` is held. */
static void drop_others(const signatures_t *table, uint64_t now)
{
	signatures_memory_t *memory = table->memory;
	pthread_mutex_lock(&memory->lock);
	signatures_t *other = cds_list_first_entry(&memory->tables, signatures_t, node);
	cds_list_del(&other->node);
	cds_list_add_tail(&other->node, &memory->tables);
	/* Who holds its lock may be waiting for that of the memory. */
	if (other != table && other->count > other->reserve && pthread_mutex_trylock(&other->lock) == 0) {
		drop_old(other, now, true);
		pthread_mutex_unlock(&other->lock);
	}
	pthread_mutex_unlock(&memory->lock);
}

bool signatures_put(signatures_t *table, signature_t *signature, uint64_t now)
{
	size_t size = size_of(signature);
	signature->hash = hash_of(table, signature->owner, signature->variant);

	pthread_mutex_lock(&table->lock);
	signature_t *old = find(table, signature->hash, signature->owner, signature->variant);
	if (old != NULL) {
		drop(table, old);
	}
	drop_old(table, now, !has_room(table, size));
	if (!has_room(table, size)) {
		drop_others(table, now);
	}

	bool keep = has_room(table, size);
	if (keep) {
		bucket_t *bucket = bucket_of(table, signature->hash, table->buckets);
		signature->next = *bucket;
		signature->used = now;
		rcu_assign_pointer(*bucket, signature);
		cds_list_add_tail(&signature->lru, &table->lru);
		table->count++;
		table->memory->used += size;
		if (table->count > table->buckets) {
			grow_table(table);
		}
	} else {
		call_rcu(&signature->rcu, free_signature_rcu);
	}
	pthread_mutex_unlock(&table->lock);
	return keep;
}
