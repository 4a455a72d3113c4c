/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A store is opened whatever its file is like: as it is if sound, else as an empty one. */

#include "storedir.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/wait.h>

#include "store/check.h"

#define RECORDS 2000
#ifndef ROUNDS
#define ROUNDS 60
#endif
#define PAGE 4096

static uint8_t *sound; /*!< A store's file. */
static size_t sound_len;

static uint64_t seed;

static uint64_t rnd(void)
{
	/* xorshift64* */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1d;
}

static void write_file(const void *data, size_t len)
{
	mkdir(here.dir, 0700);
	int fd = open(here.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void read_file(void)
{
	struct stat st;
	int fd = open(here.path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	sound_len = st.st_size;
	sound = malloc(sound_len);
	assert_int_equal(read(fd, sound, sound_len), sound_len);
	close(fd);
}

/*! A store in which much has been written over and deleted, so that both trees have branches and free pages. */
static int make_sound(void **state)
{
	setup(state);
	seed = 1;
	store_t *store = open_store();
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < RECORDS; i++) {
			unsigned number = rnd() % RECORDS;
			if (rnd() % 4 == 0 && round < 7) {
				store_del(store, name_of(number), 1);
			} else {
				assert_true(put(store, round < 7 ? number : i, rnd() % 24, 1));
			}
			if (rnd() % 100 == 0) {
				assert_int_equal(store_commit(store, 1), KNOT_EOK);
			}
		}
	}
	store_close(store);
	read_file();
	return teardown(state);
}

static int free_sound(void **state)
{
	(void)state;
	free(sound);
	return 0;
}

/*! Opens the file, and uses what comes out of it. \return Whether it was taken as sound. */
static bool use_file(void)
{
	logged()->errors = 0;
	store_t *store = open_store();
	bool is_sound = (logged()->errors == 0);
	if (!is_sound) {
		assert_int_equal(logged()->errors, 1);
		assert_true(exists(here.bad));
	}
	/* With the number of the older meta page changed, it may be as before the last batch. */
	unsigned count = count_all(store);
	assert_in_range(count, is_sound ? RECORDS - 100 : 0, is_sound ? RECORDS : 0);

	/* Pages of the file are written over and used again now. */
	logged()->errors = 0;
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 150; i++) {
			if (rnd() % 3 > 0) {
				assert_true(put(store, rnd() % RECORDS, rnd() % 65, 2));
			} else {
				store_del(store, name_of(rnd() % RECORDS), 2);
			}
		}
		assert_int_equal(store_commit(store, 2), KNOT_EOK);
	}
	store_close(store);
	assert_int_equal(logged()->errors, 0);
	assert_int_equal(check_file(here.path), CHECK_SOUND);
	return is_sound;
}

static void test_sound(void **state)
{
	(void)state;

	write_file(sound, sound_len);
	assert_int_equal(check_file(here.path), CHECK_SOUND);
	assert_true(use_file());
	assert_false(exists(here.bad));
}

static void test_truncated(void **state)
{
	(void)state;

	for (size_t len = 0; len < sound_len; len += PAGE) {
		size_t lens[] = { len, len + 1 + len * 7 % (PAGE - 1) };
		for (unsigned i = 0; i < 2; i++) {
			write_file(sound, lens[i]);
			logged()->errors = 0;
			store_t *store = open_store();
			/* Without the last ones it may be sound: if they are free. */
			assert_int_equal(count_all(store), logged()->errors == 0 && len > 0 ? RECORDS : 0);
			assert_true(logged()->errors == 1 || lens[i] == 0 || sound_len - lens[i] < 64 * PAGE);
			assert_true(put(store, 1, 1, 2));
			assert_int_equal(store_commit(store, 2), KNOT_EOK);
			store_close(store);
			assert_int_equal(check_file(here.path), CHECK_SOUND);
		}
	}
}

static void test_random(void **state)
{
	(void)state;

	seed = 2;
	uint8_t *data = malloc(sound_len);
	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i < sound_len; i++) {
			data[i] = round > 0 ? rnd() : 0;
		}
		/* With the first page or both meta pages it looks like LMDB's. */
		memcpy(data, sound, round % 3 * PAGE);
		write_file(data, 1 + rnd() % sound_len);
		assert_false(use_file());
	}
	free(data);
}

/*! One page is overwritten with noise or that of another place. */
static void test_page(void **state)
{
	(void)state;

	uint8_t *data = malloc(sound_len);
	unsigned damaged = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		seed = 1000 + round;
		memcpy(data, sound, sound_len);
		uint8_t *page = data + rnd() % (sound_len / PAGE) * PAGE;
		if (round % 2 == 0) {
			memcpy(page, sound + rnd() % (sound_len / PAGE) * PAGE, PAGE);
		} else {
			for (unsigned i = 0; i < PAGE; i++) {
				page[i] = rnd();
			}
		}
		write_file(data, sound_len);
		damaged += !use_file();
	}
	assert_in_range(damaged, ROUNDS / 4, ROUNDS);
	free(data);
}

/*! A few octets of one page change, mostly in its header: LMDB alone would not notice most of this. */
static void test_octets(void **state)
{
	(void)state;

	uint8_t *data = malloc(sound_len);
	unsigned damaged = 0;
	for (unsigned round = 0; round < 2 * ROUNDS; round++) {
		seed = 5000 + round;
		memcpy(data, sound, sound_len);
		size_t pages = (round % 4 == 0) ? 2 : sound_len / PAGE;
		uint8_t *page = data + rnd() % pages * PAGE;
		for (unsigned i = 1 + rnd() % 3; i > 0; i--) {
			page[rnd() % (round % 2 ? 16 : 160)] ^= 1 << rnd() % 8;
		}
		write_file(data, sound_len);
		damaged += !use_file();
	}
	assert_in_range(damaged, ROUNDS / 4, 2 * ROUNDS);
	free(data);
}

/*! Writes one record with LMDB alone. */
static void make_lmdb(const char *name, const char *key, const char *value, size_t len)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	mkdir(here.dir, 0700);
	unlink(here.path);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
	assert_int_equal(mdb_env_open(env, here.path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, name, MDB_CREATE, &dbi), 0);
	MDB_val k = { strlen(key), (void *)key }, v = { len, (void *)value };
	if (key[0] != '\0') {
		assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	}
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void test_foreign(void **state)
{
	(void)state;

	static const char big[3 * PAGE];
	make_lmdb(NULL, "key", "value", 5);
	assert_int_equal(check_file(here.path), CHECK_FOREIGN);
	make_lmdb(NULL, "key", big, sizeof(big));
	assert_int_equal(check_file(here.path), CHECK_FOREIGN);
	make_lmdb("named", "key", "value", 5);
	assert_int_equal(check_file(here.path), CHECK_FOREIGN);
	write_file("text", 4);
	assert_int_equal(check_file(here.path), CHECK_FOREIGN);
	store_close(open_store());
	assert_int_equal(logged()->errors, 1);
	assert_non_null(strstr(logged()->text, "not a store of mod-alias, moved to " FILE_NAME ".bad"));

	/* LMDB made the file, and then came a crash. */
	make_lmdb(NULL, "", NULL, 0);
	assert_int_equal(check_file(here.path), CHECK_SOUND);
	store_close(open_store());
	assert_int_equal(logged()->errors, 1);
}

static void test_newer(void **state)
{
	(void)state;

	uint8_t meta[RECORD_META_LEN];
	record_write_meta(meta);
	meta[RECORD_META_LEN - 1]++;
	make_lmdb(NULL, RECORD_META_KEY, (const char *)meta, sizeof(meta));
	assert_int_equal(check_file(here.path), CHECK_NEWER);
	store_close(open_store());
	assert_non_null(strstr(logged()->text, "newer version"));
	assert_true(exists(here.bad));
}

/*! A record that LMDB has whole, but is none of ours. */
static void test_odd_record(void **state)
{
	(void)state;

	uint8_t meta[RECORD_META_LEN];
	record_write_meta(meta);
	make_lmdb(NULL, RECORD_META_KEY, (const char *)meta, sizeof(meta));
	assert_int_equal(check_file(here.path), CHECK_SOUND);

	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, here.path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	MDB_val key = { 3, "odd" };
	assert_int_equal(mdb_put(txn, dbi, &key, &key, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_int_equal(check_file(here.path), CHECK_DAMAGED);
}

/*! A file that can't be read is not called damaged. */
static void test_missing(void **state)
{
	(void)state;

	unlink(here.path);
	assert_int_equal(check_file(here.path), CHECK_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_octets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, make_sound, free_sound);
}
