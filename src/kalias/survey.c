/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The survey owns the loop on which it asks: the server by probes, the resolvers by a lookup. A batch lists the
 * things of one kind to ask for, a bounded number of which is under way at a time. What is learned goes to the
 * inventory, which belongs to the caller.
 */

#include "kalias/survey.h"

#include <stdio.h>
#include <unistd.h>

#include "kalias/graph.h"
#include "kalias/kalias.h"
#include "kalias/lookup.h"
#include "kalias/probe.h"

/*! Items of a batch that are under way at a time. */
#define WINDOW 64
/*! What looks wrong is asked for again after a pause, in which the server refreshes what has just expired. */
#define PAUSE_MS 2000
/*! A server that was silent that often in a row is down, and not asked any more. */
#define SILENT_MAX 64
/*! Progress is shown after the first of these, and then each time after the other. */
#define PROGRESS_FIRST_MS 1000
#define PROGRESS_EACH_MS 200
#define PROGRESS_WIDTH 60

typedef struct survey survey_t;

/*! Things to be asked for, in their order. */
typedef struct {
	void (*start)(survey_t *survey, void *item);
	void **items;
	size_t count, next, done;
} batch_t;

struct survey {
	uv_loop_t loop;
	uv_timer_t pause;
	inventory_t *inventory;
	lookup_t *lookup;
	batch_t zones, owners, targets, traces;
	unsigned silent;        /*!< Probes of the server in a row without reply. */
	bool progress;          /*!< Standard error is a terminal. */
	bool shown;             /*!< Progress has been shown. */
	uint64_t progress_next; /*!< uv_now(). */
};

/* --- progress --- */

static void show_progress(survey_t *survey)
{
	if (!survey->progress || uv_now(&survey->loop) < survey->progress_next) {
		return;
	}
	survey->progress_next = uv_now(&survey->loop) + PROGRESS_EACH_MS;
	/* Owners and targets are asked for side by side; the share of both is shown as a number of owners. */
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

/* --- batches --- */

static batch_t make_batch(void *items, size_t count, void (*start)(survey_t *, void *))
{
	return (batch_t){ .start = start, .items = items, .count = count };
}

/*! Starts as many items as the window allows. \return Whether some of the batch is not done yet. */
static bool start_items(survey_t *survey, batch_t *batch)
{
	while (batch->next < batch->count && batch->next - batch->done < WINDOW) {
		void *item = batch->items[batch->next++];
		batch->start(survey, item);
	}
	return batch->done < batch->count;
}

/*! Runs all batches to their end. */
static void run_batches(survey_t *survey)
{
	batch_t *const batches[] = { &survey->zones, &survey->owners, &survey->targets, &survey->traces };
	while (true) {
		bool busy = false;
		for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
			busy |= start_items(survey, batches[i]);
		}
		if (!busy) {
			break;
		}
		lookup_settle(survey->lookup);
		uv_run(&survey->loop, UV_RUN_ONCE);
		show_progress(survey);
	}
}

/* --- the server --- */

/*! A query to the server: about an owner, or about a zone, which is signed if the SOA is. */
typedef struct {
	survey_t *survey;
	check_zone_t *zone;
	check_owner_t *owner;
	observed_t *observed; /*!< What the reply goes to. */
	uint16_t type;
} question_t;

static bool server_is_down(const survey_t *survey)
{
	return survey->silent >= SILENT_MAX;
}

static void count_reply(survey_t *survey, const knot_pkt_t *pkt)
{
	survey->silent = (pkt != NULL) ? 0 : survey->silent + 1;
}

static void end_owner(survey_t *survey, check_owner_t *owner)
{
	if (--owner->pending == 0) {
		survey->owners.done++;
	}
}

static void on_answer(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	question_t *question = ctx;
	count_reply(question->survey, pkt);
	if (pkt != NULL) {
		observed_set_packet(question->observed, pkt, question->owner->asked, question->type);
	} else {
		observed_set_nothing(question->observed, why);
	}
	end_owner(question->survey, question->owner);
	free(question);
}

static void ask_for_owner(survey_t *survey, check_owner_t *owner, observed_t *observed, addr_type_t type,
                          unsigned flags)
{
	owner->pending++;
	if (server_is_down(survey)) {
		observed_set_nothing(&observed[type], "silent for long, no longer asked");
		end_owner(survey, owner);
		return;
	}
	question_t *question = not_null(calloc(1, sizeof(*question)));
	question->survey = survey;
	question->owner = owner;
	question->observed = &observed[type];
	question->type = addr_rrtype(type);
	probe_start(&survey->loop, &survey->inventory->server, owner->asked, question->type, flags, on_answer, question);
}

static void start_owner(survey_t *survey, void *item)
{
	check_owner_t *owner = item;
	owner->findings.zone_signed = owner->zone->is_signed;
	owner->pending = 1; /* Replies may come before all has been asked. */
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		ask_for_owner(survey, owner, owner->findings.plain, type, 0);
		if (owner->findings.zone_signed) {
			ask_for_owner(survey, owner, owner->findings.secure, type, QUERY_DO);
		}
	}
	end_owner(survey, owner);
}

static void on_soa(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	question_t *question = ctx;
	count_reply(question->survey, pkt);
	if (pkt != NULL) {
		const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
		for (uint16_t i = 0; i < answer->count; i++) {
			question->zone->is_signed |= (knot_pkt_rr(answer, i)->type == KNOT_RRTYPE_RRSIG);
		}
	}
	question->survey->zones.done++;
	free(question);
}

static void start_zone(survey_t *survey, void *item)
{
	question_t *question = not_null(calloc(1, sizeof(*question)));
	question->survey = survey;
	question->zone = item;
	if (server_is_down(survey)) {
		on_soa(NULL, NULL, question);
		return;
	}
	probe_start(&survey->loop, &survey->inventory->server, question->zone->name, KNOT_RRTYPE_SOA, QUERY_DO, on_soa,
	            question);
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
	(void)timer; /* From now on it is not active. */
}

/*! Waits, while late replies are still taken. */
static void pause_survey(survey_t *survey)
{
	uv_timer_start(&survey->pause, on_pause_over, PAUSE_MS, 0);
	while (uv_is_active((uv_handle_t *)&survey->pause)) {
		uv_run(&survey->loop, UV_RUN_ONCE);
	}
}

/*! Makes batches of the owners that look wrong, and of their targets. */
static void select_again(survey_t *survey, check_owner_t **owners, check_target_t **targets)
{
	const inventory_t *inventory = survey->inventory;
	size_t owner_count = 0, target_count = 0;
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
	survey->owners = make_batch(owners, owner_count, start_owner);
	survey->targets = make_batch(targets, target_count, start_target);
}

/*! Makes a batch of the targets that fail, to see where their CNAMEs lead. */
static void select_failed(survey_t *survey, check_target_t **targets)
{
	const inventory_t *inventory = survey->inventory;
	size_t count = 0;
	for (size_t i = 0; i < inventory->target_count; i++) {
		const observed_t *observed = inventory->targets[i]->observed;
		if (observed_failed(&observed[ADDR_A]) || observed_failed(&observed[ADDR_AAAA])) {
			targets[count++] = inventory->targets[i];
		}
	}
	survey->traces = make_batch(targets, count, start_trace);
}

static void run_rounds(survey_t *survey)
{
	inventory_t *inventory = survey->inventory;
	survey->zones = make_batch(inventory->zones, inventory->zone_count, start_zone);
	run_batches(survey);
	survey->owners = make_batch(inventory->owners, inventory->owner_count, start_owner);
	survey->targets = make_batch(inventory->targets, inventory->target_count, start_target);
	run_batches(survey);
	judge_all(inventory);

	check_owner_t **owners = not_null(malloc((inventory->owner_count + 1) * sizeof(owners[0])));
	check_target_t **targets = not_null(malloc((inventory->target_count + 1) * sizeof(targets[0])));
	select_again(survey, owners, targets);
	if (survey->owners.count > 0) {
		pause_survey(survey);
		run_batches(survey);
		judge_all(inventory);
	}
	select_failed(survey, targets);
	run_batches(survey);

	free(owners);
	free(targets);
}

void survey_run(inventory_t *inventory)
{
	survey_t survey = { .inventory = inventory, .progress = isatty(STDERR_FILENO) };
	(void)uv_loop_init(&survey.loop);
	(void)uv_timer_init(&survey.loop, &survey.pause);
	survey.progress_next = uv_now(&survey.loop) + PROGRESS_FIRST_MS;
	survey.lookup = lookup_new(&survey.loop, inventory);

	run_rounds(&survey);
	end_progress(&survey);
	uv_close((uv_handle_t *)&survey.pause, NULL);
	lookup_free(survey.lookup);
	(void)uv_loop_close(&survey.loop);

	graph_find_loops(inventory);
	judge_all(inventory);
}
