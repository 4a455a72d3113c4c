/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The ALIAS record, whose RDATA is one uncompressed domain name, and the types it stands for: A and AAAA.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libknot/descriptor.h>

/*! Type of the record: private use, the same as in PowerDNS and newer libknot. */
#define RRTYPE_ALIAS 65401

/*! Most targets of one owner; further ones are ignored. */
#define ALIAS_TARGETS_MAX 8

/*! Most records of one owner that are looked at for targets, the usable and the others. */
#define ALIAS_RECORDS_MAX 32

/*! Index of the types that an ALIAS stands for; also part of the store's format. */
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
