/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Checks that the pages of a file are as LMDB writes them.
 *
 * LMDB trusts its file. A page with a wrong header makes LMDB overwrite other
 * memory or pages in use, long after it opened and read the file without an error,
 * and no call of its API reports it. So each page in use is checked here against
 * file format 1 of lmdb.h, the format of all LMDB 0.9: the newer meta page, both
 * trees (records, and lists of free pages), the place, size and order of all nodes,
 * and that no page is used twice.
 *
 * Pure, without LMDB's code; any thread. The content of records is not checked.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum {
	PAGES_SOUND,
	PAGES_DAMAGED,
	PAGES_FOREIGN, /*!< Not LMDB's format 1, or a database of a kind that the store doesn't use. */
	PAGES_UNKNOWN, /*!< Not enough memory for the check. */
} pages_state_t;

/*!
 * \brief Checks a whole file.
 *
 * \param base  The file's content, aligned to 8 octets; not changed.
 * \param size  Its length, octets.
 */
pages_state_t pages_check(const uint8_t *base, size_t size);
