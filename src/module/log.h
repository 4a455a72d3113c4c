/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What the operator reads in the log, written by hooks and the load callback.
 *
 * Never a line for each query: complaints about a record come once, states of a target
 * when they change, both within limits.
 */

#pragma once

#include "cache/verdict.h"
#include "module/context.h"

/*! \brief Logs a complaint about the ALIAS of an owner, once until the next load; `what` is a literal. */
void log_once(alias_ctx_t *ctx, knotd_mod_t *mod, const knot_dname_t *owner, const char *what);

/*!
 * \brief Logs that a target fails, goes stale, does not exist, or is fine again.
 *
 * Each change once, however many zones share the target; at most one line a second and
 * zone, and what did not fit is seen again with the next query. While the resolver is
 * down, which has a line of its own, failures of single targets are no news.
 *
 * \param owner   Owner of the ALIAS.
 * \param target  The target.
 * \param id      Its entry.
 * \param state   What the verdict says of it.
 * \param now     clock_ms().
 */
void log_state(alias_ctx_t *ctx, knotd_mod_t *mod, const knot_dname_t *owner, target_t *target,
               addr_type_t id, target_state_t state, uint64_t now);

/*! \brief Logs that signatures of the zone are made elsewhere, once until the next load. */
void log_signed_elsewhere(alias_ctx_t *ctx, knotd_mod_t *mod);

/*! \brief Logs that zone-rate puts queries off, once a minute. */
void log_zone_rate(alias_ctx_t *ctx, knotd_mod_t *mod, uint64_t now);

/*! \brief Logs what the engine's thread has to tell. */
void log_queued(alias_ctx_t *ctx, knotd_mod_t *mod);
