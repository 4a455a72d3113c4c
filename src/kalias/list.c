/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/kalias.h"

#include <stdio.h>
#include <string.h>
#include <libknot/libknot.h>

#include "kalias/alias.h"
#include "kalias/control.h"
#include "kalias/records.h"

static void print_records(const records_t *records)
{
	knot_dname_txt_storage_t owner, target;
	int owner_width = 0, ttl_width = 0;
	for (size_t i = 0; i < records->count; i++) {
		int owner_len = strlen(knot_dname_to_str(owner, records->items[i].owner, sizeof(owner)));
		int ttl_len = snprintf(NULL, 0, "%u", records->items[i].ttl);
		owner_width = (owner_len > owner_width) ? owner_len : owner_width;
		ttl_width = (ttl_len > ttl_width) ? ttl_len : ttl_width;
	}
	for (size_t i = 0; i < records->count; i++) {
		const alias_record_t *record = &records->items[i];
		printf("%-*s  %*u  %s\n", owner_width, knot_dname_to_str(owner, record->owner, sizeof(owner)), ttl_width,
		       record->ttl, knot_dname_to_str(target, record->target, sizeof(target)));
	}
}

exit_t run_list(const settings_t *settings, int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		return misuse("list", "at most one zone");
	}

	knot_dname_txt_storage_t zone;
	if (argc == 2 && !alias_read_zone(zone, argv[1])) {
		return misuse("list", "'%s' is not a name", argv[1]);
	}

	control_t *control = control_open(settings);
	if (control == NULL) {
		return EXIT_WRONG;
	}
	records_t records = { 0 };
	bool complete = records_read(&records, control, (argc == 2) ? zone : NULL);
	control_close(control);
	print_records(&records);
	records_free(&records);
	return complete ? EXIT_FINE : EXIT_WRONG;
}
