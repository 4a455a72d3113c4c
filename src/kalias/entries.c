/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/entries.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "kalias/alias.h"

const char entries_no_origin[] = "relative name, but the origin is not known: add $ORIGIN, "
				 "or name the zone with --origin ZONE";

void entries_init(entries_t *entries, const char *text, size_t len)
{
	memset(entries, 0, sizeof(*entries));
	zonefile_init(&entries->file, text, len);
}

const char *entries_read_name(knot_dname_storage_t name, const entries_t *entries, size_t index)
{
	static const knot_dname_t root[] = "";
	char *text = zonefile_copy(&entries->file, index, index + 1);

	const char *rule = NULL;
	if (entries->file.words[index].quoted) {
		rule = "name must not be quoted";
	} else if (!alias_read_name(name, text, entries->has_origin ? entries->origin : root)) {
		rule = "not a domain name: " ALIAS_NAME_RULE;
	} else if (!entries->has_origin && !alias_is_absolute(text)) {
		rule = entries_no_origin;
	}
	free(text);
	return rule;
}

static void take_origin(entries_t *entries)
{
	knot_dname_storage_t origin;
	entries->rule = entries->file.count == 2 ? entries_read_name(origin, entries, 1) : "$ORIGIN must have one name";
	entries->has_origin = (entries->rule == NULL);
	if (entries->has_origin) {
		memcpy(entries->origin, origin, knot_dname_size(origin));
	}
}

static void take_owner(entries_t *entries)
{
	if (entries->file.has_owner) {
		const char *rule = entries_read_name(entries->name, entries, 0);
		entries->has_name = (rule == NULL || rule == entries_no_origin);
		if (entries->has_name) {
			knot_dname_to_lower(entries->name);
		}
	}
	entries->type = zonefile_type(&entries->file, entries->file.has_owner ? 1 : 0);
}

int entries_next(entries_t *entries)
{
	int ret = zonefile_next(&entries->file);
	entries->rule = NULL;
	if (ret != KNOT_EOK) {
		return ret;
	}
	const zonefile_t *file = &entries->file;
	entries->is_directive = zonefile_is_directive(file);
	if (!entries->is_directive) {
		take_owner(entries);
	} else if (zonefile_is(file, 0, "$ORIGIN")) {
		take_origin(entries);
	}
	return ret;
}

bool entries_lacks_dot(const entries_t *entries, const knot_dname_t *zone)
{
	const zonefile_t *file = &entries->file;
	if (!entries->has_origin || entries->origin[0] == '\0' || !file->has_owner ||
	    !zonefile_is(file, entries->type, "SOA")) {
		return false;
	}
	knot_dname_storage_t name;
	char *owner = zonefile_copy(file, 0, 1);
	bool lacks = !alias_is_absolute(owner) && alias_read_name(name, owner, NULL) && knot_dname_is_case_equal(name, zone);
	free(owner);
	return lacks;
}

bool entries_find_zone(knot_dname_storage_t zone, const char *text, size_t len)
{
	entries_t entries;
	entries_init(&entries, text, len);
	bool found = false;
	while (!found && entries_next(&entries) == KNOT_EOK) {
		found = !entries.is_directive && zonefile_is(&entries.file, entries.type, "SOA");
	}
	found = found && entries.file.has_owner && entries_read_name(zone, &entries, 0) == NULL;
	zonefile_clear(&entries.file);
	return found;
}
