/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Records are copied out of replies and belong to the records_t. They may be read within a transaction, which must
 * not be left open: without memory they are marked as not complete, and the program goes on.
 */

#include "kalias/records.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "kalias/alias.h"
#include "kalias/kalias.h"

#define STATUS_FILTER "rs" /* Role and serial, filters of zone-status. */

/*! Reads RDATA. Its form depends on the version of knotd. */
static const char *parse_rdata(knot_dname_storage_t target, const char *rdata)
{
	if (strncmp(rdata, "\\#", strlen("\\#")) == 0) {
		return alias_read_generic(target, rdata);
	}
	return alias_read_name(target, rdata, NULL) ? NULL : "RDATA must be a name";
}

static knot_dname_t *copy_lower(const char *text)
{
	knot_dname_t *name = (text != NULL) ? knot_dname_from_str_alloc(text) : NULL;
	if (name != NULL) {
		knot_dname_to_lower(name);
	}
	return name;
}

static void free_record(alias_record_t *record)
{
	free(record->zone);
	free(record->owner);
	free(record->target);
}

static bool append_record(records_t *records, const alias_record_t *record)
{
	if ((records->count & (records->count - 1)) == 0) { /* There is room for a power of two. */
		size_t room = (records->count > 0) ? 2 * records->count : 1;
		alias_record_t *items = reallocarray(records->items, room, sizeof(*items));
		if (items == NULL) {
			return false;
		}
		records->items = items;
	}
	records->items[records->count++] = *record;
	return true;
}

void records_take(void *ctx, knot_ctl_data_t data)
{
	records_t *records = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE], *rdata = data[KNOT_CTL_IDX_DATA];
	uint16_t number;
	if (type == NULL || rdata == NULL || data[KNOT_CTL_IDX_TTL] == NULL ||
	    (strcmp(type, "ALIAS") != 0 && (knot_rrtype_from_string(type, &number) != 0 || number != RRTYPE_ALIAS))) {
		return;
	}

	knot_dname_storage_t target;
	const char *rule = parse_rdata(target, rdata);
	if (rule != NULL && !records->keep_broken) {
		warn("zone %s: ALIAS of %s is ignored: %s", data[KNOT_CTL_IDX_ZONE], data[KNOT_CTL_IDX_OWNER], rule);
		records->broken++;
		return;
	}

	alias_record_t record = {
		.zone = copy_lower(data[KNOT_CTL_IDX_ZONE]),
		.owner = copy_lower(data[KNOT_CTL_IDX_OWNER]),
		.ttl = strtoul(data[KNOT_CTL_IDX_TTL], NULL, 10),
		.target = (rule == NULL) ? knot_dname_copy(target, NULL) : NULL,
	};
	if (record.zone == NULL || record.owner == NULL || (rule == NULL && record.target == NULL) ||
	    !append_record(records, &record)) {
		free_record(&record);
		records->full = true;
	}
}

static int compare_records(const void *first, const void *second)
{
	const alias_record_t *one = first, *other = second;
	int order = knot_dname_cmp(one->zone, other->zone);
	if (order == 0) {
		order = knot_dname_cmp(one->owner, other->owner);
	}
	if (order == 0 && one->target != NULL && other->target != NULL) {
		return knot_dname_cmp(one->target, other->target);
	}
	if (order == 0) {
		order = (one->target != NULL) - (other->target != NULL);
	}
	return order;
}

static void take_status(void *ctx, knot_ctl_data_t data)
{
	records_t *records = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE], *value = data[KNOT_CTL_IDX_DATA];
	if (type == NULL || value == NULL) {
		return;
	}
	records->secondary |= strcmp(type, "role") == 0 && strcmp(value, "slave") == 0;
	if (strcmp(type, "serial") != 0 || isdigit((unsigned char)value[0])) {
		return;
	}
	records->unloaded++;
	if (records->zone != NULL) {
		fail("zone %s is not loaded", records->zone);
	} else {
		warn("zone %s is not loaded", data[KNOT_CTL_IDX_ZONE]);
	}
}

const char *records_status(records_t *records, control_t *control, const char *zone)
{
	records->zone = zone;
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "zone-status",
		[KNOT_CTL_IDX_ZONE] = zone,
		[CONTROL_IDX_FILTER] = STATUS_FILTER,
	};
	return control_run(control, request, take_status, records);
}

bool records_read(records_t *records, control_t *control, const char *zone)
{
	const char *error = records_status(records, control, zone);
	if (error == NULL) {
		knot_ctl_data_t request = {
			[KNOT_CTL_IDX_CMD] = "zone-read",
			[KNOT_CTL_IDX_ZONE] = zone,
			[KNOT_CTL_IDX_TYPE] = TYPE_ALIAS_GENERIC,
		};
		error = control_run(control, request, records_take, records);
		error = (error == NULL && records->full) ? "not enough memory" : error;
	}
	if (records->count > 1) {
		qsort(records->items, records->count, sizeof(*records->items), compare_records);
	}

	if (error != NULL && zone != NULL) {
		fail("zone %s: %s", zone, error);
	} else if (error != NULL) {
		fail("%s", error);
	}
	return error == NULL && (zone == NULL || records->unloaded == 0);
}

void records_free(records_t *records)
{
	for (size_t i = 0; i < records->count; i++) {
		free_record(&records->items[i]);
	}
	free(records->items);
	*records = (records_t){ 0 };
}
