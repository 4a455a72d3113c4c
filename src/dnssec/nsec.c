/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dnssec/nsec.h"

#include <string.h>

#include "dnssec/libdnssec.h"

/*! Longest bitmap of a window, octets; types in a window. */
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

/*! Adds the types of one window, except those that change. */
static void add_window(dnssec_nsec_bitmap_t *to, uint8_t window, const uint8_t *octets, uint8_t len,
                       const nsec_change_t *changes, unsigned count)
{
	for (unsigned bit = 0; bit < len * 8U; bit++) {
		uint16_t type = window * WINDOW_TYPES + bit;
		bool has = octets[bit / 8] & (0x80 >> bit % 8);
		for (unsigned i = 0; i < count; i++) {
			has &= (changes[i].type != type);
		}
		if (has) {
			dnssec_nsec_bitmap_add(to, type);
		}
	}
}

int nsec_rewrite(uint8_t *out, const knot_rdata_t *rdata, uint16_t rrtype,
                 const nsec_change_t *changes, unsigned count)
{
	dnssec_nsec_bitmap_t *types = dnssec_nsec_bitmap_new();
	if (types == NULL) {
		return KNOT_ENOMEM;
	}

	int ret = KNOT_EMALF;
	size_t head = head_len(rdata, rrtype);
	if (head == 0) {
		goto cleanup;
	}
	const uint8_t *pos = rdata->data + head, *end = rdata->data + rdata->len;
	while (end - pos >= 2) {
		uint8_t window = pos[0], len = pos[1];
		pos += 2;
		if (len > WINDOW_MAX || len > end - pos) {
			goto cleanup;
		}
		add_window(types, window, pos, len, changes, count);
		pos += len;
	}
	if (pos != end) {
		goto cleanup;
	}

	for (unsigned i = 0; i < count; i++) {
		if (changes[i].present) {
			dnssec_nsec_bitmap_add(types, changes[i].type);
		}
	}
	memcpy(out, rdata->data, head);
	dnssec_nsec_bitmap_write(types, out + head);
	ret = head + dnssec_nsec_bitmap_size(types);
cleanup:
	dnssec_nsec_bitmap_free(types);
	return ret;
}
