/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <time.h>

#include "engine/waiters.h"

#define LONG_MS 20000
#define ROUNDS 2000

static waiters_t waiters;
static atomic_uint value;   /* What the thread has learned. */
static atomic_uint reached; /* What the waiter has seen of it. */

static wait_result_t is_one(void *ctx)
{
	(void)ctx;
	return atomic_load(&value) == 1 ? WAIT_ANSWERED : WAIT_PENDING;
}

static wait_t wait_of(uint32_t ms)
{
	return (wait_t){ .ms = ms, .max_waiters = 1 };
}

static wait_result_t do_wait(uint32_t ms)
{
	wait_t wait = wait_of(ms);
	return waiters_wait(&waiters, &wait, is_one, NULL);
}

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int setup(void **state)
{
	(void)state;
	waiters = (waiters_t)WAITERS_INITIALIZER;
	atomic_store(&value, 0);
	atomic_store(&reached, 0);
	return 0;
}

static void test_no_wait(void **state)
{
	(void)state;

	/* Nobody waits for no time, nor without a seat, nor for a result that is there; the result is that of the moment. */
	wait_t none = { .ms = LONG_MS, .max_waiters = 0 };
	double start = now();
	assert_int_equal(waiters_wait(&waiters, &none, is_one, NULL), WAIT_PENDING);
	assert_int_equal(do_wait(0), WAIT_PENDING);
	atomic_store(&value, 1);
	assert_int_equal(waiters_wait(&waiters, &none, is_one, NULL), WAIT_ANSWERED);
	assert_int_equal(do_wait(LONG_MS), WAIT_ANSWERED);
	assert_true(now() - start < LONG_MS / 1000.0);
}

static void test_timeout(void **state)
{
	(void)state;

	double start = now();
	assert_int_equal(do_wait(50), WAIT_PENDING);
	assert_true(now() - start >= 0.05);
}

/*! Counts up to what the other thread has stored; waits for each step. */
static wait_result_t has_next(void *ctx)
{
	(void)ctx;
	return atomic_load(&value) > atomic_load(&reached) ? WAIT_FAILED : WAIT_PENDING;
}

static void *wait_all(void *ctx)
{
	bool *in_time = ctx;
	*in_time = true;
	wait_t wait = wait_of(LONG_MS);
	while (*in_time && atomic_load(&reached) < ROUNDS) {
		*in_time = waiters_wait(&waiters, &wait, has_next, NULL) == WAIT_FAILED;
		atomic_fetch_add(&reached, 1);
	}
	return NULL;
}

/*! No wake-up is lost, whether it comes before, while or after the waiter goes to sleep. */
static void test_wake(void **state)
{
	(void)state;

	bool in_time;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wait_all, &in_time), 0);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		atomic_store(&value, i);
		waiters_wake(&waiters);
		while (atomic_load(&reached) < i) {
			/* A step at a time. */
		}
	}
	pthread_join(thread, NULL);
	assert_true(in_time);
}

/*! The seat is free again after a wait. */
static void test_seat(void **state)
{
	(void)state;

	for (unsigned i = 0; i < 3; i++) {
		double start = now();
		assert_int_equal(do_wait(20), WAIT_PENDING);
		assert_true(now() - start >= 0.02);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_wait, setup),
		cmocka_unit_test_setup(test_timeout, setup),
		cmocka_unit_test_setup(test_wake, setup),
		cmocka_unit_test_setup(test_seat, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
