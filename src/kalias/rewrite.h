/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A zone file's text with its ALIAS records in another form, all else octet for octet.
 *
 * Only the type and the target of a record are replaced. Generic RDATA may be several words, which become one.
 */

#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <libknot/dname.h>

#include "kalias/entries.h"
#include "kalias/kalias.h"
#include "kalias/zonemap.h"

/*! Names of CNAMEs that are to be flattened, beside those of owners. */
#define FLATTEN_ALL "all"
#define FLATTEN_APEX "apex"
#define FLATTEN_TAGGED "tagged" /* By Cloudflare, in a comment. */

/*! CNAMEs that are to become ALIAS. */
typedef struct {
	const char *what; /*!< One of FLATTEN_*, or an owner, which may be relative to the zone. */
	bool used;        /*!< Result: there was one. */
} flatten_t;

/*! A conversion. */
typedef struct {
	bool to_alias;              /*!< The target is a name, also where it was generic RDATA. */
	bool commented;             /*!< Records in comments are taken out of these. */
	bool mnemonic;              /*!< The type is written as ALIAS, not as a number. */
	const char *path;           /*!< File for errors. */
	const knot_dname_t *origin; /*!< Of the zone. NULL: the name of the zone, where the text says it. */

	flatten_t *flatten; /*!< Array. A TTL of 1, which is Cloudflare's for "automatic", becomes 300 then. */
	size_t flatten_count;
	size_t left;      /*!< Result: CNAMEs that "all" and "tagged" leave, as a label of the owner begins with "_". */
	size_t raised;    /*!< Result: TTLs of 1 that became 300. */
	size_t proxied;   /*!< Result: records that were behind Cloudflare's proxy. */
	size_t converted; /*!< Result: records that were changed. */
	size_t kept;      /*!< Result: ALIAS records that were in the wanted form already. */

	/* Private. */
	entries_t in;
	zonemap_t map;
	FILE *out;
	size_t done;      /*!< Octets of the file that are in the output already, as they are or replaced. */
	bool uncommented; /*!< The last record was taken out of a comment, and has another owner than the one before. */
	bool origin_told; /*!< That the origin is missing has been printed, which happens once. */
	exit_t status;
} rewrite_t;

/*!
 * \brief Converts a text.
 *
 * \param rewrite  What to do; zeroed but for that. Has the results afterwards.
 * \param text     Text, of any octets.
 * \param len      Their number.
 * \param out      Takes the result, which is of no use unless EXIT_FINE.
 *
 * \return EXIT_FINE, or EXIT_WRONG after errors.
 */
exit_t rewrite_text(rewrite_t *rewrite, const char *text, size_t len, FILE *out);

/*! \brief Whether a word of an entry is the type of ALIAS records, ANAME, or a private type that stands for it. */
bool rewrite_is_alias(const zonefile_t *file, size_t index);
