/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/survey.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kalias/graph.h"
#include "kalias/lookup.h"
#include "kalias/kalias.h"
#include "kalias/probe.h"

/*! Owners and, apart from them, targets that are being asked for at a time. */
#define WINDOW 64
/*! What looks wrong is looked at once more after a pause, in which the server refreshes what has just expired. */
#define PAUSE_MS 2000
/*! A server that was silent that often in a row is down: thousands of time-outs would tell no more. */
#define SILENT_MAX 64
/*! Nothing is said about progress before, and not more often than. */
#define PROGRESS_FIRST_MS 1000
#define PROGRESS_EACH_MS 200
#define PROGRESS_WIDTH 60

typedef struct survey survey_t;

/*! Things to be asked for in their order, a window of them at a time. */
typedef struct {
	void (*start)(survey_t *survey, void *item);
	void **items;
	size_t count, next, done;
} batch_t;

struct survey {
	uv_loop_t loop;
	inventory_t *inventory;
	lookup_t *lookup;
	batch_t zones, owners, targets, traces;
	unsigned silent;        /*!< Probes of the server in a row without reply. */
	bool progress;          /*!< Somebody watches. */
	bool shown;             /*!< Something has been said about progress. */
	uint64_t progress_next; /*!< uv_now(). */
};

/* --- progress --- */

static void show_progress(survey_t *survey)
{
	if (!survey->progress || uv_now(&survey->loop) < survey->progress_next) {
		return;
	}
	survey->progress_next = uv_now(&survey->loop) + PROGRESS_EACH_MS;
	/* Of owners and targets, which go side by side, in terms of owners. */
	size_t all = survey->owners.count + survey->targets.count;
	size_t done = survey->owners.done + survey->targets.done;
	size_t share = all > 0 ? survey->owners.count * done / all : 0;
	survey->shown = true;
	fprintf(stderr, "\rchecked %zu of %zu ", share, survey->owners.count);
}

static void end_progress(const survey_t *survey)
{
	if (survey->shown) {
		fprintf(stderr, "\r%*s\r", PROGRESS_WIDTH, "");
	}
}

/* --- lines --- */

static bool start_items(survey_t *survey, batch_t *line)
{
	while (line->next < line->count && line->next - line->done < WINDOW) {
		void *item = line->items[line->next++];
		line->start(survey, item);
	}
	return line->done < line->count;
}

/*! Starts what may be started, until all lines have come to their end. */
static void run_to_end(survey_t *survey)
{
	batch_t *const lines[] = { &survey->zones, &survey->owners, &survey->targets, &survey->traces };
	while (true) {
		bool busy = false;
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			busy |= start_items(survey, lines[i]);
		}
		if (!busy) {
			break;
		}
		lookup_settle(survey->lookup);
		uv_run(&survey->loop, UV_RUN_ONCE);
		show_progress(survey);
	}
}

static void set_batch(batch_t *line, void *items, size_t count, void (*start)(survey_t *, void *))
{
	line->start = start;
	line->items = items;
	line->count = count;
	line->next = line->done = 0;
}

/* --- the server --- */

/*! The queries for an owner. */
typedef struct {
	survey_t *survey;
	unsigned pending;
} owner_visit_t;

typedef struct {
	owner_visit_t *visit;
	observed_t *observed;
	const knot_dname_t *name;
	uint16_t type;
} question_t;

static void count_silence(survey_t *survey, const knot_pkt_t *pkt)
{
	survey->silent = (pkt != NULL) ? 0 : survey->silent + 1;
}

static bool server_is_down(const survey_t *survey)
{
	return survey->silent >= SILENT_MAX;
}

static void end_question(owner_visit_t *visit)
{
	if (--visit->pending == 0) {
		visit->survey->owners.done++;
		free(visit);
	}
}

static void on_answer(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	question_t *question = ctx;
	count_silence(question->visit->survey, pkt);
	if (pkt != NULL) {
		observed_set_packet(question->observed, pkt, question->name, question->type);
	} else {
		observed_set_nothing(question->observed, why);
	}
	end_question(question->visit);
	free(question);
}

static void ask_for_owner(owner_visit_t *visit, const check_owner_t *owner, observed_t *observed, addr_type_t type, unsigned flags)
{
	survey_t *survey = visit->survey;
	visit->pending++;
	if (server_is_down(survey)) {
		observed_set_nothing(&observed[type], "silent for long, no longer asked");
		end_question(visit);
		return;
	}
	question_t *question = not_null(calloc(1, sizeof(*question)));
	question->visit = visit;
	question->observed = &observed[type];
	question->name = owner->asked;
	question->type = addr_rrtype(type);
	probe_start(&survey->loop, &survey->inventory->server, question->name, question->type, flags,
	            on_answer, question);
}

static void start_owner(survey_t *survey, void *item)
{
	check_owner_t *owner = item;
	owner->findings.zone_signed = owner->zone->is_signed;

	owner_visit_t *visit = not_null(calloc(1, sizeof(*visit)));
	visit->survey = survey;
	visit->pending = 1; /* Replies may come before all has been asked. */
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		ask_for_owner(visit, owner, owner->findings.plain, type, 0);
		if (owner->findings.zone_signed) {
			ask_for_owner(visit, owner, owner->findings.secure, type, QUERY_DO);
		}
	}
	end_question(visit);
}

/*! Whether a zone is signed: by the signature of its SOA. */
typedef struct {
	survey_t *survey;
	check_zone_t *zone;
} zone_visit_t;

static void on_soa(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	zone_visit_t *visit = ctx;
	count_silence(visit->survey, pkt);
	if (pkt != NULL) {
		const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
		for (uint16_t i = 0; i < answer->count; i++) {
			visit->zone->is_signed |= (knot_pkt_rr(answer, i)->type == KNOT_RRTYPE_RRSIG);
		}
	}
	visit->survey->zones.done++;
	free(visit);
}

static void start_zone(survey_t *survey, void *item)
{
	zone_visit_t *visit = not_null(calloc(1, sizeof(*visit)));
	visit->survey = survey;
	visit->zone = item;
	if (server_is_down(survey)) {
		on_soa(NULL, NULL, visit);
		return;
	}
	probe_start(&survey->loop, &survey->inventory->server, visit->zone->name, KNOT_RRTYPE_SOA, QUERY_DO,
	            on_soa, visit);
}

/* --- the resolvers --- */

static void on_target(void *ctx)
{
	((batch_t *)ctx)->done++;
}

static void start_target(survey_t *survey, void *item)
{
	lookup_start(survey->lookup, item, on_target, &survey->targets);
}

static void start_trace(survey_t *survey, void *item)
{
	lookup_trace(survey->lookup, item, server_is_down(survey) ? NULL : &survey->inventory->server,
	             on_target, &survey->traces);
}

/* --- all --- */

static void judge_all(inventory_t *inventory)
{
	for (size_t i = 0; i < inventory->owner_count; i++) {
		inventory->owners[i]->problems = judge_owner(&inventory->owners[i]->findings);
	}
}

static void on_pause_over(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void on_pause_closed(uv_handle_t *handle)
{
	free(handle);
}

/*! Lets time pass, and go on what is still under way. */
static void pause_loop(uv_loop_t *loop)
{
	uv_timer_t *timer = not_null(malloc(sizeof(*timer)));
	bool over = false;
	(void)uv_timer_init(loop, timer);
	timer->data = &over;
	uv_timer_start(timer, on_pause_over, PAUSE_MS, 0);
	while (!over) {
		uv_run(loop, UV_RUN_ONCE);
	}
	uv_close((uv_handle_t *)timer, on_pause_closed);
}

/*! Takes up what looks wrong once more, with its targets. */
static void select_again(survey_t *survey, check_owner_t **owners, check_target_t **targets)
{
	const inventory_t *inventory = survey->inventory;
	size_t owner_count = 0, target_count = 0;
	for (size_t i = 0; i < inventory->target_count; i++) {
		inventory->targets[i]->again = false;
	}
	for (size_t i = 0; i < inventory->owner_count; i++) {
		check_owner_t *owner = inventory->owners[i];
		if (!judge_again(owner->problems)) {
			continue;
		}
		owners[owner_count++] = owner;
		for (unsigned k = 0; k < owner->findings.count; k++) {
			if (!owner->target[k]->again) {
				owner->target[k]->again = true;
				targets[target_count++] = owner->target[k];
			}
		}
	}
	set_batch(&survey->owners, owners, owner_count, start_owner);
	set_batch(&survey->targets, targets, target_count, start_target);
}

static void run_rounds(survey_t *survey)
{
	inventory_t *inventory = survey->inventory;
	set_batch(&survey->zones, inventory->zones, inventory->zone_count, start_zone);
	run_to_end(survey);
	set_batch(&survey->owners, inventory->owners, inventory->owner_count, start_owner);
	set_batch(&survey->targets, inventory->targets, inventory->target_count, start_target);
	run_to_end(survey);
	judge_all(inventory);

	check_owner_t **owners = not_null(malloc((inventory->owner_count + 1) * sizeof(owners[0])));
	check_target_t **targets = not_null(malloc((inventory->target_count + 1) * sizeof(targets[0])));
	select_again(survey, owners, targets);
	if (survey->owners.count > 0) {
		pause_loop(&survey->loop);
		run_to_end(survey);
		judge_all(inventory);
	}

	size_t failed = 0;
	for (size_t i = 0; i < inventory->target_count; i++) {
		const observed_t *observed = inventory->targets[i]->observed;
		if (observed_failed(&observed[ADDR_A]) || observed_failed(&observed[ADDR_AAAA])) {
			targets[failed++] = inventory->targets[i];
		}
	}
	set_batch(&survey->traces, targets, failed, start_trace);
	run_to_end(survey);

	free(owners);
	free(targets);
}

void survey_run(inventory_t *inventory)
{
	survey_t survey = { .inventory = inventory, .progress = isatty(STDERR_FILENO) };
	(void)uv_loop_init(&survey.loop);
	survey.progress_next = uv_now(&survey.loop) + PROGRESS_FIRST_MS;
	survey.lookup = lookup_new(&survey.loop, inventory);

	run_rounds(&survey);
	end_progress(&survey);
	lookup_free(survey.lookup);
	(void)uv_loop_close(&survey.loop);

	graph_find_loops(inventory);
	judge_all(inventory);
}
