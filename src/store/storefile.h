/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The store on the disk: its directory, lock and file.
 *
 * For the thread of the store. Existing files keep their mode and owner, and must
 * belong to the user of the process. Links in the directory are not followed.
 */

#pragma once

#include <stddef.h>

#include "util/log_queue.h"

typedef struct {
	char *path;       /*!< Path of the file. */
	const char *name; /*!< Last part of the path. */
	int dir_fd;
	int lock_fd; /*!< Descriptor that holds the lock of FILE.lock. */
	log_queue_t *log;
	char reason[256]; /*!< Why the last call failed, for the log. */
} storefile_t;

/*!
 * \brief Makes the directory if missing, and takes the lock.
 *
 * \param[out] file  Always set; storefile_close() frees it.
 *
 * \return KNOT_EBUSY if another process has the lock, another KNOT_E* with a reason, or KNOT_EOK.
 */
int storefile_open(storefile_t *file, const char *dir, const char *name, log_queue_t *log);

/*!
 * \brief Makes sure that there is a file that LMDB can open safely.
 *
 * Moves an existing file aside if check_file(), which blocks, does not find it sound, and makes an empty one.
 *
 * \param[out] size  Its length, octets; 0 if it is new.
 *
 * \return KNOT_E* with a reason, or KNOT_EOK.
 */
int storefile_prepare(storefile_t *file, size_t *size);

/*! \brief Notes the reason of a failure. \param error  errno or error of LMDB. \return KNOT_E*. */
int storefile_fault(storefile_t *file, int error);

/*! \brief Logs "store PATH, ...". */
void storefile_log(const storefile_t *file, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*! \brief Releases the lock and frees the members; safe after a failed storefile_open(). */
void storefile_close(storefile_t *file);
