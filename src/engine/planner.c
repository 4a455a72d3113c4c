/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Picks the next query within the rates and the limits of queries under way. See planner.h; filing.c has the agendas. */

#include "engine/planner.h"

#include <sys/param.h>

#include "cache/schedule.h"
#include "engine/filing.h"

/*! Longest wait until the next call of planner_next(), ms. */
#define WAIT_MAX_MS 3600000
/*! Queries that may leave at once after a pause, as time at the full rate, ms. */
#define BURST_MS 100
/*! Datagrams of queries under way that may leave ahead of their time, as time at the full rate, ms; at least one. */
#define AHEAD_MS 50

_Static_assert(AGENDA_TURNS == TENANT_QUEUES, "a queue of each tenant for each agenda");

void planner_init(planner_t *planner)
{
	planner->max_rate = 1;
	for (unsigned i = 0; i < AGENDA_TURNS; i++) {
		planner->turns[i].kind = i;
	}
}

void planner_deinit(planner_t *planner)
{
	for (unsigned i = 0; i < AGENDA_TURNS; i++) {
		turns_deinit(&planner->turns[i]);
	}
	heap_deinit(&planner->later);
	heap_deinit(&planner->backoff);
}

uint32_t planner_count_due(const planner_t *planner)
{
	return planner->turns[AGENDA_DUE].count;
}

uint32_t planner_count_cold(const planner_t *planner)
{
	return planner->turns[AGENDA_WAITED].count + planner->turns[AGENDA_COLD].count;
}

/*! Whether a query may leave within zone-rate; else the target waits. */
static bool has_rate_slot(planner_t *planner, target_t *target, uint64_t now)
{
	if (!tenant_allows(target, now)) {
		tenant_count(target->tenant, COUNTER_DELAYED);
		atomic_store_explicit(&target->tenant->delayed, true, memory_order_relaxed);
		planner_file(planner, target, now);
		return false;
	}
	target->rate_slot = 0;
	return true;
}

static uint32_t due_rate(const planner_t *planner)
{
	return MAX(planner->max_rate >> planner->health.slow, 1);
}

static const flight_kind_t flight_kind[AGENDA_TURNS] = {
	[AGENDA_WAITED] = FLIGHT_COLD,
	[AGENDA_COLD] = FLIGHT_COLD,
	[AGENDA_DUE] = FLIGHT_DUE,
	[AGENDA_FAILING] = FLIGHT_FAILING,
	[AGENDA_RETRY] = FLIGHT_FAILING,
};

/*! Notes that a query leaves. */
static void count_query(planner_t *planner, const plan_t *plan, asked_t want)
{
	tenant_t *tenant = plan->tenant;
	planner->flights[plan->flight]++;
	tenant->flights[plan->flight]++;
	if (plan->flight == FLIGHT_FAILING) {
		planner->others = 0;
		planner->retry_next = (want != ASKED_REFRESH);
	} else {
		planner->others++;
		planner->due_next = (plan->flight == FLIGHT_COLD);
	}
	rate_limit_take(&planner->limit, planner->max_rate);
	tenant_count(tenant, COUNTER_QUERIES);
	if (want == ASKED_REFRESH) {
		rate_limit_take(&planner->due_limit, due_rate(planner));
		bool probe = plan->failing && health_is_down(&planner->health);
		tenant_count(tenant, probe ? COUNTER_PROBES : COUNTER_REFRESHES);
	}
	if (planner->capped_since != 0) {
		tenant_count(tenant, COUNTER_CAPPED);
	}
	if (planner->crowded_since != 0) {
		tenant_count(tenant, COUNTER_CROWDED);
	}
}

/*! Takes a wanted entry of the first target of an agenda. */
static plan_t take_query(planner_t *planner, agenda_t agenda, uint64_t now)
{
	target_t *target = turns_top(&planner->turns[agenda]);
	entry_t *entry = planner_pick(planner, target);
	plan_t plan = {
		.kind = PLAN_ASK,
		.target = target,
		.id = entry - target->entry,
		.tenant = target->tenant,
		.flight = flight_kind[agenda],
		.failing = planner_is_failing(planner, entry),
		.at = now,
	};

	asked_t want = entry->want;
	entry->want = ASKED_NOT;
	entry->busy = true;
	atomic_store(&entry->asked, ASKED_WAIT); /* Workers need not ask before the result. */
	turns_next(&planner->turns[agenda]);
	count_query(planner, &plan, want);
	planner_file(planner, target, now);
	return plan;
}

/*! Files targets whose failures have been forgiven with the others. */
static void forgive(planner_t *planner, uint64_t now)
{
	for (agenda_t agenda = AGENDA_FAILING; agenda < AGENDA_TURNS; agenda++) {
		target_t *target;
		for (unsigned n = 0; n < FILING_MAX && (target = turns_top(&planner->turns[agenda])) != NULL &&
		                     !planner_is_failing(planner, planner_pick(planner, target));
		     n++) {
			planner_file(planner, target, now);
		}
	}
}

/*! Time until a query may leave, ms. */
static uint64_t wait_for(rate_limit_t *limit, uint32_t rate, uint64_t now)
{
	uint64_t slot = rate_limit_next(limit, rate, BURST_MS, now);
	return slot > now ? slot - now : 0;
}

uint64_t planner_may_send(planner_t *planner, uint64_t now)
{
	uint32_t rate = MAX(planner->max_rate / 2, 1);
	uint64_t ahead = MAX(AHEAD_MS, rate_limit_step(planner->max_rate) / RATE_LIMIT_MS_NS);
	uint64_t wait = wait_for(&planner->limit, planner->max_rate, now);
	wait = MAX(wait > ahead ? wait - ahead : 0, wait_for(&planner->resend_limit, rate, now));
	if (wait > 0) {
		return wait;
	}
	rate_limit_take(&planner->limit, planner->max_rate);
	rate_limit_take(&planner->resend_limit, rate);
	return 0;
}

/*! Whether max-rate lets no query leave now. \param[out] wait  ms until it does. */
static bool is_capped(planner_t *planner, uint64_t now, uint64_t *wait)
{
	*wait = wait_for(&planner->limit, planner->max_rate, now);
	if (*wait > 0 && planner->capped_since == 0) {
		planner->capped_since = now;
	}
	return *wait > 0;
}

#define BIT(agenda) (1U << (agenda))

uint32_t planner_flights_max(const planner_t *planner, flight_kind_t kind)
{
	uint32_t most = MIN(MAX(planner->max_rate, PLANNER_FLIGHTS_MIN), PLANNER_FLIGHTS_MAX);
	return kind == FLIGHT_DUE ? most : most / 2;
}

/*! Whether a query of the first target of an agenda may be under way. Tenants that have their share of these wait. */
static bool is_ready(planner_t *planner, agenda_t agenda)
{
	flight_kind_t kind = flight_kind[agenda];
	turns_t *turns = &planner->turns[agenda];
	uint32_t left = planner_flights_max(planner, kind);
	left -= MIN(left, planner->flights[kind]);
	const target_t *target;
	while ((target = turns_top(turns)) != NULL && left > 0) {
		if (target->tenant->flights[kind] < PLANNER_FLIGHTS_SHARE * left) {
			return true;
		}
		turns_pause(turns);
	}
	return false;
}

/*! Notes whether limits of queries under way hold up targets that did not fail. It ends when none of these wait any more. */
static void note_crowd(planner_t *planner, unsigned ready, uint64_t now)
{
	bool waiting = false, crowded = false;
	for (agenda_t agenda = 0; agenda < AGENDA_FAILING; agenda++) {
		const turns_t *turns = &planner->turns[agenda];
		waiting |= turns->count > 0;
		crowded |= turns->paused > 0 || (turns->count > 0 && !(ready & BIT(agenda)));
	}
	if (!waiting) {
		planner->crowded_since = 0;
	} else if (crowded && planner->crowded_since == 0) {
		planner->crowded_since = now;
	}
}

/*! Agendas of which a query may be under way, as bits. */
static unsigned find_ready(planner_t *planner, uint64_t now)
{
	unsigned ready = 0;
	for (agenda_t agenda = 0; agenda < AGENDA_TURNS; agenda++) {
		ready |= is_ready(planner, agenda) ? BIT(agenda) : 0;
	}
	note_crowd(planner, ready, now);
	return ready;
}

#define FAILING (BIT(AGENDA_FAILING) | BIT(AGENDA_RETRY))

/*! Shares queries between the agendas that have one which may leave; AGENDA_LATER if none has. */
static agenda_t share(const planner_t *planner, unsigned ready)
{
	if ((ready & ~FAILING) != 0 && planner->others < PLANNER_FAILING_SHARE - 1) {
		ready &= ~FAILING;
	}
	static const agenda_t order[2][AGENDA_TURNS] = {
		{ AGENDA_FAILING, AGENDA_RETRY, AGENDA_WAITED, AGENDA_COLD, AGENDA_DUE },
		{ AGENDA_RETRY, AGENDA_FAILING, AGENDA_DUE, AGENDA_WAITED, AGENDA_COLD },
	};
	bool refresh_next = (ready & FAILING) ? planner->retry_next : planner->due_next;
	for (unsigned i = 0; i < AGENDA_TURNS; i++) {
		agenda_t agenda = order[refresh_next][i];
		if (ready & BIT(agenda)) {
			return agenda;
		}
	}
	return AGENDA_LATER;
}

/*! Chooses the agenda of the next query; AGENDA_LATER if none may leave. \param[out] wait  Time until one may, ms. */
static agenda_t choose(planner_t *planner, uint64_t now, uint64_t *wait)
{
	*wait = WAIT_MAX_MS;
	unsigned ready = find_ready(planner, now);
	if (ready == 0) {
		planner->capped_since = 0;
		return AGENDA_LATER;
	}
	if (is_capped(planner, now, wait)) {
		return AGENDA_LATER;
	}

	uint64_t due_wait = wait_for(&planner->due_limit, due_rate(planner), now);
	agenda_t agenda = share(planner, due_wait == 0 ? ready : ready & ~(BIT(AGENDA_DUE) | BIT(AGENDA_RETRY)));
	if (agenda == AGENDA_LATER) {
		/* Refreshes wait for their own limit, not for max-rate. */
		planner->capped_since = 0;
		*wait = due_wait;
	}
	return agenda;
}

plan_t planner_next(planner_t *planner, uint64_t now)
{
	plan_t plan = { .kind = PLAN_NOTHING };

	plan.target = planner_advance(planner, now);
	if (plan.target != NULL) {
		plan.kind = PLAN_REMOVE;
		return plan;
	}
	forgive(planner, now);

	agenda_t agenda;
	for (unsigned n = 0; (agenda = choose(planner, now, &plan.wait)) != AGENDA_LATER; n++) {
		if (has_rate_slot(planner, turns_top(&planner->turns[agenda]), now)) {
			return take_query(planner, agenda, now);
		}
		if (n == FILING_MAX) {
			plan.wait = 0;
			return plan;
		}
	}

	uint64_t at;
	(void)planner_next_to_wake(planner, &at);
	at = MIN(at, health_trial_at(&planner->health));
	if (at < now + plan.wait) {
		plan.wait = at > now ? at - now : 0;
	}
	return plan;
}

/*! Has a target that worked before tell when a resolver that is cut off is back: its back-off does not grow. */
static void watch(entry_t *entry, const refresh_options_t *options, uint64_t now)
{
	entry->failures = 0;
	atomic_store_explicit(&entry->retry_at, schedule_retry(entry, options, now), memory_order_relaxed);
	entry->failures = 1;
}

bool planner_note(planner_t *planner, const plan_t *plan, bool success, uint64_t now)
{
	entry_t *entry = &plan->target->entry[plan->id];
	uint64_t forgiven_at = planner->health.forgiven_at;
	health_result_t result = {
		.sent = plan->at,
		.success = success,
		.known = entry->answer != NULL,
		.begins = !plan->failing && !planner_is_failing(planner, &plan->target->entry[plan->id == ADDR_A ? ADDR_AAAA : ADDR_A]),
	};
	bool changed = health_note(&planner->health, &result, now);
	planner->returning |= planner->health.forgiven_at != forgiven_at;
	if (!success && result.known && planner->health.cut_off) {
		watch(entry, &plan->target->tenant->options.refresh, now);
	}
	return changed;
}

bool planner_wants_trial(planner_t *planner, uint64_t now)
{
	if (now < health_trial_at(&planner->health)) {
		return false;
	}
	rate_limit_take(&planner->limit, planner->max_rate);
	health_try(&planner->health, now);
	return true;
}

bool planner_tried(planner_t *planner, bool success, uint64_t sent, uint64_t now)
{
	uint64_t forgiven_at = planner->health.forgiven_at;
	bool changed = health_tried(&planner->health, success, sent, now);
	planner->returning |= planner->health.forgiven_at != forgiven_at;
	return changed;
}

void planner_done(planner_t *planner, const plan_t *plan, uint64_t now)
{
	entry_t *entry = &plan->target->entry[plan->id];
	entry->busy = false;
	entry->settled = now;
	atomic_store(&entry->asked, entry->want);
	planner->flights[plan->flight]--;
	plan->tenant->flights[plan->flight]--;
	for (agenda_t agenda = 0; agenda < AGENDA_TURNS; agenda++) {
		if (flight_kind[agenda] == plan->flight) {
			turns_resume(&planner->turns[agenda], plan->tenant);
		}
	}
	planner_file(planner, plan->target, now);
}
