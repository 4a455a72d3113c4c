/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/said.h"

#include <stdlib.h>
#include <string.h>

#include "kalias/kalias.h"

void said_clear(said_t *said)
{
	free(said->addr);
	memset(said, 0, sizeof(*said));
}

void said_take_nothing(said_t *said, const char *why)
{
	said_clear(said);
	said->why = why;
}

void said_take(said_t *said, const reply_t *reply)
{
	said_clear(said);
	said->ttl = reply->ttl;
	switch (reply->kind) {
	case REPLY_ADDRESSES:
		said->kind = SAID_ADDRESSES;
		said->count = reply->count;
		said->addr = not_null(malloc(reply->count * sizeof(said->addr[0])));
		memcpy(said->addr, reply->addr, reply->count * sizeof(said->addr[0]));
		for (unsigned i = 0; i < reply->count; i++) {
			memset(said->addr[i] + reply->len, 0, sizeof(said->addr[0]) - reply->len);
		}
		break;
	case REPLY_NODATA:
		said->kind = SAID_NODATA;
		break;
	case REPLY_NXDOMAIN:
		said->kind = SAID_NXDOMAIN;
		said->rcode = KNOT_RCODE_NXDOMAIN;
		break;
	default:
		said->kind = SAID_ERROR;
	}
}

static bool has_rrsig(const knot_pkt_t *pkt, uint16_t type)
{
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
	for (uint16_t i = 0; i < answer->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(answer, i);
		/* In other classes libknot takes records without RDATA, for updates. */
		if (rr->type == KNOT_RRTYPE_RRSIG && rr->rclass == KNOT_CLASS_IN && rr->rrs.count > 0 &&
		    knot_rrsig_type_covered(rr->rrs.rdata) == type) {
			return true;
		}
	}
	return false;
}

void said_take_packet(said_t *said, const knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type)
{
	reply_t reply;
	reply_parse(&reply, pkt->wire, pkt->size, name, type);
	said_take(said, &reply);

	said->rcode = knot_pkt_ext_rcode(pkt);
	said->is_signed = said->kind == SAID_ADDRESSES && has_rrsig(pkt, type);

	uint8_t *ede = knot_pkt_edns_option(pkt, KNOT_EDNS_OPTION_EDE);
	if (ede != NULL && knot_edns_opt_get_length(ede) >= sizeof(said->ede)) {
		said->has_ede = true;
		said->ede = knot_wire_read_u16(knot_edns_opt_get_data(ede));
	}
}

void said_add(said_t *said, const uint8_t *addr, size_t len)
{
	uint8_t cell[16] = { 0 };
	memcpy(cell, addr, len < sizeof(cell) ? len : sizeof(cell));

	unsigned pos = 0;
	while (pos < said->count && memcmp(said->addr[pos], cell, sizeof(cell)) < 0) {
		pos++;
	}
	if (said->count == UINT16_MAX || (pos < said->count && memcmp(said->addr[pos], cell, sizeof(cell)) == 0)) {
		return;
	}

	said->kind = SAID_ADDRESSES;
	said->addr = not_null(realloc(said->addr, (said->count + 1) * sizeof(said->addr[0])));
	memmove(said->addr[pos + 1], said->addr[pos], (said->count - pos) * sizeof(said->addr[0]));
	memcpy(said->addr[pos], cell, sizeof(cell));
	said->count++;
}

bool said_meet(const said_t *a, const said_t *b)
{
	unsigned i = 0, j = 0;
	while (i < a->count && j < b->count) {
		int cmp = memcmp(a->addr[i], b->addr[j], sizeof(a->addr[0]));
		if (cmp == 0) {
			return true;
		}
		if (cmp < 0) {
			i++;
		} else {
			j++;
		}
	}
	return false;
}
