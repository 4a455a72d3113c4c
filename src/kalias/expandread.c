/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reads from knotd what a pass of `expand` needs. knotd has a log line for each request, so there are few: the addresses of
 * a name are read only if the zone's serial is not the one that it had when they were as remembered.
 */

#include "kalias/expand.h"

#include <ctype.h>
#include <search.h>
#include <string.h>

#include "kalias/alias.h"
#include "kalias/kalias.h"
#include "kalias/records.h"

/* --- zones and names --- */

static knot_dname_t *copy_name(const knot_dname_t *name)
{
	return not_null(knot_dname_copy(name, NULL));
}

/*! Makes room at a place of a sorted array. */
static void *insert(void *array, size_t *count, size_t pos, size_t size)
{
	if ((*count & (*count - 1)) == 0) { /* There is room for a power of two. */
		array = not_null(reallocarray(array, *count > 0 ? 2 * *count : 1, size));
	}
	char *place = (char *)array + pos * size;
	memmove(place + size, place, (*count - pos) * size);
	(*count)++;
	return array;
}

/*! Finds a name in a sorted array of structures that begin with their name. \return Where it is, or belongs. */
static size_t find(void *items, size_t count, const knot_dname_t *name, bool *found)
{
	void *const *item = items;
	size_t low = 0, high = count;
	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int cmp = knot_dname_cmp(*(knot_dname_t *const *)item[middle], name);
		*found = (cmp == 0);
		low = cmp < 0 ? middle + 1 : low;
		high = cmp < 0 ? high : middle;
	}
	return high;
}

expand_zone_t *expand_zone(expand_t *expand, const knot_dname_t *name)
{
	bool found;
	size_t pos = find(expand->zones, expand->count, name, &found);
	if (found) {
		return expand->zones[pos];
	}
	expand_zone_t *zone = not_null(calloc(1, sizeof(*zone)));
	zone->name = copy_name(name);
	(void)knot_dname_to_str(zone->text, name, sizeof(zone->text));
	expand->zones = insert(expand->zones, &expand->count, pos, sizeof(zone));
	return expand->zones[pos] = zone;
}

expand_name_t *expand_name(expand_zone_t *zone, const knot_dname_t *name)
{
	bool found;
	size_t pos = find(zone->names, zone->count, name, &found);
	if (found) {
		return zone->names[pos];
	}
	expand_name_t *item = not_null(calloc(1, sizeof(*item)));
	item->name = copy_name(name);
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		item->set[type].len = addr_len(type);
	}
	zone->names = insert(zone->names, &zone->count, pos, sizeof(item));
	return zone->names[pos] = item;
}

static void free_name(expand_name_t *name)
{
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		addrset_clear(&name->set[type]);
		observed_clear(&name->own[type]);
	}
	free(name->name);
	free(name);
}

void expand_forget(expand_zone_t *zone, size_t pos)
{
	free_name(zone->names[pos]);
	zone->count--;
	memmove(&zone->names[pos], &zone->names[pos + 1], (zone->count - pos) * sizeof(*zone->names));
}

static void free_target(expand_target_t *target)
{
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		observed_clear(&target->observed[type]);
	}
	free(target->name);
	free(target);
}

static void keep_item(void *item)
{
	(void)item; /* The array owns it. */
}

void expand_end_pass(expand_t *expand)
{
	tdestroy(expand->target_tree, keep_item);
	expand->target_tree = NULL;
	for (size_t i = 0; i < expand->target_count; i++) {
		free_target(expand->targets[i]);
	}
	free(expand->targets);
	expand->targets = NULL;
	expand->target_count = 0;
	while (expand->sections != NULL) {
		expand_section_t *section = expand->sections;
		expand->sections = section->next;
		rules_free(&section->rules);
		free(section);
	}
}

void expand_free(expand_t *expand)
{
	expand_end_pass(expand);
	for (size_t i = 0; i < expand->count; i++) {
		expand_zone_t *zone = expand->zones[i];
		while (zone->count > 0) {
			expand_forget(zone, zone->count - 1);
		}
		free(zone->names);
		free(zone->name);
		free(zone);
	}
	free(expand->zones);
}

/* --- sections --- */

/*! Takes the last value of an item. */
static void take_text(void *ctx, knot_ctl_data_t data)
{
	if (data[KNOT_CTL_IDX_DATA] != NULL) {
		snprintf(ctx, SECTION_NAME_MAX, "%s", data[KNOT_CTL_IDX_DATA]);
	}
}

static uint32_t read_ttl(knotconf_t *conf, const char *section, const char *item, uint32_t otherwise)
{
	char text[SECTION_NAME_MAX] = "";
	uint32_t ttl;
	knotconf_read_option(conf, section, item, take_text, text);
	return alias_read_ttl(&ttl, text) ? ttl : otherwise;
}

/*! Finds what a zone's section says. \return NULL, with an error, if the zone can't be expanded. */
static const expand_section_t *find_section(expand_t *expand, knotconf_t *conf, const expand_zone_t *zone)
{
	expand_section_t found = { .ttl_max = 86400 };
	knotconf_find_section(&found.section, conf, zone->text);
	if (found.section.state == MODULE_UNKNOWN) {
		fail("zone %s: knotd does not tell the module of a member of a catalog zone", zone->text);
		return NULL;
	}
	if (expand->options.resolvers.count > 0) {
		found.section.resolvers = expand->options.resolvers;
	} else if (found.section.resolvers.count == 0 && resolvers_system(&found.section.resolvers) != KNOT_EOK) {
		fail("zone %s: neither the module nor the system has a resolver, give one with --resolver", zone->text);
		return NULL;
	}
	bool served = (found.section.state == MODULE_PRESENT);
	if (served && found.section.sibling != SIBLING_FALLBACK) {
		fail("zone %s: option 'sibling' of %s must be 'fallback': the module would serve what is written beside or "
		     "instead of what it knows",
		     zone->text, found.section.name);
		return NULL;
	}
	char text[SECTION_NAME_MAX] = "";
	if (served) {
		knotconf_read_option(conf, found.section.name, "require-ad", take_text, text);
		found.section.resolvers.require_ad = strcmp(text, "on") == 0;
	}
	for (expand_section_t *each = expand->sections; each != NULL; each = each->next) {
		if (memcmp(&each->section, &found.section, sizeof(section_t)) == 0) {
			return each;
		}
	}
	if (served) {
		const char *name = found.section.name;
		knotconf_read_rules(&found.rules, conf, name);
		found.ttl_min = read_ttl(conf, name, "ttl-min", found.ttl_min);
		found.ttl_max = read_ttl(conf, name, "ttl-max", found.ttl_max);
		knotconf_read_option(conf, name, "nxdomain", take_text, text);
		found.hold = strcmp(text, "hold") == 0;
	}
	expand_section_t *section = not_null(malloc(sizeof(*section)));
	*section = found;
	section->next = expand->sections;
	return expand->sections = section;
}

/* --- targets --- */

static int compare_targets(const void *a, const void *b)
{
	const expand_target_t *x = a, *y = b;
	int cmp = knot_dname_cmp(x->name, y->name);
	return cmp != 0 ? cmp : (x->section > y->section) - (x->section < y->section);
}

/*! Finds a target by its lower-case name, or adds it. */
static const expand_target_t *intern_target(expand_t *expand, knot_dname_t *lower, const expand_section_t *section)
{
	expand_target_t key = { .name = lower, .section = section };
	expand_target_t **found = tfind(&key, &expand->target_tree, compare_targets);
	if (found != NULL) {
		return *found;
	}
	expand_target_t *target = not_null(calloc(1, sizeof(*target)));
	target->name = copy_name(lower);
	target->section = section;
	(void)not_null(tsearch(target, &expand->target_tree, compare_targets));
	expand->targets = insert(expand->targets, &expand->target_count, expand->target_count, sizeof(target));
	expand->targets[expand->target_count - 1] = target;
	return target;
}

/* --- a pass --- */

/*! Takes the role and the serial of a zone; the role comes first. */
static void take_status(void *ctx, knot_ctl_data_t data)
{
	expand_t *expand = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE], *value = data[KNOT_CTL_IDX_DATA];
	knot_dname_storage_t name;
	if (type == NULL || value == NULL || data[KNOT_CTL_IDX_ZONE] == NULL ||
	    knot_dname_from_str(name, data[KNOT_CTL_IDX_ZONE], sizeof(name)) == NULL) {
		return;
	}
	knot_dname_to_lower(name);
	expand_zone_t *zone = expand_zone(expand, name);
	if (strcmp(type, "role") == 0) {
		zone->is_there = strcmp(value, "slave") != 0;
	} else if (strcmp(type, "serial") == 0 && isdigit((unsigned char)value[0])) {
		zone->serial_now = strtoul(value, NULL, 10);
	} else if (strcmp(type, "serial") == 0) {
		zone->is_there = false;
	}
}

static const char *read_status(expand_t *expand, control_t *control, const char *zone)
{
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "zone-status",
		[KNOT_CTL_IDX_ZONE] = zone,
		[CONTROL_IDX_FILTER] = "rs", /* Role and serial. */
	};
	return control_run(control, request, take_status, expand);
}

static void take_own(void *ctx, knot_ctl_data_t data)
{
	expand_name_t *name = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE], *text = data[KNOT_CTL_IDX_DATA];
	if (type == NULL || text == NULL || data[KNOT_CTL_IDX_TTL] == NULL) {
		return;
	}
	if (observed_add_record(name->own, type, text)) {
		name->own[strcmp(type, addr_name(ADDR_A)) == 0 ? ADDR_A : ADDR_AAAA].ttl = strtoul(data[KNOT_CTL_IDX_TTL], NULL, 10);
	}
}

/*! Reads the addresses that a name has. */
static bool read_own(control_t *control, const expand_zone_t *zone, expand_name_t *name)
{
	knot_dname_txt_storage_t text;
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "zone-read",
		[KNOT_CTL_IDX_ZONE] = zone->text,
		[KNOT_CTL_IDX_OWNER] = knot_dname_to_str(text, name->name, sizeof(text)),
	};
	const char *error = control_run(control, request, take_own, name);
	if (error != NULL && strcmp(error, knot_strerror(KNOT_ENONODE)) == 0) {
		error = NULL;
	}
	if (error != NULL) {
		fail("zone %s: %s: %s", zone->text, text, error);
	}
	name->is_read = (error == NULL);
	return name->is_read;
}

/*! Adds the records of the zones that can be changed. */
static void note_records(expand_t *expand, knotconf_t *conf, const records_t *records)
{
	expand_zone_t *zone = NULL;
	for (size_t i = 0; i < records->count; i++) {
		const alias_record_t *record = &records->items[i];
		if (zone == NULL || !knot_dname_is_equal(zone->name, record->zone)) {
			zone = expand_zone(expand, record->zone);
			zone->section = zone->is_there ? find_section(expand, conf, zone) : NULL;
			expand->report.failed += zone->is_there && zone->section == NULL;
			zone->is_there = (zone->section != NULL); /* Else nothing is changed in it. */
		}
		if (zone->section == NULL) {
			continue;
		}
		expand_name_t *name = expand_name(zone, record->owner);
		expand->report.names += !name->has_alias;
		name->has_alias = true;
		name->ttl = record->ttl;
		if (record->target == NULL) {
			name->is_broken = true;
			continue;
		}
		knot_dname_storage_t lower;
		knot_dname_copy_lower(lower, record->target);
		if (name->count < ALIAS_TARGETS_MAX && !knot_dname_is_equal(lower, name->name) &&
		    !rules_deny_target(&zone->section->rules, lower)) {
			name->target[name->count++] = intern_target(expand, lower, zone->section);
		}
	}
}

static void begin_pass(expand_t *expand)
{
	expand->report = (expand_report_t){ 0 };
	for (size_t i = 0; i < expand->count; i++) {
		expand_zone_t *zone = expand->zones[i];
		zone->is_there = false;
		zone->section = NULL;
		for (size_t k = 0; k < zone->count; k++) {
			expand_name_t *name = zone->names[k];
			name->has_alias = name->is_broken = name->is_read = false;
			name->count = 0;
			observed_clear(&name->own[ADDR_A]);
			observed_clear(&name->own[ADDR_AAAA]);
		}
	}
}

/*! Reads the records of a zone, or of all. If that fails nothing is known of these zones, and nothing changed in them. */
static bool read_records(expand_t *expand, knotconf_t *conf, const char *zone)
{
	records_t records = { .keep_broken = true };
	const char *error = read_status(expand, conf->control, zone);
	if (error != NULL) {
		fail("%s%s%s", zone != NULL ? zone : "", zone != NULL ? ": " : "", error);
	}
	bool complete = (error == NULL) && records_read(&records, conf->control, zone);
	if (complete) {
		note_records(expand, conf, &records);
	}
	if (complete && zone != NULL && records.secondary) {
		fail("zone %s comes from a primary: it has to be changed there", zone);
		complete = false;
	}
	for (size_t i = 0; i < expand->count && !complete; i++) {
		expand_zone_t *each = expand->zones[i];
		each->is_there &= (zone != NULL && strcmp(each->text, zone) != 0);
	}
	records_free(&records);
	return complete;
}

/*! Changes nothing in this pass: options that could not be read count as not set, so whom to ask or what to deny is not known. */
static void drop_all(expand_t *expand)
{
	fail("the connection to knotd was lost: nothing changed in this pass");
	for (size_t i = 0; i < expand->count; i++) {
		expand->zones[i]->is_there = false;
	}
	expand_end_pass(expand); /* No target is asked for. */
}

bool expand_read(expand_t *expand, control_t *control)
{
	static char *const all[] = { NULL, NULL };
	char *const *zones = expand->options.zones != NULL ? expand->options.zones : all;
	knotconf_t conf = { .control = control, .whole = (expand->options.zones == NULL) };
	begin_pass(expand);
	bool complete = true;
	do {
		complete &= read_records(expand, &conf, *zones);
	} while (*zones != NULL && *++zones != NULL);
	knotconf_clear(&conf);

	for (size_t i = 0; i < expand->count; i++) {
		expand_zone_t *zone = expand->zones[i];
		bool same = zone->serial != 0 && zone->serial == zone->serial_now;
		for (size_t k = 0; k < zone->count && zone->is_there; k++) {
			expand_name_t *name = zone->names[k];
			if ((!same || !name->ours) && (name->has_alias || name->ours)) {
				complete &= read_own(control, zone, name);
			}
		}
	}
	if (control_was_lost(control)) {
		drop_all(expand);
		complete = false;
	}
	return complete;
}
