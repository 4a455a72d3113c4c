/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Between the cache and the store: which answers are stored, and when they are written.
 *
 * The engine has targets and times of clock_ms(). The store (store.h) has records and times of the wall clock.
 * For the engine's thread only. Without a store its pointer is NULL in all calls.
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
 * \param log  Takes messages for the operator.
 *
 * \return The store, which store_close() frees; NULL without a directory or after an error.
 */
store_t *archive_open(const char *dir, const resolvers_t *set, log_queue_t *log);

/*! An answer that was read back. */
typedef struct {
	knot_dname_storage_t name;
	record_t record;
	uint64_t received; /*!< record.received on the scale of clock_ms(). */
	uint64_t used;     /*!< record.used on the scale of clock_ms(). */
} archived_t;

/*!
 * \brief Reads the next answer back.
 *
 * \retval KNOT_EOK     `answer` is set.
 * \retval KNOT_EAGAIN  The answer was too old for any zone, and has been removed.
 * \return Another KNOT_E* if there are no more.
 */
int archive_next(store_t *store, archived_t *answer, uint64_t now);

/*!
 * \brief Whether the store has the same answer already, and has it recently enough.
 *
 * \param old      Answer that the reply replaces, or NULL.
 * \param reply    Reply.
 * \param options  Options of the zone; stale-max matters.
 *
 * \return clock_ms() when the answer was put into the store, for answer_t.stored; or 0.
 */
uint64_t archive_stored(const store_t *store, const answer_t *old, const reply_t *reply,
                        const refresh_options_t *options, uint64_t now);

/*! \brief Puts an answer into the batch. \return The value for answer_t.stored; 0 if it is not in the batch. */
uint64_t archive_put(store_t *store, const target_t *target, addr_type_t type, const reply_t *reply, uint64_t now);
