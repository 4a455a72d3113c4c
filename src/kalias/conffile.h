/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A configuration file of knotd, item by item.
 *
 * Only the text is read: whether sections and items exist is for knotd to say.
 */

#pragma once

#include <stdbool.h>

/*! \brief Takes one value of an item; a list comes value by value. */
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
