/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A directory for the tests of the store, what it logs, and records that tell their number.
 */

#pragma once

#include "test.h"

#include <ftw.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <libknot/errcode.h>

#include "store/store.h"
#include "util/clock.h"

#define SET "192.0.2.53@53"

static struct {
	char top[64];  /*!< Temporary directory. */
	char dir[80];  /*!< The store's, not made yet. */
	char path[96]; /*!< Its file. */
	char bad[112]; /*!< The one set aside. */
} here;

static log_queue_t log_queue;

/*! Posted when any store has something to take. */
static sem_t news;

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
	sem_init(&news, 0, 0);
	/* In memory where possible: the tests wait for the disk often. */
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(here.top, sizeof(here.top), "%s/alias-store.XXXXXX", tmp);
	if (mkdtemp(here.top) == NULL) {
		return -1;
	}
	snprintf(here.dir, sizeof(here.dir), "%s/alias", here.top);
	snprintf(here.path, sizeof(here.path), "%s/store.db", here.dir);
	snprintf(here.bad, sizeof(here.bad), "%s.bad", here.path);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	return nftw(here.top, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void wake(void *ctx)
{
	sem_post(ctx);
}

/*! A store from which nothing has been taken. */
static inline store_t *open_set(const char *resolvers)
{
	store_t *store = store_open(here.dir, resolvers, &log_queue, wake, &news);
	assert_non_null(store);
	return store;
}

/*! Waits until there is news. */
static inline store_news_t next_news(store_t *store)
{
	while (!store_has_news(store)) {
		struct timespec end = clock_in(20000);
		assert_int_equal(sem_clockwait(&news, CLOCK_MONOTONIC, &end), 0);
	}
	return store_take(store);
}

typedef void (*see_f)(const record_t *record, void *ctx);

/*! Reads all records, until the store works or has failed. \return Their number. */
static inline unsigned read_all(store_t *store, see_f see, void *ctx)
{
	unsigned count = 0;
	store_news_t taken;
	do {
		taken = next_news(store);
		while (taken.records != NULL) {
			record_t *record = taken.records;
			taken.records = record->next;
			if (see != NULL) {
				see(record, ctx);
			}
			free(record);
			count++;
		}
	} while (taken.reading || (!taken.written && store_stats(store)->errors == 0));
	return count;
}

/*! A store that has been read. */
static inline store_t *open_store(void)
{
	store_t *store = open_set(SET);
	(void)read_all(store, NULL, NULL);
	return store;
}

/*! Number of records in the file. */
static inline unsigned count_all(void)
{
	store_t *store = open_set(SET);
	unsigned count = read_all(store, NULL, NULL);
	store_close(store);
	return count;
}

static inline void free_list(record_t *records)
{
	while (records != NULL) {
		record_t *next = records->next;
		free(records);
		records = next;
	}
}

/*! Waits for the next success. \return Whether answers are lacking. */
static inline bool wait_written(store_t *store)
{
	store_news_t taken;
	do {
		taken = next_news(store);
		free_list(taken.records);
	} while (!taken.written);
	return taken.lacking;
}

static inline void wait_errors(store_t *store, unsigned count)
{
	while (store_stats(store)->errors < count) {
		(void)next_news(store);
	}
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

static inline unsigned number_of(const record_t *record)
{
	return strtoul((const char *)record->data + 1, NULL, 10);
}

/*! A record with up to 64 addresses that tells a value. */
static inline record_t *record_of(unsigned number, unsigned value, uint16_t count)
{
	addr_type_t type = value % 2;
	knot_rdataset_t rrs = { 0 };
	for (unsigned i = 0; i < count; i++) {
		uint8_t data[16];
		memset(data, value + i, sizeof(data));
		uint8_t rdata[knot_rdata_size(sizeof(data))];
		knot_rdata_init((knot_rdata_t *)rdata, addr_len(type), data);
		assert_int_equal(knot_rdataset_add(&rrs, (knot_rdata_t *)rdata, NULL), KNOT_EOK);
	}
	record_t *record = record_new(name_of(number), type, count ? REPLY_ADDRESSES : REPLY_NODATA, 60, &rrs);
	assert_non_null(record);
	record->received = value;
	record->used = value + 1;
	knot_rdataset_clear(&rrs, NULL);
	return record;
}

static inline bool put(store_t *store, unsigned number, uint16_t count)
{
	return store_put(store, record_of(number, number, count));
}

typedef struct {
	record_t *want;
	bool found;
} search_t;

static inline void find_record(const record_t *record, void *ctx)
{
	search_t *search = ctx;
	const record_t *want = search->want;
	search->found = search->found || (record_size(record) == record_size(want) && record->used == want->used &&
	                                  record_checksum(record, "") == record_checksum(want, ""));
}

/*! Reads a number's record with a fresh store. \return Whether it is as record_of(number, value, count) made it. */
static inline bool has(unsigned number, unsigned value, uint16_t count)
{
	search_t search = { .want = record_of(number, value, count) };
	store_t *store = open_set(SET);
	(void)read_all(store, find_record, &search);
	store_close(store);
	free(search.want);
	return search.found;
}
