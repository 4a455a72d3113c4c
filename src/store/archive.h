/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What the cache keeps in the store, and when it is written.
 *
 * The engine thinks in targets and clock_ms(), the store (store.h) in records with the time of the wall clock; this is
 * in between. For the engine's thread only. Without a store NULL takes its place.
 */

#pragma once

#include "cache/cache.h"
#include "cache/policy.h"
#include "resolve/resolvers.h"
#include "store/store.h"

/*!
 * \brief Opens the store of a set of resolvers.
 *
 * \param dir  Directory, empty for no store.
 * \param set  Resolvers.
 * \param log  Takes what the operator should know.
 *
 * \return NULL if there is none; else store_close() frees it.
 */
store_t *archive_open(const char *dir, const resolvers_t *set, log_queue_t *log);

/*! An answer that was read back. */
typedef struct {
	knot_dname_storage_t name;
	record_t record;
	uint64_t received; /*!< As in the record, on the scale of clock_ms(). */
	uint64_t used;     /*!< Likewise. */
} archived_t;

/*!
 * \brief Reads the next answer back.
 *
 * \retval KNOT_EOK     The answer.
 * \retval KNOT_EAGAIN  It was too old to serve in any zone, and has been removed.
 * \return Another KNOT_E* if there are no more.
 */
int archive_next(store_t *store, archived_t *answer, uint64_t now);

/*!
 * \brief Whether the store has what a reply says already, and recent enough.
 *
 * \param old      The answer that the reply replaces, or NULL.
 * \param reply    The reply.
 * \param options  For how long answers may serve.
 *
 * \return when it went into the store, for answer_t.stored, or 0.
 */
uint64_t archive_stored(const store_t *store, const answer_t *old, const reply_t *reply,
                        const refresh_options_t *options, uint64_t now);

/*! \brief Puts an answer into the batch. \return what archive_stored() returns for it from now on. */
uint64_t archive_put(store_t *store, const target_t *target, addr_type_t type, const reply_t *reply, uint64_t now);
