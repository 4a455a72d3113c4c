/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "storedir.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cache/policy.h"
#include "store/database.h"

static void test_put(void **state)
{
	(void)state;

	store_t *store = open_store();
	assert_false(store_has(store, 0));
	assert_true(store_has(store, clock_ms()));
	for (unsigned i = 0; i < 300; i++) {
		assert_true(put(store, i, i % 65));
	}
	assert_false(store_put(store, NULL));
	while (store_stats(store)->puts < 300) {
		assert_false(wait_written(store));
	}

	/* A newer one replaces that of its type. */
	assert_true(store_put(store, record_of(7, 1001, 2)));
	assert_true(store_put(store, record_of(7, 1002, 0)));
	store_close(store);
	for (unsigned i = 0; i < 300; i += 50) {
		assert_true(has(i, i, i % 65));
	}
	assert_true(has(7, 1001, 2) && has(7, 1002, 0) && !has(7, 7, 7));
	assert_int_equal(logged()->errors + logged()->notices, 0);
}

static void test_del(void **state)
{
	(void)state;

	store_t *store = open_store();
	for (unsigned i = 0; i < 10; i++) {
		assert_true(put(store, i, 1));
	}
	assert_true(store_put(store, record_of(4, 5, 1)));
	store_del(store, name_of(4)); /* Both types. */
	store_del(store, name_of(99));
	store_close(store);
	assert_int_equal(count_all(), 9);

	/* Not before something was put. */
	store = open_store();
	store_del(store, name_of(5));
	assert_true(put(store, 1, 1));
	store_del(store, name_of(6));
	store_close(store);
	assert_int_equal(count_all(), 8);
}

/*! Has another process lock the file. */
static pid_t lock_file(void)
{
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		sqlite3 *db;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bool locked = sqlite3_open(here.path, &db) == SQLITE_OK &&
		              sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK;
		while (locked && write(ready[1], "", 1) == 1) {
			pause();
		}
		_exit(1);
	}
	char octet;
	close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	return child;
}

static void unlock_file(pid_t child)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/*! Many records are written at once; what does not fit into memory is refused, and asked for again. */
static void test_full_queue(void **state)
{
	(void)state;

	store_t *store = open_store();
	for (unsigned i = 0; i < STORE_BATCH; i++) {
		assert_true(put(store, i, 1));
	}
	assert_false(wait_written(store));

	store_close(store);

	pid_t child = lock_file();
	store = open_store();
	unsigned taken = 0;
	while (store_put(store, record_of(STORE_BATCH + taken, taken, 64))) {
		taken++;
	}
	assert_in_range(taken, STORE_QUEUE_MAX / (64 * 16 + 100), STORE_QUEUE_MAX / (64 * 4));
	unlock_file(child);
	assert_true(wait_written(store));
	assert_true(put(store, 0, 1));
	store_close(store);
	assert_int_equal(count_all(), STORE_BATCH + taken);
}

/*! Rows that are too old for any zone go, of whatever set of resolvers. */
static void test_expire(void **state)
{
	(void)state;

	store_t *store = open_store();
	for (unsigned i = 0; i < 10; i++) {
		assert_true(put(store, i, 1)); /* Received at the second i, for 60 s. */
	}
	store_close(store);

	database_t database = { .handle = NULL };
	assert_int_equal(database_open(&database, here.path), DATABASE_OK);
	assert_int_equal(database_begin(&database), DATABASE_OK);
	assert_int_equal(database_expire(&database, POLICY_WEEK + 60 + 3), DATABASE_OK);
	assert_int_equal(database_commit(&database), DATABASE_OK);
	database_close(&database);
	assert_int_equal(count_all(), 6);
}

/*! Stores of one directory share the file, and have answers of their own. */
static void test_sets(void **state)
{
	(void)state;

	store_t *store = open_store(), *other = open_set("2001:db8::53@53 require-ad");
	assert_int_equal(read_all(other, NULL, NULL), 0);
	assert_true(put(store, 1, 1));
	assert_true(put(other, 1, 2) && put(other, 2, 2));
	store_close(store);
	store = open_set(SET);
	assert_int_equal(read_all(store, NULL, NULL), 1);
	store_close(other);
	assert_true(put(store, 3, 3));
	store_close(store);

	assert_int_equal(count_all(), 2);
	other = open_set("2001:db8::53@53 require-ad");
	assert_int_equal(read_all(other, NULL, NULL), 2);
	store_close(other);
	store_close(NULL);
	assert_int_equal(logged()->errors, 0);
}

/*! One set's store is closed before it has been read, and the other's is read then. */
static void test_sets_close_soon(void **state)
{
	(void)state;

	static const char OTHER[] = "192.0.2.54@53";
	store_t *store = open_store(), *other = open_set(OTHER);
	(void)read_all(other, NULL, NULL);
	for (unsigned i = 0; i < STORE_BATCH; i++) {
		assert_true(put(store, i, 1));
	}
	assert_true(put(other, 1, 2));
	store_close(store);
	store_close(other);

	store = open_set(SET);
	struct timespec end = clock_in(20000);
	assert_int_equal(sem_clockwait(&news, CLOCK_MONOTONIC, &end), 0);
	other = open_set(OTHER);
	store_close(store);
	assert_int_equal(read_all(other, NULL, NULL), 1);
	store_close(other);
	assert_false(exists(here.bad));
	assert_int_equal(count_all(), STORE_BATCH);
	assert_int_equal(logged()->errors, 0);
}

/*! One that is closed while it is being read. */
static void test_close_soon(void **state)
{
	(void)state;

	store_t *store = open_store();
	for (unsigned i = 0; i < 9000; i++) {
		assert_true(put(store, i, 1));
	}
	store_close(store);
	store_close(open_set(SET));
	store = open_set(SET);
	store_news_t taken = next_news(store);
	assert_true(taken.reading && taken.records != NULL);
	free_list(taken.records);
	store_close(store);
	assert_int_equal(count_all(), 9000);
}

/*! The file is another process's for a while. */
static void test_lock(void **state)
{
	(void)state;

	store_close(open_store());
	pid_t child = lock_file();
	store_t *store = open_store();
	assert_int_equal(logged()->errors, 1);
	assert_non_null(strstr(logged()->text, here.path));
	assert_non_null(strstr(logged()->text, "in use by another process, running without it"));
	assert_true(put(store, 1, 1));
	wait_errors(store, 3);
	unlock_file(child);
	(void)wait_written(store);
	store_close(store);
	assert_true(has(1, 1, 1));
	assert_int_equal(logged()->errors, 1);
	assert_int_equal(logged()->notices, 1);
}

#define BATCH 200

/*! What a child does until it is killed: batch after batch, each with its number in all records. */
static void write_for_ever(int progress)
{
	store_t *store = open_store();
	for (unsigned batch = 1;; batch++) {
		for (unsigned i = 0; i < BATCH; i++) {
			(void)store_put(store, record_of(i, 2 * batch, i % 3));
		}
		while (store_stats(store)->puts < batch * BATCH) {
			(void)wait_written(store);
		}
		if (write(progress, "", 1) != 1) {
			_exit(1);
		}
	}
}

typedef struct {
	uint64_t lowest;
	uint64_t highest;
} batches_t;

static void see_batch(const record_t *record, void *ctx)
{
	batches_t *seen = ctx;
	seen->lowest = record->received < seen->lowest ? record->received : seen->lowest;
	seen->highest = record->received > seen->highest ? record->received : seen->highest;
}

/*! After kill -9 at any time all of a batch is there or nothing, and all that were committed. */
static void test_kill(void **state)
{
	(void)state;

	for (unsigned round = 1; round <= 10; round++) {
		int progress[2];
		assert_int_equal(pipe(progress), 0);
		pid_t child = fork();
		if (child == 0) {
			write_for_ever(progress[1]);
		}
		close(progress[1]);
		char octet;
		for (unsigned i = 0; i < round; i++) {
			assert_int_equal(read(progress[0], &octet, 1), 1);
		}
		usleep(round * 3000);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		close(progress[0]);

		store_t *store = open_set(SET);
		batches_t seen = { .lowest = UINT64_MAX };
		assert_int_equal(read_all(store, see_batch, &seen), BATCH);
		assert_int_equal(seen.lowest, seen.highest);
		assert_true(seen.lowest >= 2 * round);
		store_close(store);
		assert_int_equal(logged()->errors, 0);
	}
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

/*! Opening fails, and says so. */
static void check_refused(const char *reason)
{
	logged()->errors = 0;
	store_close(open_store());
	assert_int_equal(logged()->errors, 1);
	assert_non_null(strstr(logged()->text, "can't be opened, running without it ("));
	assert_non_null(strstr(logged()->text, reason));
}

static void test_refused(void **state)
{
	(void)state;

	char other[128];
	snprintf(other, sizeof(other), "%s/other", here.top);
	store_close(open_store());
	assert_int_equal(rename(here.path, other), 0);
	assert_int_equal(symlink(other, here.path), 0);
	check_refused("symbolic link");
	unlink(here.path);
	assert_int_equal(mkdir(here.path, 0700), 0);
	check_refused("not a regular file");
	rmdir(here.path);
	assert_int_equal(mkfifo(here.path, 0600), 0);
	check_refused("not a regular file");
	unlink(here.path);

	/* Set aside in vain. */
	int fd = open(here.path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "some text that is no database", 29), 29);
	close(fd);
	assert_int_equal(mkdir(here.bad, 0700), 0);
	check_refused("not a store of mod-alias, and can't be moved away: Is a directory");
	assert_true(exists(here.path));

	teardown(state);
	check_refused("No such file");
	assert_int_equal(mkdir(here.top, 0700), 0);
	fd = open(here.dir, O_WRONLY | O_CREAT, 0600);
	close(fd);
	check_refused("Not a directory");
}

/*! In a child: as nobody, in a directory that root has made ready. \return Whether the store could be opened. */
static bool opens_as_nobody(void)
{
	pid_t child = fork();
	if (child == 0) {
		if (seteuid(65534) != 0) {
			_exit(2);
		}
		store_t *store = open_store();
		bool failed = store_stats(store)->errors > 0;
		store_close(store);
		_exit(failed ? 1 : 0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

static void test_owner(void **state)
{
	(void)state;

	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	assert_int_equal(chmod(here.top, 0755), 0);
	assert_false(opens_as_nobody()); /* Can't be made. */
	store_close(open_store());
	assert_false(opens_as_nobody()); /* Nor opened. */
	assert_int_equal(chmod(here.dir, 0777), 0);
	assert_false(opens_as_nobody());
	assert_int_equal(chown(here.dir, 65534, 65534), 0);
	assert_false(opens_as_nobody());
	assert_int_equal(chmod(here.path, 0666), 0);
	assert_false(opens_as_nobody());
	assert_int_equal(chown(here.path, 65534, 65534), 0);
	char journal[128];
	snprintf(journal, sizeof(journal), "%s-journal", here.path);
	unlink(journal);
	assert_true(opens_as_nobody());
	assert_int_equal(chmod(here.path, 0400), 0);
	assert_false(opens_as_nobody());

	/* And nobody's are not for root. */
	check_refused("directory owned by another user");
	assert_int_equal(chown(here.dir, 0, 0), 0);
	check_refused("owned by another user");
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

/*! Nothing stays open, nothing is for programs that the process starts, and nothing is mapped. */
static void test_traces(void **state)
{
	(void)state;

	unsigned before = count_fds();
	store_t *store = open_store();
	assert_true(put(store, 1, 1));
	(void)wait_written(store);
	for (int fd = 3; fd < 100; fd++) {
		char link[64], path[128] = "";
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, here.top) != NULL) {
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		}
	}
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	while (fgets(line, sizeof(line), maps) != NULL) {
		assert_null(strstr(line, here.top));
	}
	fclose(maps);
	store_close(store);
	assert_int_equal(count_fds(), before);
}

/*! Runs SQL on the file with settings of its own. */
static void run_sql(const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(here.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/*! A store whose file was changed. \param what  What the log calls the file. */
static void check_set_aside(const char *sql, const char *what, unsigned count)
{
	unlink(here.path);
	unlink(here.bad);
	store_t *store = open_store();
	for (unsigned i = 0; i < 10; i++) {
		assert_true(put(store, i, 2));
	}
	store_close(store);
	run_sql(sql);
	logged()->errors = 0;
	assert_int_equal(count_all(), count);
	assert_int_equal(logged()->errors, what != NULL);
	assert_true(exists(here.bad) == (what != NULL));
	if (what != NULL) {
		assert_non_null(strstr(logged()->text, what));
		assert_int_equal(count_all(), 0);
	}
}

static void test_foreign(void **state)
{
	(void)state;

	check_set_aside("SELECT 1", NULL, 10);
	check_set_aside("PRAGMA application_id = 0", "not a store of mod-alias, moved to store.db.bad", 0);
	check_set_aside("PRAGMA user_version = 3", "written by a newer version of mod-alias, moved to", 0);
	check_set_aside("PRAGMA user_version = 1", "damaged, moved to", 0);
	check_set_aside("CREATE TABLE other (a)", "damaged, moved to", 0);
	check_set_aside("PRAGMA journal_mode = WAL", NULL, 10);
	check_set_aside("PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE answers (x)'",
	                "damaged, moved to", 0);
}

/*! Whatever of a row changes, the row is not read; others are. */
static void test_rows(void **state)
{
	(void)state;

	static const char *const changes[] = {
		"addresses = '3.3.3.3 5.5.5.5'",
		"addresses = ''",
		"addresses = '3.3.3.3'",
		"addresses = x'00'",
		"addresses = '3.3.3.3  4.4.4.4'",
		"ttl = 61",
		"ttl = -1",
		"ttl = 'x'",
		"used = used + 1",
		"received = 1 << 62",
		"kind = 'NODATA'",
		"kind = 'x'",
		"type = 'AAAA'",
		"type = ''",
		"target = upper(target)",
		"target = 'x.'",
		"target = ''",
		"checksum = checksum + 1",
		"target = target || '.'",
	};
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char sql[256];
		snprintf(sql, sizeof(sql), "UPDATE answers SET %s WHERE target LIKE '%%2.example.'", changes[i]);
		check_set_aside(sql, "damaged, moved to", 9);
	}
	check_set_aside("UPDATE answers SET resolvers = '" SET "' || resolvers WHERE ttl = 60", NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put, setup, teardown),
		cmocka_unit_test_setup_teardown(test_del, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expire, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sets_close_soon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_soon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_traces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
