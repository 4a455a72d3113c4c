/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/errcode.h>

#include "store/record.h"

/*! A key and its value as they lie in the store, each in memory of its very length. */
typedef struct {
	uint8_t key[RECORD_KEY_MAX];
	size_t key_len;
	uint8_t value[RECORD_VALUE_MAX];
	size_t len;
} pair_t;

static record_t make(addr_type_t type, reply_kind_t kind, uint16_t count)
{
	record_t record = {
		.type = type,
		.reply = { .kind = kind, .ttl = 0x01020304 + count, .count = count, .len = addr_len(type) },
		.received = 0x1122334455667788,
		.used = UINT64_MAX - count,
	};
	for (unsigned i = 0; i < count; i++) {
		for (unsigned j = 0; j < record.reply.len; j++) {
			record.reply.addr[i][j] = 3 * i + j;
		}
	}
	return record;
}

static pair_t write(const knot_dname_t *name, const record_t *record)
{
	pair_t pair = { .len = 0 };
	pair.key_len = record_key(pair.key, name, record->type);
	pair.len = record_write(pair.value, pair.key, pair.key_len, record);
	return pair;
}

static int read_parts(const pair_t *pair, size_t key_len, size_t len)
{
	/* Exact copies, so that AddressSanitizer sees each octet read beyond. */
	uint8_t *key = malloc(key_len + 1), *value = malloc(len + 1);
	memcpy(key + 1, pair->key, key_len);
	memcpy(value + 1, pair->value, len);
	record_t record;
	knot_dname_storage_t name;
	int ret = record_read(&record, name, key + 1, key_len, value + 1, len);
	free(key);
	free(value);
	return ret;
}

static int read_pair(const pair_t *pair)
{
	return read_parts(pair, pair->key_len, pair->len);
}

/*! The longest name: 3 labels of 63 octets and one of 61. */
static const knot_dname_t *long_name(void)
{
	static uint8_t name[KNOT_DNAME_MAXLEN];
	memset(name, 'x', sizeof(name));
	name[0] = name[64] = name[128] = 63;
	name[192] = 61;
	name[254] = 0;
	return name;
}

static void check_round_trip(const knot_dname_t *name, const record_t *record)
{
	pair_t pair = write(name, record);
	assert_int_equal(pair.key_len, knot_dname_size(name) + 1);
	assert_int_equal(pair.len, RECORD_HEADER_LEN + record->reply.count * addr_len(record->type));

	record_t got;
	knot_dname_storage_t got_name;
	memset(&got, 0xa5, sizeof(got));
	assert_int_equal(record_read(&got, got_name, pair.key, pair.key_len, pair.value, pair.len), KNOT_EOK);
	assert_true(knot_dname_is_equal(got_name, name));
	assert_int_equal(got.type, record->type);
	assert_int_equal(got.received, record->received);
	assert_int_equal(got.used, record->used);
	assert_int_equal(got.reply.kind, record->reply.kind);
	assert_int_equal(got.reply.ttl, record->reply.ttl);
	assert_int_equal(got.reply.count, record->reply.count);
	assert_int_equal(got.reply.len, record->reply.len);
	assert_memory_equal(got.reply.addr, record->reply.addr, sizeof(got.reply.addr));
}

static void test_round_trip(void **state)
{
	(void)state;

	const knot_dname_t *names[] = { NAME_A, (const uint8_t *)"", (const uint8_t *)"\003\0.\377", long_name() };
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
			for (uint16_t count = 1; count <= REPLY_ADDRESSES_MAX; count++) {
				record_t record = make(type, REPLY_ADDRESSES, count);
				check_round_trip(names[i], &record);
			}
			record_t nodata = make(type, REPLY_NODATA, 0);
			check_round_trip(names[i], &nodata);
			record_t nxdomain = make(type, REPLY_NXDOMAIN, 0);
			check_round_trip(names[i], &nxdomain);
		}
	}
}

static void test_key(void **state)
{
	(void)state;

	uint8_t key[RECORD_KEY_MAX];
	assert_int_equal(record_key(key, (const uint8_t *)"\001A\007eXAMPLE", 1), 12);
	assert_memory_equal(key, "\001a\007example\0\1", 12);
}

/*! No octet can change, and none can be missing or added, without being noticed. */
static void test_damage(void **state)
{
	(void)state;

	record_t records[] = { make(0, REPLY_ADDRESSES, 3), make(1, REPLY_ADDRESSES, 2), make(0, REPLY_NXDOMAIN, 0) };
	for (unsigned i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		pair_t pair = write(NAME_A, &records[i]);
		assert_int_equal(read_pair(&pair), KNOT_EOK);
		for (unsigned change = 1; change <= UINT8_MAX; change++) {
			for (size_t at = 0; at < pair.key_len; at++) {
				pair.key[at] ^= change;
				assert_int_equal(read_pair(&pair), KNOT_EMALF);
				pair.key[at] ^= change;
			}
			for (size_t at = 0; at < pair.len; at++) {
				pair.value[at] ^= change;
				assert_int_equal(read_pair(&pair), KNOT_EMALF);
				pair.value[at] ^= change;
			}
		}
		for (size_t len = 0; len < pair.key_len; len++) {
			assert_int_equal(read_parts(&pair, len, pair.len), KNOT_EMALF);
		}
		for (size_t len = 0; len < pair.len; len++) {
			assert_int_equal(read_parts(&pair, pair.key_len, len), KNOT_EMALF);
		}
		pair.value[pair.len] = 0;
		assert_int_equal(read_parts(&pair, pair.key_len, pair.len + 1), KNOT_EMALF);
	}
}

/*! FNV-1a of the key and the value, as record.h says, so that wrong ones have the right checksum. */
static void sign(pair_t *pair)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < pair->key_len; i++) {
		hash = (hash ^ pair->key[i]) * 0x100000001b3;
	}
	for (size_t i = 8; i < pair->len; i++) {
		hash = (hash ^ pair->value[i]) * 0x100000001b3;
	}
	for (unsigned i = 0; i < 8; i++) {
		pair->value[i] = hash >> (56 - 8 * i);
	}
}

static int read_signed(pair_t pair)
{
	sign(&pair);
	return read_pair(&pair);
}

/*! With a right checksum, too, nothing is read that is not written so. */
static void test_odd(void **state)
{
	(void)state;

	record_t record = make(0, REPLY_ADDRESSES, 2);
	pair_t good = write(NAME_A, &record), pair = good;
	assert_int_equal(read_signed(good), KNOT_EOK);

	pair.key[1] = 'A';
	assert_int_equal(read_signed(pair), KNOT_EMALF);
	pair = good;
	pair.key[0] = 0xc0; /* Compression. */
	assert_int_equal(read_signed(pair), KNOT_EMALF);
	pair = good;
	pair.key[2] = 8; /* A label that leaves the name. */
	assert_int_equal(read_signed(pair), KNOT_EMALF);
	pair = good;
	pair.key[0] = 0; /* The name ends before the key does. */
	assert_int_equal(read_signed(pair), KNOT_EMALF);
	pair = good;
	pair.key[pair.key_len - 1] = 2;
	assert_int_equal(read_signed(pair), KNOT_EMALF);
	pair.key[pair.key_len - 1] = 1; /* An AAAA of 4 octets. */
	assert_int_equal(read_signed(pair), KNOT_EMALF);

	const struct {
		size_t at;
		uint8_t value;
	} odd[] = {
		{ 8, REPLY_NODATA },
		{ 8, REPLY_FORMERR },
		{ 8, REPLY_BAD },
		{ 8, 0xff },
		{ 9, 0x80 },
		{ 29, 0 },
		{ 29, 1 },
		{ 29, 3 },
		{ 29, 0xff },
	};
	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		pair = good;
		pair.value[odd[i].at] = odd[i].value;
		assert_int_equal(read_signed(pair), KNOT_EMALF);
	}
	pair = good;
	pair.len -= 8; /* No address at all. */
	pair.value[29] = 0;
	assert_int_equal(read_signed(pair), KNOT_EMALF);
	pair.value[8] = REPLY_NODATA;
	assert_int_equal(read_signed(pair), KNOT_EOK);
	pair.len = RECORD_HEADER_LEN + (REPLY_ADDRESSES_MAX + 1) * 4;
	pair.value[8] = REPLY_ADDRESSES;
	pair.value[29] = REPLY_ADDRESSES_MAX + 1;
	assert_int_equal(read_signed(pair), KNOT_EMALF);
}

static void test_refuse(void **state)
{
	(void)state;

	const record_t good = make(0, REPLY_ADDRESSES, 2);
	record_t record = good;
	record.type = 2;
	assert_int_equal(write(NAME_A, &record).len, 0);
	record = good;
	record.reply.kind = REPLY_BAD;
	assert_int_equal(write(NAME_A, &record).len, 0);
	record.reply.kind = REPLY_NODATA;
	assert_int_equal(write(NAME_A, &record).len, 0);
	record = good;
	record.reply.ttl = 0x80000000;
	assert_int_equal(write(NAME_A, &record).len, 0);
	record = good;
	record.reply.count = REPLY_ADDRESSES_MAX + 1;
	assert_int_equal(write(NAME_A, &record).len, 0);
	record = good;
	record.reply.len = 16;
	assert_int_equal(write(NAME_A, &record).len, 0);
}

static void test_meta(void **state)
{
	(void)state;

	uint8_t meta[RECORD_META_LEN + 1] = { 0 };
	record_write_meta(meta);
	assert_int_equal(record_read_meta(meta, RECORD_META_LEN), KNOT_EOK);
	assert_int_equal(record_read_meta(meta, RECORD_META_LEN + 1), KNOT_EMALF);
	for (size_t len = 0; len < RECORD_META_LEN; len++) {
		assert_int_equal(record_read_meta(meta, len), KNOT_EMALF);
	}

	meta[RECORD_META_LEN - 1]++;
	assert_int_equal(record_read_meta(meta, RECORD_META_LEN), KNOT_ENOTSUP);
	assert_int_equal(record_read_meta(meta, RECORD_META_LEN + 1), KNOT_ENOTSUP);
	meta[RECORD_META_LEN - 1] = 0;
	assert_int_equal(record_read_meta(meta, RECORD_META_LEN), KNOT_EMALF);
	meta[0]++;
	assert_int_equal(record_read_meta(meta, RECORD_META_LEN), KNOT_EMALF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_meta),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
