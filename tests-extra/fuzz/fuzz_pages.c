/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The store's file, damaged: what is called sound can be opened, read and written with LMDB, and is sound afterwards.
 *
 * The input says how a sound file changes, so that inputs are small and fit each machine: one octet for pages that are cut
 * off, then changes of an octet for kind and page, two for the place, and the new octets. With the first octet CUT_ALL, the
 * rest is the file itself.
 */

#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libknot/errcode.h>

#include "store/check.h"
#include "store/store.h"

enum {
	PAGE = 4096,
	CUT_ALL = 0xff,
	RECORDS = 20,
	ROUNDS = 5,
};
enum {
	PTRS_AT = 16,
	PTRS = 64,
};

static char dir[256], path[272], bad[288], lock[288];
static uint8_t *sound; /*!< The file of a store. */
static size_t sound_len;

static log_queue_t log_queue;

static void put(store_t *store, unsigned number, uint16_t count)
{
	const uint8_t name[] = { 2, 'a' + number / 26, 'a' + number % 26, 4, 'f', 'u', 'z', 'z', 0 };
	record_t record = {
		.type = 1,
		.reply = { .kind = count > 0 ? REPLY_ADDRESSES : REPLY_NODATA, .ttl = 60, .count = count, .len = 16 },
		.received = number,
	};
	for (unsigned i = 0; i < count; i++) {
		memset(record.reply.addr[i], number + i, sizeof(record.reply.addr[i]));
	}
	CHECK(store_put(store, name, &record, 1));
}

static store_t *open_store(void)
{
	store_t *store;
	CHECK(store_open(&store, dir, "set", &log_queue) == KNOT_EOK);
	return store;
}

static void remove_files(void)
{
	unlink(path);
	unlink(bad);
	unlink(lock);
	rmdir(dir);
}

/*! A store with several levels, in which much was written over, so that there are free pages. */
static void make_sound(void)
{
	store_t *store = open_store();
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = round; i < RECORDS; i += 1 + round % 3) {
			put(store, i, (i * 7 + round * 13) % (REPLY_ADDRESSES_MAX + 1));
		}
		CHECK(store_commit(store, 1) == KNOT_EOK);
	}
	store_close(store);
	CHECK(check_file(path) == CHECK_SOUND);

	FILE *file = fopen(path, "rb");
	struct stat st;
	CHECK(file != NULL && fstat(fileno(file), &st) == 0);
	sound_len = st.st_size;
	sound = malloc(sound_len);
	CHECK(fread(sound, 1, sound_len, file) == sound_len);
	fclose(file);
}

static void prepare(void)
{
	const char *tmp = getenv("TMPDIR");
	if (tmp == NULL) { /* In memory where possible: a store waits for the disk often. */
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	}
	CHECK(snprintf(dir, sizeof(dir), "%s/alias-fuzz.XXXXXX", tmp) < (int)sizeof(dir) && mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/set", dir);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	atexit(remove_files);
	make_sound();
}

/*! The place of a change: anywhere, in the header, or in one of the nodes. */
static size_t place(const uint8_t *page, uint16_t where)
{
	switch (where >> 14) {
	case 0:
	case 1:
		return where % PAGE;
	case 2:
		return where % (PTRS_AT + PTRS);
	default: {
		uint16_t node;
		memcpy(&node, page + PTRS_AT + where % (PTRS / 2) * sizeof(node), sizeof(node));
		return (node + (where >> 5) % 32) % PAGE;
	}
	}
}

static void change(uint8_t *data, size_t pages, input_t *in)
{
	uint8_t what = input_u8(in);
	uint8_t *page = data + what % 64 % pages * PAGE;
	size_t at = place(page, input_u16(in));
	const uint8_t *octets;
	static const size_t lens[] = { 1, 2, 8, 0 };
	size_t len = lens[what >> 6];
	if (len == 0) {
		memcpy(page, sound + input_u8(in) % (sound_len / PAGE) * PAGE, PAGE);
		return;
	}
	len = input_take(in, len < PAGE - at ? len : PAGE - at, &octets);
	memcpy(page + at, octets, len);
}

/*! Has LMDB use the file as the module does. */
static void use(const uint8_t *data, size_t len)
{
	FILE *file = fopen(path, "wb");
	CHECK(file != NULL && fwrite(data, 1, len, file) == len && fclose(file) == 0);
	store_t *store = open_store();
	unsigned count = 0;
	record_t record;
	knot_dname_storage_t name;
	int ret;
	while ((ret = store_next(store, &record, name)) == KNOT_EOK) {
		count++;
	}
	CHECK(ret == KNOT_ENOENT && count <= RECORDS);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = round; i < RECORDS; i += 5) {
			put(store, i, i * (round + 1) % (REPLY_ADDRESSES_MAX + 1));
		}
		CHECK(store_commit(store, 1) == KNOT_EOK);
	}
	store_close(store);
	log_queue_free(log_queue_take(&log_queue));
	CHECK(check_file(path) == CHECK_SOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (sound == NULL) {
		prepare();
	}
	input_t in = { data, size };
	uint8_t cut = input_u8(&in);
	if (cut == CUT_ALL) {
		uint8_t *raw = fuzz_copy(in.data, in.len);
		CHECK(check_pages(raw, in.len) != CHECK_FAILED);
		free(raw);
		return 0;
	}

	size_t pages = sound_len / PAGE - cut % (sound_len / PAGE);
	uint8_t *file = fuzz_copy(sound, pages * PAGE);
	while (in.len > 0) {
		change(file, pages, &in);
	}
	if (check_pages(file, pages * PAGE) == CHECK_SOUND) {
		use(file, pages * PAGE);
	}
	free(file);
	return 0;
}
