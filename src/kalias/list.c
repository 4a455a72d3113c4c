/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/kalias.h"

#include <stdio.h>
#include <libknot/libknot.h>

#include "kalias/alias.h"
#include "kalias/control.h"
#include "kalias/print.h"
#include "kalias/records.h"

static void print_table(const records_t *records)
{
	int owner_width = 0, ttl_width = 0;
	for (size_t i = 0; i < records->count; i++) {
		int ttl_len = snprintf(NULL, 0, "%u", records->items[i].ttl);
		owner_width = print_column(owner_width, records->items[i].owner);
		ttl_width = (ttl_len > ttl_width) ? ttl_len : ttl_width;
	}
	for (size_t i = 0; i < records->count; i++) {
		print_name(owner_width, records->items[i].owner);
		printf("  %*u  ", ttl_width, records->items[i].ttl);
		print_name(0, records->items[i].target);
		printf("\n");
	}
}

static void print_json(const records_t *records, bool complete)
{
	printf("{\"complete\":%s,\"records\":[", complete ? "true" : "false");
	for (size_t i = 0; i < records->count; i++) {
		const alias_record_t *record = &records->items[i];
		printf("%s\n{\"zone\":", i > 0 ? "," : "");
		print_json_name(record->zone);
		printf(",\"owner\":");
		print_json_name(record->owner);
		printf(",\"ttl\":%u,\"target\":", record->ttl);
		if (record->target != NULL) {
			print_json_name(record->target);
		} else {
			printf("null");
		}
		printf("}");
	}
	printf("]}\n");
}

exit_t run_list(const settings_t *settings, int argc, char **argv)
{
	int json = false;
	const struct option options[] = { { "json", no_argument, &json, true }, { NULL } };
	if (!take_flags(&argc, &argv, options)) {
		return misuse("list", "unknown option");
	} else if (argc > 1) {
		return misuse("list", "at most one zone");
	}

	knot_dname_txt_storage_t zone;
	if (argc == 1 && !alias_read_zone(zone, argv[0])) {
		return misuse("list", "'%s' is not a name", argv[0]);
	}

	records_t records = { .keep_broken = json };
	control_t *control = control_open(settings);
	bool read = control != NULL && records_read(&records, control, (argc == 1) ? zone : NULL);
	control_close(control);
	if (json) {
		print_json(&records, read && records.unloaded == 0);
	} else {
		print_table(&records);
	}
	records_free(&records);
	return read ? EXIT_FINE : EXIT_WRONG;
}
