/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What Knot's own reader of zone files makes of a text before and after its conversion.
 */

#pragma once

#include <stddef.h>

/*!
 * \brief Checks that the generic form of a text has the records of that text.
 *
 * Knot need not know the type by its name, so the text is read with CNAME in place of ALIAS and ANAME, whose RDATA is a
 * name as well. What Knot does not read at all says nothing.
 *
 * \param before  Text, converted without an error.
 * \param after   Result: types as numbers, RDATA as octets.
 * \param origin  Name of the zone, in presentation form.
 */
void scan_check(const char *before, size_t before_len, const char *after, size_t after_len, const char *origin);
