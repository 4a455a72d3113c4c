/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A directory for the tests of the store, what it logs, and records that tell their number.
 */

#pragma once

#include "test.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <libknot/errcode.h>

#include "store/store.h"

#define FILE_NAME "set"

static struct {
	char top[64];  /*!< Temporary directory. */
	char dir[80];  /*!< The store's, not made yet. */
	char path[96]; /*!< Its file. */
	char bad[112]; /*!< The one set aside. */
} here;

static log_queue_t log_queue;

typedef struct {
	int errors;
	int notices;
	char text[512]; /*!< The last message. */
} logged_t;

/*! What has been logged by now. */
static inline logged_t *logged(void)
{
	static logged_t all;
	log_message_t *messages = log_queue_take(&log_queue);
	for (const log_message_t *message = messages; message != NULL; message = message->next) {
		assert_true(message->priority == LOG_ERR || message->priority == LOG_NOTICE);
		all.errors += (message->priority == LOG_ERR);
		all.notices += (message->priority == LOG_NOTICE);
		snprintf(all.text, sizeof(all.text), "%s", message->text);
	}
	log_queue_free(messages);
	return &all;
}

static inline int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int setup(void **state)
{
	(void)state;
	memset(&here, 0, sizeof(here));
	memset(logged(), 0, sizeof(logged_t));
	/* In memory where possible: the tests wait for the disk often. */
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(here.top, sizeof(here.top), "%s/alias-store.XXXXXX", tmp);
	if (mkdtemp(here.top) == NULL) {
		return -1;
	}
	snprintf(here.dir, sizeof(here.dir), "%s/alias", here.top);
	snprintf(here.path, sizeof(here.path), "%s/%s", here.dir, FILE_NAME);
	snprintf(here.bad, sizeof(here.bad), "%s.bad", here.path);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	return nftw(here.top, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int try_open(store_t **store)
{
	return store_open(store, here.dir, FILE_NAME, &log_queue);
}

static inline store_t *open_store(void)
{
	store_t *store;
	assert_int_equal(try_open(&store), KNOT_EOK);
	return store;
}

static inline bool exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

/*! Name of a number. */
static inline const knot_dname_t *name_of(unsigned number)
{
	static uint8_t name[32];
	int len = snprintf((char *)name, sizeof(name), "\x08%08u%c%s", number, 7, "example");
	assert_int_equal(len, 17);
	return name;
}

static inline unsigned number_of(const knot_dname_t *name)
{
	return strtoul((const char *)name + 1, NULL, 10);
}

/*! A record with up to 64 addresses that tells a value. */
static inline record_t record_of(unsigned value, uint16_t count)
{
	record_t record = {
		.type = value % 2,
		.reply = { .kind = count ? REPLY_ADDRESSES : REPLY_NODATA, .ttl = 60, .count = count },
		.received = value,
		.used = value + 1,
	};
	record.reply.len = record.type ? 16 : 4;
	for (unsigned i = 0; i < count; i++) {
		memset(record.reply.addr[i], value + i, record.reply.len);
	}
	return record;
}

static inline bool put(store_t *store, unsigned number, uint16_t count, uint64_t now)
{
	record_t record = record_of(number, count);
	return store_put(store, name_of(number), &record, now);
}

/*! Reads some records. A callback that returns false has its record deleted. */
static inline int read_some(store_t *store, unsigned max,
                            bool (*cb)(const knot_dname_t *name, const record_t *record, void *ctx), void *ctx)
{
	int ret = KNOT_EOK;
	for (unsigned i = 0; i < max && ret == KNOT_EOK; i++) {
		record_t record;
		knot_dname_storage_t name;
		ret = store_next(store, &record, name);
		if (ret == KNOT_EOK && !cb(name, &record, ctx)) {
			store_drop(store);
		}
	}
	(void)store_settle(store);
	return ret;
}

static inline bool count_record(const knot_dname_t *name, const record_t *record, void *ctx)
{
	assert_int_equal(record->received, number_of(name));
	++*(unsigned *)ctx;
	return true;
}

/*! Number of all records, each of which tells its number. */
static inline unsigned count_all(store_t *store)
{
	unsigned count = 0;
	int ret;
	while ((ret = read_some(store, 1000, count_record, &count)) == KNOT_EOK) {
	}
	assert_int_equal(ret, KNOT_ENOENT);
	return count;
}

static inline bool find_record(const knot_dname_t *name, const record_t *record, void *ctx)
{
	record_t *found = ctx;
	if (number_of(name) == found->received && record->type == found->type) {
		*found = *record;
		found->received = 0;
	}
	return true;
}

/*! Reads a number's record with a fresh store. \return Whether it is as record_of(value) made it. */
static inline bool has(store_t **store, unsigned number, unsigned value, uint16_t count)
{
	store_close(*store);
	*store = open_store();
	record_t want = record_of(value, count);
	record_t found = { .received = number, .type = want.type };
	while (read_some(*store, 100, find_record, &found) == KNOT_EOK) {
	}
	return found.received == 0 && found.used == want.used && found.reply.kind == want.reply.kind &&
	       found.reply.count == count &&
	       memcmp(found.reply.addr, want.reply.addr, sizeof(want.reply.addr)) == 0;
}

/*! Opening fails, and says so. */
static inline void check_refused(int ret, const char *reason)
{
	store_t *store;
	logged()->errors = 0;
	assert_int_equal(try_open(&store), ret);
	assert_null(store);
	assert_int_equal(logged()->errors, 1);
	assert_non_null(strstr(logged()->text, here.path));
	assert_non_null(strstr(logged()->text, reason));
}
