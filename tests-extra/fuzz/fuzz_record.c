/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A row of the store's file. What is read of it is a record that is written and read as the same one.
 * Three numbers of 4 octets, then the texts, each with a zero at its end.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "store/record.h"

/*! The next text, or NULL for an empty one, in memory of its very length. */
static char *take_text(input_t *in)
{
	const uint8_t *start;
	size_t len = strnlen((const char *)in->data, in->len);
	(void)input_take(in, len, &start);
	(void)input_u8(in);
	return len > 0 ? strndup((const char *)start, len) : NULL;
}

static void check_record(const record_t *record)
{
	CHECK(record->type < ADDR_TYPES && record->kind <= REPLY_NXDOMAIN && record->count <= REPLY_ADDRESSES_MAX);
	CHECK((record->count > 0) == (record->kind == REPLY_ADDRESSES));
	CHECK(knot_dname_wire_check(record->data, record->data + record->name_len, NULL) == record->name_len);

	row_t row;
	row_text_t text;
	record_t *again;
	record_print(&row, &text, record);
	CHECK(record_parse(&again, &row) == KNOT_EOK);
	CHECK(record_size(again) == record_size(record) && memcmp(again, record, record_size(record)) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_t in = { data, size };
	row_t row = { .received = input_u32(&in), .used = input_u32(&in), .ttl = input_u32(&in) };
	char *text[4];
	for (unsigned i = 0; i < 4; i++) {
		text[i] = take_text(&in);
	}
	row.target = text[0];
	row.type = text[1];
	row.kind = text[2];
	row.addresses = (text[3] != NULL) ? text[3] : "";
	record_t *record;
	if (record_parse(&record, &row) == KNOT_EOK) {
		check_record(record);
		free(record);
	}
	for (unsigned i = 0; i < 4; i++) {
		free(text[i]);
	}
	return 0;
}
