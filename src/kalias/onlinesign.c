/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The name that is asked for is LABEL below the zone, and before that labels of octets 255 as long as they fit. After it
 * comes LABEL with an octet 0 appended. With the fault it is LABEL with its last letter increased, so that BETWEEN is denied.
 */

#include "kalias/onlinesign.h"

#include <string.h>

#define LABEL "\014kalias-check"
#define BETWEEN "\015kalias-check0"

#define LABEL_SIZE (sizeof(LABEL) - 1)
#define FILLER_SIZE_MAX (1 + KNOT_DNAME_MAXLABELLEN)
#define FILLER_SIZE_MIN 2

static uint8_t *put_filler(uint8_t *pos, size_t size)
{
	*pos = size - 1;
	memset(pos + 1, UINT8_MAX, size - 1);
	return pos + size;
}

bool onlinesign_make_name(knot_dname_storage_t name, const knot_dname_t *zone)
{
	size_t zone_size = knot_dname_size(zone);
	if (zone_size + LABEL_SIZE + FILLER_SIZE_MIN > KNOT_DNAME_MAXLEN) {
		return false;
	}

	/* Only the first filler may be short, as an octet could be appended to another one. */
	size_t room = KNOT_DNAME_MAXLEN - zone_size - LABEL_SIZE;
	uint8_t *pos = name;
	if (room % FILLER_SIZE_MAX >= FILLER_SIZE_MIN) {
		pos = put_filler(pos, room % FILLER_SIZE_MAX);
	}
	for (; room >= FILLER_SIZE_MAX; room -= FILLER_SIZE_MAX) {
		pos = put_filler(pos, FILLER_SIZE_MAX);
	}
	memcpy(pos, LABEL, LABEL_SIZE);
	memcpy(pos + LABEL_SIZE, zone, zone_size);
	return true;
}

bool onlinesign_overreaches(const knot_pkt_t *reply, const knot_dname_t *zone)
{
	knot_dname_storage_t between = BETWEEN;
	(void)knot_dname_to_wire(between + sizeof(BETWEEN) - 1, zone, sizeof(between) - (sizeof(BETWEEN) - 1));

	const knot_pktsection_t *authority = knot_pkt_section(reply, KNOT_AUTHORITY);
	for (uint16_t i = 0; i < authority->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(authority, i);
		/* In other classes libknot accepts records without RDATA, for updates. */
		if (rr->type == KNOT_RRTYPE_NSEC && rr->rclass == KNOT_CLASS_IN &&
		    knot_dname_is_case_equal(rr->owner, knot_pkt_qname(reply)) &&
		    knot_dname_cmp(between, knot_nsec_next(rr->rrs.rdata)) < 0) {
			return true;
		}
	}
	return false;
}
