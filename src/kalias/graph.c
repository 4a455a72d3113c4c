/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/check.h"

#include <string.h>

/*! Longest chain of owners that is followed. Resolvers give up much earlier. */
#define DEPTH_MAX 1000

/*! What the search has found out about an owner. */
enum {
	MARK_NEW,
	MARK_OPEN, /*!< It is on the way that is being followed. */
	MARK_DONE,
};

static bool owner_loops(const inventory_t *inventory, check_owner_t *owner, unsigned depth);

/*! Whether a name is an owner that leads into a loop. */
static bool name_loops(const inventory_t *inventory, const knot_dname_t *name, unsigned depth)
{
	check_owner_t *next = inventory_find(inventory, name);
	return next != NULL && owner_loops(inventory, next, depth + 1);
}

/*! The same for the wildcards that a target may be covered by. Whether one covers it was seen by asking the server. */
static bool wildcard_loops(const inventory_t *inventory, const check_target_t *target, unsigned depth)
{
	if (!target->fails_here || inventory_find(inventory, target->name) != NULL) {
		return false;
	}

	for (const knot_dname_t *parent = target->name; *parent != '\0';) {
		parent += 1 + *parent;
		knot_dname_storage_t wildcard = "\x01*";
		memcpy(wildcard + 2, parent, knot_dname_size(parent));
		if (name_loops(inventory, wildcard, depth)) {
			return true;
		}
	}
	return false;
}

static bool owner_loops(const inventory_t *inventory, check_owner_t *owner, unsigned depth)
{
	if (owner->mark == MARK_OPEN) {
		return true;
	}
	if (owner->mark == MARK_DONE || depth > DEPTH_MAX) {
		return owner->findings.loop;
	}

	owner->mark = MARK_OPEN;
	bool loop = owner->findings.loop;
	for (unsigned i = 0; i < owner->findings.count; i++) {
		const check_target_t *target = owner->target[i];
		loop |= target->cname_loop || name_loops(inventory, target->name, depth) ||
		        wildcard_loops(inventory, target, depth);
		for (unsigned k = 0; k < target->chain_len; k++) {
			loop |= name_loops(inventory, target->chain[k], depth);
		}
	}
	owner->findings.loop = loop;
	owner->mark = MARK_DONE;
	return loop;
}

void graph_find_loops(const inventory_t *inventory)
{
	for (size_t i = 0; i < inventory->owner_count; i++) {
		(void)owner_loops(inventory, inventory->owners[i], 0);
	}
}
