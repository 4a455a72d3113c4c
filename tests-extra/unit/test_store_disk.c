/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A store whose disk is full, fails, or does not come back from a system call. */

#include "storedir.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

/*! A file system of 2 MiB of its own, which nobody else sees. */
static int setup_small(void **state)
{
	setup(state);
	bool mounted = unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	               mount("tmpfs", here.top, "tmpfs", 0, "size=2m") == 0;
	*state = mounted ? &here : NULL;
	return 0;
}

static int teardown_small(void **state)
{
	if (*state != NULL) {
		umount(here.top);
	}
	return teardown(state);
}

/*! Leaves a number of octets free. */
static void fill(const char *path, size_t left)
{
	static const uint8_t octets[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct statvfs st;
	while (fstatvfs(fd, &st) == 0 && st.f_bfree * st.f_bsize > left &&
	       write(fd, octets, sizeof(octets)) > 0) {
	}
	close(fd);
}

/*! Nothing is lost: what can't be written stays in the queue. */
static void test_full_disk(void **state)
{
	if (*state == NULL) {
		print_message("needs root, and the right to mount\n");
		skip();
	}
	char filler[128];
	snprintf(filler, sizeof(filler), "%s/filler", here.top);

	store_t *store = open_store();
	unsigned count = 0;
	for (unsigned round = 0; round < 4; round++) {
		fill(filler, round * 8192);
		uint64_t errors = store_stats(store)->errors, puts = store_stats(store)->puts;
		for (unsigned i = 0; i < 50; i++) {
			assert_true(put(store, count++, 60));
		}
		wait_errors(store, errors + 3);
		assert_int_equal(store_stats(store)->puts, puts);
		assert_int_equal(logged()->errors, round + 1);
		assert_non_null(strstr(logged()->text, "not written, what was stored before stays, trying again "
		                                       "(No space left on device)"));
		unlink(filler);
		assert_false(wait_written(store));
		assert_int_equal(logged()->notices, round + 1);
		assert_non_null(strstr(logged()->text, "written again"));
	}
	fill(filler, 0);
	assert_true(put(store, count, 60));
	store_close(store); /* Which does not wait for better times. */
	assert_int_equal(count_all(), count);

	/* A new one can't be made; what is left is no damage. */
	unlink(here.path);
	fill(filler, 0);
	logged()->errors = 0;
	store = open_store();
	wait_errors(store, 2);
	assert_int_equal(logged()->errors, 1);
	assert_non_null(strstr(logged()->text, "can't be opened, running without it (No space left on device)"));
	unlink(filler);
	assert_true(put(store, 1, 1));
	(void)wait_written(store);
	store_close(store);
	assert_int_equal(logged()->errors, 1);
	assert_true(has(1, 1, 1));
}

static _Atomic int failing;
static _Atomic bool hanging;
static int hung[2], released[2]; /* Pipes: the thread has come to its system call, and may go on. */

/*! SQLite's: all that it writes fails, or once in so many times; or it hangs. */
__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
	static unsigned calls;
	if (failing > 0 && ++calls % failing == 0) {
		errno = EIO;
		return -1;
	}
	char octet = 0;
	if (hanging && (write(hung[1], &octet, 1) != 1 || read(released[0], &octet, 1) != 1)) {
		abort();
	}
	return syscall(SYS_pwrite64, fd, data, len, at);
}

/*! Whatever has been written when the disk fails, each time all or nothing is there. */
static void test_errors(void **state)
{
	(void)state;

	store_t *store = open_store();
	unsigned count = 0;
	for (unsigned round = 1; round < 20; round++) {
		for (unsigned i = 0; i < 50; i++) {
			assert_true(put(store, count++, i));
		}
		failing = round;
		uint64_t errors = store_stats(store)->errors;
		wait_errors(store, errors + (round < 10));
		failing = 0;
		while (store_stats(store)->puts < count) {
			(void)wait_written(store);
		}
	}
	assert_true(logged()->errors > 0);
	assert_int_equal(logged()->errors, logged()->notices);
	store_close(store);
	assert_int_equal(count_all(), count);
	assert_false(exists(here.bad));
}

/*! A store with a log of its own, both of which are gone once it has been closed. */
static void close_hung(unsigned number)
{
	log_queue_t *log = calloc(1, sizeof(*log));
	store_t *store = store_open(here.dir, SET, log, wake, &news);
	assert_non_null(store);
	if (number == 1) {
		(void)read_all(store, NULL, NULL);
	}
	hanging = true;
	assert_true(put(store, number, 1));
	char octet;
	assert_true(number > 1 || read(hung[0], &octet, 1) == 1);
	uint64_t start = clock_ms();
	store_close(store);
	assert_in_range(clock_ms() - start, 1000, 9000);
	log_queue_free(log_queue_take(log));
	free(log);
}

/*! Closing ends while the thread is in a system call, and uses nothing of its owner's later on. */
static void test_hung(void **state)
{
	(void)state;

	alarm(60);
	assert_int_equal(pipe(hung) + pipe(released), 0);
	store_close(open_store());
	close_hung(1);
	close_hung(2); /* Never read, as the thread has not come back. */
	hanging = false;
	assert_int_equal(write(released[1], "", 1), 1);
	store_close(open_store());
	assert_int_equal(count_all(), 2);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full_disk, setup_small, teardown_small),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hung, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
