/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A rate limit: a number of events per second, evenly spaced, with a burst after a pause.
 *
 * One event may happen in each rate slot. The limit stores the time of the next slot. Times are clock_ms().
 */

#pragma once

#include <stdint.h>
#include <sys/param.h>

#define RATE_LIMIT_MS_NS 1000000ULL

/*! Zeroed before first use, which allows a whole burst at once. */
typedef struct {
	uint64_t next_ns; /*!< The next slot, in ns of clock_ms(). */
} rate_limit_t;

/*! \brief Time between two slots, ns. \param rate  Slots per second, at least 1. */
static inline uint64_t rate_limit_step(uint32_t rate)
{
	return 1000 * RATE_LIMIT_MS_NS / rate;
}

/*!
 * \brief Time of the next slot. The event may happen at once if it is `now` or earlier.
 *
 * \param limit  Limit.
 * \param rate   Slots per second, at least 1.
 * \param burst  Slots allowed at once after a pause, as their time at the full rate, ms.
 * \param now    clock_ms().
 */
static inline uint64_t rate_limit_next(rate_limit_t *limit, uint32_t rate, uint32_t burst, uint64_t now)
{
	uint64_t step = rate_limit_step(rate);
	uint64_t earliest = now * RATE_LIMIT_MS_NS - MAX(burst * RATE_LIMIT_MS_NS, step) + step;
	limit->next_ns = MAX(limit->next_ns, earliest);
	return (limit->next_ns + RATE_LIMIT_MS_NS - 1) / RATE_LIMIT_MS_NS;
}

/*! \brief Takes the next slot. */
static inline void rate_limit_take(rate_limit_t *limit, uint32_t rate)
{
	limit->next_ns += rate_limit_step(rate);
}
