/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief When the engine's thread refreshes a target, tries it again after a failure, and forgets it.
 *
 * Pure functions of the cache's facts, the options of the tenant that it is charged to, and the time. For the cache's writer.
 */

#pragma once

#include "cache/cache.h"
#include "cache/policy.h"

/*! A target not used for this long is idle, and refreshed at intervals of at least this, ms. */
#define SCHEDULE_IDLE_MS 30000
/*! Part of an answer's life after which it is refreshed; jitter adds up to a quarter of it. */
#define SCHEDULE_SHARE(life) (7 * (life) / 10)
/*! Shortest life of an answer, whatever its TTL, ms. It limits how often a target is resolved. */
#define SCHEDULE_LIFE_MIN_MS 1000
/*! Longest back-off after repeated failures, s, unless failure-ttl is longer. */
#define SCHEDULE_BACKOFF_MAX 60

#define SCHEDULE_NEVER UINT64_MAX

/*! \brief When an answer expires, clock_ms(). Any thread, inside rcu_read_lock(). */
uint64_t schedule_expiry(const answer_t *answer, const refresh_options_t *options);

/*!
 * \brief When an entry is refreshed to keep it warm.
 *
 * \param entry    Entry.
 * \param options  Options of the tenant that the target is charged to.
 * \param now      clock_ms().
 *
 * \return clock_ms(), which is `now` or earlier if the refresh is due; or SCHEDULE_NEVER.
 */
uint64_t schedule_refresh(const entry_t *entry, const refresh_options_t *options, uint64_t now);

/*! \brief clock_ms() after which an entry has nothing of use: neither an answer to serve nor a failure to remember. */
uint64_t schedule_end(const entry_t *entry, const refresh_options_t *options);

/*! \brief clock_ms() of the next try after a failure; the back-off doubles each time (RFC 9520, section 3.2). */
uint64_t schedule_retry(const entry_t *entry, const refresh_options_t *options, uint64_t now);
