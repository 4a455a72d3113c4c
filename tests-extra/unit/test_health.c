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
	assert_false(health_note(&health, true, true, now - HEALTH_DOWN_MS));
	for (unsigned i = 1; i < HEALTH_DOWN_FAILURES; i++) {
		assert_false(health_note(&health, false, true, now));
	}
	assert_true(health_note(&health, false, true, now));
	assert_true(health.down);
}

static void test_down(void **state)
{
	(void)state;

	/* Neither many failures in a short time, nor a few after a long one. */
	health_note(&health, true, true, T0);
	for (unsigned i = 0; i < 100; i++) {
		assert_false(health_note(&health, false, true, T0 + HEALTH_DOWN_MS - 1));
	}
	assert_false(health_wants_probe(&health, T0 + 3600 * S));
	health_note(&health, true, true, T0);
	for (unsigned i = 1; i < HEALTH_DOWN_FAILURES; i++) {
		assert_false(health_note(&health, false, true, T0 + 3600 * S));
	}
	assert_false(health.down);
	assert_true(health_note(&health, false, true, T0 + 3600 * S));
	assert_true(health.down);
	assert_false(health_note(&health, false, true, T0 + 3601 * S));
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
		health_note(&health, false, true, now);
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
			assert_false(health_note(&health, true, true, ++now));
			assert_true(health_wants_probe(&health, now));
			health_probed(&health, now);
			assert_false(health_wants_probe(&health, now));
		}
		assert_false(health_note(&health, false, true, ++now));
	}
	assert_true(health.down);
	assert_true(health_blames(&health, T0));

	for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
		assert_false(health_note(&health, true, true, ++now));
	}
	assert_true(health_note(&health, true, true, ++now));
	assert_false(health.down);
	assert_false(health_wants_probe(&health, now + 3600 * S));

	/* What has failed until then is forgiven, what fails later is not. */
	assert_false(health_blames(&health, now));
	assert_true(health_blames(&health, now + 1));
	assert_false(health_note(&health, true, true, ++now));
}

static void test_slow(void **state)
{
	(void)state;

	health_note(&health, true, true, T0 - HEALTH_DOWN_MS);
	/* Halved with each row of failures, to a limit; a success takes one step back, the return all. */
	for (unsigned step = 1; step <= HEALTH_SLOW_MAX + 2; step++) {
		for (unsigned i = 1; i < HEALTH_SLOW_FAILURES; i++) {
			health_note(&health, false, true, T0);
			assert_int_equal(health.slow, step - 1 < HEALTH_SLOW_MAX ? step - 1 : HEALTH_SLOW_MAX);
		}
		health_note(&health, false, true, T0);
		assert_int_equal(health.slow, step < HEALTH_SLOW_MAX ? step : HEALTH_SLOW_MAX);
	}
	health_note(&health, true, true, T0);
	assert_int_equal(health.slow, HEALTH_SLOW_MAX - 1);
	health_note(&health, false, true, T0);
	assert_int_equal(health.slow, HEALTH_SLOW_MAX - 1);
	for (unsigned i = 0; i < HEALTH_UP_SUCCESSES; i++) {
		health_note(&health, true, true, T0);
	}
	assert_int_equal(health.slow, 0);
	assert_false(health.down);
}

/*! Before the first success only a trial can take it down, whatever fails. */
static void test_trial_fails(void **state)
{
	(void)state;

	for (unsigned i = 0; i < 100; i++) {
		assert_false(health_note(&health, false, i % 2 == 0, T0 + i * S));
		assert_true(health.wants_trial);
	}
	uint64_t now = T0 + 100 * S;
	assert_true(health_tried(&health, false, now));
	assert_true(health.down);
	assert_false(health_tried(&health, false, now));

	/* Another one when a probe is due: the targets alone may never succeed. */
	assert_false(health_note(&health, false, false, now));
	assert_false(health.wants_trial);
	now += 2 * HEALTH_PROBE_MIN_MS;
	assert_false(health_note(&health, false, false, now));
	assert_true(health.wants_trial);
	assert_true(health_tried(&health, true, ++now));
	assert_false(health.down || health.wants_trial);
	assert_false(health_blames(&health, now));
}

static void test_first_success(void **state)
{
	(void)state;

	/* A single one is enough after a trial: there may be no more targets than one. */
	health_note(&health, false, false, T0);
	assert_true(health_tried(&health, false, T0));
	assert_true(health_note(&health, true, false, T0 + S));
	assert_false(health.down);
	assert_false(health_blames(&health, T0 + S));
	assert_false(health_wants_probe(&health, T0 + 3600 * S));

	/* A late failure of the trial has nothing to say any more. */
	assert_false(health_tried(&health, false, T0 + 2 * S));
	assert_false(health.down);
}

static void test_trial_passes(void **state)
{
	(void)state;

	/* Then the targets are to blame, and the resolver is not tried again. */
	health_note(&health, false, false, T0);
	assert_false(health_tried(&health, true, T0 + 1));
	assert_true(health_blames(&health, T0));
	for (unsigned i = 0; i < 100; i++) {
		assert_false(health_note(&health, false, false, T0 + i * S));
		assert_false(health.down || health.wants_trial);
	}
	/* But it may go down as any other. */
	assert_false(health_note(&health, false, true, T0 + 100 * S));
	assert_true(health_note(&health, false, true, T0 + 100 * S));
}

static void test_partial(void **state)
{
	(void)state;

	/* Half of all fails: nothing slows down, is probed or forgiven. */
	unsigned short seed[3] = { 4, 5, 6 };
	health_note(&health, true, true, T0 - 1);
	for (uint64_t now = T0; now < T0 + 600 * S; now += 100) {
		assert_false(health_note(&health, nrand48(seed) % 2 == 0, true, now));
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
		cmocka_unit_test_setup(test_trial_fails, setup),
		cmocka_unit_test_setup(test_first_success, setup),
		cmocka_unit_test_setup(test_trial_passes, setup),
		cmocka_unit_test_setup(test_partial, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
