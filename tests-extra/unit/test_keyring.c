/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <urcu.h>
#include "test.h"

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dnssec/keyring.h"
#include "keydir.h"
#include "util/clock.h"

/*! Waits until a condition holds. */
#define UNTIL(condition) \
	for (unsigned i = 0; !(condition); i++) { \
		assert_true(i < 20000); \
		usleep(1000); \
	}

/*! A keyring, and keys as a query finds them. */
typedef struct {
	store_t *store;
	keyring_t *ring;
} world_t;

static int begin(void **state)
{
	static world_t world;
	assert_int_equal(setup((void **)&world.store), 0);
	world.ring = keyring_new(NAME_APEX, &world.store->stores);
	assert_non_null(world.ring);
	*state = &world;
	return 0;
}

static int end(void **state)
{
	world_t *world = *state;
	keyring_free(world->ring);
	return teardown((void **)&world->store);
}

/*! Who signs a version: the key, -1 if keys are missing, -2 while they are being read. */
static int signer(world_t *world, uint64_t version)
{
	version *= 2;
	rcu_read_lock();
	const keys_t *keys = keyring_find(world->ring, version);
	if (keys == NULL) {
		keys = keyring_renew(world->ring, version, &world->store->apex);
	}
	int found = (keys == NULL) ? -2 : -1;
	if (keys != NULL && keys->count > 0) {
		assert_int_equal(keys->count, 1);
		found = (dnssec_key_get_algorithm(keys->key[0]) == EC) ? 0 : 1;
	}
	rcu_read_unlock();
	return found;
}

static void has_waited(world_t *world, uint64_t version, unsigned max_waiters, bool waited)
{
	uint64_t before = clock_ms();
	rcu_read_lock();
	assert_null(keyring_wait(world->ring, version, &world->store->apex, max_waiters));
	rcu_read_unlock();
	assert_int_equal(clock_ms() - before >= 40, waited);
}

static void path_of(char path[256], const store_t *store, unsigned key)
{
	(void)snprintf(path, 256, "%s/%s.pem", store->dir, store->id[key]);
}

/*! Has a key hang that is read. */
static void block(const store_t *store, unsigned key)
{
	char path[256], aside[300];
	path_of(path, store, key);
	(void)snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
}

/*! Has who hangs read nothing, and others the key. */
static void unblock(const store_t *store, unsigned key)
{
	char path[256], aside[300];
	path_of(path, store, key);
	(void)snprintf(aside, sizeof(aside), "%s.aside", path);
	int fifo = open(path, O_RDWR);
	assert_true(fifo >= 0);
	assert_int_equal(rename(aside, path), 0);
	usleep(10000); /* Whoever has begun to open the FIFO has it by then. */
	close(fifo);
}

static void sign(store_t *store, unsigned key)
{
	knot_rdataset_clear(&store->apex.rrsigs, NULL);
	add_rrsig(store, key, KNOT_RRTYPE_SOA);
}

/* Keys are read once, for all versions that have the same signers. */
static void test_versions(void **state)
{
	world_t *world = *state;
	store_t *store = world->store;
	add_dnskey(store, store->key[0]);
	sign(store, 0);
	(void)signer(world, 1);
	UNTIL(signer(world, 1) == 0);
	lose_key(store, store->id[0]);
	assert_int_equal(signer(world, 2), 0);
	assert_int_equal(signer(world, 1), 0);

	/* Another DNSKEY may be that of a signer. */
	add_dnskey(store, store->key[1]);
	for (uint64_t version = 3; version < 100; version++) {
		assert_int_equal(signer(world, version), 0);
		usleep(1000);
	}
}

/* Missing keys are looked for again with the next version, or at once if so wanted. */
static void test_missing(void **state)
{
	world_t *world = *state;
	store_t *store = world->store;
	add_dnskey(store, store->key[0]);
	sign(store, 1);
	UNTIL(signer(world, 1) == -1);
	add_dnskey(store, store->key[1]);
	assert_int_equal(signer(world, 1), -1);
	keyring_retry(world->ring);
	assert_int_not_equal(signer(world, 1), -1);
	UNTIL(signer(world, 1) == 1);

	knot_rdataset_clear(&store->apex.dnskeys, NULL);
	add_dnskey(store, store->key[0]);
	UNTIL(signer(world, 2) == -1);
	sign(store, 0);
	UNTIL(signer(world, 3) == 0);
}

/* While new keys are being read, the old ones serve if they are still published. */
static void test_roll(void **state)
{
	world_t *world = *state;
	store_t *store = world->store;
	add_dnskey(store, store->key[0]);
	sign(store, 0);
	UNTIL(signer(world, 1) == 0);

	block(store, 1);
	add_dnskey(store, store->key[1]);
	sign(store, 1);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(signer(world, 2), 0);
		usleep(1000);
	}
	knot_rdataset_clear(&store->apex.dnskeys, NULL);
	add_dnskey(store, store->key[1]);
	assert_int_equal(signer(world, 3), -2);

	unblock(store, 1);
	UNTIL(signer(world, 4) == 1);
}

/*! Says whether the thread whose name this file of /proc has reads keys. */
static bool is_reader(const char *path)
{
	char name[16] = "";
	FILE *comm = fopen(path, "r");
	if (comm == NULL) {
		return false;
	}
	bool reads = (fscanf(comm, "%15s", name) == 1 && strcmp(name, "alias-keys") == 0);
	fclose(comm);
	return reads;
}

static unsigned count_readers(void)
{
	unsigned count = 0;
	glob_t found;
	assert_int_equal(glob("/proc/self/task/*/comm", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		count += is_reader(found.gl_pathv[i]);
	}
	globfree(&found);
	return count;
}

/* A worker waits once for a read that hangs, and none that may not. Another read does not begin so soon. */
static void test_wait(void **state)
{
	uint64_t start = clock_ms();
	unsigned before = count_readers(); /* A test may leave one that hangs. */
	world_t *world = *state;
	store_t *store = world->store;
	add_dnskey(store, store->key[0]);
	sign(store, 0);
	block(store, 0);
	has_waited(world, 1, 0, false);
	has_waited(world, 1, 1, true);
	has_waited(world, 1, 1, false);
	assert_int_equal(signer(world, 1), -2);
	UNTIL(keyring_hangs(world->ring));
	UNTIL(signer(world, 1) == -2 && clock_ms() > start + 1500);
	assert_true(count_readers() <= before + 1);
	unblock(store, 0);
	UNTIL(signer(world, 1) != -2);
	assert_false(keyring_hangs(world->ring));
	rcu_read_lock();
	keyring_retry(world->ring);
	const keys_t *keys = keyring_wait(world->ring, 1, &store->apex, 1);
	assert_true(keys == NULL || keys->count == 1);
	rcu_read_unlock();
}

/* An owner that leaves does not wait for a read. */
static void test_leave(void **state)
{
	world_t *world = *state;
	store_t *store = world->store;
	add_dnskey(store, store->key[0]);
	sign(store, 0);
	block(store, 0);
	assert_int_equal(signer(world, 1), -2);
	keyring_free(world->ring);
	unblock(store, 0);
	world->ring = keyring_new(NAME_APEX, &store->stores);
	UNTIL(signer(world, 1) == 0);
}

#define THREADS 4

static world_t *shared;

static void *hammer(void *ctx)
{
	rcu_register_thread();
	for (unsigned i = 0; i < 2000; i++) {
		/* Those of the first version, or the next one in its time: both are published. */
		int found = signer(shared, 2 + i / 100);
		assert_true(found == 0 || found == 1);
	}
	rcu_unregister_thread();
	return ctx;
}

/* Threads that look at the same time always have keys through a roll. */
static void test_threads(void **state)
{
	shared = *state;
	store_t *store = shared->store;
	add_dnskey(store, store->key[0]);
	sign(store, 0);
	UNTIL(signer(shared, 1) == 0);
	add_dnskey(store, store->key[1]);
	sign(store, 1);
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	UNTIL(signer(shared, 100) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_versions, begin, end),
		cmocka_unit_test_setup_teardown(test_missing, begin, end),
		cmocka_unit_test_setup_teardown(test_roll, begin, end),
		cmocka_unit_test_setup_teardown(test_wait, begin, end),
		cmocka_unit_test_setup_teardown(test_leave, begin, end),
		cmocka_unit_test_setup_teardown(test_threads, begin, end),
	};
	dnssec_crypto_init();
	rcu_register_thread();
	int ret = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	rcu_barrier();
	dnssec_crypto_cleanup();
	return ret;
}
