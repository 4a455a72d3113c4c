/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/kalias.h"

#include <stdio.h>
#include <string.h>
#include <libknot/libknot.h>

#include "kalias/alias.h"
#include "kalias/control.h"
#include "kalias/records.h"

/*! \return Width of the longest owner. */
static int find_owner_width(const records_t *records)
{
	int width = 0;
	for (size_t i = 0; i < records->count; i++) {
		knot_dname_txt_storage_t owner;
		(void)knot_dname_to_str(owner, records->items[i].owner, sizeof(owner));
		int len = strlen(owner);
		width = (len > width) ? len : width;
	}
	return width;
}

static int find_ttl_width(const records_t *records)
{
	int width = 0;
	for (size_t i = 0; i < records->count; i++) {
		int len = snprintf(NULL, 0, "%u", records->items[i].ttl);
		width = (len > width) ? len : width;
	}
	return width;
}

static void print_records(const records_t *records)
{
	int owner_room = find_owner_width(records), ttl_room = find_ttl_width(records);
	for (size_t i = 0; i < records->count; i++) {
		knot_dname_txt_storage_t owner, target;
		(void)knot_dname_to_str(owner, records->items[i].owner, sizeof(owner));
		(void)knot_dname_to_str(target, records->items[i].target, sizeof(target));
		printf("%-*s  %*u  %s\n", owner_room, owner, ttl_room, records->items[i].ttl, target);
	}
}

/*! \param zone  Name of the zone, NULL: all zones. */
static exit_t list_zone(control_t *control, const char *zone)
{
	records_t records = { 0 };
	size_t unloaded = 0;
	const char *error = records_find_unloaded(&unloaded, control, zone);
	if (error == NULL) {
		error = records_read(&records, control, zone);
	}
	exit_t status = (zone != NULL && unloaded > 0) ? EXIT_WRONG : EXIT_FINE;
	if (error != NULL) {
		status = (zone != NULL) ? fail("zone %s: %s", zone, error) : fail("%s", error);
	}
	print_records(&records);
	records_free(&records);
	return status;
}

exit_t run_list(const settings_t *settings, int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		return misuse("list", "at most one zone");
	}

	knot_dname_txt_storage_t zone;
	if (argc == 2) {
		knot_dname_storage_t name;
		if (!alias_read_name(name, argv[1], NULL)) {
			return misuse("list", "'%s' is not a name", argv[1]);
		}
		(void)knot_dname_to_str(zone, name, sizeof(zone));
	}

	control_t *control = control_open(settings);
	if (control == NULL) {
		return EXIT_WRONG;
	}
	exit_t status = list_zone(control, (argc == 2) ? zone : NULL);
	control_close(control);
	return status;
}
