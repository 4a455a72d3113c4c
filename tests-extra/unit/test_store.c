/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "storedir.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "store/check.h"

#define T0 5000000ULL

static void test_put(void **state)
{
	(void)state;

	store_t *store = open_store();
	assert_false(store_pending(store));
	assert_false(store_has(store, 0));
	assert_int_equal(store_commit(store, T0), KNOT_EOK);
	assert_int_equal(store_stats(store)->batches, 0);

	for (unsigned i = 0; i < 300; i++) {
		assert_true(put(store, i, i % 65, T0));
	}
	assert_true(store_pending(store));
	assert_true(store_has(store, T0));
	assert_int_equal(store_stats(store)->puts, 0);
	assert_int_equal(store_commit(store, T0 + 1), KNOT_EOK);
	assert_false(store_pending(store));
	assert_int_equal(store_stats(store)->puts, 300);
	assert_int_equal(store_stats(store)->batches, 1);

	/* A newer one replaces that of its type. */
	record_t record = record_of(1001, 2);
	assert_true(store_put(store, name_of(7), &record, T0 + 2));
	for (unsigned i = 0; i < 300; i += 50) {
		assert_true(has(&store, i, i, i % 65));
	}
	assert_true(has(&store, 7, 1001, 2));
	record = record_of(1002, 0);
	assert_true(store_put(store, name_of(7), &record, T0 + 2));
	assert_true(has(&store, 7, 1001, 2));
	assert_true(has(&store, 7, 1002, 0));

	record.reply.kind = REPLY_BAD;
	assert_false(store_put(store, name_of(8), &record, T0 + 3));
	store_close(store);
	assert_int_equal(logged()->errors + logged()->notices, 0);
	assert_int_equal(check_file(here.path), CHECK_SOUND);
}

static void test_del(void **state)
{
	(void)state;

	store_t *store = open_store();
	for (unsigned i = 0; i < 10; i++) {
		assert_true(put(store, i, 1, T0));
	}
	record_t record = record_of(5, 1);
	assert_true(store_put(store, name_of(4), &record, T0));
	store_del(store, name_of(4), T0); /* Both types, in the same batch. */
	assert_int_equal(store_commit(store, T0), KNOT_EOK);
	store_del(store, name_of(5), T0 + 1);
	assert_true(store_pending(store));

	/* Nothing to delete is nothing to write. */
	assert_int_equal(store_commit(store, T0 + 1), KNOT_EOK);
	store_del(store, name_of(99), T0 + 2);
	assert_false(store_pending(store));
	store_close(store);

	store = open_store();
	assert_int_equal(count_all(store), 8);
	store_close(store);
}

/*! A batch that gets long commits by itself. */
static void test_batch(void **state)
{
	(void)state;

	store_t *store = open_store();
	for (unsigned i = 0; i < 2 * STORE_BATCH_MAX + 1; i++) {
		assert_true(put(store, i % 10, i % 5, T0));
	}
	assert_int_equal(store_stats(store)->batches, 2);
	assert_int_equal(store_stats(store)->puts, 2 * STORE_BATCH_MAX);
	assert_true(store_pending(store));
	store_close(store);
}

static bool keep_even(const knot_dname_t *name, const record_t *record, void *ctx)
{
	(void)record;
	++*(unsigned *)ctx;
	return number_of(name) % 2 == 0;
}

/*! Reads in parts while others write, and has deleted what is of no use. */
static void test_read(void **state)
{
	(void)state;

	store_t *store = open_store();
	for (unsigned i = 0; i < 9000; i++) {
		assert_true(put(store, i, i % 5, T0));
		if (i % 1000 == 0) {
			assert_int_equal(store_commit(store, T0), KNOT_EOK);
		}
	}
	store_close(store);

	store = open_store();
	unsigned count = 0, parts = 1;
	while (read_some(store, 70, keep_even, &count) == KNOT_EOK) {
		/* One at the front, one at the back, committed or not. */
		assert_true(put(store, 0, parts % 5, T0 + parts));
		assert_true(put(store, 8998, parts % 5, T0 + parts));
		if (parts % 3 == 0) {
			assert_int_equal(store_commit(store, T0 + parts), KNOT_EOK);
		}
		parts++;
	}
	assert_int_equal(count, 9000);
	assert_int_equal(parts, 9000 / 70 + 1);
	assert_int_equal(read_some(store, 70, keep_even, &count), KNOT_ENOENT);
	store_close(store);
	assert_int_equal(check_file(here.path), CHECK_SOUND);

	store = open_store();
	assert_int_equal(count_all(store), 4500);
	assert_false(store_pending(store));
	store_close(store);
}

static void test_lock(void **state)
{
	(void)state;

	store_t *store = open_store(), *other;
	assert_int_equal(try_open(&other), KNOT_EBUSY);
	assert_null(other);
	assert_int_equal(logged()->errors, 1);
	assert_non_null(strstr(logged()->text, here.path));
	assert_non_null(strstr(logged()->text, "in use by another process, running without it"));
	store_close(store);
	store_close(open_store());
	store_close(NULL);
}

/*! What a child does until it is killed: batch after batch, each with its number in all records. */
static void write_for_ever(int progress)
{
	store_t *store = open_store();
	for (unsigned batch = 1;; batch++) {
		for (unsigned i = 0; i < 200; i++) {
			record_t record = record_of(batch, i % 65);
			record.type = 0;
			record.reply.len = 4;
			(void)store_put(store, name_of(i), &record, batch);
		}
		if (store_commit(store, batch) != KNOT_EOK || write(progress, "", 1) != 1) {
			_exit(1);
		}
	}
}

typedef struct {
	unsigned records;
	uint64_t lowest;
	uint64_t highest;
} batches_t;

static bool see_batch(const knot_dname_t *name, const record_t *record, void *ctx)
{
	(void)name;
	batches_t *seen = ctx;
	seen->records++;
	seen->lowest = record->received < seen->lowest ? record->received : seen->lowest;
	seen->highest = record->received > seen->highest ? record->received : seen->highest;
	return true;
}

/*! After kill -9 at any time all of a batch is there or nothing, and all that were committed. */
static void test_kill(void **state)
{
	(void)state;

	uint64_t before = 0;
	for (unsigned round = 1; round <= 20; round++) {
		int progress[2];
		assert_int_equal(pipe(progress), 0);
		pid_t child = fork();
		if (child == 0) {
			write_for_ever(progress[1]);
		}
		close(progress[1]);
		char octets[8];
		for (unsigned i = 0; i < round; i++) {
			assert_int_equal(read(progress[0], octets, 1), 1);
		}
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		close(progress[0]);

		store_t *store = open_store();
		assert_int_equal(logged()->errors, 0);
		batches_t seen = { .lowest = UINT64_MAX };
		while (read_some(store, 1000, see_batch, &seen) == KNOT_EOK) {
		}
		assert_int_equal(seen.records, 200);
		assert_int_equal(seen.lowest, seen.highest);
		assert_true(seen.lowest >= round);
		before = seen.lowest;
		store_close(store);
	}
	assert_true(before > 0);
}

static void test_place(void **state)
{
	(void)state;

	struct stat st;
	mode_t old = umask(0777);
	store_close(open_store());
	umask(old);
	assert_int_equal(stat(here.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(here.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	/* What exists is left as it is. */
	assert_int_equal(chmod(here.dir, 0750), 0);
	assert_int_equal(chmod(here.path, 0640), 0);
	store_close(open_store());
	assert_int_equal(stat(here.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(here.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);

	/* An empty file is a new one. */
	assert_int_equal(truncate(here.path, 0), 0);
	store_close(open_store());
	assert_int_equal(logged()->errors, 0);
}

static void test_refused(void **state)
{
	(void)state;

	char other[128];
	snprintf(other, sizeof(other), "%s/other", here.top);
	store_close(open_store());
	assert_int_equal(rename(here.path, other), 0);
	assert_int_equal(symlink(other, here.path), 0);
	check_refused(KNOT_EACCES, "symbolic link");
	unlink(here.path);
	assert_int_equal(mkdir(here.path, 0700), 0);
	check_refused(KNOT_ERROR, "Is a directory");
	rmdir(here.path);
	assert_int_equal(mkfifo(here.path, 0600), 0);
	check_refused(KNOT_EACCES, "not a regular file");
	unlink(here.path);

	/* Set aside in vain. */
	int fd = open(here.path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
	assert_int_equal(mkdir(here.bad, 0700), 0);
	check_refused(KNOT_ERROR, "can't be moved away: Is a directory");
	assert_true(exists(here.path));

	teardown(state);
	check_refused(KNOT_ENOENT, "No such file");
	assert_int_equal(mkdir(here.top, 0700), 0);
	fd = open(here.dir, O_WRONLY | O_CREAT, 0600);
	close(fd);
	check_refused(KNOT_ERROR, "Not a directory");
}

/*! In a child: as nobody, in a directory that root has made ready. \return Result of store_open(). */
static int open_as_nobody(void)
{
	pid_t child = fork();
	if (child == 0) {
		store_t *store = NULL;
		int ret = (seteuid(65534) == 0) ? try_open(&store) : -99;
		store_close(store);
		_exit(-ret);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void test_owner(void **state)
{
	(void)state;

	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	char lock[128];
	snprintf(lock, sizeof(lock), "%s.lock", here.path);
	assert_int_equal(chmod(here.top, 0755), 0);
	assert_int_equal(open_as_nobody(), KNOT_EACCES); /* Can't be made. */
	store_close(open_store());
	assert_int_equal(open_as_nobody(), KNOT_EACCES); /* Nor opened. */
	assert_int_equal(chmod(here.dir, 0777), 0);
	assert_int_equal(open_as_nobody(), KNOT_EACCES);
	assert_int_equal(chown(here.dir, 65534, 65534), 0);
	assert_int_equal(open_as_nobody(), KNOT_EACCES);
	assert_int_equal(chown(lock, 65534, 65534), 0);
	assert_int_equal(chmod(here.path, 0666), 0);
	assert_int_equal(open_as_nobody(), KNOT_EACCES);
	assert_int_equal(chown(here.path, 65534, 65534), 0);
	assert_int_equal(open_as_nobody(), KNOT_EOK);
	assert_int_equal(chmod(here.dir, 0500), 0);
	assert_int_equal(open_as_nobody(), KNOT_EOK);
	assert_int_equal(chmod(here.path, 0400), 0);
	assert_int_equal(open_as_nobody(), KNOT_EACCES);

	/* And nobody's are not for root. */
	check_refused(KNOT_EACCES, "directory owned by another user");
	assert_int_equal(chown(here.dir, 0, 0), 0);
	check_refused(KNOT_EACCES, "owned by another user");
}

static unsigned count_fds(void)
{
	unsigned count = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

/*! Nothing stays open, and nothing is for programs that the process starts. */
static void test_descriptors(void **state)
{
	(void)state;

	unsigned before = count_fds();
	store_t *store = open_store(), *other;
	for (int fd = 3; fd < 100; fd++) {
		char link[64], path[128] = "";
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, here.top) != NULL) {
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		}
	}
	assert_int_equal(try_open(&other), KNOT_EBUSY);
	store_close(store);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put, setup, teardown),
		cmocka_unit_test_setup_teardown(test_del, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
