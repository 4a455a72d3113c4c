/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * RDATA of an NSEC or NSEC3, rewritten: the types are what they were but for those that change, all else stays.
 * One octet says how, the rest is the RDATA.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "dnssec/nsec.h"
#include "util/rrtype.h"

enum {
	WITH_NSEC3 = 0x01,
	WITH_EXPOSE = 0x02,
	DENIED_A = 0x04,
	DENIED_AAAA = 0x08,
};
enum {
	CHANGES = 3,
	TYPES = 65536,
	NSEC3_SALT = 4,
};

/*! Length of what is before the bitmap, 0 if the RDATA ends in it. */
static size_t head_of(const uint8_t *data, size_t len, uint16_t rrtype)
{
	if (rrtype == KNOT_RRTYPE_NSEC) {
		int name = knot_dname_wire_check(data, data + len, NULL);
		return name > 0 ? name : 0;
	}
	size_t head = NSEC3_SALT;
	for (unsigned i = 0; i < 2; i++) { /* The salt and the hash, each behind its length. */
		if (head >= len) {
			return 0;
		}
		head += 1 + data[head];
	}
	return head <= len ? head : 0;
}

/*!
 * Reads a bitmap (RFC 4034, section 4.1.2). False if it does not end where it should; `proper` is whether it is also as it
 * must be sent.
 */
static bool read_bitmap(bool types[TYPES], bool *proper, const uint8_t *data, size_t len)
{
	memset(types, 0, TYPES * sizeof(*types));
	*proper = true;
	int before = -1;
	while (len >= 2) {
		int window = data[0], octets = data[1];
		if (octets > 32 || (size_t)octets > len - 2) {
			return false;
		}
		*proper &= window > before && octets > 0 && data[1 + octets] != 0;
		before = window;
		for (int bit = 0; bit < 8 * octets; bit++) {
			types[window * 256 + bit] |= (data[2 + bit / 8] & 0x80 >> bit % 8) != 0;
		}
		data += 2 + octets;
		len -= 2 + octets;
	}
	return len == 0;
}

static void check_rewrite(const knot_rdata_t *rdata, uint16_t rrtype, const nsec_change_t *changes)
{
	static bool old[TYPES];
	bool proper = false;
	size_t head = head_of(rdata->data, rdata->len, rrtype);
	bool sound = head > 0 && read_bitmap(old, &proper, rdata->data + head, rdata->len - head);
	bool has_alias = nsec_has(rdata, rrtype, RRTYPE_ALIAS);

	uint8_t *out = malloc(rdata->len + CHANGES * NSEC_CHANGE_MAX);
	int len = nsec_rewrite(out, rdata, rrtype, changes, CHANGES);
	CHECK(sound ? len >= (int)head && len <= rdata->len + CHANGES * NSEC_CHANGE_MAX : len == KNOT_EMALF);
	if (sound) {
		static bool new[TYPES];
		CHECK(!proper || has_alias == old[RRTYPE_ALIAS]);
		CHECK(memcmp(out, rdata->data, head) == 0);
		CHECK(read_bitmap(new, &proper, out + head, len - head) && proper);
		for (unsigned i = 0; i < CHANGES; i++) {
			old[changes[i].type] = changes[i].present;
		}
		CHECK(memcmp(old, new, sizeof(old)) == 0);
	}
	free(out);
}

/*! What lies behind a record has no influence; libdnssec is not instrumented, so that no sanitizer would tell. */
static void check_edge(const uint8_t *data, size_t len, uint16_t rrtype)
{
	enum {
		BEHIND = 1024,
		WINDOW = 2 + 32,
	};
	knot_rdata_t *rdata = malloc(sizeof(rdata->len) + len + BEHIND);
	CHECK(rdata != NULL);
	rdata->len = len;
	memcpy(rdata->data, data, len);
	memset(rdata->data + len, 0, BEHIND);
	bool has_alias = nsec_has(rdata, rrtype, RRTYPE_ALIAS);
	for (size_t i = 0; i < BEHIND; i++) { /* Windows that are full. */
		rdata->data[len + i] = (i % WINDOW == 1) ? 32 : 0xff;
	}
	CHECK(nsec_has(rdata, rrtype, RRTYPE_ALIAS) == has_alias);
	free(rdata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_t in = { data, size };
	uint8_t how = input_u8(&in);
	uint16_t rrtype = (how & WITH_NSEC3) ? KNOT_RRTYPE_NSEC3 : KNOT_RRTYPE_NSEC;
	const nsec_change_t changes[CHANGES] = {
		{ KNOT_RRTYPE_A, !(how & DENIED_A) },
		{ KNOT_RRTYPE_AAAA, !(how & DENIED_AAAA) },
		{ RRTYPE_ALIAS, how & WITH_EXPOSE },
	};
	const uint8_t *start;
	size_t len = input_take(&in, UINT16_MAX, &start);
	knot_rdata_t *rdata = malloc(sizeof(rdata->len) + len);
	CHECK(rdata != NULL);
	rdata->len = len; /* Without the padding of knot_rdata_init(): the last octet is at the edge. */
	memcpy(rdata->data, start, len);
	check_rewrite(rdata, rrtype, changes);
	free(rdata);
	check_edge(start, len, rrtype);
	return 0;
}
