/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What a zone file has at which name, as far as that matters to an ALIAS.
 */

#pragma once

#include <libknot/dname.h>

#include "kalias/entries.h"

/*! Kinds of records. */
enum {
	AT_ALIAS = 0x01,
	AT_CNAME = 0x02,
	AT_DNAME = 0x04,
	AT_NS = 0x08,
	AT_OTHER = 0x10, /*!< Not those that DNSSEC adds. */
};

typedef struct {
	knot_dname_t *name; /*!< Lower case. */
	size_t size;        /*!< Of the name. */
	unsigned kinds;
	size_t aliases; /*!< Their number. */
	bool told;      /*!< For the caller: something was said about the name. */
} zonemap_name_t;

typedef struct {
	zonemap_name_t *names; /*!< Sorted; each once. */
	size_t count;
	bool has_apex;             /*!< The apex is known. */
	knot_dname_storage_t apex; /*!< Lower case; the root if it is not known. */
	bool partial;              /*!< There are included files, which were not read. */
} zonemap_t;

/*! \brief Reads a text. Its entries have the origin already. What is wrong in the text is passed over. */
void zonemap_read(zonemap_t *map, entries_t *entries);

/*! \brief Frees what the map holds. */
void zonemap_clear(zonemap_t *map);

/*! \brief What is at a name, in lower case; NULL: nothing. */
zonemap_name_t *zonemap_find(const zonemap_t *map, const knot_dname_t *name);

/*! \brief Whether the zone has a name, in lower case, or a wildcard beside it. */
bool zonemap_has(const zonemap_t *map, const knot_dname_t *name);

/*! \brief What keeps an ALIAS at a name, in lower case, from being served. \return NULL, or the reason. */
const char *zonemap_obstacle(const zonemap_t *map, const knot_dname_t *name);
