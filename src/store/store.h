/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The store: the last good answers of all sets of resolvers in one file, for the next start.
 *
 * Terms. A store is what one set of resolvers has in the file of a directory. Stores of one directory share the file,
 * and a thread that does all that may wait for the disk.
 *
 * Threads. One thread, the engine's, makes all calls for a store, and never waits for the disk but in store_close().
 * What it puts is queued, and written a second later. What has been written survives kill -9.
 *
 * Failures. Whatever happens to the file, it is only logged. What could not be written stays in the queue, and is tried
 * again; where the queue gets too long, or the file has been lost, the engine is asked to put all answers once more.
 *
 * Without a store its pointer is NULL in all calls. Times named `now` are clock_ms().
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>

#include "store/record.h"
#include "util/log_queue.h"

/*! Records that are written at once, without waiting for more. */
#define STORE_BATCH 4096
/*! Memory for records that wait to be written, octets; further ones are refused. */
#define STORE_QUEUE_MAX (16 << 20)

typedef struct store store_t;

/*! Counters since the store was opened. */
typedef struct {
	_Atomic uint64_t puts;   /*!< Records written. */
	_Atomic uint64_t errors; /*!< Failed attempts to use the file. */
} store_stats_t;

/*! What the store has for its engine. */
typedef struct {
	record_t *records; /*!< Records read, in no useful order, to be freed by free(). */
	bool reading;      /*!< There may be more, soon. */
	bool written;      /*!< What was put has been written: there is room. */
	bool lacking;      /*!< All that store_has() is false for should be put again, as there is room. */
} store_news_t;

/*!
 * \brief Opens a store. Its records are read by and by.
 *
 * \param dir        Directory, made with mode 0700 if it is missing.
 * \param resolvers  Name of the set of resolvers.
 * \param log        Takes messages for the operator; must live as long as the store.
 * \param wake       Called by another thread when there is something for store_take(); must not wait.
 * \param ctx        For `wake`.
 *
 * \return The store, which store_close() closes and frees; NULL if out of memory.
 */
store_t *store_open(const char *dir, const char *resolvers, log_queue_t *log, void (*wake)(void *ctx), void *ctx);

/*! \brief Whether there is something for store_take(). */
bool store_has_news(const store_t *store);

/*! \brief Takes what there is. */
store_news_t store_take(store_t *store);

/*!
 * \brief Queues a record, to be written in place of one of the same name and type.
 *
 * \param record  Record, which is the store's then; NULL for one that could not be made.
 *
 * \return False if it is refused, as the queue is full.
 */
bool store_put(store_t *store, record_t *record);

/*!
 * \brief Queues that both types of a target are deleted. One that can't be queued comes back after a restart.
 *
 * Nothing is deleted before the first store_put(): after a start with a wrong clock, all would seem to be too old.
 */
void store_del(store_t *store, const knot_dname_t *name);

/*!
 * \brief Whether a record that store_put() took is in the queue or in the file.
 *
 * \param put_at  clock_ms() of its store_put(); 0 if there was none.
 */
bool store_has(const store_t *store, uint64_t put_at);

/*! \brief Counters, valid until store_close(); all 0 without a store. */
const store_stats_t *store_stats(const store_t *store);

/*! \brief Tries once more to write what is queued, waits for that, five seconds at most as disks may hang, and closes. */
void store_close(store_t *store);
