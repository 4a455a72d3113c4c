/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "resolve/query.h"

#include <sys/random.h>

knot_pkt_t *query_new(const knot_dname_t *name, uint16_t type, unsigned flags)
{
	uint16_t id;
	knot_pkt_t *pkt = knot_pkt_new(NULL, QUERY_SIZE, NULL);
	if (pkt == NULL || getrandom(&id, sizeof(id), 0) != sizeof(id)) {
		knot_pkt_free(pkt);
		return NULL;
	}

	knot_wire_set_id(pkt->wire, id);
	if (flags & QUERY_RD) {
		knot_wire_set_rd(pkt->wire);
	}
	if (flags & QUERY_AD) {
		knot_wire_set_ad(pkt->wire);
	}
	int ret = knot_pkt_put_question(pkt, name, KNOT_CLASS_IN, type);
	if (ret == KNOT_EOK && (flags & QUERY_EDNS)) {
		knot_rrset_t opt;
		ret = knot_edns_init(&opt, QUERY_EDNS_PAYLOAD, 0, KNOT_EDNS_VERSION, NULL);
		if (ret == KNOT_EOK) {
			if (flags & QUERY_DO) {
				knot_edns_set_do(&opt);
			}
			knot_pkt_begin(pkt, KNOT_ADDITIONAL);
			ret = knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, 0);
			knot_rrset_clear(&opt, NULL);
		}
	}
	if (ret != KNOT_EOK) {
		knot_pkt_free(pkt);
		return NULL;
	}
	return pkt;
}

bool query_mix_letters(knot_dname_t *name)
{
	uint8_t bits[KNOT_DNAME_MAXLEN / 8 + 1];
	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits)) {
		return false;
	}
	unsigned count[2] = { 0 };
	size_t len = knot_dname_size(name);
	for (size_t i = 0; i < len; i++) { /* Lengths of labels are no letters. */
		uint8_t letter = name[i] | 0x20;
		if (letter >= 'a' && letter <= 'z') {
			bool upper = bits[i / 8] & (1U << (i % 8));
			name[i] = upper ? letter & ~0x20 : letter;
			count[upper]++;
		}
	}
	return count[0] > 0 && count[1] > 0;
}
