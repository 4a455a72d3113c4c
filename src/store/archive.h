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
 * \param dir   Directory, empty for no store.
 * \param set   Resolvers.
 * \param log   Takes messages for the operator.
 * \param wake  See store_open().
 * \param ctx   For `wake`.
 *
 * \return The store, which store_close() frees; NULL without a directory or memory.
 */
store_t *archive_open(const char *dir, const resolvers_t *set, log_queue_t *log, void (*wake)(void *ctx), void *ctx);

/*!
 * \brief Takes the times of a record by the wall clock to clock_ms(): when the reply came, and when a client last used it.
 *
 * \return False if it is too old for any zone.
 */
bool archive_times(const record_t *record, uint64_t now, uint64_t *received, uint64_t *used);

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

/*! \brief Puts an entry's answer into the store; those from before an NXDOMAIN if the zone holds them. */
void archive_put(store_t *store, const target_t *target, addr_type_t type, const refresh_options_t *options, uint64_t now);

/*! \brief Puts what the store does not have of a target. \return Number of answers. */
unsigned archive_refill(store_t *store, const target_t *target, const refresh_options_t *options, uint64_t now);
