/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias expand: makes A and AAAA of names with ALIAS what their targets have, for those who take the zone without this
 * module. One pass after the other; signals end it between two zones.
 */

#include "kalias/expand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kalias/alias.h"
#include "kalias/kalias.h"
#include "kalias/print.h"

#define COMMAND "expand"

#define FILE_NAME "expand"
/*! While somebody else has a transaction open, passes come after this time, s. */
#define BUSY_PAUSE_S 5

/* Messages can cause a SIGPIPE. SIGQUIT is left, to end the program at once if knotd hangs. */
static const int ending[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM };

/* clang-format off */
static const struct option long_options[] = {
	{ "adopt",    no_argument,       NULL, 'a' },
	{ "dry-run",  no_argument,       NULL, 'n' },
	{ "file",     required_argument, NULL, 'f' },
	{ "interval", required_argument, NULL, 'i' },
	{ "json",     no_argument,       NULL, 'j' },
	{ "keep",     required_argument, NULL, 'k' },
	{ "once",     no_argument,       NULL, 'o' },
	{ "resolver", required_argument, NULL, 'r' },
	{ "settle",   required_argument, NULL, 's' },
	{ NULL }
};
/* clang-format on */

/* --- the command line --- */

static exit_t read_time(uint32_t *seconds, const char *option, const char *text)
{
	if (!alias_read_ttl(seconds, text) || *seconds == 0) {
		return misuse(COMMAND, "--%s '%s' must be " ALIAS_TTL_RULE ", and not 0", option, text);
	}
	return EXIT_FINE;
}

static exit_t read_count(unsigned *count, const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || value < 1 || value > 1000) {
		return misuse(COMMAND, "--keep '%s' must be a number from 1 to 1000", text);
	}
	*count = value;
	return EXIT_FINE;
}

static exit_t read_zones(expand_options_t *options, int argc, char **argv)
{
	static knot_dname_txt_storage_t *texts;
	if (argc == 0) {
		return EXIT_FINE;
	}
	texts = not_null(calloc(argc, sizeof(*texts)));
	options->zones = not_null(calloc(argc + 1, sizeof(*options->zones)));
	for (int i = 0; i < argc; i++) {
		if (!alias_read_zone(texts[i], argv[i])) {
			return misuse(COMMAND, "'%s' is not a name", argv[i]);
		}
		options->zones[i] = texts[i];
	}
	return EXIT_FINE;
}

static exit_t read_options(expand_options_t *options, int argc, char **argv)
{
	exit_t status = EXIT_FINE;
	int option;
	while (status == EXIT_FINE && (option = getopt_long(argc, argv, "+:", long_options, NULL)) != -1) {
		switch (option) {
		case 'a':
			options->adopt = true;
			break;
		case 'n':
			options->dry_run = true;
			break;
		case 'f':
			options->file = optarg;
			break;
		case 'i':
			status = read_time(&options->interval, "interval", optarg);
			break;
		case 'j':
			options->json = true;
			break;
		case 'k':
			status = read_count(&options->keep, optarg);
			break;
		case 'o':
			options->once = true;
			break;
		case 'r':
			status = knotconf_take_resolver(&options->resolvers, COMMAND, optarg);
			break;
		case 's':
			status = read_time(&options->settle, "settle", optarg);
			break;
		case ':':
			status = misuse(COMMAND, "%s takes an argument", argv[optind - 1]);
			break;
		default:
			status = misuse(COMMAND, "unknown option '%s'", argv[optind - 1]);
		}
	}
	options->once |= options->dry_run;
	return status == EXIT_FINE ? read_zones(options, argc - optind, argv + optind) : status;
}

/* --- signals --- */

static void hold_signals(sigset_t *held)
{
	sigemptyset(held);
	for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++) {
		struct sigaction action;
		if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
			sigaddset(held, ending[i]);
		}
	}
	sigprocmask(SIG_BLOCK, held, NULL);
}

/*! Waits. \return Whether a signal has come that ends the program. */
static bool is_ended(const sigset_t *held, uint32_t seconds)
{
	const struct timespec wait = { .tv_sec = seconds };
	return sigtimedwait(held, NULL, &wait) > 0;
}

/* --- what is told --- */

static void print_addresses(const addrset_t *set, addr_type_t type, const char *before, const char *around)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (set->item[i].wanted) {
			char text[INET6_ADDRSTRLEN];
			printf("%s%s%s%s", before, around,
			       inet_ntop(type == ADDR_A ? AF_INET : AF_INET6, set->item[i].addr, text, sizeof(text)), around);
			before = *around != '\0' ? "," : " ";
		}
	}
}

static void tell_text(const expand_t *expand, const expand_zone_t *zone, const expand_name_t *name)
{
	knot_dname_txt_storage_t text;
	printf("%s %s: %s", expand->options.dry_run ? "would change" : "changed", zone->text,
	       knot_dname_to_str(text, name->name, sizeof(text)));
	bool none = true;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		for (unsigned i = 0; i < name->set[type].count && none; i++) {
			none = !name->set[type].item[i].wanted;
		}
		char before[16];
		snprintf(before, sizeof(before), " %s ", addr_name(type));
		print_addresses(&name->set[type], type, before, "");
	}
	printf("%s\n", none ? " has none" : "");
}

static void tell_json(const expand_t *expand, const expand_zone_t *zone, const expand_name_t *name)
{
	printf("%s\n{\"zone\":", expand->report.changed > 1 ? "," : "");
	print_json_name(zone->name);
	printf(",\"owner\":");
	print_json_name(name->name);
	printf(",\"a\":[");
	print_addresses(&name->set[ADDR_A], ADDR_A, "", "\"");
	printf("],\"aaaa\":[");
	print_addresses(&name->set[ADDR_AAAA], ADDR_AAAA, "", "\"");
	printf("]}");
}

void expand_tell(expand_t *expand, const expand_zone_t *zone, const expand_name_t *name)
{
	expand->report.changed++;
	if (expand->options.json) {
		tell_json(expand, zone, name);
	} else {
		tell_text(expand, zone, name);
	}
}

/*! Ends the report of a pass. Of a pass that did nothing and has nobody who waits for it there is none. */
static void tell_end(const expand_t *expand)
{
	const expand_report_t *report = &expand->report;
	if (expand->options.json) {
		printf("],\"names\":%zu,\"changed_names\":%zu,\"changed_zones\":%zu,\"foreign\":%zu,\"unresolved\":%zu,"
		       "\"failed_zones\":%zu}\n",
		       report->names, report->changed, report->zones, report->foreign, report->unknown, report->failed);
	} else if (expand->options.once || report->changed > 0) {
		printf("%zu names with ALIAS: %zu changed in %zu zones, %zu left alone, %zu with a target that fails\n",
		       report->names, report->changed, report->zones, report->foreign, report->unknown);
	}
	fflush(stdout);
}

/* --- a pass --- */

static void take_storage(void *ctx, knot_ctl_data_t data)
{
	expand_t *expand = ctx;
	if (data[KNOT_CTL_IDX_DATA] != NULL) {
		snprintf(expand->path, sizeof(expand->path), "%s", data[KNOT_CTL_IDX_DATA]);
	}
}

/*! Keeps others from the file until the program ends. */
static bool lock_file(expand_t *expand)
{
	char path[PATH_MAX + 8];
	snprintf(path, sizeof(path), "%s.lock", expand->path);
	if (expand->lock_fd < 0) {
		expand->lock_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	}
	if (expand->lock_fd < 0) {
		fail("%s: %s, name another place with --file", path, strerror(errno));
		return false;
	}
	if (flock(expand->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		fail("%s: another kalias expand runs with this file", expand->path);
		return false;
	}
	return true;
}

/*! Finds the file, beside the store. */
static bool find_path(expand_t *expand, control_t *control)
{
	if (expand->options.file != NULL) {
		snprintf(expand->path, sizeof(expand->path), "%s", expand->options.file);
		return true;
	}
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "conf-read",
		[KNOT_CTL_IDX_SECTION] = "database",
		[KNOT_CTL_IDX_ITEM] = "storage",
	};
	snprintf(expand->path, sizeof(expand->path), "/var/lib/knot");
	const char *error = control_run(control, request, take_storage, expand);
	if (control_is_lost(control)) {
		fail("%s", error);
		return false;
	}
	size_t len = strlen(expand->path);
	snprintf(expand->path + len, sizeof(expand->path) - len, "/alias");
	if (mkdir(expand->path, 0700) != 0 && errno != EEXIST) {
		fail("%s: %s, name another place with --file", expand->path, strerror(errno));
		return false;
	}
	len = strlen(expand->path);
	snprintf(expand->path + len, sizeof(expand->path) - len, "/" FILE_NAME);
	return true;
}

/*! Takes and reads the file, once. */
static bool find_file(expand_t *expand, control_t *control)
{
	if (expand->path[0] != '\0') {
		return true;
	}
	if (find_path(expand, control) && (expand->options.dry_run || lock_file(expand)) && expandfile_read(expand)) {
		return true;
	}
	expand->path[0] = '\0';
	return false;
}

/*! Takes it that what was read is all that a zone has, if it was all read. */
static void note_serial(expand_zone_t *zone)
{
	bool known = zone->is_there && zone->section != NULL;
	for (size_t i = 0; i < zone->count; i++) {
		const expand_name_t *name = zone->names[i];
		/* Others are read in each pass. */
		known &= !name->ours || name->is_read || zone->serial == zone->serial_now;
	}
	zone->serial = known ? zone->serial_now : 0;
}

/*! Judges all zones. \return How many are to be changed now. */
static size_t judge_zones(expand_t *expand)
{
	size_t due = 0;
	int64_t now = time(NULL);
	for (size_t i = 0; i < expand->count; i++) {
		expand_zone_t *zone = expand->zones[i];
		addrset_step_t step = zone->is_there ? expand_judge(expand, zone, now) : ADDRSET_KEEP;
		bool early = now - zone->changed < EXPAND_PAUSE_S && !expand->options.dry_run;
		if (zone->is_there && step == ADDRSET_KEEP) {
			note_serial(zone);
		}
		zone->is_due = step == ADDRSET_URGENT || (step == ADDRSET_CHANGE && !early);
		due += zone->is_due;
	}
	return due;
}

static void tell_zone(expand_t *expand, const expand_zone_t *zone)
{
	expand->report.zones++;
	for (size_t i = 0; i < zone->count; i++) {
		if (zone->names[i]->step != ADDRSET_KEEP) {
			expand_tell(expand, zone, zone->names[i]);
		}
	}
}

/*! Judges and changes all zones. \return false if it was ended. */
static bool change_zones(expand_t *expand, control_t *control, const sigset_t *held)
{
	size_t due = judge_zones(expand);
	/* Nothing gets into a zone that would not be known as ours after a crash. */
	if (due > 0 && !expand->options.dry_run && !expandfile_write(expand, true)) {
		expand->report.failed += due;
		return true;
	}
	for (size_t i = 0; i < expand->count; i++) {
		expand_zone_t *zone = expand->zones[i];
		if (zone->is_due && expand->options.dry_run) {
			tell_zone(expand, zone);
		} else if (zone->is_due && is_ended(held, 0)) {
			return false;
		} else if (zone->is_due) {
			expand->report.zones += expand_write(expand, control, zone, time(NULL));
		}
	}
	return true;
}

/*! Runs a pass. \return false if something could not be read, which has been told. */
static bool run_pass(expand_t *expand, const settings_t *settings, const sigset_t *held, bool *ended)
{
	control_t *control = control_open(settings);
	if (control == NULL) {
		return false;
	}
	bool complete = find_file(expand, control) && expand_read(expand, control);
	control_close(control); /* knotd serves one connection at a time, and the resolvers may take long. */
	if (expand->path[0] == '\0') {
		return false;
	}
	expand_ask(expand);
	*ended = is_ended(held, 0);
	control = *ended ? NULL : control_open(settings);
	expand->is_waiting = false;
	if (expand->options.json) {
		printf("{\"time\":%lld,\"changed\":[", (long long)time(NULL));
	}
	if (control != NULL) {
		*ended = !change_zones(expand, control, held);
	}
	control_close(control);
	tell_end(expand);
	expand_end_pass(expand);
	return complete && control != NULL;
}

static exit_t run_all(expand_t *expand, const settings_t *settings)
{
	sigset_t held;
	hold_signals(&held);
	bool ended = false, complete = true;
	time_t begun = time(NULL), saved = begun;
	while (!ended) {
		complete = run_pass(expand, settings, &held, &ended);
		bool last = ended || (expand->options.once && !(expand->is_waiting && time(NULL) - begun < EXPAND_BUSY_S));
		/* When addresses were seen is of use to the next start, too. */
		bool due = expand->is_dirty || last || time(NULL) - saved >= expand->options.settle / 2;
		if (due && expand->path[0] != '\0' && !expand->options.dry_run) {
			complete &= expandfile_write(expand, false);
			saved = time(NULL);
		}
		if (last) {
			break;
		}
		uint32_t pause = expand->options.once ? 1 : expand->options.interval;
		pause = expand->is_waiting && pause > BUSY_PAUSE_S ? BUSY_PAUSE_S : pause;
		ended = is_ended(&held, pause);
	}
	if (!expand->options.once) {
		return EXIT_FINE;
	}
	const expand_report_t *report = &expand->report;
	bool fine = complete && !expand->is_waiting && report->foreign == 0 && report->unknown == 0 && report->failed == 0;
	return fine ? EXIT_FINE : EXIT_WRONG;
}

exit_t run_expand(const settings_t *settings, int argc, char **argv)
{
	expand_t expand = { .lock_fd = -1, .options = { .interval = 30, .settle = 300, .keep = 3 } };
	exit_t status = read_options(&expand.options, argc, argv);
	if (status == EXIT_FINE) {
		status = run_all(&expand, settings);
	}
	expand_free(&expand);
	if (expand.lock_fd >= 0) {
		close(expand.lock_fd);
	}
	if (expand.options.zones != NULL) {
		free(expand.options.zones[0]); /* All are in one block. */
		free(expand.options.zones);
	}
	return status;
}
