/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief An upstream: one set of resolvers, the thread that asks them, the cache they fill.
 *
 * Zones with the same resolvers share one upstream, whatever their other
 * options. It outlives its last zone for a while, so that neither a reload nor
 * a zone that is taken out and put back empties the cache.
 */

#pragma once

#include "cache.h"
#include "policy.h"
#include "resolver.h"
#include "waiters.h"

typedef struct upstream upstream_t;

/*!
 * \brief Gets the upstream of a set of resolvers, started if need be.
 *
 * Any thread, also one not registered with RCU; takes the registry's lock.
 *
 * \param[out] upstream  To be given back by upstream_release().
 * \param set            Resolvers, at least one.
 *
 * \return KNOT_E*
 */
int upstream_acquire(upstream_t **upstream, const resolvers_t *set);

/*! \brief Gives an upstream back; NULL is fine. Any thread, as above. */
void upstream_release(upstream_t *upstream);

/*! \brief The upstream's cache, to be read inside rcu_read_lock(). */
cache_t *upstream_cache(upstream_t *upstream);

/*!
 * \brief Has a target resolved. Worker, inside rcu_read_lock(); never blocks.
 *
 * Of all that is asked for the same name and type at the same time, one query
 * leaves. When too much is queued already, the request is dropped.
 *
 * \param upstream  Upstream.
 * \param target    Target from the cache, or NULL if it is not there yet.
 * \param name      Its name, lower case.
 * \param types     Slots, as bits (1 << slot_id_t).
 * \param policy    For its timeout and retry.
 * \param now       clock_ms() from before the look-up in the cache: what has been learned since then is enough.
 */
void upstream_ask(upstream_t *upstream, target_t *target, const knot_dname_t *name,
                  unsigned types, const policy_t *policy, uint64_t now);

/*!
 * \brief Waits until the upstream has learned what makes `done` true.
 *
 * TCP worker, inside rcu_read_lock(): grace periods wait along, so keep it short.
 *
 * \param upstream  Upstream.
 * \param wait_ms   Longest wait, ms.
 * \param seats     How many threads of the process may wait at a time.
 * \param done      Called before the wait and after each result.
 * \param ctx       Its argument.
 *
 * \return What `done` said last.
 */
bool upstream_wait(upstream_t *upstream, uint32_t wait_ms, unsigned seats,
                   waiters_done_f done, void *ctx);

/*!
 * \brief Removes the upstream from the registry if nobody wants it any more.
 *
 * For the upstream's thread; it then has to end itself. Never waits: while the registry is busy the answer is no.
 */
bool upstream_retire(upstream_t *upstream);
