/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The type bitmap of NSEC and NSEC3 records (RFC 4034, section 4; RFC 5155, section 3).
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <libknot/rdata.h>

/*! A type for nsec_rewrite() to add or remove. */
typedef struct {
	uint16_t type;
	bool present;
} nsec_change_t;

/*! Most octets that one change adds to a bitmap: a window with a full bitmap. */
#define NSEC_CHANGE_MAX (2 + 32)

/*!
 * \brief Whether a record lists a type; a malformed record lists none.
 *
 * \param rrtype  NSEC or NSEC3.
 */
bool nsec_has(const knot_rdata_t *rdata, uint16_t rrtype, uint16_t type);

/*!
 * \brief Copies the RDATA of a record with some types added or removed.
 *
 * \param[out] out  RDATA, with space for the old RDATA and NSEC_CHANGE_MAX more octets for each change.
 *
 * \return Length, KNOT_EMALF for a malformed record, or KNOT_ENOMEM.
 */
int nsec_rewrite(uint8_t *out, const knot_rdata_t *rdata, uint16_t rrtype,
                 const nsec_change_t *changes, unsigned count);
