/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Files that a zone file includes: they are not converted along with it, and that is said.
 */

#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "kalias/style.h"
#include "kalias/zonefile.h"

/*! What identifies a file, so that none is looked at twice. */
typedef struct {
	dev_t device;
	ino_t inode;
} file_id_t;

/*! Zeroed but for the style. */
typedef struct {
	style_t style;
	file_id_t *seen; /*!< Files read so far. */
	size_t seen_count;
} includes_t;

/*! \brief Reads a file, standard input if there is no path. \return NULL and the text, to be freed, or the error. */
const char *include_read(char **text, size_t *len, const char *path);

/*! \brief Notes the file that is converted. */
void include_note(includes_t *includes, const char *path);

/*!
 * \brief Follows an $INCLUDE, once to each file, and warns if that has records to convert, too.
 *
 * \param from  Path of the file that the entry is in.
 * \param file  The entry.
 */
void include_look(includes_t *includes, const char *from, const zonefile_t *file);

/*! \brief Frees what is known of the files. */
void include_clear(includes_t *includes);
