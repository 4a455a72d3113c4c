/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A key and a value out of the store's file. What is read is what would be written, octet for octet.
 * One octet says how, one the length of the key; then the key and the value.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>
#include <libknot/wire.h>

#include "store/record.h"

enum { RIGHT_CHECKSUM = 0x01 };

/*! FNV-1a of key and value, as record.h says, so that more than the checksum is looked at. */
static void put_checksum(uint8_t *value, size_t len, const uint8_t *key, size_t key_len)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < key_len; i++) {
		hash = (hash ^ key[i]) * 0x100000001b3;
	}
	for (size_t i = sizeof(hash); i < len; i++) {
		hash = (hash ^ value[i]) * 0x100000001b3;
	}
	knot_wire_write_u64(value, hash);
}

static void check_record(const uint8_t *key, size_t key_len, const uint8_t *value, size_t len)
{
	record_t record;
	knot_dname_storage_t name;
	if (record_read(&record, name, key, key_len, value, len) != KNOT_EOK) {
		return;
	}
	CHECK(record.type <= 1 && record.reply.kind <= REPLY_NXDOMAIN && record.reply.ttl <= INT32_MAX);
	CHECK(record.reply.count <= REPLY_ADDRESSES_MAX);

	uint8_t again_key[RECORD_KEY_MAX], again[RECORD_VALUE_MAX];
	CHECK(record_key(again_key, name, record.type) == key_len && memcmp(again_key, key, key_len) == 0);
	CHECK(record_write(again, key, key_len, &record) == len && memcmp(again, value, len) == 0);
}

static void check_meta(const uint8_t *value, size_t len)
{
	uint8_t own[RECORD_META_LEN];
	record_write_meta(own);
	bool is_own = len == sizeof(own) && memcmp(value, own, len) == 0;
	CHECK((record_read_meta(value, len) == KNOT_EOK) == is_own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_t in = { data, size };
	uint8_t how = input_u8(&in);
	const uint8_t *start;
	size_t key_len = input_take(&in, input_u8(&in), &start);
	uint8_t *key = fuzz_copy(start, key_len), *value = fuzz_copy(in.data, in.len);

	check_meta(value, in.len);
	if ((how & RIGHT_CHECKSUM) && in.len >= RECORD_HEADER_LEN) {
		put_checksum(value, in.len, key, key_len);
	}
	check_record(key, key_len, value, in.len);
	free(key);
	free(value);
	return 0;
}
