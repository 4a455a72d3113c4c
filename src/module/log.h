/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Messages for knotd's log, written by hooks and the load callback.
 *
 * No message is logged with each query: warnings about a record once, the state of a target
 * when it changes, both rate-limited.
 */

#pragma once

#include "cache/verdict.h"
#include "module/context.h"

/*! \brief Logs a warning about the ALIAS of an owner, once until the next load. \param what  Text, a literal. */
void log_once(alias_ctx_t *ctx, knotd_mod_t *mod, const knot_dname_t *owner, const char *what);

/*!
 * \brief Logs that a target fails, is stale, does not exist, or is resolved again.
 *
 * Each change is logged once, however many zones share the target, and at most one line
 * a second for a zone. A change that was over the limit is logged with a later query.
 * Failures are not logged while the resolver is down, which has a line of its own.
 *
 * \param owner   Owner of the ALIAS.
 * \param target  Target.
 * \param id      Its entry.
 * \param state   State of the entry by its verdict.
 * \param now     clock_ms().
 */
void log_state(alias_ctx_t *ctx, knotd_mod_t *mod, const knot_dname_t *owner, target_t *target,
               addr_type_t id, target_state_t state, uint64_t now);

/*! \brief Logs that the zone is signed elsewhere, once until the next load. */
void log_signed_elsewhere(alias_ctx_t *ctx, knotd_mod_t *mod);

/*! \brief Logs that zone-rate delays queries, once a minute. */
void log_zone_rate(alias_ctx_t *ctx, knotd_mod_t *mod, uint64_t now);

/*! \brief Logs the messages of the engine's thread. */
void log_queued(alias_ctx_t *ctx, knotd_mod_t *mod);
