/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The survey owns the loop on which it asks: the server by probes, the resolvers by c-ares. It asks one question after
 * the other, and waits when too many are under way. What is learned goes to the inventory, which belongs to the caller.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "kalias/check.h"
#include "kalias/kalias.h"
#include "kalias/onlinesign.h"
#include "kalias/probe.h"

/*! Queries to the server that are under way at a time. */
#define WINDOW 128
/*!
 * As many lookups wait for a reply of the resolvers, which must not be overrun. If that is all they do for a time, their
 * targets are dead or slow, and others are sent beside them: about a thousand a second, as the module does by default
 * (max-rate), up to a limit that resolvers have room for.
 */
#define SLOW_MS 128
#define LOOKUPS_MAX 2048
/*! What looks wrong is asked for again after a pause, in which the server refreshes what has just expired. */
#define ROUNDS 2
#define PAUSE_MS 2000
/*! After that many time-outs in a row a server is down, and not asked any more. */
#define SILENT_MAX 64
/*! Time for a resolution, in ms, and its retransmissions. */
#define RESOLVE_MS 5000
#define RESOLVE_RETRY 2
/*! Progress is shown after the first of these, and then each time after the other. */
#define PROGRESS_FIRST_MS 1000
#define PROGRESS_EACH_MS 200
#define PROGRESS_WIDTH 60

typedef struct {
	uv_loop_t loop;
	uv_timer_t pause;
	inventory_t *inventory;
	unsigned probes;        /*!< Queries to the server, and traces, that are under way. */
	unsigned lookups;       /*!< Queries to resolvers that are under way. */
	unsigned unanswered;    /*!< How many of these are of the last batch. */
	unsigned batch;         /*!< Number of that batch. */
	unsigned silent;        /*!< Queries to the server in a row without reply. */
	size_t owners;          /*!< Owners that are asked for in this round. */
	size_t queries;         /*!< Queries for them and their targets. */
	size_t done;            /*!< How many of these are. */
	uint64_t progress_next; /*!< When progress is shown, uv_now(); UINT64_MAX if standard error is no terminal. */
	bool progress_shown;
} survey_t;

/*! A query that is under way. */
typedef struct {
	survey_t *survey;
	const knot_dname_t *name;
	uint16_t type;
	check_zone_t *zone;   /*!< NULL, or the zone that the reply tells about. */
	observed_t *observed; /*!< What any other reply goes to. */
	check_set_t *set;     /*!< The resolvers that are asked. */
	unsigned batch;       /*!< Of lookups, to which it belongs. */
	bool told;            /*!< They have failed, but a late reply may come. */

	check_target_t *target; /*!< For a trace: whose CNAMEs are followed. */
	bool by_resolver;       /*!< The resolver was asked last, not the server. */
} question_t;

/* Why there is no reply from a resolver. */
static const char why_silent[] = "does not answer";
static const char why_failed[] = "fails or can't be reached";
static const char why_down[] = "is down, no longer asked";

/* --- the loop --- */

static void show_progress(survey_t *survey)
{
	if (uv_now(&survey->loop) < survey->progress_next) {
		return;
	}
	survey->progress_next = uv_now(&survey->loop) + PROGRESS_EACH_MS;
	/* Owners and targets are asked for side by side; the share of both is shown as a number of owners. */
	size_t share = survey->queries > 0 ? survey->owners * survey->done / survey->queries : 0;
	survey->progress_shown = true;
	fprintf(stderr, "\rchecked %zu of %zu ", share, survey->owners);
}

/*! Runs the loop until something has happened. */
static void run_loop(survey_t *survey)
{
	uv_run(&survey->loop, UV_RUN_ONCE);
	show_progress(survey);
}

/*! Waits until a number of things under way is below a limit. */
static void wait_until_below(survey_t *survey, const unsigned *under_way, unsigned limit)
{
	while (*under_way >= limit) {
		run_loop(survey);
	}
}

/* --- the server --- */

static bool server_is_down(const survey_t *survey)
{
	return survey->silent >= SILENT_MAX;
}

/*! Notes what a reply, NULL if there is none, tells about a zone as a whole. */
static void learn_zone(check_zone_t *zone, uint16_t type, const knot_pkt_t *pkt)
{
	if (type == KNOT_RRTYPE_SOA) {
		zone->is_signed = pkt != NULL && observed_has_rrsig(pkt, type);
	} else {
		zone->overreaches = pkt != NULL && onlinesign_overreaches(pkt, zone->name);
	}
}

static void on_answer(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	question_t *question = ctx;
	survey_t *survey = question->survey;
	survey->silent = (pkt != NULL) ? 0 : survey->silent + 1;
	survey->probes--;
	survey->done++;
	if (question->zone != NULL) {
		learn_zone(question->zone, question->type, pkt);
	} else if (pkt != NULL) {
		observed_set_packet(question->observed, pkt, question->name, question->type);
	} else {
		observed_set_nothing(question->observed, why);
	}
	free(question);
}

static void ask_server(survey_t *survey, question_t what, unsigned flags)
{
	wait_until_below(survey, &survey->probes, WINDOW);
	survey->probes++;
	question_t *question = not_null(malloc(sizeof(*question)));
	*question = what;
	question->survey = survey;
	if (server_is_down(survey)) {
		on_answer(NULL, "silent for long, no longer asked", question);
	} else {
		probe_start(&survey->loop, &survey->inventory->server, question->name, question->type, flags,
		            on_answer, question);
	}
}

/*! Finds out which zones are signed, and how well. */
static void ask_for_zones(survey_t *survey)
{
	for (check_zone_t *zone = survey->inventory->zones; zone != NULL; zone = zone->next) {
		ask_server(survey, (question_t){ .name = zone->name, .type = KNOT_RRTYPE_SOA, .zone = zone }, QUERY_DO);
	}
	wait_until_below(survey, &survey->probes, 1);

	for (check_zone_t *zone = survey->inventory->zones; zone != NULL; zone = zone->next) {
		knot_dname_storage_t name;
		if (zone->is_signed && onlinesign_make_name(name, zone->name)) {
			/* No name has this type, not even one by a wildcard. */
			ask_server(survey, (question_t){ .name = name, .type = KNOT_RRTYPE_NULL, .zone = zone }, QUERY_DO);
		}
	}
	wait_until_below(survey, &survey->probes, 1);
}

/*!
 * Asks with patience in the last round only. In the first one, a server that is still resolving has a hundred dead targets
 * take all probes. It goes on resolving, and knows most of them in the last round.
 */
static void ask_for_owner(survey_t *survey, check_owner_t *owner, unsigned flags)
{
	findings_t *findings = &owner->findings;
	findings->zone_signed = owner->zone->is_signed;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		question_t question = { .name = owner->asked, .type = addr_rrtype(type) };
		question.observed = &findings->plain[type];
		ask_server(survey, question, flags);
		if (findings->zone_signed) {
			question.observed = &findings->secure[type];
			ask_server(survey, question, flags | QUERY_DO);
		}
	}
}

/* --- the resolvers --- */

/*! Gets the address of a resolver, by way of its text. */
static struct sockaddr_storage get_address(const resolvers_t *resolvers, unsigned i)
{
	struct sockaddr_storage addr = { 0 };
	char text[INET6_ADDRSTRLEN];
	(void)inet_ntop(resolvers->server[i].family, resolvers->server[i].addr, text, sizeof(text));
	if (uv_ip4_addr(text, resolvers->server[i].port, (struct sockaddr_in *)&addr) != 0) {
		(void)uv_ip6_addr(text, resolvers->server[i].port, (struct sockaddr_in6 *)&addr);
	}
	return addr;
}

static void on_pong(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	check_set_t *set = ctx;
	set->silent = (pkt != NULL) ? 0 : set->silent;
	set->pings--;
}

/*!
 * Whether the resolvers of a set are down, and not only the servers of some targets: all are asked without RD then, and
 * whoever is there answers or refuses at once.
 */
static bool set_is_down(survey_t *survey, check_set_t *set)
{
	static const knot_dname_t root[] = "";
	if (!set->down && set->silent >= SILENT_MAX) {
		set->pings = set->resolvers.count;
		for (unsigned i = 0; i < set->resolvers.count; i++) {
			struct sockaddr_storage addr = get_address(&set->resolvers, i);
			probe_start(&survey->loop, &addr, root, KNOT_RRTYPE_NS, 0, on_pong, set);
		}
		wait_until_below(survey, &set->pings, 1);
		set->down = set->silent >= SILENT_MAX;
	}
	return set->down;
}

static void on_resolved(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	question_t *question = ctx;
	if (reply != NULL) {
		observed_set_reply(question->observed, reply);
		question->set->silent = 0;
	} else if (!question->told) {
		bool silent = (ede == KNOT_EDNS_EDE_NREACH_AUTH);
		observed_set_nothing(question->observed, silent ? why_silent : why_failed);
		question->set->silent = silent ? question->set->silent + 1 : 0;
	}

	survey_t *survey = question->survey;
	if (!question->told) {
		survey->unanswered -= (question->batch == survey->batch);
		survey->lookups--;
		survey->done++;
	}
	question->told = true;
	if (final) {
		free(question);
	}
}

static void on_pause_over(uv_timer_t *timer)
{
	(void)timer; /* From now on it is not active. */
}

/*! Waits until there may be one more lookup, which begins the next batch if the last one is slow. */
static void wait_for_lookup(survey_t *survey)
{
	if (survey->unanswered >= WINDOW) {
		uv_timer_start(&survey->pause, on_pause_over, SLOW_MS, 0);
		while (survey->unanswered >= WINDOW && uv_is_active((uv_handle_t *)&survey->pause)) {
			run_loop(survey);
		}
		uv_timer_stop(&survey->pause);
	}
	if (survey->unanswered >= WINDOW) {
		survey->batch++;
		survey->unanswered = 0;
	}
	wait_until_below(survey, &survey->lookups, LOOKUPS_MAX);
}

static void ask_for_target(survey_t *survey, check_target_t *target)
{
	check_set_t *set = &survey->inventory->sets[target->set];
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		wait_for_lookup(survey);
		if (set_is_down(survey, set)) {
			observed_set_nothing(&target->observed[type], why_down);
			survey->done++;
			continue;
		}
		survey->lookups++;
		survey->unanswered++;
		question_t *question = not_null(malloc(sizeof(*question)));
		*question = (question_t){ .survey = survey, .observed = &target->observed[type], .set = set };
		question->batch = survey->batch;
		resolver_query(set->resolver, target->name, addr_rrtype(type), RESOLVE_MS, RESOLVE_RETRY, on_resolved,
		               question);
	}
}

/* --- the CNAMEs of targets that fail --- */

static void end_trace(question_t *trace)
{
	trace->survey->probes--;
	free(trace);
}

/*! The last name of the chain, or the target. */
static const knot_dname_t *chain_end(const check_target_t *target)
{
	return target->chain_len > 0 ? target->chain[target->chain_len - 1] : target->name;
}

/*! Appends the next CNAME to the chain. \return false if the reply has none, or one that is in the chain already. */
static bool take_cname(check_target_t *target, const knot_pkt_t *pkt)
{
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
	for (uint16_t i = 0; i < answer->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(answer, i);
		if (rr->type != KNOT_RRTYPE_CNAME || rr->rclass != KNOT_CLASS_IN ||
		    !knot_dname_is_case_equal(rr->owner, chain_end(target))) {
			continue;
		}
		knot_dname_storage_t name;
		knot_dname_copy_lower(name, knot_cname_name(rr->rrs.rdata));
		target->cname_loop = knot_dname_is_equal(target->name, name);
		for (unsigned k = 0; k < target->chain_len; k++) {
			target->cname_loop |= knot_dname_is_equal(target->chain[k], name);
		}
		if (target->cname_loop || target->chain_len == CHAIN_MAX) {
			return false;
		}
		target->chain[target->chain_len++] = not_null(knot_dname_copy(name, NULL));
		return true;
	}
	return false;
}

/*! The server has the target itself: it fails here if the server has no address, as with a wildcard ALIAS that loops. */
static void on_address(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	question_t *trace = ctx;
	trace->target->fails_here = pkt != NULL && knot_wire_get_ancount(pkt->wire) == 0 &&
	                            knot_pkt_ext_rcode(pkt) != KNOT_RCODE_NXDOMAIN;
	end_trace(trace);
}

static void ask_for_cname(question_t *trace, bool by_resolver);

static void on_cname(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	question_t *trace = ctx;
	bool usable = pkt != NULL && (trace->by_resolver || knot_wire_get_aa(pkt->wire));
	if (usable && take_cname(trace->target, pkt)) {
		ask_for_cname(trace, false);
	} else if (trace->by_resolver || (usable && trace->target->chain_len > 0)) {
		end_trace(trace);
	} else if (usable) {
		probe_start(&trace->survey->loop, &trace->survey->inventory->server, trace->target->name,
		            KNOT_RRTYPE_A, 0, on_address, trace);
	} else {
		ask_for_cname(trace, true);
	}
}

/*! The server is asked first: a loop may be in its zones, which the resolver may not reach. */
static void ask_for_cname(question_t *trace, bool by_resolver)
{
	survey_t *survey = trace->survey;
	const check_set_t *set = &survey->inventory->sets[trace->target->set];
	const observed_t *observed = trace->target->observed;
	bool silent = by_resolver ? set->down || observed[ADDR_A].why == why_silent || observed[ADDR_AAAA].why == why_silent :
	                            server_is_down(survey);
	trace->by_resolver = by_resolver;
	if (silent) {
		on_cname(NULL, NULL, trace);
		return;
	}
	struct sockaddr_storage addr = by_resolver ? get_address(&set->resolvers, 0) : survey->inventory->server;
	/* A query for another type would fail if the CNAME leads nowhere. */
	probe_start(&survey->loop, &addr, chain_end(trace->target), KNOT_RRTYPE_CNAME, by_resolver ? QUERY_RD : 0,
	            on_cname, trace);
}

static void trace_targets(survey_t *survey)
{
	for (size_t i = 0; i < survey->inventory->target_count; i++) {
		check_target_t *target = survey->inventory->targets[i];
		if (has_problem(judge_target(target->observed), PROBLEM_UNRESOLVED)) {
			wait_until_below(survey, &survey->probes, WINDOW);
			survey->probes++;
			question_t *trace = not_null(malloc(sizeof(*trace)));
			*trace = (question_t){ .survey = survey, .target = target };
			ask_for_cname(trace, false);
		}
	}
	wait_until_below(survey, &survey->probes, 1);
}

/* --- all --- */

static void judge_all(inventory_t *inventory)
{
	for (size_t i = 0; i < inventory->owner_count; i++) {
		inventory->owners[i]->problems = judge_owner(&inventory->owners[i]->findings);
	}
}

/*! Finds the owners that are not known to be fine, and their targets. \return Whether there are any. */
static bool begin_round(survey_t *survey)
{
	survey->owners = survey->queries = survey->done = 0;
	for (size_t i = 0; i < survey->inventory->owner_count; i++) {
		check_owner_t *owner = survey->inventory->owners[i];
		if (!judge_again(owner->problems)) {
			continue;
		}
		survey->owners++;
		survey->queries += owner->zone->is_signed ? 2 * ADDR_TYPES : ADDR_TYPES;
		for (unsigned k = 0; k < owner->findings.count; k++) {
			check_target_t *target = owner->target[k];
			if (!target->wanted && judge_target_again(owner->problems, target->observed)) {
				target->wanted = true;
				survey->queries += ADDR_TYPES;
			}
		}
	}
	return survey->owners > 0;
}

/*! Asks for owners and targets side by side, and judges. */
static void run_round(survey_t *survey, bool last)
{
	inventory_t *inventory = survey->inventory;
	for (size_t i = 0; i < inventory->owner_count || i < inventory->target_count; i++) {
		if (i < inventory->owner_count && judge_again(inventory->owners[i]->problems)) {
			ask_for_owner(survey, inventory->owners[i], last ? PROBE_PATIENT : 0);
		}
		if (i < inventory->target_count && inventory->targets[i]->wanted) {
			ask_for_target(survey, inventory->targets[i]);
			inventory->targets[i]->wanted = false;
		}
	}
	wait_until_below(survey, &survey->probes, 1);
	wait_until_below(survey, &survey->lookups, 1);
	judge_all(inventory);
}

void survey_run(inventory_t *inventory)
{
	survey_t survey = { .inventory = inventory };
	(void)uv_loop_init(&survey.loop);
	(void)uv_timer_init(&survey.loop, &survey.pause);
	survey.progress_next = isatty(STDERR_FILENO) ? uv_now(&survey.loop) + PROGRESS_FIRST_MS : UINT64_MAX;
	for (unsigned i = 0; i < inventory->set_count; i++) {
		check_set_t *set = &inventory->sets[i];
		set->down = (set->resolvers.count == 0);
		if (!set->down) {
			set->resolver = not_null(resolver_new(&survey.loop, &set->resolvers));
		}
	}

	ask_for_zones(&survey);
	for (unsigned round = 1; round <= ROUNDS && begin_round(&survey); round++) {
		if (round > 1) {
			uv_timer_start(&survey.pause, on_pause_over, PAUSE_MS, 0);
		}
		while (uv_is_active((uv_handle_t *)&survey.pause)) { /* Late replies are still taken. */
			run_loop(&survey);
		}
		run_round(&survey, round == ROUNDS);
	}
	trace_targets(&survey);

	if (survey.progress_shown) {
		fprintf(stderr, "\r%*s\r", PROGRESS_WIDTH, "");
	}
	uv_close((uv_handle_t *)&survey.pause, NULL);
	for (unsigned i = 0; i < inventory->set_count; i++) {
		if (inventory->sets[i].resolver != NULL) {
			resolver_free(inventory->sets[i].resolver);
		}
	}
	uv_run(&survey.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&survey.loop);

	graph_find_loops(inventory);
	judge_all(inventory);
}
