/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What targets have, and what a zone has, becomes the view that addrset.h judges. */

#include <string.h>

#include "kalias/expand.h"
#include "kalias/kalias.h"

/*! Collects the addresses of all targets that clients may have. */
static void collect(observed_t *all, const expand_zone_t *zone, const expand_name_t *name, addr_type_t type)
{
	const address_set_t *deny = &zone->section->rules.deny_address;
	for (unsigned i = 0; i < name->count; i++) {
		const observed_t *observed = &name->target[i]->observed[type];
		for (unsigned k = 0; k < observed->count; k++) {
			if (!address_set_has(deny, observed->addr[k], addr_len(type))) {
				observed_add_address(all, observed->addr[k], addr_len(type));
			}
		}
	}
}

static addrset_view_t view_of(const observed_t *all, const expand_zone_t *zone, const expand_name_t *name, addr_type_t type)
{
	const expand_section_t *section = zone->section;
	addrset_view_t view = { .addr = (const uint8_t(*)[16])all->addr, .count = all->count, .failed = name->is_broken };
	for (unsigned i = 0; i < name->count; i++) {
		const observed_t *observed = &name->target[i]->observed[type];
		view.failed |= observed_failed(observed);
		view.hold |= section->hold && observed->kind == OBSERVED_NXDOMAIN;
	}
	view.ttl = name->ttl < section->ttl_min ? section->ttl_min : name->ttl;
	view.ttl = view.ttl > section->ttl_max ? section->ttl_max : view.ttl;
	return view;
}

/*! Takes what the zone has for what is written. */
static void take_own(addrset_t *set, const observed_t *own)
{
	unsigned before = addrset_count_written(set), same = 0;
	for (unsigned i = 0; i < set->count; i++) {
		const observed_t one = { .count = 1, .addr = &set->item[i].addr };
		bool is_there = observed_meet(own, &one);
		same += is_there && set->item[i].written;
		set->item[i].written = is_there;
	}
	for (unsigned i = 0; i < own->count; i++) {
		addrset_item_t *item = addrset_add(set, own->addr[i]);
		if (item != NULL) {
			item->written = true;
		}
	}
	set->differs = (same != before || same != own->count);
	set->ttl = own->count > 0 ? own->ttl : set->ttl;
}

/*!
 * Whether some address of a name that is not ours belongs to somebody else: its targets were not seen to have it since the
 * program's start. What they have is noted, as a set that rotates is seen in parts.
 */
static bool is_foreign(const expand_t *expand, expand_name_t *name, const observed_t all[ADDR_TYPES], int64_t now)
{
	bool foreign = false;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		addrset_t *set = &name->set[type];
		for (unsigned i = 0; i < all[type].count; i++) {
			addrset_item_t *item = addrset_add(set, all[type].addr[i]);
			if (item != NULL) {
				item->seen = now;
			}
		}
		for (unsigned i = 0; i < name->own[type].count; i++) {
			foreign |= !addrset_has(set, name->own[type].addr[i]);
		}
	}
	return foreign && !expand->options.adopt;
}

/*! What is known of the targets, by which names of which nothing is known are left alone. */
static bool is_unknown(const addrset_view_t view[ADDR_TYPES])
{
	return view[ADDR_A].failed || view[ADDR_AAAA].failed;
}

static void note_foreign(expand_t *expand, const expand_zone_t *zone, const expand_name_t *name)
{
	knot_dname_txt_storage_t text;
	expand->report.foreign++;
	warn("zone %s: %s has addresses that are none of its targets': nothing changed, --adopt replaces them", zone->text,
	     knot_dname_to_str(text, name->name, sizeof(text)));
}

static addrset_step_t judge_name(expand_t *expand, expand_zone_t *zone, expand_name_t *name, int64_t now)
{
	const addrset_limits_t limits = {
		.settle = expand->options.settle, .keep = expand->options.keep, .rules = &zone->section->rules
	};
	observed_t all[ADDR_TYPES] = { { 0 }, { 0 } };
	addrset_view_t view[ADDR_TYPES] = { { 0 }, { 0 } };
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		collect(&all[type], zone, name, type);
		view[type] = view_of(&all[type], zone, name, type);
	}
	expand->report.unknown += is_unknown(view);

	addrset_step_t step = ADDRSET_KEEP;
	bool foreign = !name->ours && name->is_read && is_foreign(expand, name, all, now);
	bool skip = !name->ours && (!name->is_read || (foreign && is_unknown(view)));
	if (!skip && foreign) {
		note_foreign(expand, zone, name);
		skip = true;
	}
	for (addr_type_t type = 0; type < ADDR_TYPES && !skip; type++) {
		if (name->is_read) {
			take_own(&name->set[type], &name->own[type]);
		}
		addrset_step_t each = addrset_judge(&name->set[type], &view[type], &limits, now);
		step = each > step ? each : step;
	}
	name->ours |= !skip;
	observed_clear(&all[ADDR_A]);
	observed_clear(&all[ADDR_AAAA]);
	return step;
}

/*! A name that has no ALIAS any more: what was written goes, and nothing else. */
static addrset_step_t judge_former(expand_name_t *name)
{
	unsigned written = 0;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		addrset_t *set = &name->set[type];
		for (unsigned i = 0; i < set->count; i++) {
			const observed_t one = { .count = 1, .addr = &set->item[i].addr };
			set->item[i].written &= !name->is_read || observed_meet(&name->own[type], &one);
			set->item[i].wanted = false;
		}
		set->ttl_wanted = set->ttl;
		written += addrset_count_written(set);
	}
	return written > 0 ? ADDRSET_URGENT : ADDRSET_KEEP;
}

addrset_step_t expand_judge(expand_t *expand, expand_zone_t *zone, int64_t now)
{
	addrset_step_t step = ADDRSET_KEEP;
	for (size_t i = zone->count; i > 0; i--) {
		expand_name_t *name = zone->names[i - 1];
		if (name->has_alias && zone->section != NULL) {
			name->step = judge_name(expand, zone, name, now);
		} else {
			name->step = name->has_alias || !name->ours ? ADDRSET_KEEP : judge_former(name);
		}
		step = name->step > step ? name->step : step;
		if (!name->has_alias && name->step == ADDRSET_KEEP) {
			expand->is_dirty |= name->ours;
			expand_forget(zone, i - 1);
		}
	}
	return step;
}
