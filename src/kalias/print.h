/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Names on standard output, in columns and in JSON. What JSON needs is a few lines, so that no library is used.
 */

#pragma once

#include <libknot/dname.h>

/*! Widest column of names. A longer name moves the rest of its own line only. */
#define PRINT_COLUMN_MAX 60

/*! \brief The width of a column that has a name as well, up to PRINT_COLUMN_MAX. \param width  Its width so far. */
int print_column(int width, const knot_dname_t *name);

/*! \brief Prints a name, with spaces behind it up to a width; 0: none. */
void print_name(int width, const knot_dname_t *name);

/*! \brief Prints a text as a string of JSON (RFC 8259, section 7). Octets that are not ASCII are taken for Latin-1. */
void print_json_string(const char *text);

/*! \brief Prints a name as a string of JSON. */
void print_json_name(const knot_dname_t *name);
