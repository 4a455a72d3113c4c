/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A fast 64-bit hash64 of octets, keyed by what it begins with.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*! \brief Adds octets to a hash64: multiply and fold, over words of eight octets. */
static inline uint64_t hash64(uint64_t seed, const void *data, size_t len)
{
	static const uint64_t factor = 0x9e3779b97f4a7c15;

	const uint8_t *pos = data;
	uint64_t print = seed ^ len;
	do {
		uint64_t word = 0;
		size_t part = len < sizeof(word) ? len : sizeof(word);
		memcpy(&word, pos, part);
		unsigned __int128 product = (unsigned __int128)(print ^ word) * (factor ^ seed);
		print = (uint64_t)product ^ (uint64_t)(product >> 64);
		pos += part;
		len -= part;
	} while (len > 0);
	return print;
}
