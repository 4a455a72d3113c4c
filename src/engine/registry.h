/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The registry of the engines of the process.
 *
 * An engine stays for a while after its last zone, so that neither a reload nor a
 * zone that is removed and added again empties the cache. Any thread may call, also
 * one not registered with RCU. The functions take the registry's lock.
 */

#pragma once

#include "engine/engine.h"

/*!
 * \brief Gets the engine of a key, and starts it if there is none.
 *
 * If zones of an engine have different limits, the highest apply. If the zone is loaded with another engine, this one
 * takes over what that one knows, and the call waits for that for a while; not if the zone requires AD from now on.
 *
 * \param[out] result   The engine, to be given back by registry_release().
 * \param[out] formers  Former engines of the zone, for its policy and its tenant.
 * \param key           Resolvers and store.
 * \param zone          Name of the zone that is being loaded.
 * \param options       Options of the zone, see engine_start().
 * \param limits        Limits of the zone.
 *
 * \return KNOT_E*
 */
int registry_acquire(engine_t **result, formers_t *formers, const engine_key_t *key, const knot_dname_t *zone,
                     const refresh_options_t *options, const limits_t *limits);

/*!
 * \brief Ends the waits of all workers and holds further ones: knotd is about to reload, and waits for workers.
 *
 * Until registry_release(), or for WAITERS_HOLD_MS. registry_acquire() does so, too. Any thread; does not block.
 */
void registry_hold_waits(void);

/*! \brief Gives an engine back. NULL is fine. \param limits  The same as for registry_acquire(). */
void registry_release(engine_t *engine, const limits_t *limits);
