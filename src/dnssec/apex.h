/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The records of a zone's apex that show which keys sign it.
 *
 * Their number is up to those who write to the zone, so only a limited number is looked at, hashed or copied.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/rdataset.h>

/*! Most signers of a zone; the rollover of an algorithm needs two. With more the zone is not signed here. */
#define APEX_SIGNERS_MAX 8

/*! Most DNSKEYs of a zone: two rollovers of eight signers that are run by others (RFC 8901), and to spare. */
#define APEX_DNSKEYS_MAX 64

typedef struct {
	knot_rdataset_t soa;
	knot_rdataset_t rrsigs; /*!< Of any type; in a copy only those over the SOA. */
	knot_rdataset_t dnskeys;
	bool too_many; /*!< Of a copy: there are more records than it has. */
} apex_t;

/*! \brief Hash of the DNSKEYs and of what the RRSIGs say about the signers of the SOA, to notice a change; never 0. */
uint64_t apex_id(const apex_t *apex);

/*! \brief Whether the apex still has some DNSKEYs; false also if it has too many. */
bool apex_has(const apex_t *apex, const knot_rdataset_t *dnskeys);

/*!
 * \brief Makes a copy, of at most some 150 KiB.
 *
 * \param copy  A zeroed apex. apex_clear() frees what it gets, also after an error.
 *
 * \return KNOT_E*
 */
int apex_copy(apex_t *copy, const apex_t *apex);

/*! \brief Frees the records of a copy. */
void apex_clear(apex_t *copy);
