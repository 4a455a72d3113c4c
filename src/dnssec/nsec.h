/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The types that an NSEC or NSEC3 record says there are (RFC 4034, section 4; RFC 5155, section 3).
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/rdata.h>

/*! Types to be changed by nsec_rewrite(). */
typedef struct {
	uint16_t type;
	bool present;
} nsec_change_t;

/*! Most that the types of a record may grow by a change: a window with a full bitmap. */
#define NSEC_CHANGE_MAX (2 + 32)

/*!
 * \brief Whether a record lists a type; a malformed one does not.
 *
 * \param rrtype  NSEC or NSEC3.
 */
bool nsec_has(const knot_rdata_t *rdata, uint16_t rrtype, uint16_t type);

/*!
 * \brief Writes the RDATA of a record anew, with some types present or not; all else stays.
 *
 * \param[out] out  Room for the old RDATA and NSEC_CHANGE_MAX more for each change.
 *
 * \return Length, KNOT_EMALF for a malformed record, or KNOT_ENOMEM.
 */
int nsec_rewrite(uint8_t *out, const knot_rdata_t *rdata, uint16_t rrtype,
                 const nsec_change_t *changes, unsigned count);
