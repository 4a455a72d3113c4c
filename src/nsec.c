/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "nsec.h"

#include <string.h>
#include <libdnssec/nsec.h>
#include <libknot/libknot.h>

/*! Longest bitmap of a window, octets; types in one. */
#define WINDOW_MAX 32
#define WINDOW_TYPES 256

static const uint8_t *bitmap_of(const knot_rdata_t *rdata, uint16_t rrtype)
{
	return (rrtype == KNOT_RRTYPE_NSEC) ? knot_nsec_bitmap(rdata) : knot_nsec3_bitmap(rdata);
}

bool nsec_has(const knot_rdata_t *rdata, uint16_t rrtype, uint16_t type)
{
	const uint8_t *bitmap = bitmap_of(rdata, rrtype);
	return dnssec_nsec_bitmap_contains(bitmap, rdata->data + rdata->len - bitmap, type);
}

/*! Adds the types of one window but for those that change. */
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
	const uint8_t *pos = bitmap_of(rdata, rrtype), *end = rdata->data + rdata->len;
	size_t head = pos - rdata->data;
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
