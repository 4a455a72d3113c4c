/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <time.h>

#include "engine/waiters.h"

#define LONG_MS 20000
#define ROUNDS 2000

static waiters_t waiters;
static atomic_uint waiting;
static atomic_uint value;   /* What the thread has learned. */
static atomic_uint reached; /* What the waiter has seen of it. */

static bool is_one(void *ctx)
{
	(void)ctx;
	return atomic_load(&value) == 1;
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
	waiters_init(&waiters, &waiting);
	atomic_store(&value, 0);
	atomic_store(&reached, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	waiters_deinit(&waiters);
	return 0;
}

static void test_no_wait(void **state)
{
	(void)state;

	/* Nobody waits for no time, nor without a seat; the answer is that of the moment. */
	double start = now();
	assert_false(waiters_wait(&waiters, 0, 1, is_one, NULL));
	assert_false(waiters_wait(&waiters, LONG_MS, 0, is_one, NULL));
	atomic_store(&value, 1);
	assert_true(waiters_wait(&waiters, 0, 1, is_one, NULL));
	assert_true(waiters_wait(&waiters, LONG_MS, 0, is_one, NULL));
	assert_true(waiters_wait(&waiters, LONG_MS, 1, is_one, NULL));
	assert_true(now() - start < LONG_MS / 1000.0);
}

static void test_timeout(void **state)
{
	(void)state;

	double start = now();
	assert_false(waiters_wait(&waiters, 50, 1, is_one, NULL));
	assert_true(now() - start >= 0.05);
}

/*! Counts up to what the other thread has stored; waits for each step. */
static bool has_next(void *ctx)
{
	(void)ctx;
	return atomic_load(&value) > atomic_load(&reached);
}

static void *wait_all(void *ctx)
{
	bool *in_time = ctx;
	*in_time = true;
	while (*in_time && atomic_load(&reached) < ROUNDS) {
		*in_time = waiters_wait(&waiters, LONG_MS, 1, has_next, NULL);
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
		assert_false(waiters_wait(&waiters, 20, 1, is_one, NULL));
		assert_true(now() - start >= 0.02);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_seat, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
