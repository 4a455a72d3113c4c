/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The store's place on the disk: its directory, lock and file.
 *
 * Belongs to the thread of its store. What exists already keeps its mode and
 * owner, and must be the user's own; links are not followed in the directory.
 */

#pragma once

#include <stddef.h>

#include "util/log_queue.h"

typedef struct {
	char *path;       /*!< Of the file. */
	const char *name; /*!< The last part of it. */
	int dir_fd;
	int lock_fd; /*!< Holds the lock of FILE.lock. */
	log_queue_t *log;
	char reason[256]; /*!< Why the last call failed, for the log. */
} storefile_t;

/*!
 * \brief Makes the directory if missing, and takes the lock.
 *
 * \param[out] file  Always set; storefile_close() frees it.
 *
 * \return KNOT_EBUSY if another process has the lock, or else KNOT_E* with a reason, or KNOT_EOK.
 */
int storefile_open(storefile_t *file, const char *dir, const char *name, log_queue_t *log);

/*!
 * \brief Makes sure that there is a file which LMDB can be trusted with.
 *
 * Checks one that exists, or moves it aside and makes an empty one. Blocks, see check_file().
 *
 * \param[out] size  Its length in octets; 0 if it is new.
 *
 * \return KNOT_E* with a reason, or KNOT_EOK.
 */
int storefile_prepare(storefile_t *file, size_t *size);

/*! \brief Keeps the reason of a failure. \param error  Of the system or of LMDB. \return KNOT_E*. */
int storefile_fault(storefile_t *file, int error);

/*! \brief Logs "store PATH, ...". */
void storefile_log(const storefile_t *file, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*! \brief Gives the lock back; safe on one that could not be opened. */
void storefile_close(storefile_t *file);
