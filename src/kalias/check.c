/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias check: reads the ALIAS records of the running knotd, asks knotd and the resolvers for all of them, and says
 * what is wrong.
 */

#include <stdio.h>

#include "kalias/alias.h"
#include "kalias/check.h"
#include "kalias/knotconf.h"
#include "kalias/sections.h"

#define COMMAND "check"

/* clang-format off */
static const struct option long_options[] = {
	{ "json",     no_argument,       NULL, 'j' },
	{ "resolver", required_argument, NULL, 'r' },
	{ "server",   required_argument, NULL, 's' },
	{ "help",     no_argument,       NULL, 'h' },
	{ NULL }
};
/* clang-format on */

static void print_help(void)
{
	printf("Usage: kalias [options] " COMMAND " [--json] [--resolver ADDR[@PORT]]... [--server ADDR[@PORT]] [ZONE]\n\n"
	       "Asks the resolver for the targets of all ALIAS, and the server for their owners, and compares. What\n"
	       "looks wrong is asked for a second time before it counts. Exit status 0: nothing fails, 1: something\n"
	       "does, or could not be checked, 2: the command line was wrong, nobody was asked.\n\n"
	       "Options:\n"
	       "     --json                   Print JSON.\n"
	       "     --resolver <addr[@port]> Ask this resolver (default: those of the zone's module).\n"
	       "     --server <addr[@port]>   Ask the server there (default: the first address of server.listen).\n"
	       " -h, --help                   Print this help.\n\n"
	       "Statuses, causes before effects, the last ones are no failures:\n");
	for (problem_t problem = 0; problem <= PROBLEMS; problem++) {
		printf(" %-11s %s.\n", problem_name(problem), problem_help(problem));
	}
}

static exit_t read_options(check_options_t *given, int argc, char **argv)
{
	exit_t status = EXIT_FINE;
	int option;
	while (status == EXIT_FINE && (option = getopt_long(argc, argv, "+:h", long_options, NULL)) != -1) {
		switch (option) {
		case 'j':
			given->json = true;
			break;
		case 'r':
			status = knotconf_take_resolver(&given->resolvers, COMMAND, optarg);
			break;
		case 's':
			if (!knotconf_read_address(&given->server, optarg)) {
				status = misuse(COMMAND, "--server takes ADDR[@PORT], not '%s'", optarg);
			}
			break;
		case 'h':
			given->help = true;
			break;
		case ':':
			status = misuse(COMMAND, "%s takes an argument", argv[optind - 1]);
			break;
		default:
			status = misuse(COMMAND, "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (status == EXIT_FINE && argc - optind > 1) {
		status = misuse(COMMAND, "at most one zone");
	} else if (status == EXIT_FINE && argc - optind == 1 && !alias_read_zone(given->zone, argv[optind])) {
		status = misuse(COMMAND, "'%s' is not a name", argv[optind]);
	}
	return status;
}

/*! Warns once: the server either has the fault or not. */
static void warn_of_onlinesign(const inventory_t *inventory)
{
	const check_zone_t *first = NULL; /* Of the list, which has the last one first. */
	size_t others = 0;
	for (const check_zone_t *zone = inventory->zones; zone != NULL; zone = zone->next) {
		if (zone->overreaches) {
			others += (first != NULL);
			first = zone;
		}
	}
	if (first == NULL) {
		return;
	}

	char more[32] = "";
	if (others > 0) {
		snprintf(more, sizeof(more), " and %zu more", others);
	}
	knot_dname_txt_storage_t name;
	warn("zone %s%s: mod-onlinesign of the server has CVE-2026-39155, by which anyone can make validating resolvers "
	     "deny names that exist",
	     knot_dname_to_str(name, first->name, sizeof(name)), more);
}

exit_t run_check(const settings_t *settings, int argc, char **argv)
{
	check_options_t given = { 0 };
	exit_t status = read_options(&given, argc, argv);
	if (status == EXIT_FINE && given.help) {
		print_help();
	}
	if (status != EXIT_FINE || given.help) {
		return status;
	}

	inventory_t inventory = { 0 };
	control_t *control = control_open(settings);
	bool complete = control != NULL && inventory_read(&inventory, control, &given);
	if (control != NULL && given.zone[0] == '\0') {
		sections_warn(control);
	}
	control_close(control); /* knotd serves one connection at a time, and the survey takes long. */

	survey_run(&inventory);
	warn_of_onlinesign(&inventory);
	if (given.json) {
		report_json(&inventory, complete);
	} else if (complete || inventory.owner_count > 0) {
		report_table(&inventory);
	}

	status = complete ? EXIT_FINE : EXIT_WRONG;
	for (size_t i = 0; i < inventory.owner_count; i++) {
		status = judge_fails(inventory.owners[i]->problems) ? EXIT_WRONG : status;
	}
	inventory_free(&inventory);
	return status;
}
