/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"

#define SUSPENDED "100000"

/*! In a child: the clock where the machine has been suspended for long, by a time namespace. \return False without one. */
static bool read_suspended(uint64_t *ms)
{
	int result[2];
	assert_int_equal(pipe(result), 0);
	if (fork() == 0) {
		int fd = (unshare(CLONE_NEWTIME) == 0) ? open("/proc/self/timens_offsets", O_WRONLY) : -1;
		if (write(fd, "boottime " SUSPENDED " 0", sizeof("boottime " SUSPENDED " 0") - 1) < 0) {
			_exit(0);
		}
		if (fork() == 0) {
			uint64_t now = clock_ms();
			(void)!write(result[1], &now, sizeof(now));
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	close(result[1]);
	wait(NULL);
	bool done = read(result[0], ms, sizeof(*ms)) == sizeof(*ms);
	close(result[0]);
	return done;
}

/*! TTLs run on while the machine is suspended. */
static void test_suspend(void **state)
{
	(void)state;

	uint64_t before = clock_ms(), suspended;
	if (!read_suspended(&suspended)) {
		print_message("needs root, and time namespaces\n");
		skip();
	}
	assert_in_range(suspended, before + 100000 * 1000ULL, clock_ms() + 100000 * 1000ULL);
}

static void test_same(void **state)
{
	(void)state;

	uint64_t before = clock_ms(), ns = clock_ns(), after = clock_ms();
	assert_in_range(ns / 1000000, before, after);
	assert_true(before > CLOCK_START_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suspend),
		cmocka_unit_test(test_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
