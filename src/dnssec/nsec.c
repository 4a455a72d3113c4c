/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dnssec/nsec.h"

#include <string.h>
#include <libdnssec/nsec.h>
#include <libknot/libknot.h>

/*! Windows; longest bitmap of a window, octets; types in a window. */
#define WINDOWS 256
#define WINDOW_MAX 32
#define WINDOW_TYPES 256

/*! Octets of NSEC3 before the salt and the hash, which both begin with their length. */
#define NSEC3_FIXED 4

/*! Octets before the bitmap, 0 if the record is too short: libknot does not check the RDATA of zone transfers. */
static size_t head_len(const knot_rdata_t *rdata, uint16_t rrtype)
{
	if (rrtype == KNOT_RRTYPE_NSEC) {
		int len = knot_dname_wire_check(rdata->data, rdata->data + rdata->len, NULL);
		return len > 0 ? len : 0;
	}
	size_t len = NSEC3_FIXED;
	for (unsigned field = 0; field < 2; field++) {
		if (len >= rdata->len) {
			return 0;
		}
		len += 1 + rdata->data[len];
	}
	return len <= rdata->len ? len : 0;
}

bool nsec_has(const knot_rdata_t *rdata, uint16_t rrtype, uint16_t type)
{
	size_t head = head_len(rdata, rrtype);
	return head > 0 && dnssec_nsec_bitmap_contains(rdata->data + head, rdata->len - head, type);
}

int nsec_rewrite(uint8_t *out, const knot_rdata_t *rdata, uint16_t rrtype,
                 const nsec_change_t *changes, unsigned count)
{
	uint8_t types[WINDOWS][WINDOW_MAX] = { 0 };
	size_t head = head_len(rdata, rrtype);
	const uint8_t *pos = rdata->data + head, *end = rdata->data + rdata->len;
	while (end - pos >= 2 && pos[1] <= WINDOW_MAX && pos[1] <= end - pos - 2) {
		for (unsigned i = 0; i < pos[1]; i++) {
			types[pos[0]][i] |= pos[2 + i];
		}
		pos += 2 + pos[1];
	}
	if (head == 0 || pos != end) {
		return KNOT_EMALF;
	}

	for (unsigned i = 0; i < count; i++) {
		uint16_t type = changes[i].type;
		uint8_t *octet = &types[type / WINDOW_TYPES][type % WINDOW_TYPES / 8], bit = 0x80 >> type % 8;
		*octet = changes[i].present ? *octet | bit : *octet & ~bit;
	}

	memcpy(out, rdata->data, head);
	uint8_t *to = out + head;
	for (unsigned window = 0; window < WINDOWS; window++) {
		uint8_t len = WINDOW_MAX;
		while (len > 0 && types[window][len - 1] == 0) {
			len--;
		}
		if (len > 0) {
			*to++ = window;
			*to++ = len;
			memcpy(to, types[window], len);
			to += len;
		}
	}
	return to - out;
}
