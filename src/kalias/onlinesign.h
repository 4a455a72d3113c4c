/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Whether mod-onlinesign of a server has CVE-2026-39155. Pure.
 *
 * A denial by mod-onlinesign has an NSEC from the name that was asked for to the next possible one (RFC 4470). Before Knot
 * DNS 3.4.10 and 3.5.4, if the name is so long that no label fits before it, the NSEC spans names that may exist. Resolvers
 * then deny these from their caches (RFC 8198). The server's version does not tell, as distributions correct faults
 * without changing it. So the server is asked for such a name.
 */

#pragma once

#include <libknot/libknot.h>

/*!
 * \brief Makes the name to ask for, below a zone.
 *
 * \param name  Where it goes.
 * \param zone  Name of the zone, lower case.
 *
 * \return false if the zone's name is too long for that.
 */
bool onlinesign_make_name(knot_dname_storage_t name, const knot_dname_t *zone);

/*! \brief Whether the reply to a query for that name, with the DO bit, denies more than the name. */
bool onlinesign_overreaches(const knot_pkt_t *reply, const knot_dname_t *zone);
