/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Changes a zone in one transaction, by the records that differ, so that secondaries get small transfers. All is looked at
 * again inside of the transaction. It is never left open: signals are held back while there is one (expand.c).
 */

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kalias/alias.h"
#include "kalias/expand.h"
#include "kalias/kalias.h"

#define TTL_TEXT_MAX 16

typedef struct {
	expand_t *expand;
	control_t *control;
	expand_zone_t *zone;
	/* Of one name. */
	knot_dname_txt_storage_t owner;
	observed_t own[ADDR_TYPES];
	bool has_alias;
} change_t;

static const char *run(change_t *change, knot_ctl_data_t request, control_take_f take)
{
	request[KNOT_CTL_IDX_ZONE] = change->zone->text;
	return control_run(change->control, request, take, change);
}

static const char *run_command(change_t *change, const char *command)
{
	knot_ctl_data_t request = { [KNOT_CTL_IDX_CMD] = command };
	return run(change, request, NULL);
}

static void take_record(void *ctx, knot_ctl_data_t data)
{
	change_t *change = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE], *text = data[KNOT_CTL_IDX_DATA];
	if (type == NULL || text == NULL) {
		return;
	}
	(void)observed_add_record(change->own, type, text);
	change->has_alias |= strcmp(type, TYPE_ALIAS_GENERIC) == 0 || strcmp(type, TYPE_ALIAS_NAME) == 0;
}

/*! Looks at a name in the transaction. It may be gone. */
static const char *look_at(change_t *change, const expand_name_t *name)
{
	knot_ctl_data_t request = { [KNOT_CTL_IDX_CMD] = "zone-get" };
	change->has_alias = false;
	observed_clear(&change->own[ADDR_A]);
	observed_clear(&change->own[ADDR_AAAA]);
	request[KNOT_CTL_IDX_OWNER] = knot_dname_to_str(change->owner, name->name, sizeof(change->owner));
	const char *error = run(change, request, take_record);
	return error != NULL && strcmp(error, knot_strerror(KNOT_ENONODE)) == 0 ? NULL : error;
}

/*! Runs zone-set or zone-unset for an address, or zone-unset for all of a type. */
static const char *edit(change_t *change, addr_type_t type, const char *command, const uint8_t *addr, uint32_t ttl)
{
	char text[INET6_ADDRSTRLEN], seconds[TTL_TEXT_MAX];
	snprintf(seconds, sizeof(seconds), "%" PRIu32, ttl);
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = command,
		[KNOT_CTL_IDX_OWNER] = change->owner,
		[KNOT_CTL_IDX_TTL] = strcmp(command, "zone-set") == 0 ? seconds : NULL,
		[KNOT_CTL_IDX_TYPE] = addr_name(type),
		[KNOT_CTL_IDX_DATA] = addr == NULL ? NULL :
		                                     inet_ntop(type == ADDR_A ? AF_INET : AF_INET6, addr, text, sizeof(text)),
	};
	return run(change, request, NULL);
}

static bool has_address(const observed_t *own, const uint8_t *addr)
{
	const observed_t one = { .count = 1, .addr = (uint8_t(*)[16])addr };
	return observed_meet(own, &one);
}

static const char *edit_set(change_t *change, const addrset_t *set, addr_type_t type)
{
	const observed_t *own = &change->own[type];
	const char *error = NULL;
	bool anew = own->count > 0 && set->ttl != set->ttl_wanted;
	if (anew) { /* All records of a set have one TTL. */
		error = edit(change, type, "zone-unset", NULL, 0);
	}
	for (unsigned i = 0; i < set->count && error == NULL; i++) {
		const addrset_item_t *item = &set->item[i];
		bool is_there = !anew && has_address(own, item->addr);
		if (item->wanted && !is_there) {
			error = edit(change, type, "zone-set", item->addr, set->ttl_wanted);
		} else if (!item->wanted && is_there && item->written) {
			error = edit(change, type, "zone-unset", item->addr, 0);
		}
	}
	return error;
}

static const char *edit_all(change_t *change)
{
	const char *error = NULL;
	for (size_t i = 0; i < change->zone->count && error == NULL; i++) {
		expand_name_t *name = change->zone->names[i];
		if (name->step == ADDRSET_KEEP) {
			continue;
		}
		error = look_at(change, name);
		if (error == NULL && change->has_alias != name->has_alias) {
			name->step = ADDRSET_KEEP; /* Somebody was quicker, the next pass sees it. */
			continue;
		}
		for (addr_type_t type = 0; type < ADDR_TYPES && error == NULL; type++) {
			error = edit_set(change, &name->set[type], type);
		}
	}
	observed_clear(&change->own[ADDR_A]);
	observed_clear(&change->own[ADDR_AAAA]);
	return error;
}

/*! Notes that the zone is as it should be. */
static void note_written(expand_t *expand, expand_zone_t *zone, int64_t now)
{
	zone->serial = 0; /* Not known, and somebody else may be quick: the next pass looks. */
	zone->changed = now;
	expand->is_dirty = true;
	for (size_t i = zone->count; i > 0; i--) {
		expand_name_t *name = zone->names[i - 1];
		if (name->step == ADDRSET_KEEP) {
			continue;
		}
		expand_tell(expand, zone, name);
		addrset_done(&name->set[ADDR_A]);
		addrset_done(&name->set[ADDR_AAAA]);
		if (!name->has_alias) {
			expand_forget(zone, i - 1);
		}
	}
}

/*! Notes that somebody else has a transaction open. */
static void note_busy(expand_t *expand, expand_zone_t *zone, int64_t now)
{
	zone->busy_since = zone->busy_since == 0 ? now : zone->busy_since;
	if (now - zone->busy_since >= EXPAND_BUSY_S) {
		warn("zone %s: somebody else has had a transaction open for a minute, see knotc zone-status; it is tried again",
		     zone->text);
		zone->busy_since = now;
	}
	expand->is_waiting = true;
}

bool expand_write(expand_t *expand, control_t *control, expand_zone_t *zone, int64_t now)
{
	change_t change = { .expand = expand, .control = control, .zone = zone };
	const char *error = run_command(&change, "zone-begin");
	if (error != NULL && strcmp(error, knot_strerror(KNOT_TXN_EEXISTS)) == 0) {
		note_busy(expand, zone, now);
		return false;
	}
	zone->busy_since = 0;
	bool open = (error == NULL);
	error = open ? edit_all(&change) : error;
	error = (error == NULL) ? run_command(&change, "zone-commit") : error;
	if (error == NULL) {
		note_written(expand, zone, now);
		return true;
	}
	fail("zone %s: nothing changed: %s", zone->text, error);
	expand->report.failed++;
	zone->serial = 0;
	error = open ? run_command(&change, "zone-abort") : NULL;
	if (error != NULL && strcmp(error, knot_strerror(KNOT_TXN_ENOTEXISTS)) != 0) {
		fail("zone %s: the transaction is left open: %s; end it with knotc zone-abort", zone->text, error);
	}
	return false;
}
