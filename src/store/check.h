/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Checks a store's file before LMDB opens it in knotd.
 *
 * A damaged file makes LMDB crash the process: LMDB follows the file's page numbers
 * and offsets unchecked, and aborts. So the pages are checked first, without LMDB
 * (pages.c). Only then all records are read with LMDB (record.h).
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum {
	CHECK_SOUND,
	CHECK_DAMAGED,
	CHECK_FOREIGN, /*!< Not a store; maybe a file that somebody else needs. */
	CHECK_NEWER,   /*!< Written by a newer version. */
	CHECK_FAILED,  /*!< Could not be checked, see errno. */
} check_t;

/*!
 * \brief Checks an existing file that nobody writes to.
 *
 * Any thread. Blocks for about a second per million records, longer on a slow disk.
 */
check_t check_file(const char *path);

/*!
 * \brief Checks the pages of a whole file, which is the first part of check_file().
 *
 * Pure, without LMDB's code; any thread. The content of records is not checked.
 *
 * \param base  The file's content, aligned to 8 octets; not changed.
 * \param size  Its length, octets.
 *
 * \return CHECK_FAILED if there is not enough memory for the check.
 */
check_t check_pages(const uint8_t *base, size_t size);
