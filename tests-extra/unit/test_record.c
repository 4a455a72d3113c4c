/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/errcode.h>

#include "store/record.h"

#define SET "192.0.2.53@53"

static record_t *make(const knot_dname_t *name, addr_type_t type, uint8_t kind, unsigned count)
{
	knot_rdataset_t rrs = { 0 };
	for (unsigned i = 0; i < count; i++) {
		uint8_t data[16] = { 10, i }, rdata[sizeof(knot_rdata_t) + 16];
		knot_rdata_init((knot_rdata_t *)rdata, addr_len(type), data);
		assert_int_equal(knot_rdataset_add(&rrs, (knot_rdata_t *)rdata, NULL), KNOT_EOK);
	}
	record_t *record = record_new(name, type, kind, UINT32_MAX - count, &rrs);
	assert_non_null(record);
	record->received = 0x1122334455667788;
	record->used = UINT64_MAX - count;
	knot_rdataset_clear(&rrs, NULL);
	return record;
}

/*! The longest name: 3 labels of 63 octets and one of 61. */
static const knot_dname_t *long_name(void)
{
	static uint8_t name[KNOT_DNAME_MAXLEN];
	memset(name, '\\', sizeof(name));
	name[0] = name[64] = name[128] = 63;
	name[192] = 61;
	name[254] = 0;
	return name;
}

static void check_round_trip(record_t *record)
{
	row_t row;
	row_text_t text;
	record_t *again;
	record_print(&row, &text, record);
	assert_int_equal(record_parse(&again, &row), KNOT_EOK);
	assert_int_equal(record_size(again), record_size(record));
	assert_memory_equal(again, record, record_size(record));

	reply_t reply;
	record_reply(&reply, again);
	assert_int_equal(reply.kind, record->kind);
	assert_int_equal(reply.ttl, record->ttl);
	assert_int_equal(reply.count, record->count);
	assert_int_equal(reply.len, record->type == ADDR_A ? 4 : 16);
	for (unsigned i = 0; i < reply.count; i++) {
		assert_int_equal(reply.addr[i][0], 10);
		assert_int_equal(reply.addr[i][1], i);
	}
	free(record);
	free(again);
}

static void test_round_trip(void **state)
{
	(void)state;

	const knot_dname_t *names[] = { NAME_A, (const uint8_t *)"", (const uint8_t *)"\003\0.\377", long_name() };
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
			for (unsigned count = 1; count <= REPLY_ADDRESSES_MAX; count++) {
				check_round_trip(make(names[i], type, REPLY_ADDRESSES, count));
			}
			check_round_trip(make(names[i], type, REPLY_NODATA, 0));
			check_round_trip(make(names[i], type, REPLY_NXDOMAIN, 0));
		}
	}
}

/*! What a person sees. */
static void test_text(void **state)
{
	(void)state;

	row_t row;
	row_text_t text;
	record_t *record = make((const uint8_t *)"\001a\007example", ADDR_AAAA, REPLY_ADDRESSES, 2);
	record_print(&row, &text, record);
	assert_string_equal(row.target, "a.example.");
	assert_string_equal(row.type, "AAAA");
	assert_string_equal(row.kind, "addresses");
	assert_string_equal(row.addresses, "a00:: a01::");
	free(record);
	record = make((const uint8_t *)"", ADDR_A, REPLY_NXDOMAIN, 0);
	record_print(&row, &text, record);
	assert_string_equal(row.target, ".");
	assert_string_equal(row.type, "A");
	assert_string_equal(row.kind, "NXDOMAIN");
	assert_string_equal(row.addresses, "");
	free(record);
	record = make(NAME_A, ADDR_A, RECORD_GONE, 0);
	record_print(&row, &text, record);
	assert_null(row.kind);
	free(record);
}

/*! No octet can change without the checksum being another one. */
static void test_checksum(void **state)
{
	(void)state;

	record_t *record = make(NAME_A, ADDR_A, REPLY_ADDRESSES, 3);
	uint64_t sum = record_checksum(record, SET);
	assert_true(record_checksum(record, SET "3") != sum);
	for (size_t at = 2 * sizeof(void *); at < record_size(record); at++) {
		for (unsigned change = 1; change <= UINT8_MAX; change++) {
			((uint8_t *)record)[at] ^= change;
			/* Other numbers make it longer, and the sum one of what is not there. */
			bool is_length = at >= offsetof(record_t, type) && at < offsetof(record_t, data);
			assert_true(is_length || record_checksum(record, SET) != sum);
			((uint8_t *)record)[at] ^= change;
		}
	}
	free(record);
}

/*! What is not written so is not read. */
static void test_odd(void **state)
{
	(void)state;

	char many[REPLY_ADDRESSES_MAX * 9 + 10] = "192.0.2.1";
	for (unsigned i = 0; i < REPLY_ADDRESSES_MAX; i++) {
		strcat(many, " 10.0.0.1");
	}
	const row_t good = { "a.example.", "A", "addresses", "192.0.2.1 192.0.2.2", 1, 2, 3 };
	const row_t odd[] = {
		{ NULL, "A", "NODATA", "", 1, 2, 3 },
		{ "a.example.", NULL, "NODATA", "", 1, 2, 3 },
		{ "a.example.", "A", NULL, "", 1, 2, 3 },
		{ "a.example.", "A", "NODATA", NULL, 1, 2, 3 },
		{ "a..example.", "A", "NODATA", "", 1, 2, 3 },
		{ "a.example.", "MX", "NODATA", "", 1, 2, 3 },
		{ "a.example.", "A", "SERVFAIL", "", 1, 2, 3 },
		{ "a.example.", "A", "NODATA", "192.0.2.1", 1, 2, 3 },
		{ "a.example.", "A", "addresses", "", 1, 2, 3 },
		{ "a.example.", "A", "addresses", "192.0.2.1 ", 1, 2, 3 },
		{ "a.example.", "A", "addresses", " 192.0.2.1", 1, 2, 3 },
		{ "a.example.", "A", "addresses", "2001:db8::1", 1, 2, 3 },
		{ "a.example.", "AAAA", "addresses", "2001:db8::1 192.0.2.1", 1, 2, 3 },
		{ "a.example.", "A", "addresses", "000000000000000000000000000000000000000000000000192.0.2.1", 1, 2, 3 },
		{ "a.example.", "A", "addresses", many, 1, 2, 3 },
		{ "a.example.", "A", "NODATA", "", 1, 2, 1ULL << 32 },
	};
	record_t *record;
	assert_int_equal(record_parse(&record, &good), KNOT_EOK);
	free(record);
	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_int_equal(record_parse(&record, &odd[i]), KNOT_EMALF);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_odd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
