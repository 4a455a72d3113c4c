/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The store on the disk: its directory and file.
 *
 * For the store's thread. Existing files keep their mode and owner, and must belong to the user of the process. Links
 * in the directory are not followed. The lock is SQLite's. If two processes come to a file just when it is set aside, one
 * of them finds later that its file has been moved.
 */

#pragma once

#include <limits.h>
#include <stdbool.h>

#define STOREFILE_NAME "store.db"

/*! Zeroed before first use. */
typedef struct {
	char path[PATH_MAX]; /*!< Path of the file. */
	bool is_open;
	int dir_fd;
	char reason[256]; /*!< Why the last call failed, for the log. */
} storefile_t;

/*!
 * \brief Makes the directory if it is missing, and an empty file if there is none.
 *
 * \param dir  Directory; its parent must exist.
 *
 * \return KNOT_E* with a reason, or KNOT_EOK.
 */
int storefile_open(storefile_t *file, const char *dir);

/*! \brief Does nothing if it is not open. */
void storefile_close(storefile_t *file);

/*!
 * \brief Moves the file to one with ".bad" after its name, and makes an empty one.
 *
 * \param what  What is wrong with the file, for the reason.
 *
 * \return KNOT_E* with a reason, or KNOT_EOK.
 */
int storefile_set_aside(storefile_t *file, const char *what);

/*! \brief Whether files of version 0.1.0, which used LMDB, are in the directory. */
bool storefile_has_lmdb(const storefile_t *file);
