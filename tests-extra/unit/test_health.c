/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>

#include "cache/health.h"

#define S 1000ULL
#define T0 (5000 * S)

static health_t health;

static int setup(void **state)
{
	(void)state;
	memset(&health, 0, sizeof(health));
	health_init(&health);
	return 0;
}

static void take_down(uint64_t now)
{
	assert_false(health_note(&health, true, now - HEALTH_DOWN_MS));
	for (unsigned i = 1; i < HEALTH_DOWN_FAILURES; i++) {
		assert_false(health_note(&health, false, now));
	}
	assert_true(health_note(&health, false, now));
	assert_true(health.down);
}

static void test_down(void **state)
{
	(void)state;

	/* Neither many failures in a short time, nor a few after a long one. */
	health_note(&health, true, T0);
	for (unsigned i = 0; i < 100; i++) {
		assert_false(health_note(&health, false, T0 + HEALTH_DOWN_MS - 1));
	}
	assert_false(health_wants_probe(&health, T0 + 3600 * S));
	health_note(&health, true, T0);
	for (unsigned i = 1; i < HEALTH_DOWN_FAILURES; i++) {
		assert_false(health_note(&health, false, T0 + 3600 * S));
	}
	assert_false(health.down);
	assert_true(health_note(&health, false, T0 + 3600 * S));
	assert_true(health.down);
	assert_false(health_note(&health, false, T0 + 3601 * S));
}

static void test_probes(void **state)
{
	(void)state;

	/* The time between them doubles, with jitter, up to its limit; not all are the same. */
	static const uint64_t interval[] = { 500, 1000, 2000, 2000, 2000, 2000, 2000 };
	uint64_t now = T0;
	unsigned exact = 0;
	take_down(now);
	for (unsigned i = 0; i < sizeof(interval) / sizeof(interval[0]); i++) {
		assert_false(health_wants_probe(&health, now + interval[i] - 1));
		assert_true(health_wants_probe(&health, now + interval[i] * 5 / 4));
		exact += health.probe_at == now + interval[i];
		now += interval[i] * 5 / 4;
		health_probed(&health, now);
		health_note(&health, false, now);
	}
	assert_true(exact < 4);
}

static void test_up(void **state)
{
	(void)state;

	/* Successes in a row only; after each the next probe may leave at once. */
	uint64_t now = T0;
	take_down(now);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
			assert_false(health_note(&health, true, ++now));
			assert_true(health_wants_probe(&health, now));
			health_probed(&health, now);
			assert_false(health_wants_probe(&health, now));
		}
		assert_false(health_note(&health, false, ++now));
	}
	assert_true(health.down);
	assert_true(health_blames(&health, T0));

	for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
		assert_false(health_note(&health, true, ++now));
	}
	assert_true(health_note(&health, true, ++now));
	assert_false(health.down);
	assert_false(health_wants_probe(&health, now + 3600 * S));

	/* What has failed until then is forgiven, what fails later is not. */
	assert_false(health_blames(&health, now));
	assert_true(health_blames(&health, now + 1));
	assert_false(health_note(&health, true, ++now));
}

static void test_slow(void **state)
{
	(void)state;

	/* Halved with each row of failures, to a limit; a success takes one step back, the return all. */
	for (unsigned step = 1; step <= HEALTH_SLOW_MAX + 2; step++) {
		for (unsigned i = 1; i < HEALTH_SLOW_FAILURES; i++) {
			health_note(&health, false, T0);
			assert_int_equal(health.slow, step - 1 < HEALTH_SLOW_MAX ? step - 1 : HEALTH_SLOW_MAX);
		}
		health_note(&health, false, T0);
		assert_int_equal(health.slow, step < HEALTH_SLOW_MAX ? step : HEALTH_SLOW_MAX);
	}
	health_note(&health, true, T0);
	assert_int_equal(health.slow, HEALTH_SLOW_MAX - 1);
	health_note(&health, false, T0);
	assert_int_equal(health.slow, HEALTH_SLOW_MAX - 1);
	for (unsigned i = 0; i < HEALTH_UP_SUCCESSES; i++) {
		health_note(&health, true, T0);
	}
	assert_int_equal(health.slow, 0);
	assert_false(health.down);
}

static void test_partial(void **state)
{
	(void)state;

	/* Half of all fails: nothing slows down, is probed or forgiven. */
	unsigned short seed[3] = { 4, 5, 6 };
	health_note(&health, true, T0 - 1);
	for (uint64_t now = T0; now < T0 + 600 * S; now += 100) {
		assert_false(health_note(&health, nrand48(seed) % 2 == 0, now));
		assert_in_range(health.slow, 0, 1);
	}
	assert_false(health_wants_probe(&health, T0 + 601 * S));
	assert_true(health_blames(&health, T0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_down, setup),
		cmocka_unit_test_setup(test_probes, setup),
		cmocka_unit_test_setup(test_up, setup),
		cmocka_unit_test_setup(test_slow, setup),
		cmocka_unit_test_setup(test_partial, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
