/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Whether the installed Knot DNS reads a zone file, by its own reader.
 */

#pragma once

#include <stddef.h>
#include <libknot/dname.h>

/*!
 * \brief Warns of each entry that it does not read.
 *
 * \param path    File for the warnings.
 * \param text    Text; zonefile_next() can read all of it.
 * \param len     Its length.
 * \param origin  Of relative names; NULL: not known.
 */
void readable_check(const char *path, const char *text, size_t len, const knot_dname_t *origin);
