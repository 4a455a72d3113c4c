/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Messages for knotd's log, written by hooks and the load callback.
 *
 * No message is logged with each query: warnings about a record once, the state of a target
 * when it changes, both rate-limited.
 */

#pragma once

#include "module/qctx.h"

/*! \brief Logs a warning about the ALIAS of an owner, once until the next load. \param what  Text, a literal. */
void log_once(const qctx_t *qctx, const char *what);

/*!
 * \brief Logs that a target fails, is stale, does not exist, or is resolved again.
 *
 * Each change is logged once, however many zones share the target, and at most one line
 * a second for a zone. A change that was over the limit is logged with a later query.
 * Failures are not logged while the resolver is down, which has a line of its own.
 *
 * \param judged  One of the query's targets that is in the cache, with its verdicts.
 * \param id      Its entry.
 */
void log_state(const qctx_t *qctx, const qctx_target_t *judged, addr_type_t id);

/*! \brief Logs that zone-rate delays queries, if it does, once a minute. */
void log_zone_rate(const qctx_t *qctx);

/*! \brief Logs what an engine that has just been started works with. For the load callback. */
void log_start(const conf_alias_t *conf, knotd_mod_t *mod);

/*! \brief Logs the messages of the engine's thread, if there are any. */
void log_queued(alias_ctx_t *ctx, knotd_mod_t *mod);

/*! \brief Whether it is time for the next line of a kind; true for one thread only. \param pause  Between two lines, ms. */
bool log_is_time(_Atomic uint64_t *logged_at, uint64_t pause, uint64_t now);
