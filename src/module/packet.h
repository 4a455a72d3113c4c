/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Changing what Knot has put into a reply.
 */

#pragma once

#include <stdbool.h>
#include <knot/module.h>

/*!
 * \brief Looks at an RRset that was taken back, and may change what is put in its place.
 *
 * \param rrset  RRset; what is put must live as long as the packet.
 * \param flags  Its KNOT_PF_*; with KNOT_PF_FREE the packet owns owner and RDATA.
 *
 * \return False to leave it out.
 */
typedef bool (*packet_edit_f)(knot_rrset_t *rrset, uint16_t *flags, void *ctx);

/*!
 * \brief Takes back all RRsets of the current section from one on, and puts them again as `edit` wants them.
 *
 * \param first  Index of the first one in the packet.
 *
 * \return KNOT_ESPACE, with TC set unless the RRset is optional, or another KNOT_E*, when not all could be put;
 *         else KNOT_EOK.
 */
int packet_edit(knot_pkt_t *pkt, uint16_t first, packet_edit_f edit, void *ctx);

/*! \brief Takes all RRsets but OPT back out of a finished reply without TSIG. */
void packet_empty(knot_pkt_t *pkt);

/*!
 * \brief Takes the last RRset of a type off the answer section, with its RRSIGs.
 *
 * Only while that section is the current one.
 *
 * \return True if it was there.
 */
bool packet_drop(knot_pkt_t *pkt, uint16_t type);

/*! \brief Whether an RRset is an ALIAS, or has signatures of one. */
bool shows_alias(const knot_rrset_t *rrset);

/*! \brief Has the client come back: an empty reply with TC and AA over UDP (RFC 2181, section 9), else EDE 14. */
knotd_in_state_t come_back(knotd_qdata_t *qdata);
