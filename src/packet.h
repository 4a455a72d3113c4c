/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Taking back what Knot has put into the answer section.
 */

#pragma once

#include <libknot/libknot.h>

/*!
 * \brief Takes the last RRset off the answer section, if it is of the given type.
 *
 * Only while that section is the current one.
 *
 * \return True if it was there.
 */
static inline bool packet_drop_last(knot_pkt_t *pkt, uint16_t type)
{
	knot_pktsection_t *answer = &pkt->sections[KNOT_ANSWER];
	if (pkt->current != KNOT_ANSWER || answer->count == 0) {
		return false;
	}

	uint16_t last = pkt->rrset_count - 1;
	knot_rrset_t *rrset = &pkt->rr[last];
	if (rrset->type != type) {
		return false;
	}

	pkt->size = pkt->rr_info[last].pos;
	pkt->rrset_count--;
	answer->count--;
	knot_wire_add_ancount(pkt->wire, -(int16_t)rrset->rrs.count);
	if (pkt->rr_info[last].flags & KNOT_PF_FREE) {
		knot_rrset_clear(rrset, &pkt->mm);
	}
	/* A name that went with it can't be pointed at any more; libknot starts over with QNAME. */
	if (pkt->compr.suffix.pos >= pkt->size) {
		pkt->compr.suffix.pos = 0;
	}

	return true;
}
