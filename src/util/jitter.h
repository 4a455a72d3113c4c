/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Spreads what would happen at the same time otherwise.
 */

#pragma once

#include <stdint.h>

/*!
 * \brief A time between `base` and a quarter more, the same each time for the same seed.
 *
 * \param base  Any unit.
 * \param seed  What tells the occasions apart.
 */
static inline uint64_t jitter(uint64_t base, uint64_t seed)
{
	/* The finalizer of SplitMix64. */
	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
	seed ^= seed >> 31;
	return base + (base / 4) * (seed % 1024) / 1024;
}
