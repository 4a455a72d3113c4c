/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <libknot/libknot.h>

#include "resolve/reply.h"

/* A reply under construction: to the question a.example A. */
static knot_pkt_t *pkt;

static void begin(uint16_t rcode)
{
	pkt = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	knot_wire_set_qr(pkt->wire);
	knot_wire_set_ra(pkt->wire);
	knot_wire_set_rcode(pkt->wire, rcode);
	assert_int_equal(knot_pkt_put_question(pkt, NAME_A, KNOT_CLASS_IN, KNOT_RRTYPE_A), KNOT_EOK);
}

static void add(knot_section_t section, const uint8_t *owner, uint16_t type, uint32_t ttl,
                const uint8_t *rdata, uint16_t len)
{
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)owner, type, KNOT_CLASS_IN, ttl);
	assert_int_equal(knot_rrset_add_rdata(&rrset, rdata, len, NULL), KNOT_EOK);
	if (pkt->current < section) {
		knot_pkt_begin(pkt, section);
	}
	assert_int_equal(knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &rrset, 0), KNOT_EOK);
	knot_rdataset_clear(&rrset.rrs, NULL);
}

static void add_a(const uint8_t *owner, uint32_t ttl, uint32_t addr)
{
	uint8_t rdata[] = { addr >> 24, addr >> 16, addr >> 8, addr };
	add(KNOT_ANSWER, owner, KNOT_RRTYPE_A, ttl, rdata, sizeof(rdata));
}

static void add_cname(const uint8_t *owner, uint32_t ttl, const uint8_t *target)
{
	add(KNOT_ANSWER, owner, KNOT_RRTYPE_CNAME, ttl, target, knot_dname_size(target));
}

static void add_soa(uint32_t ttl, uint8_t minimum)
{
	/* Both names are the root; four zero fields and MINIMUM follow. */
	uint8_t rdata[2 + 5 * 4] = { 0 };
	rdata[sizeof(rdata) - 1] = minimum;
	add(KNOT_AUTHORITY, NAME_APEX, KNOT_RRTYPE_SOA, ttl, rdata, sizeof(rdata));
}

static reply_t end(void)
{
	reply_t reply;
	reply_parse(&reply, pkt->wire, pkt->size, NAME_A, KNOT_RRTYPE_A);
	knot_pkt_free(pkt);
	return reply;
}

static void test_addresses(void **state)
{
	(void)state;

	/* Sorted, without duplicates, the lowest TTL. */
	begin(KNOT_RCODE_NOERROR);
	add_a(NAME_A, 300, 0x0a000002);
	add_a(NAME_A, 200, 0x0a000001);
	add_a(NAME_A, 300, 0x0a000002);
	add_a(NAME_B, 1, 0x0a000003);
	reply_t reply = end();
	assert_int_equal(reply.kind, REPLY_ADDRESSES);
	assert_int_equal(reply.count, 2);
	assert_int_equal(reply.ttl, 200);
	assert_memory_equal(reply.addr[0], "\x0a\0\0\x01", 4);
	assert_memory_equal(reply.addr[1], "\x0a\0\0\x02", 4);

	/* A TTL with the top bit set is a long one. */
	begin(KNOT_RCODE_NOERROR);
	add_a(NAME_A, 0x80000000, 1);
	assert_int_equal(end().ttl, REPLY_TTL_MAX);
}

static void test_too_many(void **state)
{
	(void)state;

	/* Whatever their order, the same ones are kept. */
	for (int down = 0; down <= 1; down++) {
		begin(KNOT_RCODE_NOERROR);
		for (unsigned i = 0; i < 300; i++) {
			add_a(NAME_A, 60, down ? 299 - i : i);
		}
		reply_t reply = end();
		assert_int_equal(reply.count, REPLY_ADDRESSES_MAX);
		assert_true(reply.cut);
		for (unsigned i = 0; i < reply.count; i++) {
			assert_memory_equal(reply.addr[i], ((uint8_t[]){ 0, 0, 0, i }), 4);
		}
	}
}

/* Duplicates do not count. */
static void test_just_enough(void **state)
{
	(void)state;

	for (int over = 0; over <= 1; over++) {
		begin(KNOT_RCODE_NOERROR);
		for (unsigned i = 0; i < 300; i++) {
			add_a(NAME_A, 60, i % (REPLY_ADDRESSES_MAX + over));
		}
		reply_t reply = end();
		assert_int_equal(reply.count, REPLY_ADDRESSES_MAX);
		assert_int_equal(reply.cut, over);
	}
}

static void test_cname(void **state)
{
	(void)state;

	begin(KNOT_RCODE_NOERROR);
	add_cname(NAME_A, 50, NAME_B);
	add_a(NAME_B, 100, 1);
	reply_t reply = end();
	assert_int_equal(reply.kind, REPLY_ADDRESSES);
	assert_int_equal(reply.ttl, 50);

	/* A loop. */
	begin(KNOT_RCODE_NOERROR);
	add_cname(NAME_A, 50, NAME_B);
	add_cname(NAME_B, 50, NAME_A);
	assert_int_equal(end().kind, REPLY_LOOP);

	/* Chains up to the limit, and one beyond. */
	for (unsigned links = REPLY_CNAMES_MAX; links <= REPLY_CNAMES_MAX + 1; links++) {
		begin(KNOT_RCODE_NOERROR);
		uint8_t from[] = "\001a\007example", to[] = "\001A\007example";
		for (unsigned i = 0; i < links; i++) {
			to[1] = '0' + i;
			add_cname(from, 60, to);
			memcpy(from, to, sizeof(to));
		}
		add_a(from, 60, 1);
		assert_int_equal(end().kind, links > REPLY_CNAMES_MAX ? REPLY_LOOP : REPLY_ADDRESSES);
	}
}

static void test_negative(void **state)
{
	(void)state;

	/* The lower of the SOA's TTL and MINIMUM. */
	begin(KNOT_RCODE_NOERROR);
	add_soa(100, 70);
	reply_t reply = end();
	assert_int_equal(reply.kind, REPLY_NODATA);
	assert_int_equal(reply.ttl, 70);

	/* Behind a CNAME its TTL counts too. */
	begin(KNOT_RCODE_NXDOMAIN);
	add_cname(NAME_A, 60, NAME_B);
	add_soa(65, 70);
	reply = end();
	assert_int_equal(reply.kind, REPLY_NXDOMAIN);
	assert_int_equal(reply.ttl, 60);

	/* Without SOA: a stub resolver's NODATA, but neither a referral nor what is not complete. */
	begin(KNOT_RCODE_NOERROR);
	reply = end();
	assert_int_equal(reply.kind, REPLY_NODATA);
	assert_int_equal(reply.ttl, REPLY_NO_SOA_TTL);

	begin(KNOT_RCODE_NOERROR);
	add(KNOT_AUTHORITY, NAME_APEX, KNOT_RRTYPE_NS, 60, NAME_B, knot_dname_size(NAME_B));
	assert_int_equal(end().kind, REPLY_BAD);

	begin(KNOT_RCODE_NOERROR);
	knot_wire_clear_ra(pkt->wire);
	assert_int_equal(end().kind, REPLY_BAD);

	/* The name can't be missing and have addresses. */
	begin(KNOT_RCODE_NXDOMAIN);
	add_a(NAME_A, 60, 1);
	assert_int_equal(end().kind, REPLY_BAD);
}

static void test_errors(void **state)
{
	(void)state;

	static const uint16_t rcodes[] = { KNOT_RCODE_SERVFAIL, KNOT_RCODE_REFUSED, KNOT_RCODE_NOTIMPL };
	for (unsigned i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++) {
		begin(rcodes[i]);
		add_a(NAME_A, 60, 1);
		add_soa(60, 60);
		assert_int_equal(end().kind, REPLY_BAD);
	}

	/* BADVERS and BADCOOKIE look like NOERROR and YXRRSET but for their OPT. */
	for (uint16_t rcode = KNOT_RCODE_BADVERS; rcode <= KNOT_RCODE_BADCOOKIE; rcode += KNOT_RCODE_BADCOOKIE - KNOT_RCODE_BADVERS) {
		begin(rcode & 0xf);
		add_soa(60, 60);
		knot_rrset_t opt;
		assert_int_equal(knot_edns_init(&opt, 1232, rcode >> 4, 0, NULL), KNOT_EOK);
		knot_pkt_begin(pkt, KNOT_ADDITIONAL);
		assert_int_equal(knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, 0), KNOT_EOK);
		knot_rrset_clear(&opt, NULL);
		assert_int_equal(end().kind, rcode == KNOT_RCODE_BADVERS ? REPLY_BAD : REPLY_BADCOOKIE);
	}

	begin(KNOT_RCODE_FORMERR);
	assert_int_equal(end().kind, REPLY_FORMERR);
}

static void test_misfits(void **state)
{
	(void)state;

	begin(KNOT_RCODE_NOERROR);
	add_a(NAME_A, 60, 1);

	reply_t reply;
	reply_parse(&reply, pkt->wire, pkt->size, NAME_B, KNOT_RRTYPE_A);
	assert_int_equal(reply.kind, REPLY_NONE);
	reply_parse(&reply, pkt->wire, pkt->size, NAME_A, KNOT_RRTYPE_AAAA);
	assert_int_equal(reply.kind, REPLY_NONE);

	/* Another case of letters is the same name. */
	pkt->wire[KNOT_WIRE_HEADER_SIZE + 1] = 'A';
	reply_parse(&reply, pkt->wire, pkt->size, NAME_A, KNOT_RRTYPE_A);
	assert_int_equal(reply.kind, REPLY_ADDRESSES);

	/* Class CH, a query, a truncated message, another opcode. */
	uint8_t *class = pkt->wire + KNOT_WIRE_HEADER_SIZE + knot_dname_size(NAME_A) + 3;
	*class = KNOT_CLASS_CH;
	reply_parse(&reply, pkt->wire, pkt->size, NAME_A, KNOT_RRTYPE_A);
	assert_int_equal(reply.kind, REPLY_NONE);
	*class = KNOT_CLASS_IN;
	knot_wire_clear_qr(pkt->wire);
	reply_parse(&reply, pkt->wire, pkt->size, NAME_A, KNOT_RRTYPE_A);
	assert_int_equal(reply.kind, REPLY_NONE);
	knot_wire_set_qr(pkt->wire);
	knot_wire_set_tc(pkt->wire);
	reply_parse(&reply, pkt->wire, pkt->size, NAME_A, KNOT_RRTYPE_A);
	assert_int_equal(reply.kind, REPLY_NONE);
	knot_wire_clear_tc(pkt->wire);
	knot_wire_set_opcode(pkt->wire, KNOT_OPCODE_NOTIFY);
	assert_int_equal(end().kind, REPLY_NONE);
}

/*! Whatever octets come, nothing is read or written beyond them, and no message is taken for more than it is. */
static void test_damaged(void **state)
{
	(void)state;

	begin(KNOT_RCODE_NOERROR);
	add_cname(NAME_A, 60, NAME_B);
	add_a(NAME_B, 60, 1);

	for (size_t len = 0; len < pkt->size; len++) {
		uint8_t *cut = malloc(len > 0 ? len : 1); /* Exactly as large: sanitizers see the edge. */
		memcpy(cut, pkt->wire, len);
		reply_t reply;
		reply_parse(&reply, cut, len, NAME_A, KNOT_RRTYPE_A);
		assert_int_equal(reply.kind, REPLY_NONE);
		free(cut);
	}
	for (size_t pos = 0; pos < pkt->size; pos++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			pkt->wire[pos] ^= 1 << bit;
			reply_t reply;
			reply_parse(&reply, pkt->wire, pkt->size, NAME_A, KNOT_RRTYPE_A);
			assert_true(reply.kind != REPLY_NXDOMAIN && reply.count <= 1);
			pkt->wire[pos] ^= 1 << bit;
		}
	}
	knot_pkt_free(pkt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_just_enough),
		cmocka_unit_test(test_cname),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_misfits),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
