/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Token bucket: so many queries a second, evenly.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

/*! What may leave at once after a pause, as time at full rate, ms. */
#define PACE_BURST_MS 100

/*! Zeroed before first use: then the bucket is full. */
typedef struct {
	uint64_t at;    /*!< clock_ms() of the last look. */
	uint64_t milli; /*!< Thousandths of a token. */
} pace_t;

/*!
 * \brief Time until there is a token; 0: now.
 *
 * \param pace  Bucket.
 * \param rate  Tokens per second, at least 1.
 * \param now   clock_ms().
 *
 * \return ms
 */
static inline uint64_t pace_wait(pace_t *pace, uint32_t rate, uint64_t now)
{
	uint64_t max = (uint64_t)rate * PACE_BURST_MS;
	if (max < 1000) {
		max = 1000;
	}
	uint64_t gained = (now - pace->at) * rate;
	pace->milli = (gained > max || pace->milli + gained > max) ? max : pace->milli + gained;
	pace->at = now;
	return pace->milli >= 1000 ? 0 : (1000 - pace->milli + rate - 1) / rate;
}

/*! \brief Takes a token that pace_wait() has said is there. */
static inline void pace_take(pace_t *pace)
{
	pace->milli -= 1000;
}
