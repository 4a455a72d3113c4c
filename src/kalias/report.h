/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The result of a check, for people and for machines.
 *
 * JSON is one object. Its keys:
 *
 *     complete     false if the check could not be done, in part or at all; standard error says why
 *     checked      owners
 *     counts       owners by status; each status is there, with "ok"
 *     records      one for each owner:
 *       zone, owner   names, absolute, in presentation form
 *       asked         the name that was asked for: the owner, or one below a wildcard
 *       ttl           of the ALIAS, s
 *       status        "ok", or the first of `problems`
 *       problems      all that is wrong, causes first, by the names in judge.h
 *       details       one sentence for each of them
 *       targets       name; a, aaaa: what the resolver says
 *       server        a, aaaa: what the server says; with a_dnssec, aaaa_dnssec, to clients with the DO bit,
 *                     in signed zones
 *       own           a, aaaa: lists of the owner's own addresses
 *
 * What is observed is an object: `kind` is "addresses", "nodata", "nxdomain", "error" or "none" (no reply);
 * `addresses` a list, maybe empty; `ttl` s, null without addresses; `rcode` a number, null without reply;
 * `ede` a number or null; `signed` a boolean.
 */

#pragma once

#include "kalias/inventory.h"

/*! \brief Prints the table: what is fine first, what is wrong at the end, and the numbers. */
void report_table(const inventory_t *inventory);

/*! \brief Prints JSON. An inventory that could not be read may be empty. */
void report_json(const inventory_t *inventory, bool complete);
