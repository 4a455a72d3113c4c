/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Where a configuration file of knotd has the control socket.
 *
 * The text is read, and not understood: knotd says which sections and items exist.
 */

#pragma once

#include <limits.h>
#include <stdbool.h>

/*! Items of the file, empty if not set. */
typedef struct {
	char rundir[PATH_MAX]; /*!< server.rundir. */
	char listen[PATH_MAX]; /*!< control.listen; the first, if there are several. */
} conffile_t;

/*!
 * \brief Reads a configuration file and what it includes.
 *
 * \return false if the file can't be read or parsed; an error has been printed.
 */
bool conffile_read(conffile_t *conf, const char *path);
