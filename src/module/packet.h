/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Changes of RRsets that Knot has put into a reply. For hooks.
 */

#pragma once

#include <stdbool.h>
#include <knot/module.h>

/*!
 * \brief Gets an RRset that was taken back, and may change it before it is put again.
 *
 * \param rrset  RRset; its new owner and RDATA must live as long as the packet.
 * \param flags  Its KNOT_PF_*; with KNOT_PF_FREE the packet owns owner and RDATA.
 *
 * \return False to leave it out.
 */
typedef bool (*packet_edit_f)(knot_rrset_t *rrset, uint16_t *flags, void *ctx);

/*!
 * \brief Takes back all RRsets of the current section from `first` on, and puts them again as changed by `edit`.
 *
 * \param first  Index of the first RRset in the packet.
 *
 * \return If not all could be put, KNOT_ESPACE, with TC set unless the RRset is optional, or another KNOT_E*;
 *         else KNOT_EOK.
 */
int packet_edit(knot_pkt_t *pkt, uint16_t first, packet_edit_f edit, void *ctx);

/*! \brief Removes all RRsets but OPT from a finished reply without TSIG. */
void packet_empty(knot_pkt_t *pkt);

/*! \brief Whether an RRset is of a type or has RRSIGs of one. */
bool shows_type(const knot_rrset_t *rrset, uint16_t type);

/*!
 * \brief Removes the RRsets that show a type from the answer section, which must be the current one.
 *
 * \return True if an RRset was removed and the others could be put again.
 */
bool packet_drop(knot_pkt_t *pkt, uint16_t type);

/*!
 * \brief Lowers TTLs of the authority section in the message itself, RRSIGs and all, to a limit in seconds.
 *
 * Signatures stay valid: they cover the original TTL (RFC 4035, section 5.3.3). For a reply without TSIG as yet.
 */
void packet_limit_ttl(knot_pkt_t *pkt, uint32_t ttl);

/*! \brief Makes the client ask again: over UDP an empty reply with TC and AA (RFC 2181, section 9), else EDE 14. */
knotd_in_state_t come_back(knotd_qdata_t *qdata);

/*! \brief Whether come_back() was the last one to decide about the reply. */
static inline bool comes_back(const knotd_qdata_t *qdata)
{
	return qdata->err_truncated || qdata->rcode_ede == KNOT_EDNS_EDE_NOT_READY;
}
