/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <libknot/libknot.h>

#include "kalias/onlinesign.h"

/* Types of an NSEC: RRSIG and NSEC. */
#define BITMAP "\000\006\000\000\000\000\000\003"

#define BELOW(label) ((const uint8_t *)(label "\007example"))

/* A zone's name of that many octets. */
static void make_zone(knot_dname_storage_t zone, size_t size)
{
	uint8_t *pos = zone;
	for (size_t left = size - 1; left > 0;) {
		/* An octet alone could be no label. */
		size_t label = (left == 65) ? 62 : (left > 64) ? 63 :
		                                                 left - 1;
		*pos++ = label;
		memset(pos, 'z', label);
		pos += label;
		left -= 1 + label;
	}
	*pos = 0;
}

/* The name is below the zone, and has no room for another label. */
static void test_name(void **state)
{
	(void)state;
	for (size_t size = 1; size <= KNOT_DNAME_MAXLEN; size += (size == 1) ? 2 : 1) {
		knot_dname_storage_t zone, name;
		make_zone(zone, size);
		assert_int_equal(knot_dname_size(zone), size);
		if (!onlinesign_make_name(name, zone)) {
			assert_true(size > 240);
			continue;
		}
		assert_true(size <= 240);
		assert_int_equal(knot_dname_wire_check(name, name + sizeof(name), NULL), knot_dname_size(name));
		assert_in_range(knot_dname_size(name), KNOT_DNAME_MAXLEN - 1, KNOT_DNAME_MAXLEN);
		assert_true(knot_dname_in_bailiwick(name, zone) >= 2);
	}
}

/* Appends an NSEC; in class ANY without RDATA, as in an update (RFC 2136, section 2.4). */
static void put_nsec(knot_pkt_t *pkt, const uint8_t *owner, uint16_t rclass, const uint8_t *next)
{
	uint8_t *pos = pkt->wire + pkt->size;
	pos += knot_dname_to_wire(pos, owner, KNOT_DNAME_MAXLEN);
	knot_wire_write_u16(pos, KNOT_RRTYPE_NSEC);
	knot_wire_write_u16(pos + 2, rclass);
	knot_wire_write_u32(pos + 4, 300);
	uint16_t len = (rclass == KNOT_CLASS_IN) ? knot_dname_size(next) + sizeof(BITMAP) - 1 : 0;
	knot_wire_write_u16(pos + 8, len);
	pos += 10;
	if (len > 0) {
		int next_len = knot_dname_to_wire(pos, next, KNOT_DNAME_MAXLEN);
		memcpy(pos + next_len, BITMAP, sizeof(BITMAP) - 1);
	}
	pkt->size = pos + len - pkt->wire;
	knot_wire_set_nscount(pkt->wire, 1);
}

/* What is found in a reply with an NSEC of that owner, NULL for the name that was asked for. */
static bool overreaches(const uint8_t *owner, uint16_t rclass, const uint8_t *next)
{
	knot_dname_storage_t name;
	assert_true(onlinesign_make_name(name, NAME_APEX));
	knot_pkt_t *pkt = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	assert_int_equal(knot_pkt_put_question(pkt, name, KNOT_CLASS_IN, KNOT_RRTYPE_NULL), KNOT_EOK);
	put_nsec(pkt, owner != NULL ? owner : name, rclass, next);

	knot_pkt_t *reply = knot_pkt_new(pkt->wire, pkt->size, NULL);
	assert_int_equal(knot_pkt_parse(reply, 0), KNOT_EOK);
	bool found = onlinesign_overreaches(reply, NAME_APEX);
	knot_pkt_free(reply);
	knot_pkt_free(pkt);
	return found;
}

static void test_verdict(void **state)
{
	(void)state;
	/* Knot DNS with and without the fault. */
	assert_true(overreaches(NULL, KNOT_CLASS_IN, BELOW("\014kalias-checl")));
	assert_false(overreaches(NULL, KNOT_CLASS_IN, BELOW("\015kalias-check\000")));
	/* NSEC records of the zone. */
	assert_false(overreaches(NAME_APEX, KNOT_CLASS_IN, NAME_B));
	assert_false(overreaches(BELOW("\014kalias-check"), KNOT_CLASS_IN, BELOW("\014kalias-checl")));
	assert_false(overreaches(NULL, KNOT_CLASS_ANY, NAME_B));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
