/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <time.h>

#include "engine/waiters.h"
#include "util/clock.h"

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

/*! As after a long pause. */
static void rest(void)
{
	waiters.began = waiters.ended = 0;
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

	/* Nobody waits without a seat, nor for a result that is there; the result is that of the moment. */
	wait_t none = { .ms = LONG_MS, .max_waiters = 0 };
	double start = now();
	assert_int_equal(waiters_wait(&waiters, &none, is_one, NULL), WAIT_PENDING);
	atomic_store(&value, 1);
	assert_int_equal(waiters_wait(&waiters, &none, is_one, NULL), WAIT_ANSWERED);
	assert_int_equal(do_wait(LONG_MS), WAIT_ANSWERED);
	assert_true(now() - start < LONG_MS / 1000.0);
}

static void test_timeout(void **state)
{
	(void)state;

	double start = now();
	assert_int_equal(do_wait(50), WAIT_TIMED_OUT);
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
		rest();
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
		assert_int_equal(do_wait(20), WAIT_TIMED_OUT);
		assert_true(now() - start >= 0.02);
		rest();
	}
}

/* The budget. */

#define WAIT_MS 400

static bool may_wait(unsigned worker, uint32_t ms, uint64_t at)
{
	const wait_t wait = { .ms = ms, .max_waiters = 1, .worker = worker };
	return waiters_may_wait(&waiters, &wait, at);
}

/*! A worker pays for the time that it has waited, and only for that, before it waits again. */
static void test_budget(void **state)
{
	(void)state;

	assert_false(may_wait(0, 0, clock_ms()));
	uint64_t start = clock_ms();
	for (unsigned i = 0; i < 2; i++) {
		assert_true(may_wait(0, 2 * WAIT_MS, clock_ms()));
		assert_int_equal(do_wait(WAIT_MS), WAIT_TIMED_OUT); /* and some ms more on a busy machine */
		rest();
	}
	uint64_t end = clock_ms(), owed = (end - start) * WAITERS_SHARE;
	assert_false(may_wait(0, WAIT_MS, end));
	assert_false(may_wait(0, WAIT_MS, start + WAIT_MS / 2 * WAITERS_SHARE));
	assert_true(may_wait(0, WAIT_MS, start + owed - WAIT_MS * WAITERS_SHARE));
	/* What a worker owes does not keep a zone whose waits are longer from its wait, nor another worker. */
	assert_true(may_wait(0, 4 * WAIT_MS, end));
	assert_true(may_wait(1, WAIT_MS, end));

	/* A result that is there costs nothing. */
	setup(NULL);
	atomic_store(&value, 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(may_wait(0, WAIT_MS, clock_ms()));
		assert_int_equal(do_wait(WAIT_MS), WAIT_ANSWERED);
	}
}

/*! Over a long time a worker that waits whenever it may does so for its share. */
static void test_share(void **state)
{
	(void)state;

	enum { SHORT_MS = 20 };
	uint64_t start = clock_ms(), end = start + 1500, waited = 0;
	while (clock_ms() < end) {
		uint64_t before = clock_ms();
		if (may_wait(0, SHORT_MS, before)) {
			(void)do_wait(SHORT_MS);
			waited += clock_ms() - before;
		}
	}
	/* It may owe two waits in the end. A wait may take somewhat longer than it should. */
	assert_in_range(waited, (end - start) / WAITERS_SHARE - 2 * SHORT_MS, (clock_ms() - start) / WAITERS_SHARE + 5 * SHORT_MS);
}

/*! All workers together wait for one of the longest waits at a stretch; a pause makes it shorter. */
static void test_stretch(void **state)
{
	(void)state;

	assert_int_equal(do_wait(WAIT_MS), WAIT_TIMED_OUT);
	uint64_t end = waiters.ended;
	assert_false(may_wait(1, WAIT_MS, end + 10));
	assert_true(may_wait(1, 2 * WAIT_MS, end));
	assert_true(may_wait(1, WAIT_MS, end + WAIT_MS / 2));

	/* Of the wait that begins within a stretch only the rest is left. */
	waiters.ended = clock_ms();
	waiters.began = waiters.ended - WAIT_MS / 2;
	double start = now();
	assert_int_equal(do_wait(WAIT_MS), WAIT_TIMED_OUT);
	assert_true(now() - start < WAIT_MS / 1000.0);

	waiters.count = 1;
	waiters.began = end;
	const wait_t second = { .ms = WAIT_MS, .max_waiters = 2, .worker = 1 };
	assert_true(waiters_may_wait(&waiters, &second, end + WAIT_MS * 3 / 4));
	assert_false(waiters_may_wait(&waiters, &second, end + WAIT_MS * 3 / 4 + 1));
}

/* A hold. */

static void *hold(void *ctx)
{
	(void)ctx;
	while (atomic_load(&waiters.count) == 0) {
		/* Not before the wait. */
	}
	waiters_hold(&waiters);
	return NULL;
}

static void test_hold(void **state)
{
	(void)state;

	/* The first clients of a server wait. */
	waiters_hold(&waiters);
	assert_true(may_wait(0, WAIT_MS, clock_ms()));

	double start = now();
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, hold, NULL), 0);
	assert_int_equal(do_wait(LONG_MS), WAIT_PENDING);
	pthread_join(thread, NULL);
	assert_true(now() - start < LONG_MS / 1000.0);

	uint64_t end = clock_ms();
	rest();
	assert_false(may_wait(1, WAIT_MS, end));
	assert_true(may_wait(1, WAIT_MS, end + WAITERS_HOLD_MS));
	waiters_release(&waiters);
	assert_true(may_wait(1, WAIT_MS, end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_wait, setup),
		cmocka_unit_test_setup(test_timeout, setup),
		cmocka_unit_test_setup(test_wake, setup),
		cmocka_unit_test_setup(test_seat, setup),
		cmocka_unit_test_setup(test_budget, setup),
		cmocka_unit_test_setup(test_share, setup),
		cmocka_unit_test_setup(test_stretch, setup),
		cmocka_unit_test_setup(test_hold, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
