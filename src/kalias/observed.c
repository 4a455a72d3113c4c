/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/observed.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "kalias/kalias.h"

void observed_clear(observed_t *observed)
{
	free(observed->addr);
	memset(observed, 0, sizeof(*observed));
}

void observed_set_nothing(observed_t *observed, const char *why)
{
	observed_clear(observed);
	observed->why = why;
}

void observed_set_reply(observed_t *observed, const reply_t *reply)
{
	observed_clear(observed);
	observed->ttl = reply->ttl;
	switch (reply->kind) {
	case REPLY_ADDRESSES:
		for (unsigned i = 0; i < reply->count; i++) {
			observed_add_address(observed, reply->addr[i], reply->len);
		}
		break;
	case REPLY_NODATA:
		observed->kind = OBSERVED_NODATA;
		break;
	case REPLY_NXDOMAIN:
		observed->kind = OBSERVED_NXDOMAIN;
		observed->rcode = KNOT_RCODE_NXDOMAIN;
		break;
	default:
		observed->kind = OBSERVED_ERROR;
	}
}

bool observed_has_rrsig(const knot_pkt_t *pkt, uint16_t type)
{
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
	for (uint16_t i = 0; i < answer->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(answer, i);
		/* In other classes libknot accepts records without RDATA, for updates. */
		if (rr->type == KNOT_RRTYPE_RRSIG && rr->rclass == KNOT_CLASS_IN && rr->rrs.count > 0 &&
		    knot_rrsig_type_covered(rr->rrs.rdata) == type) {
			return true;
		}
	}
	return false;
}

void observed_set_packet(observed_t *observed, const knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type)
{
	reply_t reply;
	reply_parse(&reply, pkt->wire, pkt->size, name, type);
	observed_set_reply(observed, &reply);

	observed->rcode = knot_pkt_ext_rcode(pkt);
	observed->is_signed = observed->kind == OBSERVED_ADDRESSES && observed_has_rrsig(pkt, type);

	uint8_t *ede = knot_pkt_edns_option(pkt, KNOT_EDNS_OPTION_EDE);
	if (ede != NULL && knot_edns_opt_get_length(ede) >= sizeof(observed->ede)) {
		observed->has_ede = true;
		observed->ede = knot_wire_read_u16(knot_edns_opt_get_data(ede));
	}
}

void observed_add_address(observed_t *observed, const uint8_t *addr, size_t len)
{
	uint8_t cell[16] = { 0 };
	memcpy(cell, addr, len < sizeof(cell) ? len : sizeof(cell));

	unsigned pos = 0;
	while (pos < observed->count && memcmp(observed->addr[pos], cell, sizeof(cell)) < 0) {
		pos++;
	}
	if (observed->count == UINT16_MAX || (pos < observed->count && memcmp(observed->addr[pos], cell, sizeof(cell)) == 0)) {
		return;
	}

	observed->kind = OBSERVED_ADDRESSES;
	observed->addr = not_null(realloc(observed->addr, (observed->count + 1) * sizeof(observed->addr[0])));
	memmove(observed->addr[pos + 1], observed->addr[pos], (observed->count - pos) * sizeof(observed->addr[0]));
	memcpy(observed->addr[pos], cell, sizeof(cell));
	observed->count++;
}

bool observed_add_record(observed_t observed[ADDR_TYPES], const char *type, const char *rdata)
{
	addr_type_t id = 0;
	while (id < ADDR_TYPES && strcmp(type, addr_name(id)) != 0) {
		id++;
	}
	uint8_t addr[16];
	if (id == ADDR_TYPES || inet_pton(id == ADDR_A ? AF_INET : AF_INET6, rdata, addr) != 1) {
		return false;
	}
	observed_add_address(&observed[id], addr, addr_len(id));
	return true;
}

bool observed_meet(const observed_t *a, const observed_t *b)
{
	for (unsigned i = 0; i < a->count; i++) {
		for (unsigned j = 0; j < b->count; j++) {
			if (memcmp(a->addr[i], b->addr[j], sizeof(a->addr[0])) == 0) {
				return true;
			}
		}
	}
	return false;
}
