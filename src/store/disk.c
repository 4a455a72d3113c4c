/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The thread that reads and writes the file of a directory. See disk.h. */

#include "store/disk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <syslog.h>
#include <time.h>
#include <libknot/errcode.h>

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
/*! How long store_close() waits for a disk that may hang, ms. */
#define LEAVE_MS 5000
/*! Records handed over at a time. */
#define READ_PART 2048

pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t disk_done = PTHREAD_COND_INITIALIZER;
static CDS_LIST_HEAD(disks);
static CDS_LIST_HEAD(ended); /* Those whose threads have ended, to be freed by disk_leave(). */

static void lock(void)
{
	pthread_mutex_lock(&disk_lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&disk_lock);
}

static void free_records(record_t *records)
{
	while (records != NULL) {
		record_t *next = records->next;
		free(records);
		records = next;
	}
}

static void free_store(store_t *store)
{
	free_records(store->news.records);
	free(store);
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
		if (!store->abandoned) {
			log_queue_post(store->log, priority, "store %s, %s", disk->file.path, what);
		}
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

/*! Notes how the thread leaves the file. */
static void stamp(disk_t *disk)
{
	if (stat(disk->file.path, &disk->stamp) != 0) {
		memset(&disk->stamp, 0, sizeof(disk->stamp));
	}
}

/*! The same after a commit. If somebody else was quicker, the next look has to see that. */
static void stamp_written(disk_t *disk)
{
	struct stat before = disk->stamp;
	stamp(disk);
	if (disk->stamp.st_ino != before.st_ino || disk->stamp.st_dev != before.st_dev ||
	    !database_has_size(&disk->database, disk->stamp.st_size)) {
		disk->stamp = before;
	}
}

static int open_database(disk_t *disk)
{
	disk->reason = disk->database.reason;
	int ret = database_open(&disk->database, disk->file.path);
	stamp(disk);
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
	const struct stat *old = &disk->stamp;
	struct stat now = { .st_ino = 0 };
	(void)stat(disk->file.path, &now);
	return now.st_ino == old->st_ino && now.st_dev == old->st_dev && now.st_size == old->st_size &&
	       now.st_mtim.tv_sec == old->st_mtim.tv_sec && now.st_mtim.tv_nsec == old->st_mtim.tv_nsec;
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
		return DATABASE_FAILED;
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
		pthread_cond_wait(&disk_done, &disk_lock);
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
	int ret = database_select(&disk->database, store->resolvers, disk->stamp.st_size);
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

/*! A store whose rows have not been read yet, or NULL. */
static store_t *next_to_read(disk_t *disk)
{
	store_t *each, *store = NULL;
	lock();
	cds_list_for_each_entry(each, &disk->stores, node) {
		store = (store == NULL && each->wanted && !each->closed) ? each : store;
	}
	if (store != NULL) {
		store->news.reading = true;
	}
	unlock();
	return store;
}

/*! Reads what stores want. */
static int read_all(disk_t *disk)
{
	int ret = DATABASE_OK;
	bool damaged = false;
	store_t *store;
	while (ret == DATABASE_OK && (store = next_to_read(disk)) != NULL) {
		ret = read_store(disk, store);
		damaged |= (ret == DATABASE_DAMAGED);
		/* What is left of a damaged file is read for all. */
		ret = (ret == DATABASE_DAMAGED) ? DATABASE_OK : ret;
		store->wanted = (ret != DATABASE_OK);
		end_reading(store);
	}
	return ret == DATABASE_OK && damaged ? DATABASE_DAMAGED : ret;
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
		stamp_written(disk);
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
			write_log(disk, LOG_ERR, "not written, what was stored before stays, trying again (%s)",
			          ret == DATABASE_BUSY ? "in use by another process" : disk->reason);
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
		stamp(disk);
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
			if (store->abandoned) {
				free_store(store);
			}
		}
	}
	pthread_cond_broadcast(&disk_done);
}

static void *run(void *ctx)
{
	disk_t *disk = ctx;
	lock();
	do {
		uint64_t now, next;
		while ((now = clock_ms()) < (next = next_work(disk))) {
			struct timespec until = clock_in(next - now);
			(void)pthread_cond_clockwait(&disk->work, &disk_lock, CLOCK_MONOTONIC, &until);
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
	cds_list_move(&disk->node, &ended);
	unlock();
	return NULL;
}

/* --- engines' threads --- */

static disk_t *new_disk(const char *dir)
{
	disk_t *disk = calloc(1, sizeof(*disk) + strlen(dir) + 1);
	if (disk == NULL) {
		return NULL;
	}
	strcpy(disk->dir, dir);
	CDS_INIT_LIST_HEAD(&disk->stores);
	pthread_cond_init(&disk->work, NULL);
	disk->last = &disk->first;
	disk->expire_at = clock_ms() + EXPIRE_MS;
	if (pthread_create(&disk->thread, NULL, run, disk) != 0) {
		pthread_cond_destroy(&disk->work);
		free(disk);
		return NULL;
	}
	pthread_setname_np(disk->thread, "alias-store");
	cds_list_add(&disk->node, &disks);
	return disk;
}

disk_t *disk_get(const char *dir)
{
	disk_t *disk;
	cds_list_for_each_entry(disk, &disks, node) {
		if (strcmp(disk->dir, dir) == 0) {
			return disk;
		}
	}
	return new_disk(dir);
}

bool disk_enqueue(store_t *store, record_t *record)
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

void disk_leave(store_t *store)
{
	struct timespec until = clock_in(LEAVE_MS);
	int ret = 0;
	lock();
	store->closed = true;
	pthread_cond_signal(&store->disk->work);
	pthread_cond_broadcast(&disk_done);
	while (!store->detached && ret == 0) {
		ret = pthread_cond_clockwait(&disk_done, &disk_lock, CLOCK_MONOTONIC, &until);
	}
	store->abandoned = !store->detached;
	if (store->detached) {
		free_store(store);
	}
	CDS_LIST_HEAD(over);
	cds_list_splice(&ended, &over);
	CDS_INIT_LIST_HEAD(&ended);
	unlock();

	disk_t *disk, *next;
	cds_list_for_each_entry_safe(disk, next, &over, node) {
		pthread_join(disk->thread, NULL); /* It has nothing to wait for any more. */
		pthread_cond_destroy(&disk->work);
		free(disk);
	}
}
