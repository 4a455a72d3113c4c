/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Random changes of the store's files: before a start, after a crash, and while the store is in use. Whatever is read then
 * is what was written at some time, and the store goes on. STORE_ROUNDS in the environment says how many of each there
 * are, STORE_SEED which.
 */

#include "storedir.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define RECORDS 150
#define ROUNDS 40
#define PAGE 4096
#define CHANGES_MAX 4

static unsigned value; /*!< Of the records put last. */
static unsigned short chance[3];

static unsigned below(unsigned limit)
{
	return nrand48(chance) % limit;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static int setup_chance(void **state)
{
	unsigned seed = from_environment("STORE_SEED", 1);
	chance[0] = seed;
	chance[1] = seed >> 16;
	value = 1;
	return setup(state);
}

/* --- records --- */

static record_t *record_at(unsigned number, unsigned when)
{
	return record_of(number, when, when % 5);
}

static void put_all(store_t *store)
{
	for (unsigned i = 0; i < RECORDS; i++) {
		assert_true(store_put(store, record_at(i, value)));
	}
}

/*! The engine's part: what is lacking is put again. */
static void put_until_written(store_t *store)
{
	uint64_t puts = store_stats(store)->puts;
	put_all(store);
	while (store_stats(store)->puts < puts + RECORDS) {
		if (wait_written(store)) {
			put_all(store);
		}
	}
}

typedef struct {
	unsigned latest; /*!< Records with the value put last. */
} seen_t;

/*! It is one that was put. */
static void check_record(const record_t *record, void *ctx)
{
	seen_t *seen = ctx;
	assert_true(record->received >= 1 && record->received <= value);
	assert_true(number_of(record) < RECORDS);
	record_t *want = record_at(number_of(record), record->received);
	assert_int_equal(record_size(record), record_size(want));
	assert_int_equal(record_checksum(record, ""), record_checksum(want, ""));
	free(want);
	seen->latest += (record->received == value);
}

/*! Reads all that is left, writes all anew, and reads it again. */
static void check_works(void)
{
	seen_t seen = { 0 };
	store_t *store = open_set(SET);
	(void)read_all(store, check_record, &seen);
	value++;
	put_until_written(store);
	store_close(store);

	seen = (seen_t){ 0 };
	store = open_set(SET);
	(void)read_all(store, check_record, &seen);
	assert_int_equal(seen.latest, RECORDS);
	store_close(store);
	(void)logged();
}

/* --- changes --- */

static void write_at(int fd, off_t at, size_t len, int octet)
{
	uint8_t data[PAGE];
	for (size_t i = 0; i < len; i++) {
		data[i] = (octet >= 0) ? octet : (int)below(256);
	}
	assert_int_equal(pwrite(fd, data, len, at), len);
}

static void move_page(int fd, unsigned pages)
{
	uint8_t data[PAGE] = { 0 };
	(void)!pread(fd, data, PAGE, (off_t)below(pages) * PAGE);
	assert_int_equal(pwrite(fd, data, PAGE, (off_t)below(pages) * PAGE), PAGE);
}

static void change_once(int fd, off_t size)
{
	off_t at = below(size), in_header = (off_t)below(size / PAGE + 1) * PAGE + below(32);
	switch (below(8)) {
	case 0:
		assert_int_equal(ftruncate(fd, below(4) == 0 ? 0 : at), 0);
		break;
	case 1:
		assert_int_equal(ftruncate(fd, size + below(3 * PAGE)), 0);
		break;
	case 2:
		write_at(fd, at, 1 + below(PAGE), -1);
		break;
	case 3:
		write_at(fd, at, 1 + below(PAGE), below(2) ? 0 : 0xff);
		break;
	case 4:
		move_page(fd, size / PAGE + 1);
		break;
	case 5:
		write_at(fd, in_header, 1 + below(2), -1);
		break;
	default:
		write_at(fd, at, 1, -1);
		break;
	}
}

static void change_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR);
	for (unsigned i = 0, count = 1 + below(CHANGES_MAX); fd >= 0 && i < count; i++) {
		if (fstat(fd, &st) == 0 && st.st_size > 0) {
			change_once(fd, st.st_size);
		}
	}
	close(fd);
}

static void change(void)
{
	char journal[128];
	snprintf(journal, sizeof(journal), "%s-journal", here.path);
	change_file(below(4) == 0 ? journal : here.path);
}

/* --- tests --- */

static void for_rounds(void (*round)(void))
{
	unsigned rounds = from_environment("STORE_ROUNDS", ROUNDS);
	for (unsigned i = 0; i < rounds; i++) {
		round();
	}
	print_message("%u rounds\n", rounds);
}

static void stopped(void)
{
	change();
	check_works();
}

static void test_stopped(void **state)
{
	(void)state;

	check_works();
	for_rounds(stopped);
}

/*! Killed while it writes, so that there may be a journal. */
static void killed(void)
{
	int progress[2];
	assert_int_equal(pipe(progress), 0);
	pid_t child = fork();
	if (child == 0) {
		store_t *store = open_store();
		for (value++;;) {
			put_all(store);
			(void)wait_written(store);
			(void)!write(progress[1], "", 1);
		}
	}
	char octet;
	close(progress[1]);
	assert_int_equal(read(progress[0], &octet, 1), 1);
	close(progress[0]);
	usleep(below(4000));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	value++;
	change();
	check_works();
}

static void test_killed(void **state)
{
	(void)state;

	for_rounds(killed);
}

static void in_use(void)
{
	seen_t seen = { 0 };
	store_t *store = open_set(SET);
	(void)read_all(store, check_record, &seen);
	for (unsigned i = 0; i < 3; i++) {
		change();
		value++;
		put_until_written(store);
		store_t *other = open_set(below(2) ? SET : SET " require-ad");
		if (below(2)) {
			change();
		}
		(void)read_all(other, check_record, &seen);
		store_close(other);
	}
	change();
	store_close(store);
	check_works();
}

static void test_in_use(void **state)
{
	(void)state;

	check_works();
	for_rounds(in_use);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stopped, setup_chance, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup_chance, teardown),
		cmocka_unit_test_setup_teardown(test_in_use, setup_chance, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
