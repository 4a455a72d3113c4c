/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <pthread.h>
#include <libknot/errcode.h>

#include "cache.h"

#define S	1000ULL
#define T0	(5000 * S)
#define NAMES	64
#define ROUNDS	300
#define READERS	3

static cache_t *cache;

static int setup(void **state)
{
	(void)state;
	rcu_register_thread();
	cache = cache_new();
	return cache == NULL;
}

static int teardown(void **state)
{
	(void)state;
	cache_clear(cache);
	cache_free(cache);
	rcu_unregister_thread();
	return 0;
}

static target_t *find(const uint8_t *name)
{
	rcu_read_lock();
	target_t *target = cache_find(cache, name);
	rcu_read_unlock();
	return target;
}

static reply_t addresses(uint8_t last, uint16_t count, uint32_t ttl)
{
	reply_t reply = { .kind = REPLY_ADDRESSES, .ttl = ttl, .count = count, .len = 4 };
	for (unsigned i = 0; i < count; i++) {
		memcpy(reply.addr[i], (uint8_t[]){ 10, i, 0, last }, 4);
	}
	return reply;
}

static void test_targets(void **state)
{
	(void)state;

	assert_null(find(NAME_A));
	target_t *target = cache_add(cache, NAME_A);
	assert_non_null(target);
	assert_ptr_equal(cache_add(cache, NAME_A), target);
	assert_ptr_equal(find(NAME_A), target);
	assert_null(find(NAME_B));
	assert_null(find(NAME_APEX));
}

static void test_publish(void **state)
{
	(void)state;

	slot_t *slot = &cache_add(cache, NAME_A)->slot[SLOT_A];
	cache_fail(slot, 22, T0);
	cache_fail(slot, 23, T0 + 1);
	assert_int_equal(slot->failures, 2);
	assert_int_equal(slot->failed_at, T0 + 1);
	assert_int_equal(slot->failed_ede, 23);
	assert_null(slot->answer);

	reply_t reply = addresses(7, 3, 60);
	assert_int_equal(cache_publish(slot, &reply, T0 + 2), KNOT_EOK);
	assert_int_equal(slot->failed_at, 0);
	assert_int_equal(slot->failures, 0);
	assert_int_equal(slot->answer->received, T0 + 2);
	assert_int_equal(slot->answer->ttl, 60);
	assert_int_equal(slot->answer->rrs.count, 3);
	const knot_rdata_t *rdata = slot->answer->rrs.rdata;
	for (uint8_t i = 0; i < 3; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		assert_int_equal(rdata->len, 4);
		assert_memory_equal(rdata->data, ((uint8_t[]){ 10, i, 0, 7 }), 4);
	}

	/* A failure leaves the answer alone; a negative answer has no records. */
	cache_fail(slot, 22, T0 + 3);
	assert_int_equal(slot->answer->rrs.count, 3);
	reply.kind = REPLY_NODATA;
	reply.count = 0;
	assert_int_equal(cache_publish(slot, &reply, T0 + 4), KNOT_EOK);
	assert_int_equal(slot->answer->kind, REPLY_NODATA);
	assert_int_equal(slot->answer->rrs.count, 0);
}

static void test_sweep(void **state)
{
	(void)state;

	/* A target stays while one of its types can serve a client, even if only as stale. */
	reply_t reply = addresses(1, 1, 60);
	cache_publish(&cache_add(cache, NAME_A)->slot[SLOT_AAAA], &reply, T0);
	cache_fail(&cache_add(cache, NAME_B)->slot[SLOT_A], 22, T0);
	target_t *busy = cache_add(cache, NAME_APEX);
	busy->slot[SLOT_A].asked = true;

	cache_sweep(cache, T0 + CACHE_FAILURE_MAX_MS - 1);
	assert_non_null(find(NAME_B));
	cache_sweep(cache, T0 + CACHE_FAILURE_MAX_MS);
	assert_null(find(NAME_B));

	cache_sweep(cache, T0 + 60 * S + CACHE_STALE_MAX_MS - 1);
	assert_non_null(find(NAME_A));
	cache_sweep(cache, T0 + 60 * S + CACHE_STALE_MAX_MS);
	assert_null(find(NAME_A));

	/* One that somebody waits for must not go. */
	assert_non_null(find(NAME_APEX));
	busy->slot[SLOT_A].asked = false;
	busy->slot[SLOT_A].busy = true;
	cache_sweep(cache, T0);
	assert_non_null(find(NAME_APEX));
	busy->slot[SLOT_A].busy = false;
	cache_sweep(cache, T0);
	assert_null(find(NAME_APEX));
}

/* Each answer has as many addresses as its TTL says, all with the TTL as last octet. */

static bool running;

static void name_of(uint8_t *name, unsigned i)
{
	memcpy(name, NAME_A, knot_dname_size(NAME_A));
	name[1] = i;
}

static void *read_all(void *ctx)
{
	unsigned *wrong = ctx;
	rcu_register_thread();
	while (__atomic_load_n(&running, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < NAMES; i++) {
			uint8_t name[16];
			name_of(name, i);
			rcu_read_lock();
			target_t *target = cache_find(cache, name);
			const answer_t *answer = target ? rcu_dereference(target->slot[SLOT_A].answer) : NULL;
			if (answer != NULL) {
				const knot_rdata_t *rdata = answer->rrs.rdata;
				*wrong += answer->rrs.count != answer->ttl;
				for (unsigned j = 0; j < answer->rrs.count; j++) {
					*wrong += rdata->data[3] != answer->ttl;
					rdata = knot_rdataset_next((knot_rdata_t *)rdata);
				}
			}
			rcu_read_unlock();
		}
	}
	rcu_unregister_thread();
	return NULL;
}

/*! Readers see whole answers only, while these are replaced and targets come and go. */
static void test_threads(void **state)
{
	(void)state;

	pthread_t reader[READERS];
	unsigned wrong[READERS] = { 0 };
	running = true;
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(pthread_create(&reader[i], NULL, read_all, &wrong[i]), 0);
	}

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t now = T0 + round * S;
		for (unsigned i = 0; i < NAMES; i++) {
			uint8_t name[16];
			name_of(name, i);
			uint16_t count = 1 + (round + i) % REPLY_ADDRESSES_MAX;
			reply_t reply = addresses(count, count, count);
			assert_int_equal(cache_publish(&cache_add(cache, name)->slot[SLOT_A], &reply, now), KNOT_EOK);
		}
		if (round % 10 == 9) {
			cache_sweep(cache, now + 2 * CACHE_STALE_MAX_MS);
		}
	}

	__atomic_store_n(&running, false, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(reader[i], NULL);
		assert_int_equal(wrong[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
