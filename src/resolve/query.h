/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Queries as messages.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/libknot.h>

/*! EDNS payload size that is not fragmented (DNS Flag Day 2020). */
#define QUERY_EDNS_PAYLOAD 1232

/*! Room for any query: header, the longest name, type, class, OPT. */
#define QUERY_SIZE (KNOT_WIRE_HEADER_SIZE + KNOT_DNAME_MAXLEN + 4 + 11)

/*! What a query carries. */
enum {
	QUERY_RD = 1 << 0,   /*!< Recursion is desired. */
	QUERY_AD = 1 << 1,   /*!< "Tell me whether it is validated" (RFC 6840, section 5.7). */
	QUERY_EDNS = 1 << 2, /*!< An OPT record. */
	QUERY_DO = 1 << 3,   /*!< Signatures are wanted; with QUERY_EDNS only. */
};

/*!
 * \brief Makes a query for (name, type, IN), with a random ID.
 *
 * \return The packet, to be freed by knot_pkt_free(); NULL without memory or randomness.
 */
knot_pkt_t *query_new(const knot_dname_t *name, uint16_t type, unsigned flags);

/*!
 * \brief Gives each letter of a name upper or lower case at random (draft-vixie-dnsext-dns0x20).
 *
 * A forger has to guess it, too. Without randomness the name stays as it is.
 *
 * \return Whether there are letters of both.
 */
bool query_mix_letters(knot_dname_t *name);
