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
	return 0;
}

static bool note(bool success, bool known, bool begins, uint64_t now)
{
	return health_note(&health, &(health_result_t){ .sent = now, .success = success, .known = known, .begins = begins }, now);
}

static bool succeed(uint64_t now)
{
	return note(true, true, false, now);
}

/*! A target that worked before and has failed already. */
static bool fail_again(uint64_t now)
{
	return note(false, true, false, now);
}

/*! One that worked until now. */
static bool fail_first(uint64_t now)
{
	return note(false, true, true, now);
}

/*! Sends the trial that is due, and gets its result. */
static bool try(bool success, uint64_t now)
{
	assert_true(health_trial_at(&health) <= now);
	health_try(&health, now);
	return health_tried(&health, success, now, now);
}

/*! Takes it down by a trial. */
static void take_down(uint64_t now)
{
	assert_false(succeed(now - HEALTH_DOWN_MS));
	for (unsigned i = 0; i < HEALTH_DOWN_FAILURES; i++) {
		assert_false(fail_again(now));
	}
	assert_true(try(false, now));
	assert_true(health.down);
}

/*! The same target again and again: the trial tells whose fault it is. */
static void test_down_one(void **state)
{
	(void)state;

	/* Neither many failures in a short time, nor a few after a long one. */
	succeed(T0);
	for (unsigned i = 0; i < 100; i++) {
		assert_false(fail_again(T0 + HEALTH_DOWN_MS - 1));
	}
	assert_int_equal(health_trial_at(&health), HEALTH_NEVER);
	succeed(T0);
	for (unsigned i = 1; i < HEALTH_DOWN_FAILURES; i++) {
		assert_false(fail_again(T0 + 3600 * S));
	}
	assert_int_equal(health_trial_at(&health), HEALTH_NEVER);

	/* The target's, then it is tried again only after a while. */
	assert_false(fail_again(T0 + 3600 * S));
	assert_false(try(true, T0 + 3600 * S));
	for (unsigned i = 0; i < 100; i++) {
		assert_false(fail_again(T0 + 3600 * S));
		assert_int_equal(health_trial_at(&health), T0 + 3600 * S + HEALTH_DOWN_MS);
	}
	assert_false(health.down);

	/* The resolver's. */
	assert_true(try(false, T0 + 3700 * S));
	assert_true(health.down);
	assert_false(fail_again(T0 + 3701 * S));
}

/*! Several targets that worked: no trial is needed, nor does its success mean that the resolver is back. */
static void test_down_several(void **state)
{
	(void)state;

	succeed(T0);
	uint64_t now = T0 + HEALTH_DOWN_MS;
	for (unsigned i = 1; i < HEALTH_DOWN_TARGETS; i++) {
		assert_false(fail_first(now));
	}
	assert_false(try(true, now));
	assert_false(fail_again(now));
	assert_true(fail_first(now));
	assert_true(health.down);
	for (unsigned i = 0; i < 2 * HEALTH_UP_SUCCESSES; i++) {
		now += S;
		assert_false(try(true, now));
	}
	assert_true(health.down);

	/* Unless one has failed, too. */
	now += S;
	assert_false(try(false, now));
	for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
		now += S;
		assert_false(try(true, now));
	}
	assert_true(try(true, now + S));
	assert_false(health.down);
}

/*! What was sent before the last success says nothing. */
static void test_late_failures(void **state)
{
	(void)state;

	take_down(T0);
	health_try(&health, T0);
	uint64_t now = T0 + S;
	for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
		assert_false(succeed(++now));
	}
	assert_false(health_tried(&health, false, T0, now));
	const health_result_t late = { .sent = T0, .known = true };
	assert_false(health_note(&health, &late, now));
	assert_true(succeed(++now));
}

/*! But for the targets that begin to fail with it, as they do not begin to once more. */
static void test_late_begin(void **state)
{
	(void)state;

	succeed(T0 + 1);
	const health_result_t late = { .sent = T0, .known = true, .begins = true };
	for (unsigned i = 0; i < HEALTH_DOWN_TARGETS; i++) {
		assert_false(health_note(&health, &late, T0 + 2));
	}
	for (unsigned i = 1; i < HEALTH_DOWN_FAILURES; i++) {
		assert_false(fail_again(T0 + 5 * S));
	}
	assert_true(fail_again(T0 + 5 * S));
}

/*! While trials succeed after it went down without one, only targets can tell that it is back. */
static void test_cut_off(void **state)
{
	(void)state;

	take_down(T0);
	uint64_t now = T0 + S;
	assert_false(health.cut_off);
	assert_false(try(true, now));
	assert_false(health.cut_off);

	succeed(++now);
	succeed(++now);
	assert_false(health.down);
	for (unsigned i = 0; i < HEALTH_DOWN_TARGETS; i++) {
		assert_false(health.cut_off);
		fail_first(now + HEALTH_DOWN_MS);
	}
	now += HEALTH_DOWN_MS;
	assert_true(health.down);
	assert_false(health.cut_off);
	assert_false(try(true, now));
	assert_true(health.cut_off);
	assert_false(try(false, now + S));
	assert_false(health.cut_off);
}

/*! A resolver that was taken down by its dead targets is up once others succeed, however often the dead ones fail. */
static void test_dead_targets(void **state)
{
	(void)state;

	uint64_t now = T0;
	assert_false(succeed(now));
	for (unsigned i = 0; i < HEALTH_DOWN_TARGETS; i++) {
		fail_first(now + HEALTH_DOWN_MS);
	}
	now += HEALTH_DOWN_MS;
	assert_true(health.down);
	assert_false(try(true, now));
	for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
		assert_false(fail_again(++now));
		assert_false(succeed(++now));
	}
	/* Not while more targets begin to fail: then it is cut off. */
	assert_false(fail_first(++now));
	assert_false(succeed(++now));
	assert_true(health.down);
	for (unsigned i = 2; i < HEALTH_UP_SUCCESSES; i++) {
		assert_false(fail_again(++now));
		assert_false(succeed(++now));
	}
	assert_false(fail_again(++now));
	assert_true(succeed(++now));
	assert_false(health.down);

	/* Those that are dead anyway do not take it down again. */
	for (unsigned i = 0; i < 100; i++) {
		now += HEALTH_DOWN_MS;
		assert_false(fail_again(now));
		assert_true(health_trial_at(&health) > now || !try(true, now));
	}
	assert_false(health.down);
}

static void test_probes(void **state)
{
	(void)state;

	/* Each half a second, with jitter, whether those before have a result or not. */
	uint64_t now = T0;
	unsigned exact = 0;
	take_down(now);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t at = health_trial_at(&health);
		assert_in_range(at - now, HEALTH_PROBE_MS, HEALTH_PROBE_MS * 5 / 4);
		exact += at == now + HEALTH_PROBE_MS;
		now = at;
		health_try(&health, now);
		if (i % 2 == 0) {
			assert_false(health_tried(&health, false, now, now));
		}
	}
	assert_true(exact < 10);
}

static void test_up(void **state)
{
	(void)state;

	/* Successes in a row only; after each the next trial may leave at once. */
	uint64_t now = T0;
	take_down(now);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
			assert_false(round % 2 == 0 ? succeed(++now) : try(true, ++now));
			assert_int_equal(health_trial_at(&health), now);
		}
		assert_false(fail_again(++now));
	}
	assert_true(health.down);
	assert_true(health_blames(&health, T0));

	for (unsigned i = 1; i < HEALTH_UP_SUCCESSES; i++) {
		assert_false(succeed(++now));
	}
	assert_true(succeed(++now));
	assert_false(health.down);
	assert_int_equal(health_trial_at(&health), HEALTH_NEVER);

	/* What has failed until then is forgiven, what fails later is not. */
	assert_false(health_blames(&health, now));
	assert_true(health_blames(&health, now + 1));
	assert_false(succeed(++now));
}

static void test_slow(void **state)
{
	(void)state;

	succeed(T0 - HEALTH_DOWN_MS);
	/* Halved with each row of failures, to a limit; a success takes one step back, the return all. */
	for (unsigned step = 1; step <= HEALTH_SLOW_MAX + 2; step++) {
		for (unsigned i = 1; i < HEALTH_SLOW_FAILURES; i++) {
			fail_first(T0);
			assert_int_equal(health.slow, step - 1 < HEALTH_SLOW_MAX ? step - 1 : HEALTH_SLOW_MAX);
		}
		fail_first(T0);
		assert_int_equal(health.slow, step < HEALTH_SLOW_MAX ? step : HEALTH_SLOW_MAX);
	}
	assert_true(health.down);
	succeed(T0);
	assert_int_equal(health.slow, HEALTH_SLOW_MAX - 1);
	fail_again(T0);
	assert_int_equal(health.slow, HEALTH_SLOW_MAX - 1);
	for (unsigned i = 0; i < HEALTH_UP_SUCCESSES; i++) {
		succeed(T0);
	}
	assert_int_equal(health.slow, 0);
	assert_false(health.down);
}

/*! Before the first success only a trial can take it down, whatever fails. */
static void test_trial_fails(void **state)
{
	(void)state;

	for (unsigned i = 0; i < 100; i++) {
		assert_false(note(false, i % 2 == 0, true, T0 + i * S));
		assert_int_equal(health_trial_at(&health), 0);
	}
	uint64_t now = T0 + 100 * S;
	health_try(&health, now);
	note(false, false, true, now);
	assert_int_equal(health_trial_at(&health), HEALTH_NEVER); /* One at a time. */
	assert_true(health_tried(&health, false, now, now));
	assert_true(health.down);

	/* Others follow: the targets alone may never succeed. */
	now += HEALTH_PROBE_MS * 5 / 4;
	assert_false(try(false, now));
	now += HEALTH_PROBE_MS * 5 / 4;
	assert_true(try(true, now));
	assert_false(health.down || health.wants_trial);
	assert_false(health_blames(&health, now));
}

static void test_first_success(void **state)
{
	(void)state;

	/* A single one is enough after a trial: there may be no more targets than one. */
	note(false, false, true, T0);
	health_try(&health, T0);
	assert_true(health_tried(&health, false, T0, T0));
	health_try(&health, T0);
	assert_true(note(true, false, false, T0 + S));
	assert_false(health.down);
	assert_false(health_blames(&health, T0 + S));
	assert_int_equal(health_trial_at(&health), HEALTH_NEVER);

	/* A late failure of the trial has nothing to say any more. */
	assert_false(health_tried(&health, false, T0, T0 + 2 * S));
	assert_false(health.down);
}

static void test_trial_passes(void **state)
{
	(void)state;

	/* Then the targets are to blame, also one that fails meanwhile, and the resolver is not tried again. */
	note(false, false, true, T0);
	health_try(&health, T0);
	note(false, false, true, T0);
	assert_false(health_tried(&health, true, T0, T0 + 1));
	assert_false(health.wants_trial);
	assert_true(health_blames(&health, T0));
	for (unsigned i = 0; i < 100; i++) {
		assert_false(note(false, false, true, T0 + i * S));
		assert_false(health.down || health.wants_trial);
	}
	/* But it may go down as any other. */
	for (unsigned i = 1; i < HEALTH_DOWN_TARGETS; i++) {
		assert_false(fail_first(T0 + 100 * S));
	}
	assert_true(fail_first(T0 + 100 * S));
}

static void test_partial(void **state)
{
	(void)state;

	/* Half of all fails: nothing slows down, is tried or forgiven. */
	unsigned short seed[3] = { 4, 5, 6 };
	succeed(T0 - 1);
	for (uint64_t now = T0; now < T0 + 600 * S; now += 100) {
		assert_false(nrand48(seed) % 2 == 0 ? succeed(now) : fail_first(now));
		assert_in_range(health.slow, 0, 1);
	}
	assert_int_equal(health_trial_at(&health), HEALTH_NEVER);
	assert_true(health_blames(&health, T0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_down_one, setup),
		cmocka_unit_test_setup(test_down_several, setup),
		cmocka_unit_test_setup(test_late_failures, setup),
		cmocka_unit_test_setup(test_late_begin, setup),
		cmocka_unit_test_setup(test_cut_off, setup),
		cmocka_unit_test_setup(test_dead_targets, setup),
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
