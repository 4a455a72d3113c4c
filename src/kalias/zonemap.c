/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/zonemap.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "kalias/kalias.h"
#include "kalias/rewrite.h"

static unsigned kind_of(const entries_t *entries)
{
	static const struct {
		const char *type;
		unsigned kind;
	} kinds[] = {
		{ "CNAME", AT_CNAME },
		{ "DNAME", AT_DNAME },
		{ "NS", AT_NS },
		{ "RRSIG", 0 },
		{ "NSEC", 0 },
	};
	const zonefile_t *file = &entries->file;
	if (rewrite_is_alias(file, entries->type)) {
		return AT_ALIAS;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (zonefile_is(file, entries->type, kinds[i].type)) {
			return kinds[i].kind;
		}
	}
	return AT_OTHER;
}

static int compare(const void *first, const void *second)
{
	const zonemap_name_t *one = first, *other = second;
	if (one->size != other->size) {
		return one->size < other->size ? -1 : 1;
	}
	return memcmp(one->name, other->name, one->size);
}

/*! Adds a record at the name of the last one, or at a new name. */
static void add(zonemap_t *map, const knot_dname_t *name, unsigned kind)
{
	zonemap_name_t *last = (map->count > 0) ? &map->names[map->count - 1] : NULL;
	if (last == NULL || !knot_dname_is_equal(last->name, name)) {
		if ((map->count & (map->count - 1)) == 0) { /* There is room for a power of two. */
			size_t room = (map->count > 0) ? 2 * map->count : 1;
			map->names = not_null(reallocarray(map->names, room, sizeof(*last)));
		}
		last = &map->names[map->count++];
		*last = (zonemap_name_t){ .name = not_null(knot_dname_copy(name, NULL)), .size = knot_dname_size(name) };
	}
	last->kinds |= kind;
	last->aliases += (kind == AT_ALIAS);
}

/*! Makes one of all entries of a name. */
static void merge(zonemap_t *map)
{
	size_t to = 0;
	for (size_t from = 1; from < map->count; from++) {
		if (compare(&map->names[to], &map->names[from]) != 0) {
			map->names[++to] = map->names[from];
			continue;
		}
		map->names[to].kinds |= map->names[from].kinds;
		map->names[to].aliases += map->names[from].aliases;
		free(map->names[from].name);
	}
	map->count = (map->count > 0) ? to + 1 : 0;
}

void zonemap_read(zonemap_t *map, entries_t *entries)
{
	*map = (zonemap_t){ .apex = "" };
	map->has_apex = entries->has_origin;
	if (map->has_apex) {
		knot_dname_copy_lower(map->apex, entries->origin);
	}
	while (entries_next(entries) == KNOT_EOK) {
		if (entries->is_directive) {
			map->partial |= zonefile_is(&entries->file, 0, "$INCLUDE");
		} else if (entries->has_name) {
			if (!map->has_apex && zonefile_is(&entries->file, entries->type, "SOA")) {
				memcpy(map->apex, entries->name, knot_dname_size(entries->name));
				map->has_apex = true;
			} else if (entries_lacks_dot(entries, map->apex)) {
				memcpy(entries->name, map->apex, knot_dname_size(map->apex));
			}
			add(map, entries->name, kind_of(entries));
		}
	}
	if (map->count > 0) {
		qsort(map->names, map->count, sizeof(*map->names), compare);
		merge(map);
	}
}

void zonemap_clear(zonemap_t *map)
{
	for (size_t i = 0; i < map->count; i++) {
		free(map->names[i].name);
	}
	free(map->names);
	*map = (zonemap_t){ 0 };
}

zonemap_name_t *zonemap_find(const zonemap_t *map, const knot_dname_t *name)
{
	zonemap_name_t key = { .name = (knot_dname_t *)name, .size = knot_dname_size(name) };
	return (map->count == 0) ? NULL : bsearch(&key, map->names, map->count, sizeof(key), compare);
}

bool zonemap_has(const zonemap_t *map, const knot_dname_t *name)
{
	const knot_dname_t *parent = name + (name[0] != '\0' ? 1 + name[0] : 0);
	knot_dname_storage_t wildcard = "\x01*";
	size_t size = knot_dname_size(parent);
	if (size + 2 <= sizeof(wildcard)) {
		memcpy(wildcard + 2, parent, size);
	}
	return zonemap_find(map, name) != NULL || zonemap_find(map, wildcard) != NULL;
}

const char *zonemap_obstacle(const zonemap_t *map, const knot_dname_t *name)
{
	const zonemap_name_t *found = zonemap_find(map, name);
	if (knot_dname_in_bailiwick(name, map->apex) < 0) {
		return "is not in the zone, and left out by Knot DNS";
	} else if (found != NULL && (found->kinds & AT_CNAME)) {
		return "has a CNAME as well, beside which nothing else may be";
	}
	while (!knot_dname_is_equal(name, map->apex) && name[0] != '\0') {
		if (found != NULL && (found->kinds & AT_NS) && map->has_apex) {
			return "is at or below a delegation, where an ALIAS has no effect";
		}
		name += 1 + name[0];
		found = zonemap_find(map, name);
		if (found != NULL && (found->kinds & AT_DNAME)) {
			return "is below a DNAME, where nothing else may be";
		}
	}
	return NULL;
}
