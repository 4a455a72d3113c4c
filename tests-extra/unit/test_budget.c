/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include "util/budget.h"
#include "util/clock.h"

#define MS 1000000ULL

/*! Does work that costs so much, as long as it may be done. \return How often */
static unsigned work(budget_t *budget, bool urgent, uint64_t cost, uint64_t now)
{
	unsigned count = 0;
	for (; budget_allows(budget, urgent, now); count++) {
		assert_true(count < 10000);
		budget_spend(budget, cost, now);
	}
	return count;
}

/* What is spent at once after a pause, however long, and then as time goes by. */
static void test_rate(void **state)
{
	(void)state;

	budget_t budget = { 0 };
	uint64_t now = clock_ns();
	assert_int_equal(work(&budget, true, 10 * MS, now), 21);
	assert_int_equal(work(&budget, true, 10 * MS, now), 0);
	unsigned count = 0;
	for (unsigned ms = 1; ms <= 1000; ms++) {
		count += work(&budget, true, 10 * MS, now + ms * MS);
	}
	assert_int_equal(count, 100);
	assert_int_equal(work(&budget, true, 10 * MS, now + 100000 * MS), 21);
}

/* What is not urgent leaves the half. */
static void test_urgent(void **state)
{
	(void)state;

	budget_t budget = { 0 };
	uint64_t now = clock_ns();
	assert_int_equal(work(&budget, false, 10 * MS, now), 11);
	for (unsigned ms = 0; ms < 1000; ms += 10) {
		(void)work(&budget, false, 10 * MS, now + ms * MS);
		assert_true(budget_allows(&budget, true, now + ms * MS));
	}
	now += 1000 * MS;
	assert_int_equal(work(&budget, true, 10 * MS, now), 11);
	assert_false(budget_allows(&budget, false, now + 100 * MS));
	assert_true(budget_allows(&budget, true, now + 100 * MS));
}

/* One piece of work that takes long is paid for, too. */
static void test_long(void **state)
{
	(void)state;

	budget_t budget = { 0 };
	uint64_t now = clock_ns();
	budget_spend(&budget, 5000 * MS, now);
	assert_false(budget_allows(&budget, true, now + 4799 * MS));
	assert_true(budget_allows(&budget, true, now + 4800 * MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
