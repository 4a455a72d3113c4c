/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/libknot.h>

#include "module/packet.h"

#define NAME_LONG ((knot_dname_t *)"\004long\004name\001a\007example")

static knot_pkt_t *reply(void)
{
	knot_pkt_t *pkt = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	assert_non_null(pkt);
	assert_int_equal(knot_pkt_put_question(pkt, NAME_A, KNOT_CLASS_IN, KNOT_RRTYPE_A), KNOT_EOK);
	return pkt;
}

/*! Puts an RRset that the packet owns; an RRSIG has what it covers as its RDATA. */
static void put(knot_pkt_t *pkt, const knot_dname_t *owner, uint16_t type, const void *rdata, uint16_t len)
{
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, knot_dname_copy(owner, NULL), type, KNOT_CLASS_IN, 60);
	assert_int_equal(knot_rrset_add_rdata(&rrset, rdata, len, NULL), KNOT_EOK);
	assert_int_equal(knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &rrset, KNOT_PF_FREE), KNOT_EOK);
}

static void put_rrsig(knot_pkt_t *pkt, const knot_dname_t *owner, uint16_t covered)
{
	uint8_t rdata[18 + 1 + 8] = { covered >> 8, covered };
	put(pkt, owner, KNOT_RRTYPE_RRSIG, rdata, sizeof(rdata));
}

/*! The same as what was parsed off the wire: counts, types and owners. */
static void check(knot_pkt_t *pkt, knot_section_t id, const uint16_t *types, unsigned count)
{
	knot_pkt_t *copy = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	assert_non_null(copy);
	assert_int_equal(knot_pkt_copy(copy, pkt), KNOT_EOK);
	const knot_pktsection_t *section = knot_pkt_section(copy, id), *own = knot_pkt_section(pkt, id);
	assert_int_equal(section->count, count);
	assert_int_equal(own->count, count);
	assert_int_equal(copy->rrset_count, pkt->rrset_count);
	for (unsigned i = 0; i < count; i++) {
		const knot_rrset_t *rrset = knot_pkt_rr(section, i);
		assert_int_equal(rrset->type, types[i]);
		assert_true(knot_dname_is_equal(rrset->owner, knot_pkt_rr(own, i)->owner));
	}
	knot_pkt_free(copy);
}

#define CHECK(pkt, section, ...) \
	check(pkt, section, (const uint16_t[]){ __VA_ARGS__ }, sizeof((const uint16_t[]){ __VA_ARGS__ }) / sizeof(uint16_t))

/* A type leaves with its signatures from amid those of others; the packet can be gone on with. */
static void test_drop(void **state)
{
	(void)state;

	knot_pkt_t *pkt = reply();
	put(pkt, NAME_A, KNOT_RRTYPE_CNAME, NAME_LONG, knot_dname_size(NAME_LONG));
	put(pkt, NAME_LONG, KNOT_RRTYPE_A, "\xc0\x00\x02\x01", 4);
	put_rrsig(pkt, NAME_A, KNOT_RRTYPE_CNAME);
	put_rrsig(pkt, NAME_LONG, KNOT_RRTYPE_A);
	assert_false(packet_drop(pkt, KNOT_RRTYPE_AAAA));
	assert_true(packet_drop(pkt, KNOT_RRTYPE_A));
	CHECK(pkt, KNOT_ANSWER, KNOT_RRTYPE_CNAME, KNOT_RRTYPE_RRSIG);
	assert_int_equal(knot_wire_get_ancount(pkt->wire), 2);
	put(pkt, NAME_LONG, KNOT_RRTYPE_A, "\xc0\x00\x02\x02", 4);
	CHECK(pkt, KNOT_ANSWER, KNOT_RRTYPE_CNAME, KNOT_RRTYPE_RRSIG, KNOT_RRTYPE_A);
	knot_pkt_free(pkt);
}

/* The only RRset leaves, and nothing leaves from another section than the current one. */
static void test_drop_all(void **state)
{
	(void)state;

	knot_pkt_t *pkt = reply();
	size_t empty = pkt->size;
	put(pkt, NAME_A, KNOT_RRTYPE_A, "\xc0\x00\x02\x01", 4);
	assert_true(packet_drop(pkt, KNOT_RRTYPE_A));
	assert_int_equal(pkt->size, empty);
	assert_int_equal(pkt->rrset_count, 0);
	put(pkt, NAME_A, KNOT_RRTYPE_A, "\xc0\x00\x02\x01", 4);
	assert_int_equal(knot_pkt_begin(pkt, KNOT_AUTHORITY), KNOT_EOK);
	assert_false(packet_drop(pkt, KNOT_RRTYPE_A));
	CHECK(pkt, KNOT_ANSWER, KNOT_RRTYPE_A);
	knot_pkt_free(pkt);
}

/*! Makes all TXT another length. */
static bool resize(knot_rrset_t *rrset, uint16_t *flags, void *ctx)
{
	(void)flags;
	if (rrset->type == KNOT_RRTYPE_TXT) {
		rrset->rrs = *(knot_rdataset_t *)ctx;
	}
	return true;
}

/* What changes its size moves what is behind it, whose signatures still point to the right owner. */
static void test_resize(void **state)
{
	(void)state;

	static const char *const texts[] = { "\x01x", "\x14xxxxxxxxxxxxxxxxxxxx" };
	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		knot_pkt_t *pkt = reply();
		assert_int_equal(knot_pkt_begin(pkt, KNOT_AUTHORITY), KNOT_EOK);
		put(pkt, NAME_APEX, KNOT_RRTYPE_NS, NAME_LONG, knot_dname_size(NAME_LONG));
		knot_rrset_t txt;
		knot_rrset_init(&txt, (knot_dname_t *)NAME_B, KNOT_RRTYPE_TXT, KNOT_CLASS_IN, 60);
		assert_int_equal(knot_rrset_add_rdata(&txt, (const uint8_t *)"\x08yyyyyyyy", 9, NULL), KNOT_EOK);
		assert_int_equal(knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &txt, 0), KNOT_EOK);
		put(pkt, NAME_LONG, KNOT_RRTYPE_A, "\xc0\x00\x02\x01", 4);
		put_rrsig(pkt, NAME_APEX, KNOT_RRTYPE_NS);
		put_rrsig(pkt, NAME_B, KNOT_RRTYPE_TXT);
		put_rrsig(pkt, NAME_LONG, KNOT_RRTYPE_A);
		size_t before = pkt->size;

		knot_rrset_t other = txt;
		knot_rdataset_init(&other.rrs);
		size_t len = texts[i][0] + 1;
		assert_int_equal(knot_rrset_add_rdata(&other, (const uint8_t *)texts[i], len, NULL), KNOT_EOK);
		assert_int_equal(packet_edit(pkt, 1, resize, &other.rrs), KNOT_EOK);
		CHECK(pkt, KNOT_AUTHORITY, KNOT_RRTYPE_NS, KNOT_RRTYPE_TXT, KNOT_RRTYPE_A,
		      KNOT_RRTYPE_RRSIG, KNOT_RRTYPE_RRSIG, KNOT_RRTYPE_RRSIG);
		assert_true(pkt->size <= before + len - 9);
		assert_int_equal(knot_wire_get_nscount(pkt->wire), 6);

		knot_rdataset_clear(&txt.rrs, NULL);
		knot_rdataset_clear(&other.rrs, NULL);
		knot_pkt_free(pkt);
	}
}

/* Without room for all, what does not fit is left out and freed, and the packet says so. */
static void test_no_room(void **state)
{
	(void)state;

	knot_pkt_t *pkt = reply();
	assert_int_equal(knot_pkt_begin(pkt, KNOT_AUTHORITY), KNOT_EOK);
	put(pkt, NAME_APEX, KNOT_RRTYPE_NS, NAME_LONG, knot_dname_size(NAME_LONG));
	knot_rrset_t txt;
	knot_rrset_init(&txt, (knot_dname_t *)NAME_B, KNOT_RRTYPE_TXT, KNOT_CLASS_IN, 60);
	assert_int_equal(knot_rrset_add_rdata(&txt, (const uint8_t *)"\x01x", 2, NULL), KNOT_EOK);
	assert_int_equal(knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &txt, 0), KNOT_EOK);
	put_rrsig(pkt, NAME_APEX, KNOT_RRTYPE_NS);
	put_rrsig(pkt, NAME_B, KNOT_RRTYPE_TXT);
	pkt->max_size = pkt->size;

	knot_rrset_t other = txt;
	knot_rdataset_init(&other.rrs);
	assert_int_equal(knot_rrset_add_rdata(&other, (const uint8_t *)"\x14xxxxxxxxxxxxxxxxxxxx", 21, NULL), KNOT_EOK);
	assert_int_equal(packet_edit(pkt, 1, resize, &other.rrs), KNOT_ESPACE);
	assert_true(knot_wire_get_tc(pkt->wire));
	CHECK(pkt, KNOT_AUTHORITY, KNOT_RRTYPE_NS, KNOT_RRTYPE_TXT, KNOT_RRTYPE_RRSIG);

	knot_rdataset_clear(&txt.rrs, NULL);
	knot_rdataset_clear(&other.rrs, NULL);
	knot_pkt_free(pkt);
}

/* All leaves but OPT, and what is left is a whole message. */
static void test_empty(void **state)
{
	(void)state;

	knot_pkt_t *pkt = reply();
	size_t question = pkt->size;
	put(pkt, NAME_A, KNOT_RRTYPE_A, "\xc0\x00\x02\x01", 4);
	assert_int_equal(knot_pkt_begin(pkt, KNOT_AUTHORITY), KNOT_EOK);
	put(pkt, NAME_APEX, KNOT_RRTYPE_NS, NAME_LONG, knot_dname_size(NAME_LONG));
	assert_int_equal(knot_pkt_begin(pkt, KNOT_ADDITIONAL), KNOT_EOK);
	knot_rrset_t opt;
	assert_int_equal(knot_edns_init(&opt, 1232, 0, 0, NULL), KNOT_EOK);
	assert_int_equal(knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, 0), KNOT_EOK);
	packet_empty(pkt);
	assert_int_equal(pkt->size, question + knot_edns_wire_size(&opt));
	assert_int_equal(knot_wire_get_ancount(pkt->wire) + knot_wire_get_nscount(pkt->wire), 0);
	CHECK(pkt, KNOT_ADDITIONAL, KNOT_RRTYPE_OPT);
	knot_rrset_clear(&opt, NULL);
	knot_pkt_free(pkt);

	pkt = reply();
	put(pkt, NAME_A, KNOT_RRTYPE_A, "\xc0\x00\x02\x01", 4);
	packet_empty(pkt);
	assert_int_equal(pkt->size, question);
	assert_int_equal(pkt->rrset_count, 0);
	knot_pkt_free(pkt);
}

/*! TTLs of a section of two RRsets and a signature, with compressed names and with two records in one RRset. */
static void check_ttls(uint32_t limit, uint32_t expected)
{
	knot_pkt_t *pkt = reply();
	put(pkt, NAME_A, KNOT_RRTYPE_A, "\xc0\x00\x02\x01", 4);
	assert_int_equal(knot_pkt_begin(pkt, KNOT_AUTHORITY), KNOT_EOK);
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, knot_dname_copy(NAME_LONG, NULL), KNOT_RRTYPE_TXT, KNOT_CLASS_IN, 60);
	assert_int_equal(knot_rrset_add_rdata(&rrset, (const uint8_t *)"\x01x", 2, NULL), KNOT_EOK);
	assert_int_equal(knot_rrset_add_rdata(&rrset, (const uint8_t *)"\x02xx", 3, NULL), KNOT_EOK);
	assert_int_equal(knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &rrset, KNOT_PF_FREE), KNOT_EOK);
	put(pkt, (knot_dname_t *)"", KNOT_RRTYPE_NS, NAME_LONG, knot_dname_size(NAME_LONG));
	put_rrsig(pkt, NAME_LONG, KNOT_RRTYPE_TXT);
	assert_int_equal(knot_pkt_begin(pkt, KNOT_ADDITIONAL), KNOT_EOK);
	put(pkt, NAME_A, KNOT_RRTYPE_A, "\xc0\x00\x02\x02", 4);
	packet_limit_ttl(pkt, limit);

	knot_pkt_t *copy = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	assert_non_null(copy);
	assert_int_equal(knot_pkt_copy(copy, pkt), KNOT_EOK);
	assert_int_equal(copy->rrset_count, 6);
	for (unsigned i = 0; i < copy->rrset_count; i++) {
		assert_int_equal(copy->rr[i].ttl, (i == 0 || i == 5) ? 60 : expected);
	}
	knot_pkt_free(copy);
	knot_pkt_free(pkt);
}

/* TTLs of the authority section only, and only downwards. */
static void test_limit_ttl(void **state)
{
	(void)state;

	check_ttls(5, 5);
	check_ttls(0, 0);
	check_ttls(60, 60);
	check_ttls(61, 60);
	check_ttls(UINT32_MAX, 60);

	knot_pkt_t *pkt = reply();
	packet_limit_ttl(pkt, 5); /* Without such a section. */
	assert_int_equal(pkt->rrset_count, 0);
	knot_pkt_free(pkt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_drop_all),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_limit_ttl),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
