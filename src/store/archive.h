/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What the cache keeps in the store, and when it is written.
 *
 * Between the engine, which thinks in targets and clock_ms(), and the store
 * (store.h), which has records with the time of the wall clock. For the engine's
 * thread only. An archive that can't be had is NULL, and all calls take that.
 */

#pragma once

#include "cache/cache.h"
#include "resolve/resolvers.h"
#include "store/store.h"

typedef struct archive archive_t;

/*!
 * \brief Opens the store of a set of resolvers.
 *
 * \param dir  Directory, empty for no store.
 * \param set  Resolvers.
 * \param log  Takes what the operator should know.
 * \param ctx  Its argument.
 *
 * \return NULL if there is none.
 */
archive_t *archive_open(const char *dir, const resolvers_t *set, store_log_f log, void *ctx);

/*! \brief Writes what is pending and closes. */
void archive_close(archive_t *archive);

/*! Takes an answer that was read back; times are on the scale of clock_ms(). */
typedef void (*archive_read_f)(void *ctx, const knot_dname_t *name, addr_type_t id, const reply_t *reply,
                               uint64_t received, uint64_t used, uint64_t now);

/*!
 * \brief Reads some more answers back; those too old to serve in any zone are removed.
 *
 * \param max   How many at most.
 * \param read  Takes them.
 * \param ctx   Its argument.
 *
 * \return false when there are no more.
 */
bool archive_read(archive_t *archive, unsigned max, archive_read_f read, void *ctx, uint64_t now);

/*!
 * \brief Whether the store has what a reply says already, and recent enough.
 *
 * \param old    The answer that the reply replaces, or NULL.
 * \param reply  The reply.
 * \param options  For how long answers may serve.
 *
 * \return when it went into the store, for answer_t.stored, or 0.
 */
uint64_t archive_stored(const archive_t *archive, const answer_t *old, const reply_t *reply,
                        const refresh_options_t *options, uint64_t now);

/*! \brief Puts an answer into the batch. \return what archive_stored() returns for it from now on. */
uint64_t archive_put(archive_t *archive, const target_t *target, addr_type_t id, const reply_t *reply, uint64_t now);

/*! \brief Removes the answers of a target with the batch. */
void archive_remove(archive_t *archive, const knot_dname_t *name, uint64_t now);

/*! \brief Whether there is something to commit. */
bool archive_pending(const archive_t *archive);

/*! \brief What the store has done, or NULL. */
const store_stats_t *archive_stats(const archive_t *archive);

/*! \brief Writes the batch. */
void archive_commit(archive_t *archive, uint64_t now);
