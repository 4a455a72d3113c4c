/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/errcode.h>

#include "engine/turns.h"

enum {
	KIND = 2,
	TENANTS = 5,
	TARGETS = 100, /* Of each, but the last one has a single one. */
};

static tenants_t tenants;
static tenant_t *tenant[TENANTS];
static target_t target[TENANTS][TARGETS];
static turns_t turns;

static int setup(void **state)
{
	(void)state;
	turns = (turns_t){ .kind = KIND };
	memset(target, 0, sizeof(target));
	tenants_init(&tenants);
	for (unsigned t = 0; t < TENANTS; t++) {
		tenant[t] = tenant_new(&tenants, NAME_APEX, &(tenant_options_t){ 0 }, NULL);
		for (unsigned i = 0; i < TARGETS; i++) {
			target[t][i].tenant = tenant[t];
		}
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	turns_deinit(&turns);
	for (unsigned t = 0; t < TENANTS; t++) {
		tenant_unref(tenant[t]);
	}
	tenants_deinit(&tenants);
	return 0;
}

static void insert(unsigned t, unsigned i, uint64_t key)
{
	assert_int_equal(turns_insert(&turns, &target[t][i], key), KNOT_EOK);
}

static void insert_all(unsigned t)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		insert(t, i, TARGETS - i);
	}
}

/*! Takes the first target. \return its tenant's number. */
static unsigned take(void)
{
	target_t *top = turns_top(&turns);
	assert_non_null(top);
	unsigned t = 0;
	while (top->tenant != tenant[t]) {
		t++;
	}
	turns_next(&turns);
	turns_remove(&turns, top);
	return t;
}

/*! However many targets a tenant has, and whenever it came, it has every turn but those of the others. */
static void test_turns(void **state)
{
	(void)state;

	assert_null(turns_top(&turns));
	for (unsigned t = 0; t < TENANTS - 2; t++) {
		insert_all(t);
	}
	unsigned had[TENANTS] = { 0 };
	for (unsigned n = 0; n < 30; n++) {
		had[take()]++;
	}
	for (unsigned t = 0; t < TENANTS - 2; t++) {
		assert_int_equal(had[t], 10);
	}

	/* One that comes later neither makes up for what it missed nor has to wait for long. */
	insert_all(TENANTS - 2);
	insert(TENANTS - 1, 0, 1);
	memset(had, 0, sizeof(had));
	for (unsigned n = 0; n < 41; n++) {
		had[take()]++;
		assert_true(n < 2 * TENANTS || had[TENANTS - 1] == 1);
	}
	for (unsigned t = 0; t < TENANTS - 1; t++) {
		assert_in_range(had[t], 9, 11);
	}
	assert_int_equal(turns.count, (TENANTS - 2) * TARGETS - 30 + TARGETS + 1 - 41);
}

/*! Within a tenant the lowest key is first. */
static void test_order(void **state)
{
	(void)state;

	insert_all(0);
	for (unsigned i = 0; i < TARGETS; i++) {
		assert_ptr_equal(turns_top(&turns), &target[0][TARGETS - 1 - i]);
		assert_int_equal(turns_key(&turns, turns_top(&turns)), i + 1);
		assert_int_equal(take(), 0);
	}
	assert_null(turns_top(&turns));
	assert_int_equal(turns.count, 0);
	assert_null(tenant[0]->queue[KIND].targets.item); /* A long queue gives its memory back. */
}

/*! A tenant that is left out has no turns, whatever comes and goes, until it may again. */
static void test_pause(void **state)
{
	(void)state;

	insert_all(0);
	insert_all(1);
	unsigned first = turns_top(&turns)->tenant == tenant[0] ? 0 : 1;
	turns_pause(&turns);
	turns_remove(&turns, &target[first][3]);
	insert(first, 3, 0);
	for (unsigned n = 0; n < 10; n++) {
		assert_int_equal(take(), 1 - first);
	}
	turns_pause(&turns);
	assert_null(turns_top(&turns));
	assert_int_equal(turns.count, 2 * TARGETS - 10);

	turns_resume(&turns, tenant[first]);
	turns_resume(&turns, tenant[first]);
	assert_ptr_equal(turns_top(&turns), &target[first][3]);
	turns_resume(&turns, tenant[2]);
	for (unsigned i = 0; i < TARGETS; i++) {
		assert_int_equal(take(), first);
	}

	/* With its last target the pause ends. */
	for (unsigned i = 0; i < TARGETS; i++) {
		if (target[1 - first][i].plan.pos != 0) {
			turns_remove(&turns, &target[1 - first][i]);
		}
	}
	assert_int_equal(turns.paused, 0);
	insert(1 - first, 0, 0);
	assert_int_equal(take(), 1 - first);
}

static void check_counts(unsigned queues, unsigned paused, unsigned count)
{
	assert_int_equal(turns.queues, queues);
	assert_int_equal(turns.paused, paused);
	assert_int_equal(turns.count, count);
}

/*! One that is held up has none and is not counted until it is released, whatever comes and goes, and whether it was paused. */
static void test_hold(void **state)
{
	(void)state;

	insert_all(0);
	insert(1, 0, 1);
	for (unsigned round = 0; round < 2; round++) {
		check_counts(2, 0, TARGETS + 1);
		if (turns_top(&turns)->tenant == tenant[1]) {
			turns_next(&turns);
		}
		if (round == 1) {
			turns_pause(&turns);
		}
		tenant[0]->held.pos = 1;
		turns_hold(&turns, tenant[0]);
		check_counts(2, 0, 1);
		turns_resume(&turns, tenant[0]);
		turns_remove(&turns, &target[0][3]);
		insert(0, 3, 0);
		for (unsigned n = 0; n < 3; n++) {
			assert_ptr_equal(turns_top(&turns), &target[1][0]);
			turns_next(&turns);
		}
		tenant[0]->held.pos = 0;
		turns_release(&turns, tenant[0]);
		assert_ptr_equal(turns_first(&turns, tenant[0]), &target[0][3]);
	}

	/* Its first target may come meanwhile, and its last one may go. */
	for (unsigned t = 2; t < 4; t++) {
		tenant[t]->held.pos = 1;
		turns_hold(&turns, tenant[t]);
		insert(t, 0, 1);
	}
	check_counts(4, 0, TARGETS + 1);
	turns_remove(&turns, &target[3][0]);
	for (unsigned t = 2; t < 4; t++) {
		tenant[t]->held.pos = 0;
		turns_release(&turns, tenant[t]);
	}
	check_counts(3, 0, TARGETS + 2);
	unsigned had[TENANTS] = { 0 };
	for (unsigned n = 0; n < 3; n++) {
		had[take()]++;
	}
	assert_int_equal(had[0], 1);
	assert_int_equal(had[2], 1);
	check_counts(1, 0, TARGETS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
