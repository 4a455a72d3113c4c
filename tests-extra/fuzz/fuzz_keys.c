/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * RRSIGs and DNSKEYs of a zone's apex, of any form: who signs it. Records come each behind an octet: the upper bit says
 * which of the two it is, the others are its length. An octet of 0xff is an RRSIG over the SOA by the DNSKEY before it.
 */

#include "fuzz.h"

#include <string.h>
#include <libdnssec/keytag.h>
#include <libknot/libknot.h>

#include "dnssec/keys.h"

enum {
	IS_RRSIG = 0x80,
	LEN = 0x7f,
	SIGNS = 0xff,
	RRSIG_MIN = 19,
};

/*! An RRSIG over the SOA that names a key. */
static size_t sign(uint8_t rdata[RRSIG_MIN], const uint8_t *dnskey, size_t len)
{
	uint16_t tag = 0;
	dnssec_binary_t key = { .size = len, .data = (uint8_t *)dnskey };
	(void)dnssec_keytag(&key, &tag);
	memset(rdata, 0, RRSIG_MIN);
	knot_wire_write_u16(rdata, KNOT_RRTYPE_SOA);
	rdata[2] = len > 3 ? dnskey[3] : 0;
	knot_wire_write_u16(rdata + 16, tag);
	return RRSIG_MIN;
}

static void add(knot_rdataset_t *rrs, const uint8_t *data, size_t len)
{
	uint8_t room[sizeof(knot_rdata_t) + LEN + 1];
	knot_rdata_init((knot_rdata_t *)room, len, data);
	CHECK(knot_rdataset_add(rrs, (knot_rdata_t *)room, NULL) == KNOT_EOK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_t in = { data, size };
	knot_rdataset_t rrsigs = { 0 }, dnskeys = { 0 };
	const uint8_t *record, *last = NULL;
	size_t last_len = 0;
	while (in.len > 0) {
		uint8_t what = input_u8(&in);
		if (what == SIGNS) {
			uint8_t rrsig[RRSIG_MIN];
			add(&rrsigs, rrsig, sign(rrsig, last, last_len));
			continue;
		}
		size_t len = input_take(&in, what & LEN, &record);
		if (!(what & IS_RRSIG)) {
			add(&dnskeys, record, len);
			last = record;
			last_len = len;
		} else if (len >= RRSIG_MIN) { /* libknot takes no shorter one. */
			add(&rrsigs, record, len);
		}
	}

	keys_error_t error;
	const keystores_t none = { 0 };
	keys_t *keys = keys_load(&rrsigs, &dnskeys, &none, &error);
	CHECK(keys != NULL && keys->count == 0 && error.result != KEYS_FOUND);
	CHECK(keys->id == keys_id(&rrsigs, &dnskeys));
	CHECK(error.result != KEYS_LOST || (dnskeys.count > 0 && error.ret != 0));
	keys_free(keys);
	knot_rdataset_clear(&rrsigs, NULL);
	knot_rdataset_clear(&dnskeys, NULL);
	return 0;
}
