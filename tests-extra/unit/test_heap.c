/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/errcode.h>

#include "util/heap.h"

#define NODES 1000
#define ROUNDS 100000
#define KEYS 5000 /* Few enough that some are the same. */

typedef struct {
	heap_node_t node;
	uint64_t key;
} item_t;

static heap_t heap;
static item_t item[NODES];
static uint64_t sorted[NODES]; /* The reference: the keys that are in, in order. */
static uint32_t count;
static unsigned short seed[3] = { 1, 2, 3 };

static uint32_t place(uint64_t key)
{
	uint32_t i = 0;
	while (i < count && sorted[i] < key) {
		i++;
	}
	return i;
}

static void insert(item_t *new)
{
	new->key = nrand48(seed) % KEYS;
	uint32_t i = place(new->key);
	memmove(&sorted[i + 1], &sorted[i], (count++ - i) * sizeof(sorted[0]));
	sorted[i] = new->key;
	assert_int_equal(heap_insert(&heap, &new->node, new->key), KNOT_EOK);
	assert_true(new->node.pos > 0);
}

static void remove_one(item_t *old)
{
	uint32_t i = place(old->key);
	memmove(&sorted[i], &sorted[i + 1], (--count - i) * sizeof(sorted[0]));
	heap_remove(&heap, &old->node);
	assert_int_equal(old->node.pos, 0);
}

static void check(void)
{
	const heap_item_t *top = heap_top(&heap);
	assert_int_equal(heap.count, count);
	if (count == 0) {
		assert_null(top);
		return;
	}
	assert_int_equal(top->key, sorted[0]);
	assert_int_equal(((item_t *)top->node)->key, sorted[0]);
}

/*! The first one is the lowest whatever comes and goes, also from the middle. */
static void test_random(void **state)
{
	(void)state;

	check();
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* By turns it grows and shrinks. */
		item_t *any = &item[nrand48(seed) % NODES];
		bool grows = nrand48(seed) % 10 < (round / 10000 % 2 == 0 ? 7 : 3);
		if (any->node.pos == 0 && grows) {
			insert(any);
		} else if (any->node.pos != 0 && !grows) {
			remove_one(any);
		}
		check();
	}

	while (count > 0) {
		remove_one((item_t *)heap_top(&heap)->node);
		check();
	}
	heap_deinit(&heap);
}

/*! With room reserved, an insertion allocates nothing. */
static void test_reserve(void **state)
{
	(void)state;

	heap = (heap_t){ 0 };
	assert_int_equal(heap_reserve(&heap, NODES), KNOT_EOK);
	assert_true(heap.capacity >= NODES);
	const heap_item_t *room = heap.item;
	uint32_t capacity = heap.capacity;
	for (unsigned i = 0; i < NODES; i++) {
		insert(&item[i]);
	}
	assert_int_equal(heap_reserve(&heap, 1), KNOT_EOK);
	assert_ptr_equal(heap.item, room);
	assert_int_equal(heap.capacity, capacity);
	check();
	heap_deinit(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_reserve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
