/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Whether the pages of a file are as LMDB leaves them.
 *
 * LMDB trusts its file. A page with a wrong header makes it write over other
 * memory, or over pages in use, long after it has been opened and read without
 * trouble; no call of its API tells. So each page in use is looked at here, by
 * what lmdb.h calls file format 1, which all of LMDB 0.9 has: the newer meta
 * page, both trees (records, and lists of free pages), the place, size and order
 * of all nodes, and that no page has two uses.
 *
 * Pure, without LMDB's code; any thread. The data itself is not looked at.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum {
	PAGES_SOUND,
	PAGES_DAMAGED,
	PAGES_FOREIGN, /*!< Not LMDB's format 1, or a kind of database that the store doesn't use. */
	PAGES_UNKNOWN, /*!< Not enough memory to tell. */
} pages_state_t;

/*!
 * \brief Checks a whole file.
 *
 * \param base  The file's content, aligned to 8 octets; not changed.
 * \param size  Its length in octets.
 */
pages_state_t pages_check(const uint8_t *base, size_t size);
