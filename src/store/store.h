/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The store: the last good answers of a cache in an LMDB file, for the next start.
 *
 * One thread, the engine's, makes all calls from store_open() to store_close(). Writes
 * are collected in a batch, which the caller commits soon after. Committed records
 * survive kill -9; a power loss may lose the last batch. If a batch can't be written,
 * the records stored before stay.
 *
 * Times named `now` are clock_ms() and never go back. Without a store its pointer is NULL in all
 * calls.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>

#include "store/record.h"
#include "util/log_queue.h"

/*! A batch commits by itself after this many records written or deleted, which bounds its memory
 *  to some 16 MiB. */
#define STORE_BATCH_MAX 4096

typedef struct store store_t;

/*! Counters since the store was opened. */
typedef struct {
	uint64_t puts;    /*!< Records committed. */
	uint64_t batches; /*!< Batches committed. */
	uint64_t errors;  /*!< Batches lost, and failures to begin one. */
} store_stats_t;

/*!
 * \brief Opens a store, or makes an empty one. One process at a time can have it open.
 *
 * A file that is damaged, isn't a store, or is of a newer version is renamed to
 * FILE.bad, replacing an earlier FILE.bad; then a new one is made. FILE.lock is locked
 * while the store is open. Existing files keep their mode and owner.
 *
 * Blocks while the file is checked, see check_file().
 *
 * \param[out] store  Result, or NULL; store_close() frees it.
 * \param dir         Directory, made with mode 0700 if missing; its parent must exist.
 * \param file        Name of the file in the directory.
 * \param log         Takes messages for the operator, also of later calls; must live as long as the store.
 *
 * \return KNOT_EBUSY if another process has it open, KNOT_EACCES, KNOT_ESPACE or another KNOT_E*, after
 *         one message; KNOT_ENOMEM without a message; or KNOT_EOK.
 */
int store_open(store_t **store, const char *dir, const char *file, log_queue_t *log);

/*!
 * \brief Reads the next record, in no useful order.
 *
 * Other calls may come in between. Records put after the first call may or may not be
 * read. Call store_settle() after some of these calls.
 *
 * \param[out] record  Record.
 * \param[out] name    Its name.
 *
 * \retval KNOT_EOK     `record` and `name` are set.
 * \retval KNOT_ENOENT  There are no more records.
 * \return Else KNOT_E*, logged like a failed batch; may be tried again later.
 */
int store_next(store_t *store, record_t *record, knot_dname_storage_t name);

/*! \brief Deletes the record that store_next() read last, in the batch. */
void store_drop(store_t *store);

/*! \brief Ends a batch that is long enough or has changed nothing. \return False if it was lost. */
bool store_settle(store_t *store);

/*!
 * \brief Puts a record into the batch, in place of one of the same name and type.
 *
 * \return False if it is not in the batch: the store pauses after a failure, this call
 *         lost the batch, or the record is invalid.
 */
bool store_put(store_t *store, const knot_dname_t *name, const record_t *record, uint64_t now);

/*! \brief Deletes both types of a name in the batch. A record that can't be deleted comes back after a restart. */
void store_del(store_t *store, const knot_dname_t *name, uint64_t now);

/*!
 * \brief Whether a record that store_put() took is in the store or in the open batch.
 *
 * Never true for a lost record. May be false for a record put between two losses.
 *
 * \param put_at  `now` of its store_put(); 0 if there was none.
 */
bool store_has(const store_t *store, uint64_t put_at);

/*! \brief Whether a batch is open. */
bool store_pending(const store_t *store);

/*!
 * \brief Commits the batch if one is open, and waits for the disk.
 *
 * \return KNOT_E* if it is lost, or KNOT_EOK.
 */
int store_commit(store_t *store, uint64_t now);

/*! \brief Counters, valid until store_close(); all 0 without a store. */
const store_stats_t *store_stats(const store_t *store);

/*! \brief Commits and closes. */
void store_close(store_t *store);
