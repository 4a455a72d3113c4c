/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The one clock of the module: monotonic, so that nothing depends on the wall clock.
 */

#pragma once

#include <stdint.h>
#include <time.h>

/*! What the clock had shown when the machine started: times before that can be told, too, and 0 is never. */
#define CLOCK_START_MS (1ULL << 42)

/*!
 * \brief Milliseconds of CLOCK_MONOTONIC_COARSE after CLOCK_START_MS.
 *
 * Any thread. Served by the vDSO, no system call; its grain (1 to 10 ms) is far
 * below a second of TTL.
 */
static inline uint64_t clock_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return CLOCK_START_MS + (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*! \brief CLOCK_MONOTONIC in so many ms, for calls that wait. Any thread. */
static inline struct timespec clock_in(uint32_t ms)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (ms % 1000) * 1000000L;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	return ts;
}
