/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Making RRSIGs (RFC 4034, section 3.1).
 */

#pragma once

#include <libknot/rrset.h>

#include "dnssec/keys.h"

/*!
 * \brief Signs an RRset with all keys of a zone, in tens to hundreds of microseconds each. Any thread.
 *
 * \param[out] rrsigs  An empty set that gets one RRSIG for each key. The caller clears it, also after an error.
 * \param zone         Name of the zone, lower case.
 * \param keys         Keys, at least one.
 * \param covered      RRset to sign, in canonical order, with the owner in the zone (a wildcard as such) and the
 *                     original TTL.
 * \param inception    Wall clock, s.
 * \param expiration   Wall clock, s.
 * \param reproducible Make the same signature each time, if the algorithm can.
 *
 * \return KNOT_E*, or DNSSEC_E* of libdnssec.
 */
int rrsig_make(knot_rdataset_t *rrsigs, const knot_dname_t *zone, const keys_t *keys, const knot_rrset_t *covered,
               uint64_t inception, uint64_t expiration, bool reproducible);

/*!
 * \brief Whether a signature can be verified with a key, whatever its time. Any thread; takes some 100 us.
 *
 * \param rrsig    RDATA of any length from that of its fields before the signer's name.
 * \param covered  RRset that it covers, in canonical order, with any TTL.
 * \param dnskey   RDATA of any length.
 */
bool rrsig_verify(const knot_rdata_t *rrsig, const knot_rrset_t *covered, const knot_rdata_t *dnskey);
