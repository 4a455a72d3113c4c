/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * RRSIGs and DNSKEYs of a zone's apex, of any form: who signs it. Records come each behind an octet: the upper bit says
 * which of the two it is, the others are its length. An octet of 0xff is a DNSKEY that has signed the SOA, with its RRSIG,
 * 0xfe an RRSIG that only names the DNSKEY before it.
 */

#include "fuzz.h"

#include <string.h>
#include <libknot/libknot.h>

#include "dnssec/keys.h"
#include "dnssec/rrsig.h"

#define ZONE ((knot_dname_t *)"\007example")

/*! The key of RFC 8080, section 6.1. */
#define PEM \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEIDgyMjYwMzg0NjI4MDgwMTIyNjQ1MTkwMjA0MTQyMjYy\n" \
	"-----END PRIVATE KEY-----\n"

enum {
	IS_RRSIG = 0x80,
	LEN = 0x7f,
	NAMES = 0xfe,
	SIGNS = 0xff,
	RRSIG_MIN = 19,
	FEW = 8, /*!< As many RRSIGs and DNSKEYs are all looked at. */
};

/*! What a real signer has in the zone. */
static struct {
	knot_rrset_t soa;
	knot_rdataset_t dnskey;
	knot_rdataset_t rrsig;
} real;

static void add(knot_rdataset_t *rrs, const uint8_t *data, size_t len)
{
	uint8_t room[sizeof(knot_rdata_t) + LEN + 1];
	knot_rdata_init((knot_rdata_t *)room, len, data);
	CHECK(knot_rdataset_add(rrs, (knot_rdata_t *)room, NULL) == KNOT_EOK);
}

static void sign_soa(void)
{
	static const uint8_t soa[2 + 5 * 4] = { 0 };
	knot_rrset_init(&real.soa, ZONE, KNOT_RRTYPE_SOA, KNOT_CLASS_IN, 3600);
	add(&real.soa.rrs, soa, sizeof(soa));

	keys_t keys = { .count = 1 };
	const dnssec_binary_t pem = { .size = sizeof(PEM) - 1, .data = (uint8_t *)PEM };
	dnssec_binary_t public;
	CHECK(dnssec_key_new(&keys.key[0]) == DNSSEC_EOK);
	CHECK(dnssec_key_set_flags(keys.key[0], KNOT_DNSKEY_FLAG_ZONE) == DNSSEC_EOK);
	CHECK(dnssec_key_set_algorithm(keys.key[0], DNSSEC_KEY_ALGORITHM_ED25519) == DNSSEC_EOK);
	CHECK(dnssec_key_load_pkcs8(keys.key[0], &pem) == DNSSEC_EOK);
	CHECK(dnssec_key_get_rdata(keys.key[0], &public) == DNSSEC_EOK);
	add(&real.dnskey, public.data, public.size);
	CHECK(rrsig_make(&real.rrsig, ZONE, &keys, &real.soa, 1, 2, true) == KNOT_EOK);
	dnssec_key_free(keys.key[0]);
}

/*! An RRSIG over the SOA that names a key, which has not made it. */
static size_t name(uint8_t rdata[RRSIG_MIN], const uint8_t *dnskey, size_t len)
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

/*! Reads the records. \return Whether the real signer is among them. */
static bool read_apex(apex_t *apex, input_t *in)
{
	bool is_signed = false;
	const uint8_t *record, *last = NULL;
	size_t last_len = 0;
	while (in->len > 0) {
		uint8_t what = input_u8(in);
		if (what == SIGNS) {
			CHECK(knot_rdataset_merge(&apex->dnskeys, &real.dnskey, NULL) == KNOT_EOK);
			CHECK(knot_rdataset_merge(&apex->rrsigs, &real.rrsig, NULL) == KNOT_EOK);
			is_signed = true;
			continue;
		}
		if (what == NAMES) {
			uint8_t rrsig[RRSIG_MIN];
			add(&apex->rrsigs, rrsig, name(rrsig, last, last_len));
			continue;
		}
		size_t len = input_take(in, what & LEN, &record);
		if (!(what & IS_RRSIG)) {
			add(&apex->dnskeys, record, len);
			last = record;
			last_len = len;
		} else if (len >= RRSIG_MIN) { /* libknot takes no shorter one. */
			add(&apex->rrsigs, record, len);
		}
	}
	return is_signed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (real.dnskey.count == 0) {
		sign_soa();
	}
	input_t in = { data, size };
	apex_t apex = { .soa = real.soa.rrs }, copy = { 0 };
	bool is_signed = read_apex(&apex, &in);
	CHECK(apex_copy(&copy, &apex) == KNOT_EOK);
	CHECK(copy.rrsigs.count <= APEX_SIGNERS_MAX + 1 && copy.dnskeys.count <= APEX_DNSKEYS_MAX);

	const keystores_t none = { 0 };
	keys_t *keys = keys_load(ZONE, &copy, &none, 0);
	CHECK(keys != NULL && keys->count == 0 && keys->error.result != KEYS_FOUND);
	CHECK(copy.too_many == (keys->error.result == KEYS_TOO_MANY));
	CHECK(copy.too_many || keys->apex == 0 || keys->apex == apex_id(&apex));
	if (is_signed && apex.rrsigs.count <= FEW && apex.dnskeys.count <= FEW) {
		CHECK(keys->error.result == KEYS_LOST && keys->error.ret != 0 && knot_rdataset_eq(&keys->dnskeys, &real.dnskey));
	} else if (!is_signed) {
		CHECK(keys->error.result != KEYS_LOST);
	}
	keys_free(keys);
	apex_clear(&copy);
	knot_rdataset_clear(&apex.rrsigs, NULL);
	knot_rdataset_clear(&apex.dnskeys, NULL);
	return 0;
}
