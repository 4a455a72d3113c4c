/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/libknot.h>

#include "dnssec/nsec.h"

#define ALIAS 65401

/*! NSEC: next name b.example, then the windows. */
#define NEXT "\001b\007example\x00"
/*! NSEC3: SHA-1, opt-out, 5 iterations, a salt of 2 and a hash of 3 octets. */
#define NSEC3_HEAD "\x01\x01\x00\x05\x02\xaa\xbb\x03\x01\x02\x03"
/*! MX, RRSIG, NSEC; and with A and AAAA; and the ALIAS. */
#define MX_ONLY "\x00\x06\x00\x01\x00\x00\x00\x03"
#define MX_A_AAAA "\x00\x06\x40\x01\x00\x08\x00\x03"
#define MX_A "\x00\x06\x40\x01\x00\x00\x00\x03"
#define ALIAS_WINDOW "\xff\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40"
#define OTHER_PRIVATE "\xff\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20"
#define BOTH_PRIVATE "\xff\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x60"

static const nsec_change_t truth[] = {
	{ KNOT_RRTYPE_A, true },
	{ KNOT_RRTYPE_AAAA, true },
	{ ALIAS, false },
};

static knot_rdata_t *rdata_of(const void *data, size_t len)
{
	knot_rdata_t *rdata = malloc(knot_rdata_size(len));
	assert_non_null(rdata);
	knot_rdata_init(rdata, len, data);
	return rdata;
}

static void check(uint16_t rrtype, const char *from, size_t from_len, const nsec_change_t *changes, unsigned count,
                  const char *to, size_t to_len)
{
	knot_rdata_t *rdata = rdata_of(from, from_len);
	uint8_t *out = malloc(from_len + count * NSEC_CHANGE_MAX);
	assert_non_null(out);
	assert_int_equal(nsec_rewrite(out, rdata, rrtype, changes, count), to_len);
	assert_memory_equal(out, to, to_len);
	free(out);
	free(rdata);
}

/* The sizes leave out what a literal ends with. */
#define CHECK(rrtype, from, changes, to) \
	check(rrtype, from, sizeof(from) - 1, changes, sizeof(changes) / sizeof(*(changes)), to, sizeof(to) - 1)

/* A and AAAA come, the ALIAS goes with its window, and all else stays. */
static void test_truth(void **state)
{
	(void)state;

	CHECK(KNOT_RRTYPE_NSEC, NEXT MX_ONLY ALIAS_WINDOW, truth, NEXT MX_A_AAAA);
	CHECK(KNOT_RRTYPE_NSEC, NEXT MX_ONLY BOTH_PRIVATE, truth, NEXT MX_A_AAAA OTHER_PRIVATE);
	CHECK(KNOT_RRTYPE_NSEC3, NSEC3_HEAD MX_ONLY ALIAS_WINDOW, truth, NSEC3_HEAD MX_A_AAAA);
}

/* What is denied is not there, even if the zone has it; what is exposed stays. */
static void test_denied(void **state)
{
	(void)state;

	static const nsec_change_t denied[] = {
		{ KNOT_RRTYPE_A, true },
		{ KNOT_RRTYPE_AAAA, false },
		{ ALIAS, true },
	};
	CHECK(KNOT_RRTYPE_NSEC, NEXT MX_ONLY ALIAS_WINDOW, denied, NEXT MX_A ALIAS_WINDOW);
	CHECK(KNOT_RRTYPE_NSEC, NEXT MX_A_AAAA ALIAS_WINDOW, denied, NEXT MX_A ALIAS_WINDOW);
}

/* A window that was not there comes, and one without types is left out. */
static void test_windows(void **state)
{
	(void)state;

	CHECK(KNOT_RRTYPE_NSEC, NEXT ALIAS_WINDOW, truth, NEXT "\x00\x04\x40\x00\x00\x08");
	CHECK(KNOT_RRTYPE_NSEC3, NSEC3_HEAD, truth, NSEC3_HEAD "\x00\x04\x40\x00\x00\x08");
	static const nsec_change_t none[] = { { ALIAS, false } };
	CHECK(KNOT_RRTYPE_NSEC, NEXT ALIAS_WINDOW, none, NEXT);
}

/* A type is found in any window, and nowhere else. */
static void test_has(void **state)
{
	(void)state;

	knot_rdata_t *nsec = rdata_of(NEXT MX_ONLY ALIAS_WINDOW, sizeof(NEXT MX_ONLY ALIAS_WINDOW) - 1);
	assert_true(nsec_has(nsec, KNOT_RRTYPE_NSEC, ALIAS));
	assert_true(nsec_has(nsec, KNOT_RRTYPE_NSEC, KNOT_RRTYPE_MX));
	assert_false(nsec_has(nsec, KNOT_RRTYPE_NSEC, ALIAS + 1));
	assert_false(nsec_has(nsec, KNOT_RRTYPE_NSEC, KNOT_RRTYPE_A));
	free(nsec);

	knot_rdata_t *nsec3 = rdata_of(NSEC3_HEAD OTHER_PRIVATE, sizeof(NSEC3_HEAD OTHER_PRIVATE) - 1);
	assert_false(nsec_has(nsec3, KNOT_RRTYPE_NSEC3, ALIAS));
	assert_true(nsec_has(nsec3, KNOT_RRTYPE_NSEC3, ALIAS + 1));
	free(nsec3);
}

static void check_refused(const knot_rdata_t *rdata, uint16_t rrtype)
{
	uint8_t out[64];
	assert_false(nsec_has(rdata, rrtype, KNOT_RRTYPE_A));
	assert_int_equal(nsec_rewrite(out, rdata, rrtype, NULL, 0), KNOT_EMALF);
}

/* A record that ends before its bitmap is refused, and has no types: not those that lie behind it, nor are they read. */
static void check_no_bitmap(uint16_t rrtype, const char *record, size_t record_len, size_t head)
{
	for (size_t len = 0; len < head; len++) {
		knot_rdata_t *rdata = rdata_of(record, record_len);
		rdata->len = len;
		check_refused(rdata, rrtype);
		free(rdata);
		rdata = rdata_of(record, len); /* For AddressSanitizer. */
		check_refused(rdata, rrtype);
		free(rdata);
	}
}

static void test_no_bitmap(void **state)
{
	(void)state;

	check_no_bitmap(KNOT_RRTYPE_NSEC3, NSEC3_HEAD MX_A, sizeof(NSEC3_HEAD MX_A) - 1, sizeof(NSEC3_HEAD) - 1);
	check_no_bitmap(KNOT_RRTYPE_NSEC, NEXT MX_A, sizeof(NEXT MX_A) - 1, sizeof(NEXT) - 1);
}

/* A bitmap that does not end where the record does is refused. */
static void test_malformed(void **state)
{
	(void)state;

	static const char *const bad[] = { "\x00\x06\x00\x01", "\x00\x21", "\x00\x01\x40\x01" };
	static const size_t lens[] = { 4, 2 + 33, 4 };
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint8_t data[64] = NEXT;
		size_t head = sizeof(NEXT) - 1;
		memcpy(data + head, bad[i], i == 1 ? 2 : lens[i]);
		knot_rdata_t *rdata = rdata_of(data, head + lens[i]);
		uint8_t out[sizeof(data) + 3 * NSEC_CHANGE_MAX];
		assert_int_equal(nsec_rewrite(out, rdata, KNOT_RRTYPE_NSEC, truth, 3), KNOT_EMALF);
		free(rdata);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truth),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_no_bitmap),
		cmocka_unit_test(test_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
