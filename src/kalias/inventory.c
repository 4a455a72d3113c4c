/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reads all that a check needs from knotd, before anything is asked for: knotd serves one control connection at a
 * time. The inventory owns all zones, owners and targets. Arrays give their order, trees find them by name.
 */

#include <search.h>
#include <string.h>

#include "kalias/check.h"
#include "kalias/kalias.h"
#include "kalias/knotconf.h"
#include "kalias/records.h"

/*! Is asked for in place of the asterisk of a wildcard. */
#define WILDCARD_LABEL "\014kalias-check"

/*! Elements by which an array grows. */
#define ARRAY_STEP 1024

/*! Appends to an array that has room for a multiple of ARRAY_STEP. */
#define APPEND(array, count, item) \
	do { \
		if ((count) % ARRAY_STEP == 0) { \
			(array) = not_null(realloc((array), ((count) + ARRAY_STEP) * sizeof(*(array)))); \
		} \
		(array)[(count)++] = (item); \
	} while (0)

static knot_dname_t *copy_name(const knot_dname_t *name)
{
	return not_null(knot_dname_copy(name, NULL));
}

/* --- zones --- */

static unsigned find_set(inventory_t *inventory, const resolvers_t *resolvers)
{
	unsigned set = 0;
	while (set < inventory->set_count && memcmp(&inventory->sets[set].resolvers, resolvers, sizeof(*resolvers)) != 0) {
		set++;
	}
	if (set == inventory->set_count) {
		APPEND(inventory->sets, inventory->set_count, (check_set_t){ .resolvers = *resolvers });
	}
	return set;
}

static unsigned find_section(inventory_t *inventory, const check_section_t *section)
{
	unsigned i = 0;
	while (i < inventory->section_count && (inventory->sections[i].set != section->set ||
	                                        inventory->sections[i].system != section->system ||
	                                        memcmp(&inventory->sections[i].section, &section->section, sizeof(section_t)) != 0)) {
		i++;
	}
	if (i == inventory->section_count) {
		APPEND(inventory->sections, inventory->section_count, *section);
	}
	inventory->sections[i].zones++;
	return i;
}

/*! Reads what a section rules out when its first zone comes. */
static void read_rules(check_section_t *section, knotconf_t *conf)
{
	if (section->zones == 1 && section->section.state == MODULE_PRESENT) {
		knotconf_read_rules(&section->rules, conf, section->section.name);
	}
}

/*! The section of the last zone. */
static const check_section_t *last_section(const inventory_t *inventory)
{
	return &inventory->sections[inventory->zones->section];
}

/*! Adds a zone, with its configuration. \return false without resolvers. */
static bool add_zone(inventory_t *inventory, knotconf_t *conf, const knot_dname_t *name, const resolvers_t *given)
{
	check_zone_t *zone = not_null(calloc(1, sizeof(*zone)));
	zone->name = copy_name(name);
	zone->next = inventory->zones;
	inventory->zones = zone;

	check_section_t section = { 0 };
	resolvers_t *resolvers = &section.section.resolvers;
	knot_dname_txt_storage_t text;
	knotconf_find_section(&section.section, conf, knot_dname_to_str(text, name, sizeof(text)));
	section.system = (resolvers->count == 0);
	if (section.system) {
		(void)resolvers_system(resolvers); /* It stays empty if there are none. */
	}
	const resolvers_t *asked = given->count > 0 ? given : resolvers;
	if (asked->count == 0) {
		fail("%s: neither the module nor the system has a resolver, give one with --resolver", text);
	}
	section.set = find_set(inventory, asked);
	zone->section = find_section(inventory, &section);
	read_rules(&inventory->sections[zone->section], conf);
	return asked->count > 0;
}

/* --- targets --- */

static int compare_targets(const void *a, const void *b)
{
	const check_target_t *x = a, *y = b;
	int cmp = knot_dname_cmp(x->name, y->name);
	return cmp != 0 ? cmp : (x->set > y->set) - (x->set < y->set);
}

static check_target_t *intern_target(inventory_t *inventory, const knot_dname_t *name, unsigned set)
{
	knot_dname_storage_t lower;
	knot_dname_copy_lower(lower, name);
	check_target_t key = { .name = lower, .set = set };
	check_target_t **found = tfind(&key, &inventory->target_tree, compare_targets);
	if (found != NULL) {
		return *found;
	}

	check_target_t *target = not_null(calloc(1, sizeof(*target)));
	target->name = copy_name(lower);
	target->set = set;
	(void)not_null(tsearch(target, &inventory->target_tree, compare_targets));
	APPEND(inventory->targets, inventory->target_count, target);
	return target;
}

/*! Adds a target, or notes that the module ignores it. */
static void note_target(inventory_t *inventory, check_owner_t *owner, const knot_dname_t *name)
{
	findings_t *findings = &owner->findings;
	bool beyond = (owner->records++ >= ALIAS_RECORDS_MAX);
	if (!beyond && name != NULL && knot_dname_is_case_equal(name, owner->name)) {
		findings->loop = true;
	} else if (beyond || name == NULL || findings->count == ALIAS_TARGETS_MAX) {
		findings->malformed = true;
	} else {
		check_target_t *target = intern_target(inventory, name, inventory->sections[owner->zone->section].set);
		owner->target[findings->count] = target;
		findings->name[findings->count] = target->name;
		findings->target[findings->count++] = target->observed;
	}
}

/* --- owners --- */

/*! The name to ask for: of a wildcard one that it covers, if that is not too long. */
static knot_dname_t *choose_name(const knot_dname_t *owner)
{
	const size_t len = sizeof(WILDCARD_LABEL) - 1;
	size_t rest = knot_dname_size(owner) - 2;
	if (!knot_dname_is_wildcard(owner) || len + rest > KNOT_DNAME_MAXLEN) {
		return copy_name(owner);
	}
	knot_dname_storage_t name;
	memcpy(name, WILDCARD_LABEL, len);
	memcpy(name + len, owner + 2, rest);
	return copy_name(name);
}

static int compare_owners(const void *a, const void *b)
{
	return knot_dname_cmp(((const check_owner_t *)a)->name, ((const check_owner_t *)b)->name);
}

static void take_own(void *ctx, knot_ctl_data_t data)
{
	findings_t *findings = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE], *text = data[KNOT_CTL_IDX_DATA];
	if (type == NULL || text == NULL) {
		return;
	}
	(void)observed_add_record(findings->own, type, text);
	findings->cname |= strcmp(type, "CNAME") == 0;
}

/*! Adds the owner of a record of the last zone, with its other records. \return false if these can't be read. */
static bool add_owner(inventory_t *inventory, control_t *control, const alias_record_t *record)
{
	check_owner_t *owner = not_null(calloc(1, sizeof(*owner)));
	owner->zone = inventory->zones;
	owner->name = copy_name(record->owner);
	owner->asked = choose_name(record->owner);
	owner->ttl = record->ttl;
	owner->findings.module = last_section(inventory)->section.state;
	owner->findings.sibling = last_section(inventory)->section.sibling;
	owner->problems = 1U << PROBLEM_NO_ANSWER;
	APPEND(inventory->owners, inventory->owner_count, owner);
	(void)not_null(tsearch(owner, &inventory->owner_tree, compare_owners));

	knot_dname_txt_storage_t zone, name;
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "zone-read",
		[KNOT_CTL_IDX_ZONE] = knot_dname_to_str(zone, owner->zone->name, sizeof(zone)),
		[KNOT_CTL_IDX_OWNER] = knot_dname_to_str(name, owner->name, sizeof(name)),
	};
	const char *error = control_run(control, request, take_own, &owner->findings);
	if (error != NULL) {
		fail("%s: %s", name, error);
	}
	return error == NULL;
}

/* --- Knot's own module --- */

static int compare_names(const void *a, const void *b)
{
	return knot_dname_cmp(a, b);
}

static void take_zone(void *ctx, knot_ctl_data_t data)
{
	const char *text = data[KNOT_CTL_IDX_ZONE];
	knot_dname_t *name = (text != NULL) ? knot_dname_from_str_alloc(text) : NULL;
	if (name == NULL) {
		return;
	}
	knot_dname_to_lower(name);
	knot_dname_t **found = not_null(tsearch(name, ctx, compare_names));
	if (*found != name) { /* A zone comes with several lines. */
		free(name);
	}
}

static bool is_below(const knot_dname_t *name, void *const *zones)
{
	while (tfind(name, zones, compare_names) == NULL) {
		if (*name == '\0') {
			return false;
		}
		name += 1 + *name;
	}
	return true;
}

/*! Notes the targets that Knot's own module can't serve. \return false if the zones of the server can't be read. */
static bool note_elsewhere(inventory_t *inventory, control_t *control)
{
	unsigned section = 0;
	while (section < inventory->section_count && inventory->sections[section].section.state != MODULE_BUILTIN) {
		section++;
	}
	if (section == inventory->section_count) {
		return true;
	}

	void *zones = NULL;
	knot_ctl_data_t request = { [KNOT_CTL_IDX_CMD] = "zone-status" };
	const char *error = control_run(control, request, take_zone, &zones);
	if (error != NULL) {
		fail("%s", error);
	}
	for (size_t i = 0; i < inventory->owner_count && error == NULL; i++) {
		check_owner_t *owner = inventory->owners[i];
		for (unsigned k = 0; k < owner->findings.count && owner->findings.module == MODULE_BUILTIN; k++) {
			owner->target[k]->is_elsewhere = !is_below(owner->target[k]->name, &zones);
			owner->findings.builtin |= owner->target[k]->is_elsewhere;
		}
	}
	tdestroy(zones, free);
	return error == NULL;
}

/* --- all --- */

check_owner_t *inventory_find(const inventory_t *inventory, const knot_dname_t *name)
{
	check_owner_t key = { .name = (knot_dname_t *)name };
	check_owner_t **found = tfind(&key, &inventory->owner_tree, compare_owners);
	return found != NULL ? *found : NULL;
}

bool inventory_read(inventory_t *inventory, control_t *control, const check_options_t *options)
{
	bool all = (options->zone[0] == '\0');
	knotconf_t conf = { .control = control, .whole = all };
	inventory->given = options->resolvers.count > 0;
	inventory->server = options->server;
	if (inventory->server.ss_family == AF_UNSPEC && !knotconf_find_server(&inventory->server, &conf)) {
		return false;
	}

	records_t records = { .keep_broken = true };
	bool complete = records_read(&records, control, all ? NULL : options->zone);
	complete &= (records.unloaded == 0);
	check_owner_t *owner = NULL;
	for (size_t i = 0; i < records.count; i++) {
		const alias_record_t *record = &records.items[i];
		bool same_zone = owner != NULL && knot_dname_is_equal(record->zone, owner->zone->name);
		if (!same_zone) {
			complete &= add_zone(inventory, &conf, record->zone, &options->resolvers);
		}
		if (!same_zone || !knot_dname_is_equal(record->owner, owner->name)) {
			complete &= add_owner(inventory, control, record);
		}
		owner = inventory->owners[inventory->owner_count - 1];
		note_target(inventory, owner, record->target);
	}
	records_free(&records);
	knotconf_clear(&conf);
	for (size_t i = 0; i < inventory->owner_count; i++) { /* Sections don't move any more. */
		owner = inventory->owners[i];
		owner->findings.rules = &inventory->sections[owner->zone->section].rules;
	}
	return note_elsewhere(inventory, control) && complete;
}

static void free_target(void *item)
{
	check_target_t *target = item;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		observed_clear(&target->observed[type]);
	}
	for (unsigned i = 0; i < target->chain_len; i++) {
		free(target->chain[i]);
	}
	free(target->name);
	free(target);
}

static void free_owner(check_owner_t *owner)
{
	findings_t *findings = &owner->findings;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		observed_clear(&findings->own[type]);
		observed_clear(&findings->plain[type]);
		observed_clear(&findings->secure[type]);
	}
	free(owner->name);
	free(owner->asked);
	free(owner);
}

static void keep_item(void *item)
{
	(void)item; /* The array owns it. */
}

void inventory_free(inventory_t *inventory)
{
	tdestroy(inventory->target_tree, free_target);
	tdestroy(inventory->owner_tree, keep_item);
	for (size_t i = 0; i < inventory->owner_count; i++) {
		free_owner(inventory->owners[i]);
	}
	while (inventory->zones != NULL) {
		check_zone_t *zone = inventory->zones;
		inventory->zones = zone->next;
		free(zone->name);
		free(zone);
	}
	for (unsigned i = 0; i < inventory->section_count; i++) {
		rules_free(&inventory->sections[i].rules);
	}
	free(inventory->targets);
	free(inventory->owners);
	free(inventory->sections);
	free(inventory->sets);
}
