/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A store where the map is too small, the disk is full, or fails. */

#include "storedir.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "store/check.h"

#define S 1000ULL
#define T0 (5000 * S)

/*! With room for a MiB only (see Makefile.am) the map must grow often; a batch may not fit. */
static void test_growth(void **state)
{
	(void)state;

	store_t *store = open_store();
	unsigned lost = 0;
	for (unsigned i = 0; i < 8000; i++) {
		lost += !put(store, i, 64, T0 + i);
		if (i < 4000 && i % 100 == 99) {
			assert_int_equal(store_commit(store, T0 + i), KNOT_EOK);
		}
	}
	assert_int_equal(store_commit(store, T0 + 8000), KNOT_EOK);
	/* The first batches fit, then one that was too long for the map was lost, and the next went on. */
	assert_true(store_has(store, T0 + 3999));
	assert_int_equal(lost, store_stats(store)->errors);
	assert_in_range(lost, 1, 4);
	assert_int_equal(logged()->errors, logged()->notices);
	assert_false(store_has(store, T0 + 4001));
	assert_true(store_has(store, T0 + 8000));
	uint64_t puts = store_stats(store)->puts;
	store_close(store);

	assert_int_equal(check_file(here.path), CHECK_SOUND);
	store = open_store();
	assert_int_equal(count_all(store), puts);
	store_close(store);
}

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

static void test_full_disk(void **state)
{
	if (*state == NULL) {
		print_message("needs root, and the right to mount\n");
		skip();
	}
	char filler[128];
	snprintf(filler, sizeof(filler), "%s/filler", here.top);

	store_t *store = open_store();
	for (unsigned i = 0; i < 500; i++) {
		assert_true(put(store, i, 4, T0));
	}
	assert_int_equal(store_commit(store, T0), KNOT_EOK);

	/* Lost, said once, and the next ones are not even tried: for 5 s, 10 s, ... up to 60 s. */
	uint64_t now = T0 + 10 * S, delay = 5 * S, begin = now;
	for (unsigned round = 0; round < 8; round++) {
		fill(filler, round * 8192);
		logged()->errors = 0;
		for (unsigned i = 0; i < 400; i++) {
			assert_true(put(store, i, 60, now));
		}
		assert_true(store_has(store, now));
		assert_int_equal(store_commit(store, now), KNOT_ESPACE);
		assert_false(store_pending(store));
		assert_false(store_has(store, now));
		assert_true(store_has(store, T0));
		assert_int_equal(check_file(here.path), CHECK_SOUND);
		assert_int_equal(logged()->errors, round == 0 || round >= 4);
		assert_non_null(strstr(logged()->text, "No space left on device"));
		assert_false(put(store, 1, 1, now + delay - 1));
		store_del(store, name_of(1), now + delay - 1);
		assert_false(store_pending(store));
		now += delay;
		delay = (2 * delay < 60 * S) ? 2 * delay : 60 * S;
	}
	assert_int_equal(store_stats(store)->errors, 8);
	assert_int_equal(count_all(store), 500);
	assert_true(now - begin > 3 * 60 * S);

	/* The same environment goes on when there is space again. */
	unlink(filler);
	assert_int_equal(logged()->notices, 0);
	for (unsigned i = 0; i < 400; i++) {
		assert_true(put(store, i, 60, now));
	}
	assert_int_equal(store_commit(store, now), KNOT_EOK);
	assert_int_equal(logged()->notices, 1);
	assert_non_null(strstr(logged()->text, "written again"));
	assert_true(has(&store, 399, 399, 60));
	store_close(store);

	/* A new one can't be made; what is left is no damage. */
	unlink(here.path);
	fill(filler, 0);
	check_refused(KNOT_ESPACE, "No space left on device");
	unlink(filler);
	logged()->errors = 0;
	store_close(open_store());
	assert_int_equal(logged()->errors, 0);
}

static bool meta_fails;

/*! LMDB's: a meta page is what it writes less than a page of. */
__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (meta_fails && len < 4096) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, len, at);
}

/*! After that LMDB refuses to go on: the file is opened, and checked, anew. */
static void test_meta(void **state)
{
	(void)state;

	store_t *store = open_store();
	assert_true(put(store, 1, 1, T0));
	assert_int_equal(store_commit(store, T0), KNOT_EOK);
	meta_fails = true;
	assert_true(put(store, 2, 1, T0 + 1));
	assert_true(store_commit(store, T0 + 1) != KNOT_EOK);
	assert_non_null(strstr(logged()->text, "Input/output error"));
	meta_fails = false;
	assert_false(put(store, 3, 1, T0 + 2));
	assert_true(put(store, 3, 1, T0 + 6 * S));
	assert_int_equal(store_commit(store, T0 + 6 * S), KNOT_EOK);
	assert_int_equal(store_stats(store)->errors, 1);
	assert_int_equal(logged()->errors + logged()->notices, 2);
	assert_true(store_has(store, T0) && !store_has(store, T0 + 1) && store_has(store, T0 + 6 * S));
	assert_int_equal(count_all(store), 2);

	/* It may turn out damaged then: nothing of what was put is there any more. */
	meta_fails = true;
	assert_true(put(store, 4, 1, T0 + 7 * S));
	assert_true(store_commit(store, T0 + 7 * S) != KNOT_EOK);
	meta_fails = false;
	assert_int_equal(truncate(here.path, 5000), 0);
	assert_true(put(store, 4, 1, T0 + 13 * S));
	assert_false(store_has(store, T0) || store_has(store, T0 + 6 * S));
	assert_true(has(&store, 4, 4, 1));
	assert_true(exists(here.bad));
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_growth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup_small, teardown_small),
		cmocka_unit_test_setup_teardown(test_meta, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
