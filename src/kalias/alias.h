/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The ALIAS record as text: type 65401, RDATA one uncompressed domain name.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libknot/dname.h>

#include "util/rrtype.h"

#define TYPE_ALIAS_NAME "ALIAS"
#define TYPE_ALIAS_GENERIC "TYPE65401"

/*! Highest TTL (RFC 2181, section 8). */
#define ALIAS_TTL_MAX INT32_MAX

/*! The rule of alias_read_ttl(), for errors. */
#define ALIAS_TTL_RULE "seconds, or numbers with units (s, m, h, d, w), up to 2147483647 seconds"

/*! Room for the generic form of any target: "\# 255 ", the octets in hexadecimal, and a zero. */
#define ALIAS_GENERIC_MAX (7 + 2 * KNOT_DNAME_MAXLEN + 1)

/*! \brief Whether the installed Knot DNS knows the type by the name ALIAS, in zone files and commands. */
bool alias_is_known(void);

/*! The rule of alias_read_name(), for errors. */
#define ALIAS_NAME_RULE \
	"labels must have 1 to 63 octets, names 255 at most, octets other than printable ASCII the form \\DDD"

/*! \brief Whether a name in presentation form ends with a dot that is not escaped. */
bool alias_is_absolute(const char *text);

/*!
 * \brief Reads a domain name in presentation form (RFC 1035, section 5.1).
 *
 * \param[out] name  Name in wire form, case kept.
 * \param text       Text; "@" is the origin. Octets that are not printable ASCII must be escaped.
 * \param origin     Is appended to a relative name. With NULL all names are absolute, and "@" is not a name.
 *
 * \return false if it is not a name, see ALIAS_NAME_RULE.
 */
bool alias_read_name(knot_dname_storage_t name, const char *text, const knot_dname_t *origin);

/*! \brief Reads the name of a zone, and writes it as knotd does. \return false if it is not a name. */
bool alias_read_zone(knot_dname_txt_storage_t zone, const char *text);

/*!
 * \brief Reads a TTL as zone files have it: seconds, or numbers with a unit each, such as 1h30m.
 *
 * \return false if it is none.
 */
bool alias_read_ttl(uint32_t *ttl, const char *text);

/*! \brief Writes the RDATA of a target in generic form (RFC 3597, section 5). */
void alias_write_generic(char out[ALIAS_GENERIC_MAX], const knot_dname_t *target);

/*!
 * \brief Reads generic RDATA: "\#", the length, hexadecimal digits with any white space between.
 *
 * \param[out] target  The target.
 * \param text         The RDATA, without comments and parentheses.
 *
 * \return NULL, or the rule that it breaks.
 */
const char *alias_read_generic(knot_dname_storage_t target, const char *text);

/*! \brief Reads RDATA that is hexadecimal digits alone. \return As alias_read_generic(). */
const char *alias_read_hex(knot_dname_storage_t target, const char *text);
