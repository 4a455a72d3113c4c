/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief When the engine's thread asks for a target by itself, and when it forgets one.
 *
 * Pure functions of the cache's facts, the options of the zone that asked last, and the time; for the writer.
 */

#pragma once

#include "cache/cache.h"
#include "cache/policy.h"

/*! A target used within that time is being asked for at the moment; others are refreshed no more often, ms. */
#define SCHEDULE_IDLE_MS 30000
/*! Share of an answer's life after which it is refreshed, and up to a quarter of that more. */
#define SCHEDULE_SHARE(life) (7 * (life) / 10)
/*! Shortest life of an answer, whatever its TTL, ms: nothing is asked for more often. */
#define SCHEDULE_LIFE_MIN_MS 1000
/*! Longest suppression after repeated failures, s. */
#define SCHEDULE_BACKOFF_MAX 60

#define SCHEDULE_NEVER UINT64_MAX

/*! \brief When an answer expires, clock_ms(). Any thread, inside rcu_read_lock(). */
uint64_t schedule_expiry(const answer_t *answer, const refresh_options_t *options);

/*!
 * \brief When the entry is to be asked for to keep it warm.
 *
 * \param entry   Entry.
 * \param options  Terms.
 * \param used   Last use of its target, clock_ms().
 * \param now    clock_ms().
 *
 * \return clock_ms(), `now` or earlier if it is due, or SCHEDULE_NEVER.
 */
uint64_t schedule_refresh(const entry_t *entry, const refresh_options_t *options, uint64_t used, uint64_t now);

/*! \brief Until when the entry has something that could serve a client, clock_ms(). */
uint64_t schedule_end(const entry_t *entry, const refresh_options_t *options);

/*! \brief When to try again after a failure: the time doubles with each one in a row (RFC 9520, section 3.2). */
uint64_t schedule_retry(const entry_t *entry, const refresh_options_t *options, uint64_t now);
