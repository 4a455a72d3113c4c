/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Parsing of resolvers' replies about one name and type.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libknot/dname.h>

#include "util/rrtype.h"

/*!
 * Most addresses kept of a reply: the lowest ones, whatever their order in it. So all servers of a zone and all refreshes
 * give the same set, with the same signature. A rotating choice would be another set, to be signed and stored, each time.
 */
#define REPLY_ADDRESSES_MAX 64

/*! Most CNAMEs followed in one reply, as many as Knot follows in a zone's answer. */
#define REPLY_CNAMES_MAX 16

/*! Life of a negative answer without SOA (RFC 2308, section 5), s. It is no failure: stub
 *  resolvers such as systemd-resolved leave the SOA out. */
#define REPLY_NO_SOA_TTL 30

/*! Longest life of an answer, s; also of one whose TTL has the top bit set (RFC 8767, section 4). */
#define REPLY_TTL_MAX (7 * 86400)

typedef enum {
	REPLY_ADDRESSES, /*!< At least one address. */
	REPLY_NODATA,    /*!< The name exists, the type does not (RFC 2308, section 2.2). */
	REPLY_NXDOMAIN,  /*!< The name does not exist (RFC 2308, section 2.1). */
	REPLY_FORMERR,   /*!< The resolver could not read the query, maybe because of EDNS. */
	REPLY_BADCOOKIE, /*!< The resolver wants a cookie of its own, or TCP (RFC 7873, section 5.2.3). */
	REPLY_LOOP,      /*!< A CNAME loop, or more than REPLY_CNAMES_MAX CNAMEs. */
	REPLY_BAD,       /*!< An error, or a reply without sense. */
	REPLY_NONE,      /*!< It can't be read, or is no reply to the question. */
} reply_kind_t;

typedef struct {
	reply_kind_t kind;
	bool ad;                               /*!< AD bit: the resolver validated it (RFC 4035, section 3.2.3). */
	bool cut;                              /*!< There were more than REPLY_ADDRESSES_MAX addresses. */
	uint32_t ttl;                          /*!< Lowest TTL of the chain, with the SOA in a negative answer, up to REPLY_TTL_MAX, s. */
	uint16_t count;                        /*!< Number of addresses. */
	uint16_t len;                          /*!< Length of one address, 4 or 16 octets. */
	uint8_t addr[REPLY_ADDRESSES_MAX][16]; /*!< In canonical order, without duplicates. */
} reply_t;

/*!
 * \brief Reads a reply to the question (name, type, IN).
 *
 * Pure; trusts nothing in the wire. Follows CNAMEs inside the answer section.
 *
 * \param[out] reply  Result, always set.
 * \param wire        Message; not changed.
 * \param len         Its length, octets.
 * \param name        Name in the question.
 * \param type        Type in the question, A or AAAA.
 */
void reply_parse(reply_t *reply, const uint8_t *wire, size_t len,
                 const knot_dname_t *name, uint16_t type);
