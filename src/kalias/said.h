/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What one side, the server or the resolver, says about a name and a family of addresses.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/libknot.h>

#include "resolve/reply.h"

typedef enum {
	SAID_NOTHING, /*!< No reply, or none of use; see `why`. */
	SAID_ADDRESSES,
	SAID_NODATA,
	SAID_NXDOMAIN,
	SAID_ERROR, /*!< Anything else; see `rcode`. */
} said_kind_t;

/*! All zero: nobody was asked. */
typedef struct {
	said_kind_t kind;
	bool is_signed; /*!< An RRSIG covers the addresses. */
	bool has_ede;
	uint16_t ede; /*!< Extended DNS Error (RFC 8914). */
	uint16_t rcode;
	uint16_t count;      /*!< Addresses. */
	uint32_t ttl;        /*!< Of the addresses, s. */
	const char *why;     /*!< Of SAID_NOTHING: the reason, a constant; NULL: was not asked. */
	uint8_t (*addr)[16]; /*!< Owned; sorted, without duplicates. */
} said_t;

/*! \brief Takes what a parsed reply has, in place of what was said before. */
void said_take(said_t *said, const reply_t *reply);

/*! \brief Takes a message that answers a question for (name, type). */
void said_take_packet(said_t *said, const knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type);

/*! \brief Takes that there is no reply, and why: a constant. */
void said_take_nothing(said_t *said, const char *why);

/*! \brief Adds an address, of a length that suits the family. */
void said_add(said_t *said, const uint8_t *addr, size_t len);

/*! \brief Whether two have an address in common. */
bool said_meet(const said_t *a, const said_t *b);

/*! \brief Frees the addresses and forgets all. */
void said_clear(said_t *said);
