/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For each name that the module may have, knotd is asked for the sections, then for option `module` of all zones and
 * templates. Templates count, as members of catalog zones have one, and knotd does not tell which.
 */

#include "kalias/sections.h"

#include <stdio.h>
#include <string.h>

#include "util/name.h"

#define DEFAULT_ID "default"

typedef struct {
	char *id;
	bool used;
} section_use_t;

typedef struct {
	const char *module; /*!< Its name. */
	section_use_t *items;
	size_t count;
	char *alone;   /*!< The first zone or template that has the module without a section; NULL: none. */
	size_t others; /*!< More of them. */
} sections_t;

static int compare_uses(const void *a, const void *b)
{
	return strcmp(((const section_use_t *)a)->id, ((const section_use_t *)b)->id);
}

static section_use_t *find_use(const sections_t *sections, const char *id)
{
	const section_use_t key = { .id = (char *)id };
	return sections->count > 0 ? bsearch(&key, sections->items, sections->count, sizeof(key), compare_uses) : NULL;
}

static void take_section(void *ctx, knot_ctl_data_t data)
{
	sections_t *sections = ctx;
	if (data[KNOT_CTL_IDX_DATA] == NULL) {
		return;
	}
	sections->items = not_null(reallocarray(sections->items, sections->count + 1, sizeof(*sections->items)));
	sections->items[sections->count++] = (section_use_t){ .id = not_null(strdup(data[KNOT_CTL_IDX_DATA])) };
}

static void take_module(void *ctx, knot_ctl_data_t data)
{
	sections_t *sections = ctx;
	const char *module = data[KNOT_CTL_IDX_DATA];
	size_t len = strlen(sections->module);
	if (module == NULL || strncmp(module, sections->module, len) != 0) {
		return;
	}
	if (module[len] == '/') {
		section_use_t *section = find_use(sections, module + len + 1);
		if (section != NULL) {
			section->used = true;
		}
	} else if (module[len] == '\0' && sections->alone != NULL) {
		sections->others++;
	} else if (module[len] == '\0' && data[KNOT_CTL_IDX_SECTION] != NULL && data[KNOT_CTL_IDX_ID] != NULL &&
	           asprintf(&sections->alone, "%s %s", data[KNOT_CTL_IDX_SECTION], data[KNOT_CTL_IDX_ID]) < 0) {
		sections->alone = NULL;
	}
}

static bool read_all(sections_t *sections, control_t *control)
{
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "conf-read",
		[KNOT_CTL_IDX_SECTION] = sections->module,
		[KNOT_CTL_IDX_ITEM] = "id",
	};
	if (control_run(control, request, take_section, sections) != NULL || sections->count == 0) {
		return false;
	}
	qsort(sections->items, sections->count, sizeof(*sections->items), compare_uses);

	request[KNOT_CTL_IDX_ITEM] = "module";
	static const char *const users[] = { "zone", "template" };
	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
		request[KNOT_CTL_IDX_SECTION] = users[i];
		if (control_run(control, request, take_module, sections) != NULL) {
			return false;
		}
	}
	return true;
}

static void warn_of_uses(const sections_t *sections)
{
	bool mistaken = sections->alone != NULL && find_use(sections, DEFAULT_ID) != NULL;
	if (mistaken) {
		char more[32] = "";
		if (sections->others > 0) {
			snprintf(more, sizeof(more), " and %zu more", sections->others);
		}
		warn("%s%s: module '%s' without a section means the default of each option, not section '" DEFAULT_ID
		     "': write %s/" DEFAULT_ID,
		     sections->alone, more, sections->module, sections->module);
	}
	for (size_t i = 0; i < sections->count; i++) {
		const section_use_t *section = &sections->items[i];
		if (!section->used && !(mistaken && strcmp(section->id, DEFAULT_ID) == 0)) {
			warn("section %s/%s is not used by any zone or template", sections->module, section->id);
		}
	}
}

void sections_warn(control_t *control)
{
	static const char *const names[] = { MODULE_NAME_FREE, MODULE_NAME_SHARED };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		sections_t sections = { .module = names[i] };
		if (read_all(&sections, control)) {
			warn_of_uses(&sections);
		}
		for (size_t k = 0; k < sections.count; k++) {
			free(sections.items[k].id);
		}
		free(sections.items);
		free(sections.alone);
	}
}
