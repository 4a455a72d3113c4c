/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/record.h"

#include <stdbool.h>
#include <string.h>
#include <libknot/errcode.h>
#include <libknot/wire.h>

#include "util/hash.h"

static const char FORMAT[] = "mod-alias";

enum {
	AT_CHECKSUM = 0,
	AT_KIND = 8,
	AT_TTL = 9,
	AT_RECEIVED = 13,
	AT_USED = 21,
	AT_COUNT = 29,
	AT_ADDRESSES = RECORD_HEADER_LEN,
};

/* Types and kinds are part of the format. */
_Static_assert(ADDR_A == 0 && ADDR_AAAA == 1, "new RECORD_VERSION");
_Static_assert(REPLY_ADDRESSES == 0 && REPLY_NODATA == 1 && REPLY_NXDOMAIN == 2, "new RECORD_VERSION");
_Static_assert(REPLY_ADDRESSES_MAX <= UINT8_MAX, "count is one octet");
_Static_assert(RECORD_META_LEN == sizeof(FORMAT) + 2, "name, zero and version");

static uint64_t checksum(const uint8_t *key, size_t key_len, const uint8_t *value, size_t len)
{
	uint64_t state = hash_fnv(FNV_INIT, key, key_len);
	return hash_fnv(state, value + AT_KIND, len - AT_KIND);
}

static bool is_valid(uint8_t type, unsigned kind, uint32_t ttl, unsigned count)
{
	return type < ADDR_TYPES && kind <= REPLY_NXDOMAIN && ttl <= INT32_MAX && count <= REPLY_ADDRESSES_MAX &&
	       (count > 0) == (kind == REPLY_ADDRESSES);
}

static bool has_upper_case(const uint8_t *name, size_t len)
{
	/* The lengths of labels are below any letter. */
	for (size_t i = 0; i < len; i++) {
		if (name[i] >= 'A' && name[i] <= 'Z') {
			return true;
		}
	}
	return false;
}

size_t record_key(uint8_t key[RECORD_KEY_MAX], const knot_dname_t *name, addr_type_t type)
{
	size_t len = knot_dname_size(name);
	knot_dname_copy_lower(key, name);
	key[len] = type;
	return len + 1;
}

size_t record_write(uint8_t value[RECORD_VALUE_MAX], const uint8_t *key, size_t key_len,
                    const record_t *record)
{
	const reply_t *reply = &record->reply;
	size_t step = addr_len(record->type);
	if (!is_valid(record->type, reply->kind, reply->ttl, reply->count) ||
	    (reply->count > 0 && reply->len != step)) {
		return 0;
	}

	value[AT_KIND] = reply->kind;
	knot_wire_write_u32(value + AT_TTL, reply->ttl);
	knot_wire_write_u64(value + AT_RECEIVED, record->received);
	knot_wire_write_u64(value + AT_USED, record->used);
	value[AT_COUNT] = reply->count;
	size_t len = AT_ADDRESSES;
	for (unsigned i = 0; i < reply->count; i++) {
		memcpy(value + len, reply->addr[i], step);
		len += step;
	}
	knot_wire_write_u64(value + AT_CHECKSUM, checksum(key, key_len, value, len));

	return len;
}

int record_read(record_t *record, knot_dname_storage_t name, const uint8_t *key, size_t key_len,
                const uint8_t *value, size_t len)
{
	if (key_len < 2 || key_len > RECORD_KEY_MAX || len < RECORD_HEADER_LEN || len > RECORD_VALUE_MAX ||
	    knot_wire_read_u64(value + AT_CHECKSUM) != checksum(key, key_len, value, len)) {
		return KNOT_EMALF;
	}

	size_t name_len = key_len - 1;
	uint8_t type = key[name_len];
	uint32_t ttl = knot_wire_read_u32(value + AT_TTL);
	unsigned count = value[AT_COUNT];
	size_t step = addr_len(type);
	if (knot_dname_wire_check(key, key + name_len, NULL) != (int)name_len ||
	    has_upper_case(key, name_len) ||
	    !is_valid(type, value[AT_KIND], ttl, count) ||
	    len != AT_ADDRESSES + count * step) {
		return KNOT_EMALF;
	}

	memset(record, 0, sizeof(*record));
	memcpy(name, key, name_len);
	record->type = type;
	record->received = knot_wire_read_u64(value + AT_RECEIVED);
	record->used = knot_wire_read_u64(value + AT_USED);
	record->reply.kind = value[AT_KIND];
	record->reply.ttl = ttl;
	record->reply.count = count;
	record->reply.len = step;
	for (unsigned i = 0; i < count; i++) {
		memcpy(record->reply.addr[i], value + AT_ADDRESSES + i * step, step);
	}

	return KNOT_EOK;
}

void record_write_meta(uint8_t value[RECORD_META_LEN])
{
	memcpy(value, FORMAT, sizeof(FORMAT));
	knot_wire_write_u16(value + sizeof(FORMAT), RECORD_VERSION);
}

int record_read_meta(const uint8_t *value, size_t len)
{
	/* A newer format may have more after the version. */
	if (len < RECORD_META_LEN || memcmp(value, FORMAT, sizeof(FORMAT)) != 0) {
		return KNOT_EMALF;
	}
	uint16_t version = knot_wire_read_u16(value + sizeof(FORMAT));
	if (version > RECORD_VERSION) {
		return KNOT_ENOTSUP;
	}
	return (version == RECORD_VERSION && len == RECORD_META_LEN) ? KNOT_EOK : KNOT_EMALF;
}
