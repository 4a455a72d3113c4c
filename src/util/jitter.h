/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Jitter: spreads events that would otherwise happen at the same time.
 */

#pragma once

#include <stdint.h>

/*!
 * \brief A time from `base` to a quarter more. The same seed gives the same time.
 *
 * \param base  Any unit.
 * \param seed  A different value for each event.
 */
static inline uint64_t jitter(uint64_t base, uint64_t seed)
{
	/* The finalizer of SplitMix64. */
	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
	seed ^= seed >> 31;
	return base + (base / 4) * (seed % 1024) / 1024;
}
