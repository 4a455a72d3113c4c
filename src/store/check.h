/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Checks a store's file before LMDB opens it in knotd.
 *
 * A damaged file makes LMDB crash the process: LMDB follows the file's page numbers
 * and offsets unchecked, and aborts. So the pages are checked first, without LMDB
 * (pages.h). Only then all records are read with LMDB (record.h).
 */

#pragma once

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
