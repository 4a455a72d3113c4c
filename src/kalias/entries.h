/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The entries of a zone file, each with the origin that holds there, and with its owner and type if it is a record.
 */

#pragma once

#include <libknot/dname.h>

#include "kalias/zonefile.h"

/*! A text, and the last entry that was read. */
typedef struct {
	zonefile_t file;
	bool has_origin; /*!< The origin is known. Set by the caller before the first entry, with the origin. */
	knot_dname_storage_t origin;
	bool is_directive;
	bool has_name;             /*!< The owner is a name, and that name is known. */
	knot_dname_storage_t name; /*!< The owner, in lower case. Without an origin it is relative to the root. */
	size_t type;               /*!< Index of the type, the number of words if there is none. */
	const char *rule;          /*!< Rule that a directive breaks, or NULL. */
} entries_t;

/*! Rule of a relative name where the origin is not known. */
extern const char entries_no_origin[];

/*! \brief Begins to read a text. */
void entries_init(entries_t *entries, const char *text, size_t len);

/*! \brief Reads the next entry. \return As zonefile_next(). */
int entries_next(entries_t *entries);

/*! \brief Reads a word that is a name, which may be relative. \return NULL, or the rule that it breaks. */
const char *entries_read_name(knot_dname_storage_t name, const entries_t *entries, size_t index);

/*! \brief Whether the entry is a SOA whose owner is the name of a zone, in lower case, but for the final dot. */
bool entries_lacks_dot(const entries_t *entries, const knot_dname_t *zone);

/*!
 * \brief Finds the name of the zone: the owner of its SOA, unless that is relative to an origin that is not known.
 *
 * \return false if there is none.
 */
bool entries_find_zone(knot_dname_storage_t zone, const char *text, size_t len);
