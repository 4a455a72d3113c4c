/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The engines of the process.
 *
 * An engine outlives its last zone for a while, so that neither a reload nor a
 * zone that is taken out and put back empties the cache. All functions may be
 * called by any thread, also one not registered with RCU; they take the
 * registry's lock.
 */

#pragma once

#include "engine/engine.h"

/*!
 * \brief Gets the engine of a key, started if need be.
 *
 * Where the zones of an engine disagree about its limits, the highest hold.
 *
 * \param[out] result  To be given back by registry_release().
 * \param key            Resolvers and store.
 * \param options          Of the zone, see engine_start().
 * \param limits         Of the zone.
 *
 * \return KNOT_E*
 */
int registry_acquire(engine_t **result, const engine_key_t *key, const refresh_options_t *options,
                     const limits_t *limits);

/*! \brief Gives an engine back, with the limits that it was got with; NULL is fine. */
void registry_release(engine_t *engine, const limits_t *limits);
