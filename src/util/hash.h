/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Hashes of octets.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*! Initial value of an FNV-1a hash. */
#define FNV_INIT 0xcbf29ce484222325

/*!
 * \brief A fast 64-bit hash, for tables and to compare versions. It differs between machines by their byte order.
 *
 * Multiplies and folds words of eight octets. Without the seed nobody can tell which inputs collide.
 *
 * \param seed  Seed, or the hash so far.
 */
static inline uint64_t hash64(uint64_t seed, const void *data, size_t len)
{
	const uint64_t factor = 0x9e3779b97f4a7c15 ^ seed;

	const uint8_t *pos = data;
	uint64_t hash = seed ^ len;
	do {
		uint64_t word = 0;
		size_t part = len < sizeof(word) ? len : sizeof(word);
		memcpy(&word, pos, part);
		unsigned __int128 product = (unsigned __int128)(hash ^ word) * factor;
		hash = (uint64_t)product ^ (uint64_t)(product >> 64);
		pos += part;
		len -= part;
	} while (len > 0);
	return hash;
}

/*!
 * \brief Continues an FNV-1a hash. The store uses it for file names and checksums.
 *
 * Each step is a bijection of the state: a change of one octet always changes the result.
 */
static inline uint64_t hash_fnv(uint64_t hash, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3;
	}
	return hash;
}
