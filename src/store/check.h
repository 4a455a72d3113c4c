/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Checks a store's file before LMDB gets to see it in knotd.
 *
 * LMDB doesn't survive a damaged file: it reads and writes where the file tells
 * it to, and aborts. So the pages are looked at first, without it (pages.h), and
 * only then all records are read with LMDB (record.h).
 */

#pragma once

typedef enum {
	CHECK_SOUND,
	CHECK_DAMAGED,
	CHECK_FOREIGN, /*!< Not a store, but maybe something else that is of use to somebody. */
	CHECK_NEWER,   /*!< Of a newer version. */
	CHECK_FAILED,  /*!< Not checked, see errno. */
} check_t;

/*!
 * \brief Checks a file that exists and that nobody writes to.
 *
 * Any thread; blocks it, for about a second per million records where the disk
 * is fast.
 */
check_t check_file(const char *path);
