/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The ALIAS record, for module and tool: RDATA is one uncompressed domain name. The types that it stands for.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libknot/descriptor.h>

/*! Type of the record: private use, as PowerDNS and newer libknot have it. */
#define RRTYPE_ALIAS 65401

/*! Targets of one name; what is beyond is left out. */
#define ALIAS_TARGETS_MAX 8

/*! The types that an ALIAS stands for, as an index; also part of the store's format. */
typedef enum {
	ADDR_A,
	ADDR_AAAA,
	ADDR_TYPES,
} addr_type_t;

/*! \brief The RR type. */
static inline uint16_t addr_rrtype(addr_type_t type)
{
	return type == ADDR_A ? KNOT_RRTYPE_A : KNOT_RRTYPE_AAAA;
}

/*! \brief The index of an RR type that is A or AAAA. */
static inline addr_type_t addr_type(uint16_t rrtype)
{
	return rrtype == KNOT_RRTYPE_A ? ADDR_A : ADDR_AAAA;
}

/*! \brief The type as text. */
static inline const char *addr_name(addr_type_t type)
{
	return type == ADDR_A ? "A" : "AAAA";
}

/*! \brief Length of an address, octets. */
static inline size_t addr_len(addr_type_t type)
{
	return type == ADDR_A ? 4 : 16;
}

/*! \brief Whether an RR type is A or AAAA. */
static inline bool addr_is_rrtype(uint16_t rrtype)
{
	return rrtype == KNOT_RRTYPE_A || rrtype == KNOT_RRTYPE_AAAA;
}
