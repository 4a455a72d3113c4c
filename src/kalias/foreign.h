/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What other tools write that is no zone file.
 */

#pragma once

#include <stddef.h>

/*! \brief Tells a text's format by its first line that is no comment. \return NULL if it may be a zone file. */
const char *foreign_format(const char *text, size_t len);
