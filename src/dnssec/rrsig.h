/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Making RRSIGs (RFC 4034, section 3.1).
 */

#pragma once

#include <libknot/rrset.h>

#include "dnssec/keys.h"

/*!
 * \brief Signs an RRset with all keys of a zone; tens to hundreds of microseconds each.
 *
 * \param[out] rrsigs  An empty set; the RRSIGs in the end, one for each key. To be cleared in any case.
 * \param zone         Name of the zone, lower case.
 * \param keys         Keys, at least one.
 * \param covered      What is signed: the owner in the zone (a wildcard as such), in canonical order, and as
 *                     TTL the original one.
 * \param inception    Wall clock, s.
 * \param expiration   Wall clock, s.
 * \param reproducible Make the same signature each time, where the algorithm can.
 *
 * \return KNOT_E*, or DNSSEC_E* of libdnssec.
 */
int rrsig_make(knot_rdataset_t *rrsigs, const knot_dname_t *zone, const keys_t *keys, const knot_rrset_t *covered,
               uint64_t inception, uint64_t expiration, bool reproducible);
