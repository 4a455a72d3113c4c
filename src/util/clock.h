/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The clock of the module. Steps of the wall clock do not matter to it, and it runs on while the machine is
 *        suspended, as TTLs do.
 */

#pragma once

#include <stdint.h>
#include <time.h>

/*! clock_ms() at the start of the machine: earlier times are positive, too, and 0 means never. */
#define CLOCK_START_MS (1ULL << 42)

/*!
 * \brief Milliseconds of CLOCK_BOOTTIME after CLOCK_START_MS.
 *
 * Any thread. Served by the vDSO, no system call; takes some 25 ns.
 */
static inline uint64_t clock_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return CLOCK_START_MS + (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*! \brief The same time in nanoseconds. Any thread. */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return CLOCK_START_MS * 1000000 + (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*! \brief The time on CLOCK_MONOTONIC that is `ms` milliseconds ahead, for calls that wait: they know no other. Any thread. */
static inline struct timespec clock_in(uint32_t ms)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (ms % 1000) * 1000000L;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	return ts;
}
