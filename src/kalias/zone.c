/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias set, kalias unset: change a zone of a running knotd. All is decided inside of the transaction, so that
 * nobody else changes the zone in between. Without a change the transaction is aborted, and the serial stays. It is
 * never left open: signals that would end the program are held back, and once there is one, each step fails.
 */

#include "kalias/kalias.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "kalias/ahead.h"
#include "kalias/alias.h"
#include "kalias/control.h"
#include "kalias/knotconf.h"
#include "kalias/records.h"
#include "kalias/sanity.h"
#include "util/name.h"

#define TTL_TEXT_MAX 16

/* Messages can cause a SIGPIPE. SIGQUIT is left, to end the program at once if knotd hangs. */
static const int ending[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM };

/*! What a zone has that keeps an ALIAS from being served, see "The record" in mod-alias.rst. */
typedef enum {
	OBSTACLE_NONE,
	OBSTACLE_CNAME,      /*!< At the owner. */
	OBSTACLE_DNAME,      /*!< Above the owner. */
	OBSTACLE_DELEGATION, /*!< At the owner or above it. */
} obstacle_t;

typedef struct {
	/* What is to be done; the texts are what knotd gets. */
	knot_dname_storage_t zone;
	knot_dname_storage_t owner;
	knot_dname_storage_t target;
	knot_dname_txt_storage_t zone_text;
	knot_dname_txt_storage_t owner_text;
	knot_dname_txt_storage_t target_text;
	long ttl; /*!< -1: not given. */
	bool add;

	/* What the configuration says. */
	section_t section;
	rules_t rules;
	change_fate_t fate;
	struct sockaddr_storage server;
	bool has_server;

	/* The transaction. */
	control_t *control;
	bool open;
	sigset_t held;   /*!< Signals that are held back. */
	sigset_t before; /*!< The signal mask from before. */

	/* What the zone has at the owner and, as far as that matters, above it. */
	const knot_dname_t *name; /*!< The name that is looked at. */
	records_t aliases;
	uint32_t soa_ttl;
	uint32_t ttl_set; /*!< Of the ALIAS in the end. */
	obstacle_t obstacle;
	knot_dname_txt_storage_t obstacle_owner;
} zone_change_t;

/* --- the transaction --- */

static void hold_signals(zone_change_t *change)
{
	sigemptyset(&change->held);
	for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++) {
		struct sigaction action;
		if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
			sigaddset(&change->held, ending[i]);
		}
	}
	sigprocmask(SIG_BLOCK, &change->held, &change->before);
}

static bool is_interrupted(const zone_change_t *change)
{
	sigset_t waiting;
	sigpending(&waiting);
	sigandset(&waiting, &waiting, &change->held);
	return !sigisemptyset(&waiting);
}

static const char *run_command(zone_change_t *change, const char *command)
{
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = command,
		[KNOT_CTL_IDX_ZONE] = change->zone_text,
	};
	return control_run(change->control, request, NULL, NULL);
}

/*! Undoes all changes that have not been committed, if any, and lets signals through again. */
static void end_transaction(zone_change_t *change)
{
	if (change->open) {
		/* A commit that failed may have ended the transaction. */
		const char *error = run_command(change, "zone-abort");
		if (error != NULL && strcmp(error, knot_strerror(KNOT_TXN_ENOTEXISTS)) != 0) {
			fail("zone %s: the transaction is left open: %s; end it with knotc zone-abort", change->zone_text,
			     error);
		}
	}
	sigprocmask(SIG_SETMASK, &change->before, NULL);
}

/*! \return false if there is none, for instance because somebody else has one open; an error has been printed. */
static bool begin_transaction(zone_change_t *change)
{
	hold_signals(change);
	const char *error = run_command(change, "zone-begin");
	change->open = (error == NULL);
	if (change->open) {
		return true;
	} else if (control_is_lost(change->control)) {
		fail("zone %s: %s; a transaction may be open now, see knotc zone-status", change->zone_text, error);
	} else if (strcmp(error, knot_strerror(KNOT_TXN_EEXISTS)) == 0) {
		fail("zone %s: somebody else has a transaction open (%s), try again later", change->zone_text, error);
	} else {
		fail("zone %s: no transaction: %s", change->zone_text, error);
	}
	return false;
}

/*! Commits unless there was an error. */
static exit_t commit(zone_change_t *change, const char *error)
{
	if (error == NULL && is_interrupted(change)) {
		error = "interrupted";
	}
	if (error != NULL) {
		return fail("zone %s: nothing changed: %s", change->zone_text, error);
	}

	error = run_command(change, "zone-commit");
	change->open = (error != NULL);
	if (error == NULL) {
		return EXIT_FINE;
	} else if (control_is_lost(change->control)) {
		return fail("zone %s: %s; see kalias list whether the change was made", change->zone_text, error);
	}
	return fail("zone %s: the change was not accepted: %s", change->zone_text, error);
}

/*! Runs a request within the transaction. \return NULL, or the error, which lives until the next request. */
static const char *run_request(zone_change_t *change, knot_ctl_data_t request, control_take_f take)
{
	if (is_interrupted(change)) {
		return "interrupted";
	}
	request[KNOT_CTL_IDX_ZONE] = change->zone_text;
	return control_run(change->control, request, take, change);
}

/* --- what the zone has --- */

/*! Whether the zone can be changed here. If not, an error has been printed. */
static bool is_editable(zone_change_t *change)
{
	const char *error = records_status(&change->aliases, change->control, change->zone_text);
	if (error != NULL) {
		fail("zone %s: %s", change->zone_text, error);
	} else if (change->aliases.secondary && change->aliases.unloaded == 0) {
		fail("zone %s comes from a primary: it has to be changed there", change->zone_text);
	}
	return error == NULL && change->aliases.unloaded == 0 && !change->aliases.secondary;
}

static void take_record(void *ctx, knot_ctl_data_t data)
{
	zone_change_t *change = ctx;
	const char *type = data[KNOT_CTL_IDX_TYPE];
	if (type == NULL || data[KNOT_CTL_IDX_TTL] == NULL) {
		return;
	}

	bool at_owner = (change->name == change->owner);
	bool at_apex = knot_dname_is_equal(change->name, change->zone);
	obstacle_t obstacle = OBSTACLE_NONE;
	if (strcmp(type, "DNAME") == 0 && !at_owner) {
		obstacle = OBSTACLE_DNAME;
	} else if (strcmp(type, "NS") == 0 && !at_apex) {
		obstacle = OBSTACLE_DELEGATION;
	} else if (strcmp(type, "CNAME") == 0 && at_owner) {
		obstacle = OBSTACLE_CNAME;
	} else if (strcmp(type, "SOA") == 0) {
		change->soa_ttl = strtoul(data[KNOT_CTL_IDX_TTL], NULL, 10);
	} else if (at_owner) {
		records_take(&change->aliases, data);
	}
	if (obstacle != OBSTACLE_NONE) {
		change->obstacle = obstacle;
		(void)knot_dname_to_str(change->obstacle_owner, change->name, sizeof(change->obstacle_owner));
	}
}

/*! Looks at a name, which need not exist. */
static const char *look_at_name(zone_change_t *change, const knot_dname_t *name)
{
	change->name = name;
	knot_dname_txt_storage_t text;
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "zone-get",
		[KNOT_CTL_IDX_OWNER] = knot_dname_to_str(text, name, sizeof(text)),
	};
	const char *error = run_request(change, request, take_record);
	if (error != NULL && strcmp(error, knot_strerror(KNOT_ENONODE)) == 0) {
		return NULL;
	}
	return (error == NULL && change->aliases.full) ? "not enough memory" : error;
}

/*! Looks at all names from the owner up to the apex. */
static const char *look_up_to_apex(zone_change_t *change)
{
	const knot_dname_t *name = change->owner;
	const char *error = look_at_name(change, name);
	while (error == NULL && !knot_dname_is_equal(name, change->zone)) {
		name += 1 + name[0];
		error = look_at_name(change, name);
	}
	return error;
}

/* --- the change --- */

/*! Runs zone-set or zone-unset. Without a target zone-unset removes all. */
static const char *edit_records(zone_change_t *change, const char *command, const char *ttl,
                                const knot_dname_t *target)
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
	return run_request(change, request, NULL);
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

/*! Adds the target to the others, or replaces them. The target may be there with another TTL. */
static const char *put_target(zone_change_t *change, uint32_t ttl, const alias_record_t *present)
{
	char ttl_text[TTL_TEXT_MAX];
	snprintf(ttl_text, sizeof(ttl_text), "%u", ttl);
	const char *error = NULL;
	if (!change->add && change->aliases.count + change->aliases.broken > 0) {
		error = edit_records(change, "zone-unset", NULL, NULL);
	} else if (present != NULL) {
		/* For its TTL; knotd gives the same to the others. */
		error = edit_records(change, "zone-unset", NULL, present->target);
	}
	return (error == NULL) ? edit_records(change, "zone-set", ttl_text, change->target) : error;
}

static exit_t refuse(const zone_change_t *change)
{
	switch (change->obstacle) {
	case OBSTACLE_CNAME:
		return fail("%s has a CNAME, beside which nothing else may be", change->owner_text);
	case OBSTACLE_DNAME:
		return fail("%s is below the DNAME of %s, where nothing else may be", change->owner_text,
		            change->obstacle_owner);
	default:
		return fail("%s is at or below the delegation of %s, where ALIAS has no effect", change->owner_text,
		            change->obstacle_owner);
	}
}

static exit_t set_in(zone_change_t *change)
{
	const char *error = look_up_to_apex(change);
	if (error != NULL) {
		return commit(change, error);
	}
	if (change->obstacle != OBSTACLE_NONE) {
		return refuse(change);
	}

	const records_t *aliases = &change->aliases;
	size_t count = aliases->count + aliases->broken;
	uint32_t ttl = (aliases->count > 0) ? aliases->items[0].ttl : change->soa_ttl;
	ttl = (change->ttl >= 0) ? change->ttl : ttl;
	change->ttl_set = ttl;
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
	return commit(change, put_target(change, ttl, present));
}

static exit_t unset_in(zone_change_t *change)
{
	const char *error = look_at_name(change, change->owner);
	if (error == NULL && change->aliases.count + change->aliases.broken == 0) {
		return fail("%s has no ALIAS", change->owner_text);
	}
	return commit(change, (error == NULL) ? edit_records(change, "zone-unset", NULL, NULL) : error);
}

static exit_t run_change(const settings_t *settings, zone_change_t *change, exit_t (*change_in)(zone_change_t *))
{
	change->control = control_open(settings);
	if (change->control == NULL) {
		return EXIT_WRONG;
	}
	exit_t status = EXIT_WRONG;
	if (is_editable(change)) {
		status = begin_transaction(change) ? change_in(change) : EXIT_WRONG;
		end_transaction(change);
		records_free(&change->aliases);
	}
	control_close(change->control);
	return status;
}

/* --- before and after --- */

/*! Reads what the configuration says about the zone. Its connection ends here, as knotd waits for nobody. */
static exit_t read_configuration(const settings_t *settings, zone_change_t *change)
{
	control_t *control = control_open(settings);
	if (control == NULL) {
		return EXIT_WRONG;
	}
	knotconf_t conf = { .control = control };
	knotconf_find_section(&change->section, &conf, change->zone_text);
	if (change->section.state == MODULE_PRESENT) {
		knotconf_read_rules(&change->rules, &conf, change->section.name);
	}
	change->fate = knotconf_fate_of_change(&conf, change->zone_text);
	change->has_server = (knotconf_get_server(&change->server, &conf) == NULL);
	control_close(control);
	return EXIT_FINE;
}

/*! Asks for the target's addresses, unless the module does not serve them anyway. */
static exit_t verify_target(zone_change_t *change, bool strict)
{
	module_state_t state = change->section.state;
	resolvers_t *resolvers = &change->section.resolvers;
	if (!strict && (state == MODULE_ABSENT || state == MODULE_BUILTIN)) {
		return EXIT_FINE;
	}
	bool system = (resolvers->count == 0);
	if (system && resolvers_system(resolvers) != KNOT_EOK) {
		return strict ? fail("neither the module nor the system has a resolver") : EXIT_FINE;
	}
	char asked[RESOLVERS_TEXT_MAX];
	resolvers_print(asked, resolvers);
	const char *why = ahead_target(resolvers, &change->rules, change->target);
	const char *from = system ? " of resolv.conf" : "";
	if (why != NULL && strict) {
		return fail("zone %s: nothing changed: target %s: %s (resolver %s%s)", change->zone_text, change->target_text,
		            why, asked, from);
	} else if (why != NULL) {
		warn("target %s: %s (resolver %s%s)", change->target_text, why, asked, from);
	}
	return EXIT_FINE;
}

static void warn_of_module(const zone_change_t *change)
{
	if (change->section.state == MODULE_BUILTIN) {
		warn("zone %s has " MODULE_NAME_SHARED " of Knot DNS itself: it serves only targets in zones of this "
		     "server, " MODULE_NAME_FREE " serves all",
		     change->zone_text);
	} else if (change->section.state == MODULE_ABSENT) {
		warn("zone %s does not have " MODULE_NAME_STR " in the configuration: its ALIAS are not served",
		     change->zone_text);
	}
}

/*! Warns if the zone file undoes the change, and ends with what to do. */
static void warn_of_zone_file(const zone_change_t *change, const char *remedy)
{
	if (change->fate == CHANGE_UNTIL_LOADED) {
		warn("zone %s: the next load of its zone file undoes this change, as knotd does not write that file "
		     "(zonefile-sync: -1). To keep the change, %s",
		     change->zone_text, remedy);
	} else if (change->fate == CHANGE_UNTIL_EDITED) {
		warn("zone %s: the next edit of its zone file undoes this change, as knotd does not write that file "
		     "(zonefile-sync: -1). To keep the change, %s",
		     change->zone_text, remedy);
	}
}

static exit_t set_and_tell(const settings_t *settings, zone_change_t *change, bool strict)
{
	exit_t status = read_configuration(settings, change);
	status = (status == EXIT_FINE) ? verify_target(change, strict) : status;
	rules_free(&change->rules);
	status = (status == EXIT_FINE) ? run_change(settings, change, set_in) : status;
	if (status != EXIT_FINE) {
		return status;
	}
	warn_of_module(change);
	char rdata[ALIAS_GENERIC_MAX], remedy[ALIAS_GENERIC_MAX + sizeof(knot_dname_txt_storage_t) + 128];
	alias_write_generic(rdata, change->target);
	snprintf(remedy, sizeof(remedy), "put this line into it%s:\n%s\t%u\t" TYPE_ALIAS_GENERIC "\t%s",
	         change->add ? "" : " in place of any other ALIAS there", change->owner_text, change->ttl_set, rdata);
	warn_of_zone_file(change, remedy);
	if (change->has_server && change->section.state == MODULE_PRESENT) {
		ahead_owner(&change->server, change->owner);
	}
	return EXIT_FINE;
}

static exit_t unset_and_tell(const settings_t *settings, zone_change_t *change)
{
	exit_t status = read_configuration(settings, change);
	rules_free(&change->rules);
	status = (status == EXIT_FINE) ? run_change(settings, change, unset_in) : status;
	if (status == EXIT_FINE) {
		char remedy[sizeof(knot_dname_txt_storage_t) + 64];
		snprintf(remedy, sizeof(remedy), "take the ALIAS of %s out of it", change->owner_text);
		warn_of_zone_file(change, remedy);
	}
	return status;
}

/* --- the command line --- */

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
	return EXIT_FINE;
}

static exit_t read_target_argument(zone_change_t *change, const char *ttl, const char *target)
{
	change->ttl = -1;
	if (ttl != NULL) {
		uint32_t seconds;
		if (!alias_read_ttl(&seconds, ttl)) {
			return misuse("set", "TTL '%s' must be " ALIAS_TTL_RULE, ttl);
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
	int add = false, strict = false;
	const struct option options[] = {
		{ "add", no_argument, &add, true },
		{ "check", no_argument, &strict, true },
		{ NULL },
	};
	if (!take_flags(&argc, &argv, options)) {
		return misuse("set", "unknown option");
	}
	zone_change_t change = { .add = add };
	if (argc != 3 && argc != 4) {
		return misuse("set", "a zone, an owner, and a target are needed, and nothing else but a TTL");
	}
	const char *ttl = (argc == 4) ? argv[2] : NULL, *target = argv[argc - 1];
	exit_t status = read_owner_argument(&change, "set", argv[0], argv[1]);
	if (status == EXIT_FINE) {
		status = read_target_argument(&change, ttl, target);
	}
	if (status == EXIT_FINE) {
		status = sanity_arguments("set", argv[1], change.zone, ttl != NULL, target, change.target);
	}
	return (status == EXIT_FINE) ? set_and_tell(settings, &change, strict) : status;
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
	if (status == EXIT_FINE) {
		status = sanity_arguments("unset", argv[1], change.zone, true, NULL, NULL);
	}
	return (status == EXIT_FINE) ? unset_and_tell(settings, &change) : status;
}
