/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias warm: asks the server over UDP for all names with ALIAS. It does not wait for a target then, but looks for it, and
 * says by a truncated reply that it does. Such names are asked for again, round by round, until it knows their addresses.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>
#include <libknot/libknot.h>

#include "kalias/alias.h"
#include "kalias/kalias.h"
#include "kalias/knotconf.h"
#include "kalias/probe.h"
#include "kalias/records.h"
#include "util/rrtype.h"

/*! Queries that are under way at a time, and time between two of them: a thousand a second, the default of max-rate. */
#define WINDOW 64
#define EACH_MS 1
/*! Pause between two rounds, and time without any progress after which names are given up, ms. */
#define ROUND_MS 200
#define PATIENCE_MS 15000
/*! After that many queries in a row without reply the server is not asked any more. */
#define SILENT_MAX 64
/*! Progress is shown after that time, and then as often, ms. */
#define PROGRESS_MS 500

typedef struct {
	const knot_dname_t *owner;
	addr_type_t type; /*!< What is asked for next; ADDR_TYPES: both are known. */
	bool fails;
} warm_name_t;

typedef struct {
	uv_loop_t loop;
	uv_timer_t timer;
	struct sockaddr_storage server;
	warm_name_t *names;
	size_t count;
	size_t cold, failed; /*!< How many of them. */
	unsigned under_way;
	unsigned silent;      /*!< Queries in a row without reply. */
	uint64_t progress_at; /*!< uv_now() of the last progress. */
	uint64_t shown_at;    /*!< uv_now() when it was shown. */
	bool terminal;
} warm_t;

typedef struct {
	warm_t *warm;
	warm_name_t *name;
} warm_query_t;

/* --- what there is to ask for --- */

/*! Whether the module serves a zone, as far as that is known. */
static bool is_served(knotconf_t *conf, const knot_dname_t *zone)
{
	knot_dname_txt_storage_t text;
	section_t section;
	knotconf_find_section(&section, conf, knot_dname_to_str(text, zone, sizeof(text)));
	return section.state == MODULE_PRESENT || section.state == MODULE_UNKNOWN;
}

/*! Takes the owners of records, which are sorted. */
static void take_names(warm_t *warm, knotconf_t *conf, const records_t *records)
{
	warm->names = not_null(calloc(records->count + 1, sizeof(*warm->names)));
	const knot_dname_t *zone = NULL, *owner = NULL;
	bool served = false;
	for (size_t i = 0; i < records->count; i++) {
		const alias_record_t *record = &records->items[i];
		if (zone == NULL || !knot_dname_is_equal(zone, record->zone)) {
			zone = record->zone;
			served = is_served(conf, zone);
		}
		if (served && (owner == NULL || !knot_dname_is_equal(owner, record->owner))) {
			owner = record->owner;
			warm->names[warm->count++].owner = owner;
		}
	}
	warm->cold = warm->count;
}

/* --- the loop --- */

static void on_timer(uv_timer_t *timer)
{
	(void)timer; /* From now on it is not active. */
}

static void run_loop(warm_t *warm)
{
	uv_run(&warm->loop, UV_RUN_ONCE);
	uint64_t now = uv_now(&warm->loop);
	if (warm->terminal && now - warm->shown_at >= PROGRESS_MS) {
		warm->shown_at = now;
		fprintf(stderr, "\r%zu of %zu names ", warm->count - warm->cold, warm->count);
	}
}

static void wait_for_timer(warm_t *warm, uint64_t ms)
{
	uv_timer_start(&warm->timer, on_timer, ms, 0);
	while (uv_is_active((uv_handle_t *)&warm->timer)) {
		run_loop(warm);
	}
}

/* --- queries --- */

static void on_reply(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	warm_query_t *query = ctx;
	warm_t *warm = query->warm;
	warm_name_t *name = query->name;
	free(query);
	warm->under_way--;
	warm->silent = (pkt != NULL) ? 0 : warm->silent + 1;
	if (pkt == NULL || knot_wire_get_tc(pkt->wire)) {
		return;
	}
	warm->progress_at = uv_now(&warm->loop);
	name->fails |= (knot_pkt_ext_rcode(pkt) == KNOT_RCODE_SERVFAIL);
	if (++name->type == ADDR_TYPES) {
		warm->cold--;
		warm->failed += name->fails;
	}
}

static void ask(warm_t *warm, warm_name_t *name)
{
	warm_query_t *query = not_null(malloc(sizeof(*query)));
	*query = (warm_query_t){ .warm = warm, .name = name };
	warm->under_way++;
	probe_start(&warm->loop, &warm->server, name->owner, addr_rrtype(name->type), PROBE_UDP, on_reply, query);
	wait_for_timer(warm, EACH_MS);
	while (warm->under_way >= WINDOW) {
		run_loop(warm);
	}
}

/*! Asks for all names that are not known yet, round by round. */
static void ask_all(warm_t *warm)
{
	(void)uv_loop_init(&warm->loop);
	(void)uv_timer_init(&warm->loop, &warm->timer);
	warm->terminal = isatty(STDERR_FILENO);
	warm->shown_at = warm->progress_at = uv_now(&warm->loop);
	while (warm->cold > 0 && uv_now(&warm->loop) - warm->progress_at < PATIENCE_MS && warm->silent < SILENT_MAX) {
		for (size_t i = 0; i < warm->count && warm->silent < SILENT_MAX; i++) {
			if (warm->names[i].type < ADDR_TYPES) {
				ask(warm, &warm->names[i]);
			}
		}
		while (warm->under_way > 0) {
			run_loop(warm);
		}
		if (warm->cold > 0) {
			wait_for_timer(warm, ROUND_MS);
		}
	}
	if (warm->terminal) {
		fprintf(stderr, "\r%*s\r", 60, "");
	}
	uv_close((uv_handle_t *)&warm->timer, NULL);
	uv_run(&warm->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&warm->loop);
}

/* --- the command --- */

/*! Reads all that is needed from knotd. \return False after an error, which has been printed. */
static bool read_names(warm_t *warm, records_t *records, const settings_t *settings, const char *zone)
{
	control_t *control = control_open(settings);
	if (control == NULL) {
		return false;
	}
	bool complete = records_read(records, control, zone);
	knotconf_t conf = { .control = control, .whole = (zone == NULL) };
	take_names(warm, &conf, records);
	const char *error = knotconf_get_server(&warm->server, &conf);
	if (error != NULL) {
		fail("server.listen: %s", error);
	}
	knotconf_clear(&conf);
	control_close(control);
	return complete && error == NULL;
}

exit_t run_warm(const settings_t *settings, int argc, char **argv)
{
	const struct option options[] = { { NULL } };
	if (!take_flags(&argc, &argv, options)) {
		return misuse("warm", "unknown option");
	}
	knot_dname_txt_storage_t zone;
	if (argc > 1) {
		return misuse("warm", "at most one zone");
	} else if (argc == 1 && !alias_read_zone(zone, argv[0])) {
		return misuse("warm", "'%s' is not a name", argv[0]);
	}

	warm_t warm = { 0 };
	records_t records = { 0 };
	exit_t status = EXIT_WRONG;
	if (read_names(&warm, &records, settings, (argc == 1) ? zone : NULL)) {
		ask_all(&warm);
		printf("%zu asked: %zu resolved, %zu fail, %zu without a result\n", warm.count,
		       warm.count - warm.cold - warm.failed, warm.failed, warm.cold);
		status = (warm.cold == 0) ? EXIT_FINE : EXIT_WRONG;
	}
	if (warm.silent >= SILENT_MAX) {
		fail("the server does not answer over UDP");
	}
	free(warm.names);
	records_free(&records);
	return status;
}
