/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/record.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>
#include <libknot/wire.h>

#include "util/hash.h"

/* These numbers are in the checksum. */
_Static_assert(ADDR_A == 0 && ADDR_AAAA == 1, "new DATABASE_VERSION");
_Static_assert(REPLY_ADDRESSES == 0 && REPLY_NODATA == 1 && REPLY_NXDOMAIN == 2, "new DATABASE_VERSION");

static const char *const KINDS[] = {
	[REPLY_ADDRESSES] = "addresses",
	[REPLY_NODATA] = "NODATA",
	[REPLY_NXDOMAIN] = "NXDOMAIN",
};
#define KINDS_COUNT (sizeof(KINDS) / sizeof(KINDS[0]))

static int family(addr_type_t type)
{
	return type == ADDR_A ? AF_INET : AF_INET6;
}

static record_t *allocate(size_t name_len, addr_type_t type, uint8_t kind, unsigned count)
{
	record_t *record = malloc(sizeof(*record) + name_len + count * addr_len(type));
	if (record != NULL) {
		*record = (record_t){ .type = type, .kind = kind, .count = count, .name_len = name_len };
	}
	return record;
}

static uint8_t *address(const record_t *record, unsigned i)
{
	return (uint8_t *)record->data + record->name_len + i * addr_len(record->type);
}

record_t *record_new(const knot_dname_t *name, addr_type_t type, uint8_t kind, uint32_t ttl,
                     const knot_rdataset_t *rrs)
{
	record_t *record = allocate(knot_dname_size(name), type, kind, rrs != NULL ? rrs->count : 0);
	if (record == NULL) {
		return NULL;
	}
	record->ttl = ttl;
	memcpy(record->data, name, record->name_len);
	knot_rdata_t *rdata = (rrs != NULL) ? rrs->rdata : NULL;
	for (unsigned i = 0; i < record->count; i++) {
		memcpy(address(record, i), rdata->data, addr_len(type));
		rdata = knot_rdataset_next(rdata);
	}
	return record;
}

size_t record_size(const record_t *record)
{
	return sizeof(*record) + record->name_len + record->count * addr_len(record->type);
}

void record_reply(reply_t *reply, const record_t *record)
{
	*reply = (reply_t){
		.kind = record->kind, .ttl = record->ttl, .count = record->count, .len = addr_len(record->type)
	};
	for (unsigned i = 0; i < reply->count; i++) {
		memcpy(reply->addr[i], address(record, i), reply->len);
	}
}

uint64_t record_checksum(const record_t *record, const char *resolvers)
{
	uint8_t head[24] = { [20] = record->type, record->kind, record->count, record->name_len };
	knot_wire_write_u64(head, record->received);
	knot_wire_write_u64(head + 8, record->used);
	knot_wire_write_u32(head + 16, record->ttl);
	uint64_t hash = hash_fnv(FNV_INIT, head, sizeof(head));
	hash = hash_fnv(hash, record->data, record_size(record) - sizeof(*record));
	return hash_fnv(hash, resolvers, strlen(resolvers));
}

void record_print(row_t *row, row_text_t *text, const record_t *record)
{
	(void)knot_dname_to_str(text->target, record->data, sizeof(text->target));
	char *pos = text->addresses;
	*pos = '\0';
	for (unsigned i = 0; i < record->count; i++) {
		if (i > 0) {
			*pos++ = ' ';
		}
		(void)inet_ntop(family(record->type), address(record, i), pos, INET6_ADDRSTRLEN);
		pos += strlen(pos);
	}

	*row = (row_t){
		.target = text->target,
		.type = addr_name(record->type),
		.kind = record->kind < KINDS_COUNT ? KINDS[record->kind] : NULL,
		.addresses = text->addresses,
		.received = record->received,
		.used = record->used,
		.ttl = record->ttl,
	};
}

static unsigned count_addresses(const char *text)
{
	unsigned count = (*text != '\0');
	for (; *text != '\0'; text++) {
		count += (*text == ' ');
	}
	return count;
}

static int parse_addresses(record_t *record, const char *text)
{
	for (unsigned i = 0; i < record->count; i++) {
		char one[INET6_ADDRSTRLEN];
		size_t len = strcspn(text, " ");
		if (len >= sizeof(one)) {
			return KNOT_EMALF;
		}
		memcpy(one, text, len);
		one[len] = '\0';
		if (inet_pton(family(record->type), one, address(record, i)) != 1) {
			return KNOT_EMALF;
		}
		text += len + (text[len] == ' ');
	}
	return KNOT_EOK;
}

/*! The index of a text, or `count` if it is none of them. */
static unsigned find(const char *text, const char *const *list, unsigned count)
{
	unsigned i = 0;
	while (i < count && strcmp(text, list[i]) != 0) {
		i++;
	}
	return i;
}

int record_parse(record_t **record_ptr, const row_t *row)
{
	if (row->target == NULL || row->type == NULL || row->kind == NULL || row->addresses == NULL) {
		return KNOT_EMALF;
	}
	const char *const types[] = { addr_name(ADDR_A), addr_name(ADDR_AAAA) };
	unsigned type = find(row->type, types, ADDR_TYPES), kind = find(row->kind, KINDS, KINDS_COUNT);
	unsigned count = count_addresses(row->addresses);
	knot_dname_storage_t name;
	if (type == ADDR_TYPES || kind == KINDS_COUNT || row->ttl > UINT32_MAX || count > REPLY_ADDRESSES_MAX ||
	    (count > 0) != (kind == REPLY_ADDRESSES) ||
	    knot_dname_from_str(name, row->target, sizeof(name)) == NULL) {
		return KNOT_EMALF;
	}

	record_t *record = allocate(knot_dname_size(name), type, kind, count);
	if (record == NULL) {
		return KNOT_ENOMEM;
	}
	record->received = row->received;
	record->used = row->used;
	record->ttl = row->ttl;
	memcpy(record->data, name, record->name_len);
	if (parse_addresses(record, row->addresses) != KNOT_EOK) {
		free(record);
		return KNOT_EMALF;
	}
	*record_ptr = record;
	return KNOT_EOK;
}
