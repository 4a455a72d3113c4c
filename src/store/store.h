/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The last good answers of a cache in an LMDB file, so that a restart finds them.
 *
 * A store belongs to one thread, from store_open() to store_close(); that of the
 * engine. Writes are collected in a batch, which the caller commits soon after.
 * What is committed survives kill -9; a loss of power may take the last batch.
 * Where it can't be written, what was stored before stays.
 *
 * Times named `now` are clock_ms() and never go back. Where there is no store, NULL takes its place
 * in all calls.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>

#include "store/record.h"
#include "util/log_queue.h"

/*! A batch commits by itself after so many records written or deleted: this bounds its memory,
 *  to some 16 MiB. */
#define STORE_BATCH_MAX 4096

typedef struct store store_t;

/*! What a store has done since it was opened. */
typedef struct {
	uint64_t puts;    /*!< Records committed. */
	uint64_t batches; /*!< Batches committed. */
	uint64_t errors;  /*!< Batches lost, and failures to begin one. */
} store_stats_t;

/*!
 * \brief Opens a store, which nobody else may have open, or makes an empty one.
 *
 * A file that is damaged, or isn't a store, or is of a newer version, is renamed
 * to FILE.bad, over an earlier one; then a new one is made. FILE.lock says who has
 * the store. What exists in the directory keeps its mode and owner.
 *
 * Blocks while the file is checked, see check_file().
 *
 * \param[out] store  Result, or NULL; store_close() frees it.
 * \param dir         Directory, made with mode 0700 if missing; its parent must exist.
 * \param file        Name of the file in there.
 * \param log         Takes what the operator should know, also of later calls; lives as long as the store.
 *
 * \return KNOT_EBUSY if another one has it open, KNOT_EACCES, KNOT_ESPACE or another KNOT_E*, after
 *         one message; KNOT_ENOMEM without one; or KNOT_EOK.
 */
int store_open(store_t **store, const char *dir, const char *file, log_queue_t *log);

/*!
 * \brief Reads the next record, in no useful order.
 *
 * Other calls may come between two of these; whether records that are put after
 * the first one are read is undefined. After some of them call store_settle().
 *
 * \param[out] record  Record.
 * \param[out] name    Its name.
 *
 * \retval KNOT_EOK     The record.
 * \retval KNOT_ENOENT  That was all.
 * \return Else KNOT_E*, logged like a failed batch; may be tried again later.
 */
int store_next(store_t *store, record_t *record, knot_dname_storage_t name);

/*! \brief Deletes the record that store_next() has read last, with the next batch. */
void store_drop(store_t *store);

/*! \brief Ends a batch that is long enough, or that has changed nothing. \return False if it was lost. */
bool store_settle(store_t *store);

/*!
 * \brief Puts a record into the batch, in place of that of the same name and type.
 *
 * \return False if it is not in the batch: not written for a while after a failure,
 *         the batch was lost by this, or it is no proper record.
 */
bool store_put(store_t *store, const knot_dname_t *name, const record_t *record, uint64_t now);

/*! \brief Deletes both types of a name with the batch. One that can't be deleted comes back after a restart. */
void store_del(store_t *store, const knot_dname_t *name, uint64_t now);

/*!
 * \brief Whether what store_put() took is in the store, or will be with the open batch.
 *
 * Never true for a record that was lost. May be false for one put between two losses.
 *
 * \param put_at  Its `now`; 0 for never.
 */
bool store_has(const store_t *store, uint64_t put_at);

/*! \brief Whether a batch is open. */
bool store_pending(const store_t *store);

/*!
 * \brief Commits the batch if one is open, and waits for the disk.
 *
 * \return KNOT_E* if it is lost, else KNOT_EOK.
 */
int store_commit(store_t *store, uint64_t now);

/*! \brief Counters; valid until store_close(); without a store all 0. */
const store_stats_t *store_stats(const store_t *store);

/*! \brief Commits and closes. */
void store_close(store_t *store);
