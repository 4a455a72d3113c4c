/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Stores, their queue, and the thread that reads and writes their file.
 *
 * All stores of a directory share a disk_t with its thread, which ends with the last of them. One lock protects the list
 * of these and what is marked so in the structures; it is never held while the thread waits for the disk. Records in the
 * queue point to their stores, so the thread itself takes a closed store out of the list, when it has no records left.
 */

#include "store/store.h"

#include <urcu/list.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <syslog.h>
#include <time.h>
#include <libknot/errcode.h>

#include "store/database.h"
#include "store/storefile.h"
#include "util/clock.h"

/*! Tests are this many times as fast. */
#ifndef STORE_HASTE
#define STORE_HASTE 1
#endif
/*! How long records are collected before they are written, ms. */
#define COLLECT_MS (1000 / STORE_HASTE)
/*! How often it is looked whether the file is still there, ms. */
#define LOOK_MS (5000 / STORE_HASTE)
/*! Pause after the first failure, and the longest pause, ms. */
#define RETRY_MIN_MS (5000 / STORE_HASTE)
#define RETRY_MAX_MS (60000 / STORE_HASTE)
/*! A failure that lasts is logged again after this time, ms. */
#define LOG_AGAIN_MS 60000
/*! How often records that are too old are deleted, ms. */
#define EXPIRE_MS (3600 * 1000)
/*! Records handed over at a time. */
#define READ_PART 2048

struct store {
	struct disk *disk;
	log_queue_t *log;
	void (*wake)(void *ctx);
	void *ctx;
	_Atomic bool has_news;
	_Atomic uint64_t since; /*!< Records put before this time are lost. */
	store_stats_t stats;

	/* Under the lock. */
	struct cds_list_head node; /*!< In the disk's list. */
	store_news_t news;         /*!< What store_take() has not taken yet. */
	bool wanted;               /*!< Its rows have to be read. */
	bool lacking;              /*!< Not all of its answers are in the queue or in the file. */
	bool closed;               /*!< store_close() waits. */
	bool leaving;              /*!< It was closed when the thread began its work. */
	bool detached;             /*!< The thread is done with it. */

	bool has_put; /*!< The engine's thread only. */
	char resolvers[];
};

typedef struct disk {
	pthread_t thread;

	/* Under the lock. */
	struct cds_list_head node; /*!< In the list of disks. */
	struct cds_list_head stores;
	unsigned refs;       /*!< Stores, the detached ones included until store_close() ends. */
	pthread_cond_t work; /*!< There may be something to do. */
	pthread_cond_t done; /*!< Records have been taken, or a store detached. */
	record_t *first;     /*!< The queue. */
	record_t **last;     /*!< Where its next record goes. */
	unsigned count;      /*!< Records in it. */
	size_t size;         /*!< Octets of these. */
	uint64_t due;        /*!< When the queue has to be written. */

	/* The thread only. */
	storefile_t file;
	database_t database;
	storefile_stamp_t stamp; /*!< As the thread has left the file. */
	const char *reason;      /*!< Why the last attempt failed. */
	bool checked;            /*!< The file's structure is sound. */
	bool was_open;           /*!< The file has been open at some time. */
	bool changed;            /*!< Somebody else has changed the file. */
	bool failing;
	uint64_t delay;    /*!< Length of the pause, ms. */
	uint64_t retry_at; /*!< Its end. */
	uint64_t look_at;
	uint64_t expire_at;
	uint64_t logged_at;

	char dir[];
} disk_t;

static struct {
	pthread_mutex_t lock;
	struct cds_list_head list;
} disks = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.list = CDS_LIST_HEAD_INIT(disks.list),
};

static void lock(void)
{
	pthread_mutex_lock(&disks.lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&disks.lock);
}

static void free_records(record_t *records)
{
	while (records != NULL) {
		record_t *next = records->next;
		free(records);
		records = next;
	}
}

/*! Tells the engine that there is something to take. Under the lock. */
static void tell(store_t *store)
{
	if (!store->closed) {
		store->has_news = true;
		store->wake(store->ctx);
	}
}

/* --- the thread: the file --- */

/*! Logs a line about the file for each set of resolvers: any of them may have no zone that logs it. */
__attribute__((format(printf, 3, 4))) static void write_log(disk_t *disk, int priority, const char *format, ...)
{
	char what[512];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);

	store_t *store;
	lock();
	cds_list_for_each_entry(store, &disk->stores, node) {
		log_queue_post(store->log, priority, "store %s, %s", disk->file.path, what);
	}
	unlock();
}

/*! What has been written is not there any more. */
static void lose_all(disk_t *disk)
{
	store_t *store;
	lock();
	cds_list_for_each_entry(store, &disk->stores, node) {
		store->since = clock_ms();
		store->lacking = true;
	}
	unlock();
}

static void close_file(disk_t *disk)
{
	database_close(&disk->database);
	storefile_close(&disk->file);
}

static int open_database(disk_t *disk)
{
	disk->reason = disk->database.reason;
	int ret = database_open(&disk->database, disk->file.path);
	storefile_stamp(&disk->file, &disk->stamp);
	disk->checked = false;
	disk->was_open = disk->was_open || ret == DATABASE_OK;
	return ret;
}

/*! Checks the file if that has not been done since it was opened. */
static int check(disk_t *disk)
{
	int ret = disk->checked ? DATABASE_OK : database_check(&disk->database);
	disk->checked = (ret == DATABASE_OK);
	return ret;
}

/*! Whether the file is as the thread has left it. */
static bool is_unchanged(const disk_t *disk)
{
	storefile_stamp_t now;
	storefile_stamp(&disk->file, &now);
	return memcmp(&now, &disk->stamp, sizeof(now)) == 0;
}

/*! Opens the file, unless it is open and nobody has changed it. */
static int open_file(disk_t *disk)
{
	if (disk->was_open && !is_unchanged(disk)) {
		disk->changed = true;
		close_file(disk);
		lose_all(disk);
	}
	if (disk->database.handle != NULL) {
		return DATABASE_OK;
	}
	bool first = !disk->was_open;
	int ret = storefile_open(&disk->file, disk->dir);
	if (ret != KNOT_EOK) {
		disk->reason = disk->file.reason;
		return ret == KNOT_EBUSY ? DATABASE_BUSY : DATABASE_FAILED;
	}
	ret = open_database(disk);
	if (first && disk->was_open && storefile_has_lmdb(&disk->file)) {
		write_log(disk, LOG_NOTICE, "the files NAME.mdb beside it are of version 0.1.0 and not used, you may delete them");
	}
	return ret == DATABASE_OK && disk->changed ? check(disk) : ret;
}

/*! Moves a file away that is of no use, and makes a new one. */
static int replace_file(disk_t *disk, int why)
{
	static const char *const what[] = {
		[DATABASE_DAMAGED] = "damaged",
		[DATABASE_FOREIGN] = "not a store of mod-alias",
		[DATABASE_NEWER] = "written by a newer version of mod-alias",
	};
	database_close(&disk->database);
	if (storefile_set_aside(&disk->file, what[why]) != KNOT_EOK) {
		disk->reason = disk->file.reason;
		return DATABASE_FAILED;
	}
	disk->changed = false;
	lose_all(disk);
	write_log(disk, LOG_ERR, "%s, moved to " STOREFILE_NAME ".bad, starting with an empty one", what[why]);
	return open_database(disk);
}

/* --- the thread: reading and writing --- */

/*! Gives the engine what was read when it has taken what was read before. \return False if the store is closed. */
static bool hand_over(store_t *store, record_t *records)
{
	lock();
	while (store->news.records != NULL && !store->closed) {
		pthread_cond_wait(&store->disk->done, &disks.lock);
	}
	bool closed = store->closed;
	if (!closed) {
		store->news.records = records;
		tell(store);
	}
	unlock();
	if (closed) {
		free_records(records);
	}
	return !closed;
}

static int read_store(disk_t *disk, store_t *store)
{
	bool damaged = false, open = true;
	int ret = database_select(&disk->database, store->resolvers, disk->stamp.size);
	while (ret == DATABASE_OK && open) {
		record_t *records = NULL, *record;
		for (unsigned i = 0; i < READ_PART && ret == DATABASE_OK; i++) {
			ret = database_next(&disk->database, store->resolvers, &record);
			damaged = damaged || (ret == DATABASE_OK && record == NULL);
			if (record != NULL) {
				record->next = records;
				records = record;
			}
		}
		open = hand_over(store, records);
	}
	ret = (ret == DATABASE_END || !open) ? DATABASE_OK : ret;
	return damaged && ret == DATABASE_OK ? DATABASE_DAMAGED : ret;
}

static void end_reading(store_t *store)
{
	lock();
	store->news.reading = false;
	tell(store);
	unlock();
}

/*! Reads what a store wants that has not been read yet. */
static int read_all(disk_t *disk)
{
	int ret = DATABASE_OK;
	store_t *store = NULL;
	do {
		store_t *each;
		store = NULL;
		lock();
		cds_list_for_each_entry(each, &disk->stores, node) {
			store = (store == NULL && each->wanted) ? each : store;
		}
		unlock();
		if (store != NULL) {
			ret = read_store(disk, store);
			/* What is left of a damaged file has been read. */
			store->wanted = (ret == DATABASE_FAILED);
			end_reading(store);
		}
	} while (store != NULL && ret == DATABASE_OK);
	return ret;
}

static int write_records(disk_t *disk, const record_t *record, unsigned count)
{
	database_t *database = &disk->database;
	int ret = check(disk);
	if (ret == DATABASE_OK) {
		ret = database_begin(database);
	}
	for (unsigned i = 0; i < count && ret == DATABASE_OK; i++) {
		record = (i > 0) ? record->next : record;
		ret = database_put(database, record, record->store->resolvers);
	}
	/* An hour after the start the clock is right, if it ever is, and names are being resolved: some are written. */
	if (ret == DATABASE_OK && clock_ms() >= disk->expire_at) {
		ret = database_expire(database, time(NULL));
		disk->expire_at = clock_ms() + EXPIRE_MS;
	}
	return ret == DATABASE_OK ? database_commit(database) : ret;
}

/*! Takes the first record off the queue and frees it. Under the lock. */
static void pop(disk_t *disk)
{
	record_t *record = disk->first;
	disk->first = record->next;
	disk->last = (disk->first == NULL) ? &disk->first : disk->last;
	disk->size -= record_size(record);
	disk->count--;
	free(record);
}

/*! Writes what is in the queue. It stays there until it has been written. */
static int write_queue(disk_t *disk)
{
	lock();
	const record_t *first = disk->first;
	unsigned count = disk->count;
	unlock();
	int ret = (count > 0) ? write_records(disk, first, count) : DATABASE_OK;
	if (ret == DATABASE_OK && count > 0) {
		storefile_stamp(&disk->file, &disk->stamp);
		while (count-- > 0) {
			lock();
			disk->first->store->stats.puts += (disk->first->kind != RECORD_GONE);
			pop(disk);
			unlock();
		}
	}
	return ret;
}

/* --- the thread: what comes when --- */

static int try_all(disk_t *disk)
{
	int ret = open_file(disk);
	if (ret == DATABASE_OK) {
		ret = read_all(disk);
	}
	return ret == DATABASE_OK ? write_queue(disk) : ret;
}

static void note_failure(disk_t *disk, int ret)
{
	uint64_t now = clock_ms();
	bool again = disk->was_open && now - disk->logged_at >= LOG_AGAIN_MS;
	if (!disk->failing || again) {
		disk->logged_at = now;
		if (disk->was_open) {
			write_log(disk, LOG_ERR, "not written, what was stored before stays, trying again (%s)", disk->reason);
		} else if (ret == DATABASE_BUSY) {
			write_log(disk, LOG_ERR, "in use by another process, running without it");
		} else {
			write_log(disk, LOG_ERR, "can't be opened, running without it (%s)", disk->reason);
		}
	}
	disk->delay = disk->failing ? MIN(2 * disk->delay, RETRY_MAX_MS) : RETRY_MIN_MS;
	disk->retry_at = now + disk->delay;
	disk->failing = true;

	store_t *store;
	lock();
	cds_list_for_each_entry(store, &disk->stores, node) {
		store->stats.errors++;
		store->news.reading = false;
		tell(store);
	}
	unlock();
}

static void note_success(disk_t *disk)
{
	if (disk->failing) {
		write_log(disk, LOG_NOTICE, "written again");
	} else if (disk->changed) {
		write_log(disk, LOG_ERR, "changed or removed by another program, all answers are written again");
	}
	disk->failing = disk->changed = false;

	store_t *store;
	lock();
	cds_list_for_each_entry(store, &disk->stores, node) {
		store->news.written = true;
		store->news.lacking = store->news.lacking || store->lacking;
		store->lacking = false;
		tell(store);
	}
	unlock();
}

static void work(disk_t *disk)
{
	int ret = try_all(disk);
	if (ret == DATABASE_DAMAGED || ret == DATABASE_FOREIGN || ret == DATABASE_NEWER) {
		ret = replace_file(disk, ret);
		if (ret == DATABASE_OK) {
			ret = try_all(disk);
		}
	}
	disk->look_at = clock_ms() + LOOK_MS;
	if (ret == DATABASE_OK) {
		note_success(disk);
	} else {
		note_failure(disk, ret);
		close_file(disk);
		storefile_stamp(&disk->file, &disk->stamp);
	}
}

/*! When there is something to do. Under the lock. */
static uint64_t next_work(const disk_t *disk)
{
	uint64_t next = disk->failing ? disk->retry_at : disk->look_at;
	const store_t *store;
	cds_list_for_each_entry(store, &disk->stores, node) {
		if (store->closed || (store->wanted && !disk->failing)) {
			return 0;
		}
	}
	if (disk->first != NULL && !disk->failing) {
		next = (disk->count >= STORE_BATCH) ? 0 : MIN(next, disk->due);
	}
	return next;
}

/*! Marks the stores that leave after this work. Under the lock. \return Whether all leave. */
static bool mark_leaving(disk_t *disk)
{
	bool all = true;
	store_t *store;
	cds_list_for_each_entry(store, &disk->stores, node) {
		store->leaving = store->closed;
		all = all && store->closed;
	}
	return all;
}

/*! Drops what could not be written of a store. Under the lock. */
static void drop_records(disk_t *disk, const store_t *store)
{
	record_t **link = &disk->first;
	while (*link != NULL) {
		record_t *record = *link;
		if (record->store != store) {
			link = &record->next;
			continue;
		}
		*link = record->next;
		disk->count--;
		disk->size -= record_size(record);
		free(record);
	}
	disk->last = link;
}

/*! Under the lock. */
static void detach_leaving(disk_t *disk)
{
	store_t *store, *next;
	cds_list_for_each_entry_safe(store, next, &disk->stores, node) {
		if (store->leaving) {
			drop_records(disk, store);
			cds_list_del(&store->node);
			store->detached = true;
		}
	}
	pthread_cond_broadcast(&disk->done);
}

static void *run(void *ctx)
{
	disk_t *disk = ctx;
	lock();
	do {
		uint64_t now, next;
		while ((now = clock_ms()) < (next = next_work(disk))) {
			struct timespec until = clock_in(next - now);
			(void)pthread_cond_clockwait(&disk->work, &disks.lock, CLOCK_MONOTONIC, &until);
		}
		bool last = mark_leaving(disk);
		unlock();
		work(disk);
		if (last) {
			close_file(disk);
		}
		lock();
		detach_leaving(disk);
	} while (!cds_list_empty(&disk->stores));
	cds_list_del(&disk->node);
	unlock();
	return NULL;
}

/* --- the engine's thread --- */

static disk_t *find_disk(const char *dir)
{
	disk_t *disk;
	cds_list_for_each_entry(disk, &disks.list, node) {
		if (strcmp(disk->dir, dir) == 0) {
			return disk;
		}
	}
	return NULL;
}

static disk_t *new_disk(const char *dir)
{
	disk_t *disk = calloc(1, sizeof(*disk) + strlen(dir) + 1);
	if (disk == NULL) {
		return NULL;
	}
	strcpy(disk->dir, dir);
	CDS_INIT_LIST_HEAD(&disk->stores);
	pthread_cond_init(&disk->work, NULL);
	pthread_cond_init(&disk->done, NULL);
	disk->last = &disk->first;
	disk->expire_at = clock_ms() + EXPIRE_MS;
	if (pthread_create(&disk->thread, NULL, run, disk) != 0) {
		free(disk);
		return NULL;
	}
	pthread_setname_np(disk->thread, "alias-store");
	cds_list_add(&disk->node, &disks.list);
	return disk;
}

store_t *store_open(const char *dir, const char *resolvers, log_queue_t *log, void (*wake)(void *ctx), void *ctx)
{
	store_t *store = calloc(1, sizeof(*store) + strlen(resolvers) + 1);
	if (store == NULL) {
		return NULL;
	}
	strcpy(store->resolvers, resolvers);
	store->log = log;
	store->wake = wake;
	store->ctx = ctx;
	store->wanted = store->news.reading = true;

	lock();
	disk_t *disk = find_disk(dir);
	if (disk == NULL) {
		disk = new_disk(dir); /* Its thread waits for the lock, and then finds the store. */
	}
	if (disk != NULL) {
		store->disk = disk;
		disk->refs++;
		cds_list_add_tail(&store->node, &disk->stores);
		pthread_cond_signal(&disk->work);
	}
	unlock();
	if (disk == NULL) {
		free(store);
		return NULL;
	}
	return store;
}

bool store_has_news(const store_t *store)
{
	return store != NULL && atomic_load_explicit(&store->has_news, memory_order_relaxed);
}

store_news_t store_take(store_t *store)
{
	if (store == NULL) {
		return (store_news_t){ .records = NULL };
	}
	lock();
	store_news_t news = store->news;
	store->news = (store_news_t){ .reading = news.reading };
	store->has_news = false;
	pthread_cond_broadcast(&store->disk->done);
	unlock();
	return news;
}

/*! Queues a record, or frees it if there is no room. */
static bool enqueue(store_t *store, record_t *record)
{
	disk_t *disk = store->disk;
	record->store = store;
	record->next = NULL;
	size_t size = record_size(record);

	lock();
	bool fits = (disk->size + size <= STORE_QUEUE_MAX);
	if (fits) {
		disk->size += size;
		*disk->last = record;
		disk->last = &record->next;
		if (disk->count++ == 0) {
			disk->due = clock_ms() + COLLECT_MS;
		}
		if (disk->count == 1 || disk->count == STORE_BATCH) {
			pthread_cond_signal(&disk->work);
		}
	} else {
		store->lacking = true;
	}
	unlock();
	if (!fits) {
		free(record);
	}
	return fits;
}

bool store_put(store_t *store, record_t *record)
{
	if (store == NULL || record == NULL) {
		free(record);
		return false;
	}
	store->has_put = true;
	return enqueue(store, record);
}

void store_del(store_t *store, const knot_dname_t *name)
{
	if (store != NULL && store->has_put) {
		record_t *record = record_new(name, ADDR_A, RECORD_GONE, 0, NULL);
		if (record != NULL) {
			(void)enqueue(store, record);
		}
	}
}

bool store_has(const store_t *store, uint64_t put_at)
{
	return store != NULL && put_at != 0 && put_at >= store->since;
}

const store_stats_t *store_stats(const store_t *store)
{
	static const store_stats_t none;
	return store != NULL ? &store->stats : &none;
}

void store_close(store_t *store)
{
	if (store == NULL) {
		return;
	}
	disk_t *disk = store->disk;
	lock();
	store->closed = true;
	pthread_cond_signal(&disk->work);
	pthread_cond_broadcast(&disk->done);
	while (!store->detached) {
		pthread_cond_wait(&disk->done, &disks.lock);
	}
	bool last = (--disk->refs == 0);
	unlock();

	if (last) {
		pthread_join(disk->thread, NULL);
		pthread_cond_destroy(&disk->work);
		pthread_cond_destroy(&disk->done);
		free(disk);
	}
	free_records(store->news.records);
	free(store);
}
