/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Sets of addresses and of domain names that a zone's policy rules out.
 *
 * A set is filled, sealed, and then only read, by any number of threads. A zeroed set is empty.
 * Look-ups bisect and allocate nothing.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

/*! Length of addresses, octets. */
#define FILTER_IPV4_LEN 4
#define FILTER_IPV6_LEN 16

/*! Addresses from `first` to `last`, both included, in network order. IPv4 addresses are IPv4-mapped. */
typedef struct {
	uint8_t first[FILTER_IPV6_LEN];
	uint8_t last[FILTER_IPV6_LEN];
} address_range_t;

/*! Ranges of one address family; once sealed they are sorted and do not touch each other. */
typedef struct {
	address_range_t *range;
	size_t count;
} address_ranges_t;

typedef struct {
	address_ranges_t v4;
	address_ranges_t v6;
} address_set_t;

/*!
 * \brief Adds a range.
 *
 * \param set    Set, not sealed yet.
 * \param first  First address, in network order.
 * \param last   Last address.
 * \param len    Length of an address, 4 or 16 octets.
 *
 * \return KNOT_EINVAL for another length or a range that ends before it begins; KNOT_ENOMEM; or KNOT_EOK.
 */
int address_set_add_range(address_set_t *set, const uint8_t *first, const uint8_t *last, size_t len);

/*!
 * \brief Adds a network. Bits of the address after the prefix are ignored.
 *
 * \return As address_set_add_range(); KNOT_EINVAL also for a prefix longer than the address.
 */
int address_set_add_network(address_set_t *set, const uint8_t *addr, size_t len, unsigned prefix);

/*! \brief Makes a filled set ready for look-ups. */
void address_set_seal(address_set_t *set);

void address_set_free(address_set_t *set);

static inline bool address_set_empty(const address_set_t *set)
{
	return set->v4.count == 0 && set->v6.count == 0;
}

/*! \brief Whether all addresses of `len` octets are in the set. */
bool address_set_has_all(const address_set_t *set, size_t len);

/*!
 * \brief Whether an address of 4 or 16 octets is in the set.
 *
 * An IPv4-mapped address (RFC 4291, section 2.5.5.2) is also in the set if its IPv4 address is.
 */
bool address_set_has(const address_set_t *set, const uint8_t *addr, size_t len);

/*! \brief How many rdata of A or AAAA are in the set. */
uint16_t address_set_count(const address_set_t *set, const knot_rdataset_t *rrs);

/*! \brief Removes the rdata that are in the set, in place; rrs must not be shared. */
void address_set_remove(const address_set_t *set, knot_rdataset_t *rrs);

/*! A name and all names below it. */
typedef struct {
	knot_dname_t *name; /*!< Lower case. */
	size_t size;        /*!< In octets. */
} suffix_t;

typedef struct {
	suffix_t *suffix; /*!< Sorted once sealed. */
	size_t count;
} name_set_t;

/*! \brief Adds a copy of a name in any case, as a suffix. \return KNOT_ENOMEM or KNOT_EOK. */
int name_set_add(name_set_t *set, const knot_dname_t *name);

/*! \brief Makes a filled set ready for look-ups. */
void name_set_seal(name_set_t *set);

void name_set_free(name_set_t *set);

/*! \brief Whether a lower-case name is in the set or below a name in it. */
bool name_set_covers(const name_set_t *set, const knot_dname_t *name);
