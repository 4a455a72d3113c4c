/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/errcode.h>

#include "cache/merge.h"

static unsigned allocations;

static void *allocate(void *ctx, size_t size)
{
	(void)ctx;
	allocations++;
	return malloc(size);
}

static knot_mm_t mm = { .alloc = allocate, .free = free };

/*! A set of `count` addresses of `len` octets, each `step` after the one before it. */
static knot_rdataset_t numbers(uint8_t len, unsigned first, unsigned step, unsigned count)
{
	knot_rdataset_t set = { .count = count, .size = count * knot_rdata_size(len) };
	set.rdata = (count > 0) ? malloc(set.size) : NULL;
	knot_rdata_t *rdata = set.rdata;
	for (unsigned i = 0; i < count; i++, rdata = knot_rdataset_next(rdata)) {
		uint8_t addr[16] = { 0 };
		unsigned number = first + i * step;
		addr[len - 1] = number;
		addr[len - 2] = number >> 8;
		addr[len - 3] = number >> 16;
		knot_rdata_init(rdata, len, addr);
	}
	return set;
}

/*! Merges both ways: the result is that of libknot, by one allocation. */
static void check(const knot_rdataset_t *one, const knot_rdataset_t *other)
{
	for (unsigned i = 0; i < 2; i++) {
		knot_rdataset_t merged, expected;
		assert_int_equal(knot_rdataset_copy(&merged, i == 0 ? one : other, NULL), KNOT_EOK);
		assert_int_equal(knot_rdataset_copy(&expected, i == 0 ? one : other, NULL), KNOT_EOK);
		assert_int_equal(knot_rdataset_merge(&expected, i == 0 ? other : one, NULL), KNOT_EOK);
		allocations = 0;
		assert_int_equal(merge_rdata(&merged, i == 0 ? other : one, &mm), KNOT_EOK);
		assert_true(allocations <= 1);
		assert_int_equal(merged.count, expected.count);
		assert_int_equal(merged.size, expected.size);
		assert_true(knot_rdataset_eq(&merged, &expected));
		knot_rdataset_clear(&merged, NULL);
		knot_rdataset_clear(&expected, NULL);
	}
}

static void test_unions(void **state)
{
	(void)state;

	static const struct {
		unsigned first, step, count;
	} sets[] = {
		{ 0, 1, 0 },
		{ 0, 1, 1 },
		{ 1, 1, 1 },
		{ 0, 1, 64 },
		{ 32, 1, 64 },
		{ 64, 1, 64 },
		{ 0, 2, 64 },
		{ 1, 2, 64 },
		{ 0, 3, 100 },
		{ 10, 1, 2 },
	};
	const unsigned count = sizeof(sets) / sizeof(*sets);
	for (uint8_t len = 4; len <= 16; len += 12) {
		for (unsigned i = 0; i < count * count; i++) {
			unsigned k = i / count, n = i % count;
			knot_rdataset_t one = numbers(len, sets[k].first, sets[k].step, sets[k].count);
			knot_rdataset_t other = numbers(len, sets[n].first, sets[n].step, sets[n].count);
			check(&one, &other);
			knot_rdataset_clear(&one, NULL);
			knot_rdataset_clear(&other, NULL);
		}
	}
}

/* As many as a set can have, and one more. */
static void test_full(void **state)
{
	(void)state;

	knot_rdataset_t set = numbers(4, 0, 1, 40000), rest = numbers(4, 40000, 1, 25535), one = numbers(4, 0, 1, 1);
	assert_int_equal(merge_rdata(&set, &rest, &mm), KNOT_EOK);
	assert_int_equal(set.count, UINT16_MAX);
	assert_int_equal(merge_rdata(&set, &one, &mm), KNOT_ESPACE);
	assert_int_equal(set.count, UINT16_MAX);
	knot_rdataset_clear(&set, NULL);
	knot_rdataset_clear(&rest, NULL);
	knot_rdataset_clear(&one, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unions),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
