/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias set, kalias unset: change a zone of a running knotd. All is decided inside of the transaction, so that
 * nobody else changes the zone in between. Without a change the transaction is aborted, and the serial stays.
 */

#include "kalias/kalias.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "kalias/alias.h"
#include "kalias/control.h"
#include "kalias/knotconf.h"
#include "kalias/records.h"
#include "kalias/transaction.h"
#include "util/name.h"

#define TTL_TEXT_MAX 16
#define STATUS_FILTER "rs" /* Role and serial, filters of zone-status. */

/*! What is to be done; the texts are what knotd gets. */
typedef struct {
	knot_dname_storage_t zone;
	knot_dname_storage_t owner;
	knot_dname_storage_t target;
	knot_dname_txt_storage_t zone_text;
	knot_dname_txt_storage_t owner_text;
	knot_dname_txt_storage_t target_text;
	long ttl; /*!< -1: not given. */
	bool add;
} zone_change_t;

/*! What the zone has at the owner and, as far as that matters, above it. */
typedef struct {
	const zone_change_t *change;
	const knot_dname_t *name; /*!< The name that is looked at. */
	records_t aliases;
	uint32_t soa_ttl;
	const char *obstacle; /*!< A type that leaves an ALIAS at the owner without effect, or NULL. */
	knot_dname_txt_storage_t obstacle_owner;
} zone_search_t;

typedef struct {
	bool is_loaded;
	bool is_secondary;
} zone_status_t;

static void take_zone_status(void *ctx, knot_ctl_data_t data)
{
	zone_status_t *zone_status = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE], *value = data[KNOT_CTL_IDX_DATA];
	if (type == NULL || value == NULL) {
		return;
	}
	zone_status->is_loaded |= strcmp(type, "serial") == 0 && isdigit((unsigned char)value[0]);
	zone_status->is_secondary |= strcmp(type, "role") == 0 && strcmp(value, "slave") == 0;
}

/*! Whether the zone can be changed here. If not, an error has been printed. */
static bool is_editable(control_t *control, const char *zone)
{
	zone_status_t zone_status = { 0 };
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "zone-status",
		[KNOT_CTL_IDX_ZONE] = zone,
		[CONTROL_IDX_FILTER] = STATUS_FILTER,
	};
	const char *error = control_run(control, request, take_zone_status, &zone_status);
	if (error != NULL) {
		fail("zone %s: %s", zone, error);
	} else if (!zone_status.is_loaded) {
		fail("zone %s is not loaded", zone);
	} else if (zone_status.is_secondary) {
		fail("zone %s comes from a primary: it has to be changed there", zone);
	} else {
		return true;
	}
	return false;
}

static void note_obstacle(zone_search_t *search, const char *type)
{
	search->obstacle = type;
	(void)knot_dname_to_str(search->obstacle_owner, search->name, sizeof(search->obstacle_owner));
}

static void take_record(void *ctx, knot_ctl_data_t data)
{
	zone_search_t *search = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE];
	if (type == NULL || data[KNOT_CTL_IDX_TTL] == NULL) {
		return;
	}

	bool at_owner = (search->name == search->change->owner);
	bool at_apex = knot_dname_is_equal(search->name, search->change->zone);
	if (strcmp(type, "DNAME") == 0) {
		note_obstacle(search, "DNAME");
	} else if (strcmp(type, "NS") == 0 && !at_apex) {
		note_obstacle(search, "NS");
	} else if (strcmp(type, "CNAME") == 0 && at_owner) {
		note_obstacle(search, "CNAME");
	} else if (strcmp(type, "SOA") == 0) {
		search->soa_ttl = strtoul(data[KNOT_CTL_IDX_TTL], NULL, 10);
	} else if (at_owner) {
		records_take(&search->aliases, data);
	}
}

/*! Looks at search->name, which need not exist. */
static const char *look_at_name(transaction_t *transaction, zone_search_t *search)
{
	knot_dname_txt_storage_t name;
	(void)knot_dname_to_str(name, search->name, sizeof(name));
	knot_ctl_data_t request = { [KNOT_CTL_IDX_CMD] = "zone-get", [KNOT_CTL_IDX_OWNER] = name };
	const char *error = transaction_run(transaction, request, take_record, search);
	if (error != NULL && strcmp(error, knot_strerror(KNOT_ENONODE)) == 0) {
		return NULL;
	}
	return (error == NULL && search->aliases.full) ? "not enough memory" : error;
}

/*! Looks at all names from the owner up to the apex. */
static const char *look_up_to_apex(transaction_t *transaction, zone_search_t *search)
{
	while (true) {
		const char *error = look_at_name(transaction, search);
		if (error != NULL || knot_dname_is_equal(search->name, search->change->zone)) {
			return error;
		}
		search->name += 1 + search->name[0];
	}
}

static exit_t refuse_obstacle(const char *owner, const zone_search_t *search)
{
	if (strcmp(search->obstacle, "CNAME") == 0) {
		return fail("%s has a CNAME, beside which nothing else may be", owner);
	} else if (strcmp(search->obstacle, "NS") == 0) {
		return fail("%s is at or below the delegation of %s, where ALIAS has no effect", owner, search->obstacle_owner);
	}
	return fail("%s is at or below the DNAME of %s, where ALIAS has no effect", owner, search->obstacle_owner);
}

/*! Runs zone-set or zone-unset. Without a target zone-unset removes all. */
static const char *edit_records(transaction_t *transaction, const char *command, const zone_change_t *change,
                                const char *ttl, const knot_dname_t *target)
{
	char rdata[ALIAS_GENERIC_MAX];
	if (target != NULL) {
		alias_write_generic(rdata, target);
	}
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = command,
		[KNOT_CTL_IDX_OWNER] = change->owner_text,
		[KNOT_CTL_IDX_TTL] = ttl,
		[KNOT_CTL_IDX_TYPE] = TYPE_ALIAS_GENERIC,
		[KNOT_CTL_IDX_DATA] = (target != NULL) ? rdata : NULL,
	};
	return transaction_run(transaction, request, NULL, NULL);
}

static const alias_record_t *find_alias(const records_t *aliases, const knot_dname_t *target)
{
	for (size_t i = 0; i < aliases->count; i++) {
		if (knot_dname_is_case_equal(aliases->items[i].target, target)) {
			return &aliases->items[i];
		}
	}
	return NULL;
}

/*! Commits unless there was an error. */
static exit_t end_change(transaction_t *transaction, const char *error)
{
	if (error != NULL) {
		return fail("zone %s: nothing changed: %s", transaction->zone, error);
	}
	return transaction_commit(transaction) ? EXIT_FINE : EXIT_WRONG;
}

/*! Adds the target to the others, or replaces them. The target may be there with another TTL. */
static const char *put_target(transaction_t *transaction, const zone_search_t *search, uint32_t ttl,
                              const alias_record_t *present)
{
	const zone_change_t *change = search->change;
	char ttl_text[TTL_TEXT_MAX];
	snprintf(ttl_text, sizeof(ttl_text), "%u", ttl);
	const char *error = NULL;
	if (!change->add && search->aliases.count + search->aliases.broken > 0) {
		error = edit_records(transaction, "zone-unset", change, NULL, NULL);
	} else if (present != NULL) {
		/* For its TTL; knotd gives the same to the others. */
		error = edit_records(transaction, "zone-unset", change, NULL, present->target);
	}
	return (error == NULL) ? edit_records(transaction, "zone-set", change, ttl_text, change->target) : error;
}

static exit_t set_in(transaction_t *transaction, zone_search_t *search)
{
	const zone_change_t *change = search->change;
	const char *error = look_up_to_apex(transaction, search);
	if (error != NULL) {
		return end_change(transaction, error);
	}
	if (search->obstacle != NULL) {
		return refuse_obstacle(change->owner_text, search);
	}

	const records_t *aliases = &search->aliases;
	size_t count = aliases->count + aliases->broken;
	uint32_t ttl = (aliases->count > 0) ? aliases->items[0].ttl : search->soa_ttl;
	ttl = (change->ttl >= 0) ? change->ttl : ttl;
	const alias_record_t *present = find_alias(aliases, change->target);
	if (present != NULL && present->ttl == ttl && (change->add || count == 1)) {
		if (change->add) {
			warn("%s has the target %s already", change->owner_text, change->target_text);
		}
		return EXIT_FINE;
	}
	if (change->add && present == NULL && count >= ALIAS_TARGETS_MAX) {
		return fail("%s has %zu targets, and there can be %d", change->owner_text, count, ALIAS_TARGETS_MAX);
	}
	return end_change(transaction, put_target(transaction, search, ttl, present));
}

static exit_t unset_in(transaction_t *transaction, zone_search_t *search)
{
	const zone_change_t *change = search->change;
	const char *error = look_at_name(transaction, search);
	if (error == NULL && search->aliases.count + search->aliases.broken == 0) {
		return fail("%s has no ALIAS", change->owner_text);
	}
	if (error == NULL) {
		error = edit_records(transaction, "zone-unset", change, NULL, NULL);
	}
	return end_change(transaction, error);
}

static exit_t run_change(const settings_t *settings, const zone_change_t *change,
                         exit_t (*change_in)(transaction_t *, zone_search_t *))
{
	control_t *control = control_open(settings);
	if (control == NULL) {
		return EXIT_WRONG;
	}
	exit_t status = EXIT_WRONG;
	transaction_t transaction;
	if (is_editable(control, change->zone_text) && transaction_begin(&transaction, control, change->zone_text)) {
		zone_search_t search = { .change = change, .name = change->owner };
		status = change_in(&transaction, &search);
		transaction_end(&transaction);
		records_free(&search.aliases);
	}
	if (status == EXIT_FINE && change_in == set_in && !knotconf_has_module(control, change->zone_text)) {
		warn("zone %s does not have " MODULE_NAME_STR " in the configuration: its ALIAS are not served",
		     change->zone_text);
	}
	control_close(control);
	return status;
}

static exit_t read_owner_argument(zone_change_t *change, const char *command, const char *zone, const char *owner)
{
	if (!alias_read_name(change->zone, zone, NULL)) {
		return misuse(command, "zone '%s' is not a name", zone);
	}
	if (!alias_read_name(change->owner, owner, change->zone)) {
		return misuse(command, "owner '%s' is not a name", owner);
	}
	knot_dname_to_lower(change->zone);
	knot_dname_to_lower(change->owner);
	(void)knot_dname_to_str(change->zone_text, change->zone, sizeof(change->zone_text));
	(void)knot_dname_to_str(change->owner_text, change->owner, sizeof(change->owner_text));
	if (knot_dname_in_bailiwick(change->owner, change->zone) < 0) {
		return misuse(command, "owner %s is not in zone %s", change->owner_text, change->zone_text);
	}

	knot_dname_storage_t absolute;
	if (change->zone[0] != '\0' && !alias_is_absolute(owner) &&
	    alias_read_name(absolute, owner, NULL) && knot_dname_in_bailiwick(absolute, change->zone) >= 0) {
		warn("owner '%s' has no final dot, it means %s", owner, change->owner_text);
	}
	return EXIT_FINE;
}

static exit_t read_target_argument(zone_change_t *change, const char *ttl, const char *target)
{
	change->ttl = -1;
	if (ttl != NULL) {
		uint32_t seconds;
		if (ttl[strspn(ttl, "0123456789")] != '\0' || !alias_read_ttl(&seconds, ttl)) {
			return misuse("set", "TTL '%s' is not a number of seconds from 0 to %d", ttl, ALIAS_TTL_MAX);
		}
		change->ttl = seconds;
	}
	if (!alias_read_name(change->target, target, NULL)) {
		return misuse("set", "target '%s' is not a name", target);
	}
	(void)knot_dname_to_str(change->target_text, change->target, sizeof(change->target_text));
	if (change->target[0] == '\0') {
		return misuse("set", "the target can't be the root");
	}
	if (knot_dname_is_case_equal(change->target, change->owner)) {
		return misuse("set", "%s can't be its own target", change->owner_text);
	}
	return EXIT_FINE;
}

exit_t run_set(const settings_t *settings, int argc, char **argv)
{
	int add = false;
	const struct option options[] = { { "add", no_argument, &add, true }, { NULL } };
	if (!take_flags(&argc, &argv, options)) {
		return misuse("set", "unknown option");
	}
	zone_change_t change = { .add = add };
	if (argc != 3 && argc != 4) {
		return misuse("set", "a zone, an owner, and a target are needed, and nothing else but a TTL");
	}
	exit_t status = read_owner_argument(&change, "set", argv[0], argv[1]);
	if (status == EXIT_FINE) {
		status = read_target_argument(&change, (argc == 4) ? argv[2] : NULL, argv[argc - 1]);
	}
	return (status == EXIT_FINE) ? run_change(settings, &change, set_in) : status;
}

exit_t run_unset(const settings_t *settings, int argc, char **argv)
{
	const struct option options[] = { { NULL } };
	if (!take_flags(&argc, &argv, options)) {
		return misuse("unset", "unknown option");
	}
	zone_change_t change = { 0 };
	if (argc != 2) {
		return misuse("unset", "a zone and an owner are needed, and nothing else");
	}
	exit_t status = read_owner_argument(&change, "unset", argv[0], argv[1]);
	return (status == EXIT_FINE) ? run_change(settings, &change, unset_in) : status;
}
