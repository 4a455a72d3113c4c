/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What one side, the server or the resolver, says about a name and a type.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/libknot.h>

#include "resolve/reply.h"

typedef enum {
	OBSERVED_NOTHING, /*!< No useful reply; see `why`. */
	OBSERVED_ADDRESSES,
	OBSERVED_NODATA,
	OBSERVED_NXDOMAIN,
	OBSERVED_ERROR, /*!< Anything else; see `rcode`. */
} observed_kind_t;

/*! All zero: nobody was asked. */
typedef struct {
	observed_kind_t kind;
	bool is_signed; /*!< An RRSIG covers the addresses. */
	bool has_ede;
	uint16_t ede; /*!< Extended DNS Error (RFC 8914). */
	uint16_t rcode;
	uint16_t count;      /*!< Addresses. */
	uint32_t ttl;        /*!< Of the addresses, s. */
	const char *why;     /*!< With OBSERVED_NOTHING: a constant; NULL: not asked. */
	uint8_t (*addr)[16]; /*!< Owned; sorted, without duplicates. */
} observed_t;

/*! \brief Replaces what was observed by a parsed reply. */
void observed_set_reply(observed_t *observed, const reply_t *reply);

/*! \brief Replaces it by a message, which answers a question for (name, type). */
void observed_set_packet(observed_t *observed, const knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type);

/*! \brief Whether a message has a signature over its answer of a type. */
bool observed_has_rrsig(const knot_pkt_t *pkt, uint16_t type);

/*! \brief Replaces it by "no reply"; why is a constant. */
void observed_set_nothing(observed_t *observed, const char *why);

/*! \brief Adds an address of 4 or 16 octets. */
void observed_add_address(observed_t *observed, const uint8_t *addr, size_t len);

/*! \brief Adds the address of a record as knotd prints it to those of its type. \return false if it is neither A nor AAAA. */
bool observed_add_record(observed_t observed[ADDR_TYPES], const char *type, const char *rdata);

/*! \brief Whether there was no reply, or an error. */
static inline bool observed_failed(const observed_t *observed)
{
	return observed->kind == OBSERVED_NOTHING || observed->kind == OBSERVED_ERROR;
}

/*! \brief Whether two have an address in common. */
bool observed_meet(const observed_t *a, const observed_t *b);

/*! \brief Frees the addresses, and zeroes the rest. */
void observed_clear(observed_t *observed);
