/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Decides when the keys of a zone have to be read, and has that done. See keyring.h. */

#include "dnssec/keyring.h"

#include <urcu.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "dnssec/reader.h"
#include "util/clock.h"

/*! Longest wait of a worker for keys, ms; reading files takes less than 1 ms. */
#define WAIT_MS 50

/*! Time until missing keys are looked for again, and after which a read counts as hanging; doubled for each that hangs, ms. */
#define RETRY_MS 10000

/*! Time until it is tried again to start a read, ms. */
#define START_MS 1000

/*! A read that takes longer is worth a message, ms. */
#define LONG_MS 1000

/*! Most reads of a keyring at a time, of which all but one hang. */
#define READS_MAX 4

struct keyring {
	atomic_uint refs; /*!< The owner's, and one for each read. */
	keys_t *keys;     /*!< RCU pointer, or NULL. Changed under the lock. */

	_Atomic uint64_t start_at; /*!< clock_ms() from which a read may be started. */
	_Atomic uint64_t began_at; /*!< clock_ms() when the last read was started. */
	atomic_uint number;        /*!< Of the last read that was started. */
	atomic_uint reads;         /*!< Under way. */
	_Atomic bool slow;         /*!< A wait for the current read was in vain. */

	pthread_mutex_t lock;
	pthread_cond_t read_ended;
	unsigned published; /*!< Number of the read that has found `keys`; under the lock. */

	keystores_t stores;
	uint64_t stores_id;
	uint8_t zone[];
};

/*! A read of the keystore. */
typedef struct {
	keyring_t *ring;
	unsigned number;
	uint64_t version;
	uint64_t known; /*!< keys_t.id of the current keys, or 0. */
	apex_t apex;
} read_t;

/*! Threads of the process that wait for keys, whichever keyring they wait for: they are limited together. */
static atomic_uint waiting;

/* --- life --- */

keyring_t *keyring_new(const knot_dname_t *zone, const keystores_t *stores)
{
	keyring_t *ring = calloc(1, sizeof(*ring) + knot_dname_size(zone));
	if (ring == NULL) {
		return NULL;
	}
	memcpy(ring->zone, zone, knot_dname_size(zone));
	if (keystores_copy(&ring->stores, stores) != KNOT_EOK) {
		keystores_free(&ring->stores);
		free(ring);
		return NULL;
	}
	ring->stores_id = keystores_id(stores);
	ring->refs = 1;
	pthread_mutex_init(&ring->lock, NULL);
	pthread_cond_init(&ring->read_ended, NULL);
	return ring;
}

void keyring_free(keyring_t *ring)
{
	if (ring != NULL && atomic_fetch_sub(&ring->refs, 1) == 1) {
		keys_free(ring->keys);
		keystores_free(&ring->stores);
		pthread_cond_destroy(&ring->read_ended);
		pthread_mutex_destroy(&ring->lock);
		free(ring);
	}
}

/* --- a read --- */

static void free_read(read_t *read)
{
	keyring_free(read->ring);
	apex_clear(&read->apex);
	free(read);
}

static void free_keys_rcu(struct rcu_head *head)
{
	keys_free(caa_container_of(head, keys_t, rcu));
}

/*! Takes over what a read has found. The lock is held. */
static void publish(keyring_t *ring, const read_t *read, keys_t *keys)
{
	keys_t *old = ring->keys;
	keys->version = read->version;
	if (keys->error.result == KEYS_KNOWN && old != NULL && old->id == keys->id) {
		old->apex = keys->apex;
		old->version = read->version;
		old->interim = 0;
	}
	/* Another read may have begun later, and ended earlier. */
	if (keys->error.result == KEYS_KNOWN || read->number < ring->published) {
		keys_free(keys);
		return;
	}
	keys->retry_at = clock_ms() + RETRY_MS;
	keys->logged = old != NULL && old->count == 0 && old->logged;
	ring->published = read->number;
	rcu_assign_pointer(ring->keys, keys);
	if (old != NULL) {
		call_rcu(&old->rcu, free_keys_rcu);
	}
}

/*! Runs on a thread of its own. */
static void read_keys(void *ctx)
{
	read_t *read = ctx;
	keyring_t *ring = read->ring;
	keys_t *keys = keys_load(ring->zone, &read->apex, &ring->stores, read->known);

	pthread_mutex_lock(&ring->lock);
	if (keys != NULL) {
		publish(ring, read, keys);
		ring->start_at = 0;
	}
	ring->reads--;
	ring->slow = false;
	pthread_cond_broadcast(&ring->read_ended);
	pthread_mutex_unlock(&ring->lock);
	free_read(read);
}

/*! Whether reads hang, and it is too early for another one. */
static bool has_to_wait(const keyring_t *ring, uint64_t now)
{
	unsigned reads = ring->reads;
	return reads >= READS_MAX || (reads > 0 && now < ring->began_at + (RETRY_MS << (reads - 1)));
}

static void start_read(keyring_t *ring, uint64_t version, const apex_t *apex, uint64_t known, uint64_t now)
{
	read_t *read = calloc(1, sizeof(*read));
	if (read == NULL) {
		return;
	}
	ring->refs++;
	read->ring = ring;
	read->version = version;
	read->known = known;
	if (apex_copy(&read->apex, apex) != KNOT_EOK) {
		free_read(read);
		return;
	}
	read->number = ++ring->number;
	ring->began_at = now;
	ring->reads++;
	if (!reader_start(ring->stores_id, read_keys, read)) {
		ring->reads--;
		free_read(read);
	}
}

/* --- workers --- */

static bool is_current(const keys_t *keys, uint64_t version)
{
	return keys != NULL && atomic_load_explicit(&keys->version, memory_order_relaxed) == version &&
	       (keys->count > 0 || clock_ms() < keys->retry_at);
}

keys_t *keyring_find(keyring_t *ring, uint64_t version)
{
	keys_t *keys = rcu_dereference(ring->keys);
	return is_current(keys, version) ? keys : NULL;
}

/*! Whether a version can be served by keys: its own, or older ones that it still has. */
static bool serves(keys_t *keys, uint64_t version, const apex_t *apex)
{
	if (keys == NULL || keys->version == version) {
		return keys != NULL;
	}
	if (keys->count == 0) {
		return false;
	}
	uint64_t interim = keys->interim;
	if ((interim & ~1ULL) == version) {
		return interim & 1;
	}
	if (keys->apex == apex_id(apex)) {
		keys->version = version;
		return true;
	}
	bool has = apex_has(apex, &keys->dnskeys);
	keys->interim = version | has;
	return has;
}

keys_t *keyring_renew(keyring_t *ring, uint64_t version, const apex_t *apex)
{
	uint64_t now = clock_ms(), start_at = ring->start_at;
	keys_t *keys = rcu_dereference(ring->keys);
	bool serve = serves(keys, version, apex);
	if (now >= start_at && !is_current(keys, version) &&
	    atomic_compare_exchange_strong(&ring->start_at, &start_at, now + START_MS) && !has_to_wait(ring, now)) {
		uint64_t known = (keys != NULL && keys->count > 0) ? keys->id : 0;
		start_read(ring, version, apex, known, now);
		/* The read may have ended by now. */
		keys = rcu_dereference(ring->keys);
		serve = serves(keys, version, apex);
	}
	return serve ? keys : NULL;
}

keys_t *keyring_wait(keyring_t *ring, uint64_t version, const apex_t *apex, unsigned max_waiters)
{
	keys_t *keys = keyring_renew(ring, version, apex);
	if (keys != NULL || ring->slow) {
		return keys;
	}
	if (atomic_fetch_add(&waiting, 1) < max_waiters) {
		struct timespec until = clock_in(WAIT_MS);
		int ret = 0;
		pthread_mutex_lock(&ring->lock);
		while ((keys = keyring_renew(ring, version, apex)) == NULL && ret == 0) {
			ret = pthread_cond_clockwait(&ring->read_ended, &ring->lock, CLOCK_MONOTONIC, &until);
		}
		ring->slow = (keys == NULL);
		pthread_mutex_unlock(&ring->lock);
	}
	atomic_fetch_sub(&waiting, 1);
	return keys;
}

bool keyring_hangs(const keyring_t *ring)
{
	return ring->reads > 0 && clock_ms() >= ring->began_at + LONG_MS;
}

void keyring_retry(keyring_t *ring)
{
	pthread_mutex_lock(&ring->lock);
	if (ring->keys != NULL && ring->keys->count == 0) {
		ring->keys->version = 0;
		ring->keys->logged = false;
	}
	pthread_mutex_unlock(&ring->lock);
}
