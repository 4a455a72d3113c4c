/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The union of RRsets whose size others choose: those of targets, and the owner's own.
 */

#pragma once

#include <libknot/mm_ctx.h>
#include <libknot/rdataset.h>

/*!
 * \brief Adds the RDATA of another set, in one pass and with one allocation.
 *
 * knot_rdataset_merge() searches and allocates for each RDATA: the square of their number in time and, from the memory
 * of a packet, which is freed only with it, in octets. Both sets must be as libknot keeps them, in canonical order and
 * without duplicates (RFC 4034, section 6.3).
 *
 * \param to     Set that owns its RDATA, or an empty one; the RDATA is replaced.
 * \param other  Set that is not changed.
 * \param mm     Memory of `to`.
 *
 * \return KNOT_ESPACE for too many RDATA, or KNOT_ENOMEM, and `to` is unchanged; or KNOT_EOK.
 */
int merge_rdata(knot_rdataset_t *to, const knot_rdataset_t *other, knot_mm_t *mm);
