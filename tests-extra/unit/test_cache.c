/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <malloc.h>
#include <pthread.h>
#include <libknot/errcode.h>

#include "cache/cache.h"

#define S 1000ULL
#define T0 (5000 * S)
#define NAMES 64
#define ROUNDS 300
#define READERS 3

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

static target_t *add(const uint8_t *name)
{
	target_t *target = cache_add(cache, name, T0);
	assert_non_null(target);
	return target;
}

static void test_targets(void **state)
{
	(void)state;

	assert_null(find(NAME_A));
	target_t *target = add(NAME_A);
	assert_int_equal(cache_used(target), T0);
	assert_ptr_equal(find(NAME_A), target);
	assert_null(find(NAME_B));
	assert_null(find(NAME_APEX));
	assert_ptr_not_equal(add(NAME_B), target);
	assert_int_equal(cache_count(cache), 2);

	cache_remove(cache, target);
	assert_null(find(NAME_A));
	assert_non_null(find(NAME_B));
	assert_int_equal(cache_count(cache), 1);
}

static void test_touch(void **state)
{
	(void)state;

	target_t *target = add(NAME_A);
	cache_touch(&target->entry[ADDR_AAAA], T0 + CACHE_USED_GRAIN_MS - 1);
	assert_int_equal(cache_used(target), T0);
	cache_touch(&target->entry[ADDR_AAAA], T0 + CACHE_USED_GRAIN_MS);
	assert_int_equal(cache_used(target), T0 + CACHE_USED_GRAIN_MS);
	assert_int_equal(target->entry[ADDR_A].used, T0);
}

static void test_publish(void **state)
{
	(void)state;

	entry_t *entry = &add(NAME_A)->entry[ADDR_A];
	cache_fail(entry, 22, T0 + 5 * S, T0);
	cache_fail(entry, 23, T0 + 9 * S, T0 + 1);
	assert_int_equal(entry->failures, 2);
	assert_int_equal(entry->failed_at, T0 + 1);
	assert_int_equal(entry->retry_at, T0 + 9 * S);
	assert_int_equal(entry->failed_ede, 23);
	assert_null(entry->answer);

	reply_t reply = addresses(7, 3, 60);
	assert_int_equal(cache_publish(entry, &reply, T0 + 2), KNOT_EOK);
	assert_int_equal(entry->failed_at, 0);
	assert_int_equal(entry->failures, 0);
	assert_int_equal(entry->answer->received, T0 + 2);
	assert_int_equal(entry->answer->ttl, 60);
	assert_false(entry->answer->restored);
	assert_int_equal(entry->answer->count, 3);
	const knot_rdata_t *rdata = &entry->answer->rdata;
	for (uint8_t i = 0; i < 3; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		assert_int_equal(rdata->len, 4);
		assert_memory_equal(rdata->data, ((uint8_t[]){ 10, i, 0, 7 }), 4);
	}

	/* A failure leaves the answer alone; a negative answer has no records. */
	cache_fail(entry, 22, T0 + 5 * S, T0 + 3);
	assert_int_equal(entry->answer->count, 3);
	reply.kind = REPLY_NODATA;
	reply.count = 0;
	assert_int_equal(cache_publish(entry, &reply, T0 + 4), KNOT_EOK);
	assert_int_equal(entry->answer->kind, REPLY_NODATA);
	assert_int_equal(entry->answer->count, 0);
}

/*! A million targets take no more than they have to: octets of one with an address of each type, as malloc() rounds them. */
static void test_size(void **state)
{
	(void)state;

	target_t *target = add((const knot_dname_t *)"\7n123456\7example\3net");
	size_t size = malloc_usable_size(target);
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		reply_t reply = addresses(1, 1, 60);
		reply.len = addr_len(i);
		assert_int_equal(cache_publish(&target->entry[i], &reply, T0), KNOT_EOK);
		size += malloc_usable_size(target->entry[i].answer);
	}
	assert_true(size <= 264);
}

static const uint8_t *address(const answer_t *answer)
{
	assert_int_equal(answer->kind, REPLY_ADDRESSES);
	return answer->rdata.data;
}

static void publish(entry_t *entry, reply_kind_t kind, uint8_t last)
{
	reply_t reply = addresses(last, kind == REPLY_ADDRESSES, 60);
	reply.kind = kind;
	assert_int_equal(cache_publish(entry, &reply, T0), KNOT_EOK);
}

static void test_held(void **state)
{
	(void)state;

	/* The last addresses outlive one NXDOMAIN after the other; not a NODATA. */
	entry_t *entry = &add(NAME_A)->entry[ADDR_A];
	publish(entry, REPLY_NXDOMAIN, 0);
	assert_null(answer_held(entry->answer));
	publish(entry, REPLY_ADDRESSES, 1);
	for (unsigned i = 0; i < 3; i++) {
		publish(entry, REPLY_NXDOMAIN, 0);
		assert_int_equal(entry->answer->kind, REPLY_NXDOMAIN);
		assert_int_equal(entry->answer->count, 0);
		assert_int_equal(address(answer_held(entry->answer))[3], 1);
	}
	publish(entry, REPLY_ADDRESSES, 2);
	assert_null(answer_held(entry->answer));
	publish(entry, REPLY_NXDOMAIN, 0);
	assert_int_equal(address(answer_held(entry->answer))[3], 2);
	publish(entry, REPLY_NODATA, 0);
	assert_null(answer_held(entry->answer));
	publish(entry, REPLY_NXDOMAIN, 0);
	assert_null(answer_held(entry->answer));

	/* What is held goes with the target. */
	publish(entry, REPLY_ADDRESSES, 5);
	publish(entry, REPLY_NXDOMAIN, 0);
}

static void test_restore(void **state)
{
	(void)state;

	entry_t *entry = &add(NAME_A)->entry[ADDR_AAAA];
	assert_false(entry->warm);
	reply_t reply = addresses(1, 2, 60);
	assert_int_equal(cache_restore(entry, &reply, T0 - 1000 * S), KNOT_EOK);
	assert_true(entry->answer->restored);
	assert_true(entry->warm);
	assert_int_equal(entry->answer->received, T0 - 1000 * S);
	assert_int_equal(entry->answer->ttl, 60);
	assert_int_equal(entry->answer->count, 2);
	publish(entry, REPLY_ADDRESSES, 2);
	assert_false(entry->answer->restored);
	assert_int_equal(address(entry->answer)[3], 2);
}

/*! A copy has the facts of an answer, with what it holds, and the engine that has them from its own resolvers. */
static void test_copy(void **state)
{
	(void)state;

	entry_t *entry = &add(NAME_A)->entry[ADDR_A];
	publish(entry, REPLY_ADDRESSES, 5);
	publish(entry, REPLY_NXDOMAIN, 0);
	entry->answer->stored = T0;
	answer_t *copy = answer_copy(entry->answer, 7);
	assert_int_equal(copy->kind, REPLY_NXDOMAIN);
	assert_int_equal(copy->received, entry->answer->received);
	assert_int_equal(copy->ttl, entry->answer->ttl);
	assert_int_equal(copy->stored, 0);
	assert_int_equal(copy->restored, 7);
	assert_ptr_not_equal(answer_held(copy), answer_held(entry->answer));
	assert_int_equal(answer_held(copy)->restored, 7);
	assert_int_equal(address(answer_held(copy))[3], 5);

	/* Whoever has it from another one names that. */
	answer_t *second = answer_copy(copy, 8);
	assert_int_equal(second->restored, 7);
	answer_free(copy);
	copy = answer_copy(&(answer_t){ .kind = REPLY_NODATA, .restored = ANSWER_STORED }, 8);
	assert_int_equal(copy->restored, 8);
	assert_null(answer_rrs(copy).rdata);

	/* It replaces an answer, and is replaced as any other. */
	entry_t *other = &add(NAME_B)->entry[ADDR_A];
	cache_adopt(other, copy);
	assert_true(other->warm);
	cache_adopt(other, second);
	assert_ptr_equal(other->answer, second);
	publish(other, REPLY_NXDOMAIN, 0);
	assert_int_equal(address(answer_held(other->answer))[3], 5);
	assert_false(other->answer->restored);
}

static void name_of(uint8_t *name, unsigned i)
{
	memcpy(name, NAME_A, knot_dname_size(NAME_A));
	name[1] = i;
}

static void test_victim(void **state)
{
	(void)state;

	assert_null(cache_victim(cache));

	/* Used one after the other, but for one in the middle; those looked at go to the end of the line. */
	target_t *target[NAMES];
	for (unsigned i = 0; i < NAMES; i++) {
		uint8_t name[16];
		name_of(name, i);
		target[i] = add(name);
		target[i]->entry[i % ADDR_TYPES].used = T0 + i;
	}
	target[40]->entry[ADDR_A].used = target[40]->entry[ADDR_AAAA].used = T0 - 1;
	target[0]->entry[ADDR_A].busy = true;
	assert_ptr_equal(cache_victim(cache), target[1]);
	assert_ptr_equal(cache_victim(cache), target[16]);
	assert_ptr_equal(cache_victim(cache), target[40]);
	assert_ptr_equal(cache_victim(cache), target[48]);
	target[1]->entry[ADDR_AAAA].busy = true;
	assert_ptr_equal(cache_victim(cache), target[2]);

	/* One by one all others go; a busy one never does. */
	for (unsigned i = 2; i < NAMES; i++) {
		target_t *victim = cache_victim(cache);
		for (unsigned looks = 0; victim == NULL && looks < NAMES; looks++) {
			victim = cache_victim(cache);
		}
		assert_non_null(victim);
		assert_ptr_not_equal(victim, target[0]);
		assert_ptr_not_equal(victim, target[1]);
		cache_remove(cache, victim);
	}
	assert_int_equal(cache_count(cache), 2);
	assert_null(cache_victim(cache));
	target[0]->entry[ADDR_A].busy = false;
	assert_ptr_equal(cache_victim(cache), target[0]);
}

static unsigned visits[NAMES];

static void visit(const target_t *target, void *ctx)
{
	visits[target->name[1]]++;
	*(const target_t **)ctx = target;
}

/*! A walk in steps visits each target once; if the one that it stands at goes, it begins again. */
static void test_walk(void **state)
{
	(void)state;

	const target_t *last = NULL;
	cache_place_t place = { 0 };
	assert_false(cache_walk(cache, &place, 10, visit, &last));
	assert_null(last);

	for (unsigned i = 0; i < NAMES; i++) {
		uint8_t name[16];
		name_of(name, i);
		(void)add(name);
	}
	for (unsigned step = 1; step <= NAMES + 1; step++) {
		memset(visits, 0, sizeof(visits));
		memset(&place, 0, sizeof(place));
		unsigned steps = 1;
		while (cache_walk(cache, &place, step, visit, &last)) {
			steps++;
		}
		assert_int_equal(steps, (NAMES + step - 1) / step);
		for (unsigned i = 0; i < NAMES; i++) {
			assert_int_equal(visits[i], 1);
		}
	}

	memset(visits, 0, sizeof(visits));
	memset(&place, 0, sizeof(place));
	assert_true(cache_walk(cache, &place, NAMES / 2, visit, &last));
	unsigned gone = last->name[1];
	cache_remove(cache, (target_t *)last);
	while (cache_walk(cache, &place, NAMES / 2, visit, &last)) {
	}
	for (unsigned i = 0; i < NAMES; i++) {
		assert_in_range(visits[i], 1, i == gone ? 1 : 2);
	}
}

/* Each answer has as many addresses as its TTL says, all with the TTL as last octet. */

static bool running;

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
			const answer_t *answer = target ? rcu_dereference(target->entry[ADDR_A].answer) : NULL;
			if (answer != NULL && answer_held(answer) != NULL) {
				answer = answer_held(answer);
			}
			if (answer != NULL && answer->kind == REPLY_ADDRESSES) {
				const knot_rdata_t *rdata = &answer->rdata;
				*wrong += answer->count != answer->ttl;
				for (unsigned j = 0; j < answer->count; j++) {
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
		for (unsigned i = 0; i < NAMES; i++) {
			uint8_t name[16];
			name_of(name, i);
			target_t *target = find(name);
			target = (target != NULL) ? target : add(name);
			uint16_t count = 1 + (round + i) % REPLY_ADDRESSES_MAX;
			reply_t reply = addresses(count, count, count);
			entry_t *entry = &target->entry[ADDR_A];
			assert_int_equal(cache_publish(entry, &reply, T0 + round * S), KNOT_EOK);
			if ((round + i) % 3 == 0) {
				publish(entry, REPLY_NXDOMAIN, 0);
			}
			if ((round + i) % 10 == 9) {
				cache_remove(cache, target);
			}
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
		cmocka_unit_test_setup_teardown(test_touch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_victim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
