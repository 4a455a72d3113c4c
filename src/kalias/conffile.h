/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A configuration file of knotd, item by item.
 *
 * The text is read, and not understood: knotd says which sections and items exist.
 */

#pragma once

#include <stdbool.h>

/*! \brief Takes one value of an item. A list has several calls. */
typedef void (*conffile_take_f)(void *ctx, const char *section, const char *item, const char *value);

/*!
 * \brief Reads a configuration file and what it includes.
 *
 * \param path  File.
 * \param take  Called for each value inside a section.
 * \param ctx   Its argument.
 *
 * \return false if the file can't be read or parsed; an error has been printed.
 */
bool conffile_read(const char *path, conffile_take_f take, void *ctx);
