/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include "util/budget.h"
#include "util/clock.h"

enum { BURST = 200 };

/*! Does work that costs so much, as long as no more than `most` is owed. \return How often */
static unsigned work(budget_t *budget, uint64_t most, uint64_t cost, uint64_t now)
{
	unsigned count = 0;
	for (; budget_debt(budget, now) <= most; count++) {
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
	uint64_t now = clock_ms();
	assert_int_equal(work(&budget, BURST, 10, now), 21);
	assert_int_equal(work(&budget, BURST, 10, now), 0);
	unsigned count = 0;
	for (unsigned ms = 1; ms <= 1000; ms++) {
		count += work(&budget, BURST, 10, now + ms);
	}
	assert_int_equal(count, 100);
	assert_int_equal(work(&budget, BURST, 10, now + 100000), 21);
}

/* Who owes less at most leaves something to others. */
static void test_less(void **state)
{
	(void)state;

	budget_t budget = { 0 };
	uint64_t now = clock_ms();
	assert_int_equal(work(&budget, BURST / 2, 10, now), 11);
	for (unsigned ms = 0; ms < 1000; ms += 10) {
		(void)work(&budget, BURST / 2, 10, now + ms);
		assert_true(budget_debt(&budget, now + ms) <= BURST);
	}
	now += 1000;
	assert_int_equal(work(&budget, BURST, 10, now), 11);
	assert_true(budget_debt(&budget, now + 100) > BURST / 2);
	assert_true(budget_debt(&budget, now + 100) <= BURST);
}

/* One piece of work that takes long is paid for, too. */
static void test_long(void **state)
{
	(void)state;

	budget_t budget = { 0 };
	uint64_t now = clock_ms();
	budget_spend(&budget, 5000, now);
	assert_true(budget_debt(&budget, now + 4799) > BURST);
	assert_true(budget_debt(&budget, now + 4800) <= BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_less),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
