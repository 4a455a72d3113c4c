/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The upstreams of the process.
 *
 * An upstream outlives its last zone for a while, so that neither a reload nor a
 * zone that is taken out and put back empties the cache. All functions may be
 * called by any thread, also one not registered with RCU; they take the
 * registry's lock.
 */

#pragma once

#include "engine/upstream.h"

/*!
 * \brief Gets the upstream of a key, started if need be.
 *
 * Where the zones of an upstream disagree about its limits, the highest hold.
 *
 * \param[out] upstream  To be given back by registry_release().
 * \param key            Resolvers and store.
 * \param terms          Of the zone, see upstream_start().
 * \param limits         Of the zone.
 *
 * \return KNOT_E*
 */
int registry_acquire(upstream_t **upstream, const upstream_key_t *key, const terms_t *terms,
                     const limits_t *limits);

/*!
 * \brief Opens the account of a zone with an upstream, which takes over the one that the zone has with it already.
 *
 * \param account   Its account, not yet used.
 * \param upstream  Got by registry_acquire().
 */
void registry_join(upstream_t *upstream, account_t *account);

/*! \brief Closes the account of a zone; NULL is fine. */
void registry_leave(account_t *account);

/*! \brief Gives an upstream back, with the limits that it was got with; NULL is fine. */
void registry_release(upstream_t *upstream, const limits_t *limits);
