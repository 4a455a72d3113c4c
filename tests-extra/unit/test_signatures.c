/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <urcu.h>
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <libknot/libknot.h>

#include "dnssec/signatures.h"

#define NOW 1000000
#define KEYS 7

/*! No room but what tables have in any case. */
static signatures_memory_t no_room = SIGNATURES_MEMORY_INIT(no_room, 0);

/*! Sets of an address, and of an octet as signature. */
static knot_rdataset_t set_of(uint8_t value)
{
	knot_rdataset_t set = { 0 };
	uint8_t storage[8];
	knot_rdata_t *rdata = (knot_rdata_t *)storage;
	knot_rdata_init(rdata, 4, (const uint8_t[]){ 192, 0, 2, value });
	assert_int_equal(knot_rdataset_add(&set, rdata, NULL), KNOT_EOK);
	return set;
}

static void put(signatures_t *table, const knot_dname_t *owner, uint32_t variant, uint8_t value, uint64_t now)
{
	static const knot_rdataset_t none = { 0 };
	knot_rdataset_t base = set_of(value), rrsigs = set_of(value + 1);
	signature_t *signature = signature_new(owner, variant, &base, &none, &rrsigs);
	assert_non_null(signature);
	signature->keys = KEYS;
	signature->ttl = 60;
	signature->from = now - 100;
	signature->renew_at = now + 100;
	rcu_read_lock();
	signatures_put(table, signature, now);
	rcu_read_unlock();
	knot_rdataset_clear(&base, NULL);
	knot_rdataset_clear(&rrsigs, NULL);
}

/*! The address that an entry is for, or 0. */
static unsigned found(signatures_t *table, const knot_dname_t *owner, uint32_t variant)
{
	rcu_read_lock();
	const signature_t *signature = signatures_find(table, owner, variant);
	unsigned value = (signature != NULL) ? signature->base.rdata->data[3] : 0;
	if (signature != NULL) {
		assert_int_equal(signature->rrsigs.rdata->data[3], (uint8_t)(value + 1));
		assert_int_equal(signature->truth.count, 0);
		assert_true(knot_dname_is_equal(signature->owner, owner));
	}
	rcu_read_unlock();
	return value;
}

/*! A name for each number. */
static knot_dname_t *name_of(knot_dname_storage_t name, unsigned number)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "n%u.example", number);
	return knot_dname_from_str(name, text, sizeof(knot_dname_storage_t));
}

/* Owners and variants are apart, and what is put anew replaces what was there. */
static void test_put(void **state)
{
	(void)state;

	signatures_t *table = signatures_new(&no_room, 100);
	assert_non_null(table);
	uint32_t a = signature_variant(KNOT_RRTYPE_A, 0);
	uint32_t nsec = signature_variant(KNOT_RRTYPE_NSEC, KNOT_RRTYPE_A);
	assert_int_equal(found(table, NAME_A, a), 0);
	put(table, NAME_A, a, 1, NOW);
	put(table, NAME_A, nsec, 3, NOW);
	put(table, NAME_B, a, 5, NOW);
	assert_int_equal(found(table, NAME_A, a), 1);
	assert_int_equal(found(table, NAME_A, nsec), 3);
	assert_int_equal(found(table, NAME_B, a), 5);
	assert_int_equal(found(table, NAME_B, nsec), 0);
	put(table, NAME_A, a, 9, NOW);
	assert_int_equal(found(table, NAME_A, a), 9);
	assert_int_equal(signatures_count(table), 3);
	signatures_free(table);
}

/* An entry holds for exactly what it was made for, and in its time. */
static void test_holds(void **state)
{
	(void)state;

	signatures_t *table = signatures_new(&no_room, 100);
	put(table, NAME_A, 1, 1, NOW);
	rcu_read_lock();
	signature_t *signature = signatures_find(table, NAME_A, 1);
	assert_non_null(signature);
	knot_rdataset_t same = set_of(1), other = set_of(2);
	assert_true(signature_holds(signature, KEYS, 60, &same, NOW));
	assert_true(signature_holds(signature, KEYS, 60, &same, NOW - 100));
	assert_true(signature_holds(signature, KEYS, 60, &same, NOW + 99));
	assert_false(signature_holds(signature, KEYS, 60, &same, NOW - 101));
	assert_false(signature_holds(signature, KEYS, 60, &same, NOW + 100));
	assert_false(signature_holds(signature, KEYS + 1, 60, &same, NOW));
	assert_false(signature_holds(signature, KEYS, 61, &same, NOW));
	assert_false(signature_holds(signature, KEYS, 60, &other, NOW));
	assert_int_equal(knot_rdataset_merge(&other, &same, NULL), KNOT_EOK);
	assert_false(signature_holds(signature, KEYS, 60, &other, NOW));
	rcu_read_unlock();
	knot_rdataset_clear(&same, NULL);
	knot_rdataset_clear(&other, NULL);
	signatures_free(table);
}

/* However many there are, all are found while the table grows by each. */
static void test_growth(void **state)
{
	(void)state;

	enum { COUNT = 5000 };
	signatures_t *table = signatures_new(&no_room, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		knot_dname_storage_t name;
		put(table, name_of(name, i), 1, i % 200 + 1, NOW);
		/* Each power of two, and around it. */
		if ((i & (i + 1)) == 0 || (i & (i - 1)) == 0 || i == COUNT - 1) {
			for (unsigned j = 0; j <= i; j++) {
				assert_int_equal(found(table, name_of(name, j), 1), j % 200 + 1);
			}
		}
	}
	assert_int_equal(signatures_count(table), COUNT);
	signatures_free(table);
}

/* The limit holds, and those past their time leave without it. */
static void test_limit(void **state)
{
	(void)state;

	enum { MAX = 50 };
	signatures_t *table = signatures_new(&no_room, MAX);
	knot_dname_storage_t name;
	for (unsigned i = 0; i < 10 * MAX; i++) {
		put(table, name_of(name, i), 1, 1, NOW);
		assert_true(signatures_count(table) <= MAX);
	}
	assert_int_equal(signatures_count(table), MAX);

	for (unsigned i = 0; i < MAX; i++) {
		put(table, name_of(name, i % 2), 1, 1, NOW + 200);
	}
	assert_int_equal(signatures_count(table), 2);
	signatures_free(table);
}

/* What there is room for is shared: a table has its first entries, and takes the room of others' unused ones. */
static void test_memory(void **state)
{
	(void)state;

	enum { RESERVE = 10 };
	signatures_memory_t memory = SIGNATURES_MEMORY_INIT(memory, 10000);
	signatures_t *many = signatures_new(&memory, RESERVE), *few = signatures_new(&memory, RESERVE);
	knot_dname_storage_t name;
	for (unsigned i = 0; i < 1000; i++) {
		put(many, name_of(name, i), 1, 1, NOW);
	}
	uint32_t fit = signatures_count(many);
	assert_true(fit > 3 * RESERVE && fit < 100);
	assert_true(memory.used <= memory.max && memory.used > memory.max * 9 / 10);

	for (unsigned i = 0; i < 2 * RESERVE; i++) {
		put(few, name_of(name, i), 1, 1, NOW + 10);
	}
	assert_int_equal(signatures_count(few), RESERVE);
	assert_int_equal(signatures_count(many), fit);

	for (unsigned i = 0; i < fit; i++) {
		put(few, name_of(name, i), 1, 1, NOW + 65);
	}
	assert_true(signatures_count(few) > 2 * RESERVE);
	assert_true(signatures_count(many) < fit);
	assert_true(memory.used <= memory.max);
	signatures_free(many);
	for (unsigned i = 0; i < fit; i++) {
		put(few, name_of(name, i), 1, 1, NOW + 66);
	}
	assert_int_equal(signatures_count(few), fit);
	signatures_free(few);
	assert_int_equal(memory.used, 0);
}

/*! Looks an entry up, or puts it, as who needs it does. \return Whether it was there */
static bool use(signatures_t *table, unsigned number, uint64_t now)
{
	knot_dname_storage_t name;
	(void)name_of(name, number);
	knot_rdataset_t base = set_of(1);
	rcu_read_lock();
	signature_t *signature = signatures_find(table, name, 1);
	bool used = (signature != NULL && signature_holds(signature, KEYS, 60, &base, now));
	rcu_read_unlock();
	knot_rdataset_clear(&base, NULL);
	if (!used) {
		put(table, name, 1, 1, now);
	}
	return used;
}

/* When more are in use than there is room for, those that are in go on being found; what is not used leaves for others. */
static void test_in_use(void **state)
{
	(void)state;

	static const unsigned sizes[] = { 1, 2, 50 };
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		unsigned max = sizes[s];
		signatures_t *table = signatures_new(&no_room, max);
		for (unsigned round = 0; round < 20; round++) {
			for (unsigned i = 0; i < 5 * max; i++) {
				assert_int_equal(use(table, i, NOW + round), round > 0 && i < max);
				assert_true(signatures_count(table) <= max);
			}
		}
		for (unsigned i = 0; i < max; i++) {
			assert_false(use(table, 1000 + i, NOW + 79));
			assert_true(use(table, 1000 + i, NOW + 79));
		}
		signatures_free(table);
	}
}

#define THREADS 4
#define NAMES 200
#define ROUNDS 20000

static void *hammer(void *ctx)
{
	signatures_t *table = ctx;
	rcu_register_thread();
	unsigned random = (uintptr_t)&table >> 4 | 1;
	for (unsigned i = 0; i < ROUNDS; i++) {
		random = random * 1664525 + 1013904223;
		unsigned number = (random >> 8) % NAMES;
		knot_dname_storage_t name;
		(void)name_of(name, number);
		unsigned value = found(table, name, 1);
		assert_true(value == 0 || value == number % 200 + 1);
		if ((random >> 20) % 4 == 0) {
			put(table, name, 1, number % 200 + 1, NOW + i / 10);
		}
	}
	rcu_unregister_thread();
	return NULL;
}

/* Threads that look up, put, replace and drop at the same time, in tables that share their memory, never see an entry of another name, nor one that is gone. */
static void test_threads(void **state)
{
	(void)state;

	enum { RESERVE = 10,
	       ROOM = 100 * NAMES };
	signatures_memory_t memory = SIGNATURES_MEMORY_INIT(memory, ROOM);
	signatures_t *tables[] = { signatures_new(&memory, RESERVE), signatures_new(&memory, RESERVE) };
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, tables[i % 2]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	/* Two threads may take the last room at the same time. */
	assert_true(memory.used <= ROOM + ROOM / 10);
	signatures_free(tables[0]);
	signatures_free(tables[1]);
	assert_int_equal(memory.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_threads),
	};
	rcu_register_thread();
	int ret = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	rcu_barrier();
	return ret;
}
