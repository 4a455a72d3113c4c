/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias: ALIAS records by name, beside knotc.
 */

#include "kalias/kalias.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "kalias"
#define TIMEOUT 60 /* As knotc. */

/*! Columns of the list of commands. */
#define NAME_WIDTH 8
#define ARGS_WIDTH 35

/* clang-format off */
static const command_t commands[] = {
	{ "rr",      "[--update ZONE] OWNER [TTL] TARGET", "Print the record for a zone file", run_rr },
	{ "decode",  "[RECORD...]",                   "Print generic records with their target as a name", run_decode },
	{ "convert", "[OPTION...] [FILE]", "Convert ALIAS in a zone file to what Knot DNS reads", run_convert },
	{ "set",     "[OPTION...] ZONE OWNER [TTL] TARGET", "Set the ALIAS of a name", run_set },
	{ "unset",   "ZONE OWNER",                    "Remove the ALIAS of a name", run_unset },
	{ "list",    "[--json] [ZONE]",               "List ALIAS records", run_list },
	{ "check",   "[--json] [--resolver ADDR] [--server ADDR] [ZONE]",
	                                              "Compare answers with what the targets resolve to", run_check },
	{ "expand",  "[OPTION...] [ZONE...]",         "Write the addresses of targets into zones", run_expand },
	{ "warm",    "[ZONE]",                        "Have the server resolve all targets", run_warm },
	{ NULL }
};

static const struct option options[] = {
	{ "config",  required_argument, NULL, 'c' },
	{ "socket",  required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "help",    no_argument,       NULL, 'h' },
	{ "version", no_argument,       NULL, 'V' },
	{ NULL }
};
/* clang-format on */

/*! \return NULL if there is none of that name. */
static const command_t *find_command(const char *name)
{
	const command_t *command = commands;
	while (command->name != NULL && strcmp(command->name, name) != 0) {
		command++;
	}
	return command->name != NULL ? command : NULL;
}

static void say(const char *severity, const char *format, va_list args)
{
	fprintf(stderr, "%s: ", severity);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

exit_t fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say("error", format, args);
	va_end(args);
	return EXIT_WRONG;
}

void warn(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say("warning", format, args);
	va_end(args);
}

exit_t misuse(const char *name, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say("error", format, args);
	va_end(args);

	const command_t *command = (name != NULL) ? find_command(name) : NULL;
	if (command != NULL) {
		fprintf(stderr, "Usage: " PROGRAM " [options] %s %s\n", command->name, command->args);
	} else {
		fprintf(stderr, "Usage: " PROGRAM " [options] <command> [arguments], see " PROGRAM " --help\n");
	}
	return EXIT_USAGE;
}

bool take_flags(int *argc, char ***argv, const struct option *flags)
{
	opterr = 0;
	int opt;
	while ((opt = getopt_long(*argc, *argv, "+", flags, NULL)) == 0) {
	}
	*argc -= optind;
	*argv += optind;
	return opt == -1;
}

static void print_help(void)
{
	printf("Usage: " PROGRAM " [options] <command> [arguments]\n\n"
	       "Options:\n"
	       " -c, --config <file>      Configuration file of knotd, for its control socket.\n"
	       " -s, --socket <path>      Control socket of knotd.\n"
	       " -t, --timeout <seconds>  Timeout of each exchange with knotd (default %d, 0: none).\n"
	       " -h, --help               Print this help.\n"
	       " -V, --version            Print the version.\n\n"
	       "Commands:\n",
	       TIMEOUT);
	for (const command_t *command = commands; command->name != NULL; command++) {
		printf(" %-*s %-*s", NAME_WIDTH, command->name, ARGS_WIDTH, command->args);
		if (strlen(command->args) > ARGS_WIDTH) {
			printf("\n %*s %*s", NAME_WIDTH, "", ARGS_WIDTH, "");
		}
		printf("  %s.\n", command->help);
	}
}

/*! Prints the help of a command; check has its own. */
static void print_help_of(const command_t *command)
{
	static const char *const options_help[][2] = {
		{ "convert", " --commented          Convert ALIAS in comments as well, and take them out of these.\n"
		             " --flatten <what>     Make ALIAS of the CNAME of a name, or of those at the apex, tagged, all.\n"
		             " --to-alias           Convert the other way: generic records become ALIAS with a name.\n"
		             " -o, --origin <zone>  Origin of relative names until the file has $ORIGIN.\n" },
		{ "expand", " --adopt         Replace addresses that names with ALIAS have of their own.\n"
		            " --dry-run       Change nothing, print what would be changed.\n"
		            " --file FILE     What is remembered (default: expand beside the store).\n"
		            " --interval T    Time between passes (default: 30s).\n"
		            " --json          Print JSON.\n"
		            " --keep N        Negative answers before addresses go (default: 3).\n"
		            " --once          One pass, no more.\n"
		            " --resolver ADDR[@PORT]  Ask this resolver (default: those of the zone's module).\n"
		            " --settle T      How long an address may be missing in answers with others (default: 5m).\n" },
		{ "list", " --json      Print JSON.\n" },
		{ "rr", " --update ZONE  Print a dynamic update for nsupdate or knsupdate that sets the record.\n" },
		{ "set", " --add       Keep the targets that are there.\n"
		         " --check     Change nothing if the target does not resolve, instead of a warning.\n" },
	};
	printf("Usage: " PROGRAM " [options] %s %s\n\n%s.\n\nOptions:\n", command->name, command->args, command->help);
	for (size_t i = 0; i < sizeof(options_help) / sizeof(*options_help); i++) {
		if (strcmp(options_help[i][0], command->name) == 0) {
			fputs(options_help[i][1], stdout);
		}
	}
	printf(" -h, --help  Print this help. See kalias(8) for more.\n");
}

/*! Whether one of the options before the other arguments asks for help. */
static bool wants_help(int argc, char **argv)
{
	int i = 1;
	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "-h") != 0 && strcmp(argv[i], "--help") != 0) {
		i++;
	}
	return i < argc && argv[i][0] == '-';
}

static int read_timeout(const char *text)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	return (errno != 0 || end == text || *end != '\0' || value < 0 || value > INT_MAX / 1000) ? -1 : (int)value;
}

/*! Ends with an error if the result could not be written. */
static int flushed(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		return fail("standard output: %s", strerror(errno));
	}
	return status;
}

int main(int argc, char **argv)
{
	settings_t settings = { .timeout = TIMEOUT };

	int opt;
	while ((opt = getopt_long(argc, argv, "+c:s:t:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			settings.config = optarg;
			break;
		case 's':
			settings.socket = optarg;
			break;
		case 't':
			settings.timeout = read_timeout(optarg);
			if (settings.timeout < 0) {
				return misuse(NULL, "timeout must be a number of seconds");
			}
			break;
		case 'h':
			print_help();
			return flushed(EXIT_FINE);
		case 'V':
			printf(PROGRAM " (mod-alias), version " PACKAGE_VERSION "\n");
			return flushed(EXIT_FINE);
		default:
			return misuse(NULL, "unknown option");
		}
	}

	argc -= optind;
	argv += optind;
	optind = 0; /* Commands have options of their own. */
	if (argc == 0) {
		return misuse(NULL, "no command given");
	}
	const command_t *command = find_command(argv[0]);
	if (command != NULL && command->run != run_check && wants_help(argc, argv)) {
		print_help_of(command);
		return flushed(EXIT_FINE);
	} else if (command != NULL) {
		return flushed(command->run(&settings, argc, argv));
	}
	return misuse(NULL, "unknown command '%s'", argv[0]);
}
