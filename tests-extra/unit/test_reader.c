/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <urcu.h>
#include "test.h"

#include <stdatomic.h>
#include <unistd.h>

#include "dnssec/reader.h"

/*! Waits until a condition holds. */
#define UNTIL(condition) \
	for (unsigned i = 0; !(condition); i++) { \
		assert_true(i < 20000); \
		usleep(1000); \
	}

static atomic_bool released;
static atomic_uint running;

static void hang(void *ctx)
{
	(void)ctx;
	running++;
	while (!released) {
		usleep(1000);
	}
	running--;
}

/* Threads are bounded, more so for one keystore, and can be had again once they have ended. */
static void test_bounds(void **state)
{
	(void)state;

	released = false;
	unsigned first = 0, all = 0;
	while (reader_start(1, hang, NULL)) {
		first++;
	}
	while (reader_start(2, hang, NULL) || reader_start(3, hang, NULL)) {
		all++;
	}
	assert_int_equal(first, 8);
	assert_int_equal(all, 8);
	UNTIL(running == 16);
	released = true;
	UNTIL(running == 0);
	UNTIL(reader_start(1, hang, NULL));
	UNTIL(running == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
