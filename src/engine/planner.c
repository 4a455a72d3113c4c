/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Picks the next query within the rates and the limits of queries under way. See planner.h; filing.c has the agendas. */

#include "engine/planner.h"

#include <sys/param.h>
#include <libknot/errcode.h>

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

/*! Holds up a tenant whose zone-rate lets no query leave before a time. Without memory it goes on. */
static void hold(planner_t *planner, tenant_t *tenant, uint64_t until, uint64_t now)
{
	if (until > now && heap_insert(&planner->held, &tenant->held, until) == KNOT_EOK) {
		tenant_ref(tenant);
		for (agenda_t agenda = 0; agenda < AGENDA_TURNS; agenda++) {
			turns_hold(&planner->turns[agenda], tenant);
		}
	}
}

/*! Gives turns to tenants that were held up until now. Each then has one query at least. */
static void release(planner_t *planner, uint64_t now)
{
	const heap_item_t *top;
	while ((top = heap_top(&planner->held)) != NULL && top->key <= now) {
		tenant_t *tenant = caa_container_of(top->node, tenant_t, held);
		heap_remove(&planner->held, &tenant->held);
		bool waiting = false;
		for (agenda_t agenda = 0; agenda < AGENDA_TURNS; agenda++) {
			turns_release(&planner->turns[agenda], tenant);
			waiting |= tenant->queue[agenda].targets.count > 0;
		}
		if (waiting) {
			tenant_count(tenant, COUNTER_DELAYED);
			atomic_store_explicit(&tenant->delayed, true, memory_order_relaxed);
		}
		tenant_unref(tenant);
	}
}

void planner_deinit(planner_t *planner)
{
	for (unsigned i = 0; i < AGENDA_TURNS; i++) {
		turns_deinit(&planner->turns[i]);
	}
	for (uint32_t i = 0; i < planner->held.count; i++) {
		tenant_unref(caa_container_of(planner->held.item[i].node, tenant_t, held));
	}
	heap_deinit(&planner->held);
	heap_deinit(&planner->later);
	heap_deinit(&planner->backoff);
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

static void note_share(shares_t *shares, agenda_t agenda)
{
	if (flight_kind[agenda] == FLIGHT_FAILING) {
		shares->others = 0;
		shares->retry_next = (agenda == AGENDA_FAILING);
	} else {
		shares->others++;
		shares->due_next = (agenda != AGENDA_DUE);
	}
}

/*! Notes that a query leaves. */
static void count_query(planner_t *planner, const plan_t *plan, asked_t want)
{
	tenant_t *tenant = plan->tenant;
	planner->flights[plan->flight]++;
	tenant->flights[plan->flight]++;
	note_share(&tenant->shares, plan->target->agenda);
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

/*! Takes a wanted entry of a target that wants a query. */
static plan_t take_query(planner_t *planner, target_t *target, uint64_t now)
{
	entry_t *entry = planner_pick(planner, target);
	plan_t plan = {
		.kind = PLAN_ASK,
		.target = target,
		.id = entry - target->entry,
		.tenant = target->tenant,
		.flight = flight_kind[target->agenda],
		.failing = planner_is_failing(planner, entry),
		.at = now,
	};

	asked_t want = entry->want;
	entry->want = ASKED_NOT;
	entry->busy = true;
	atomic_store(&entry->asked, ASKED_WAIT); /* Workers need not ask before the result. */
	count_query(planner, &plan, want);
	hold(planner, plan.tenant, tenant_take_slot(plan.tenant, now), now);
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

#define BIT(agenda) (1U << (agenda))

uint32_t planner_flights_max(const planner_t *planner, flight_kind_t kind)
{
	uint32_t most = MIN(MAX(planner->max_rate, PLANNER_FLIGHTS_MIN), PLANNER_FLIGHTS_MAX);
	return kind == FLIGHT_DUE ? most : most / 2;
}

/*! Whether a tenant may have one more query of a kind under way: it may not have its share of these yet. */
static bool has_room(const planner_t *planner, const tenant_t *tenant, flight_kind_t kind)
{
	uint32_t most = planner_flights_max(planner, kind), all = planner->flights[kind];
	return all < most && tenant->flights[kind] < PLANNER_FLIGHTS_SHARE * (most - all);
}

/*! Whether a query of the first target of an agenda may be under way. Tenants that have their share of these wait. */
static bool is_ready(planner_t *planner, agenda_t agenda)
{
	flight_kind_t kind = flight_kind[agenda];
	turns_t *turns = &planner->turns[agenda];
	const target_t *target;
	while ((target = turns_top(turns)) != NULL && planner->flights[kind] < planner_flights_max(planner, kind)) {
		if (has_room(planner, target->tenant, kind)) {
			return true;
		}
		turns_pause(turns);
	}
	return false;
}

/*!
 * Agendas of which a query may be under way, as bits.
 *
 * Notes whether limits of queries under way hold up targets that did not fail. It ends when none of these wait any more.
 */
static unsigned find_ready(planner_t *planner, uint64_t now)
{
	unsigned ready = 0;
	bool waiting = false, crowded = false;
	for (agenda_t agenda = 0; agenda < AGENDA_TURNS; agenda++) {
		bool is = is_ready(planner, agenda);
		ready |= is ? BIT(agenda) : 0;
		if (agenda < AGENDA_FAILING) {
			const turns_t *turns = &planner->turns[agenda];
			waiting |= turns->paused > 0 || turns->tenants.count > 0;
			crowded |= turns->paused > 0 || (turns->tenants.count > 0 && !is);
		}
	}
	if (!waiting) {
		planner->crowded_since = 0;
	} else if (crowded && planner->crowded_since == 0) {
		planner->crowded_since = now;
	}
	return ready;
}

#define FAILING (BIT(AGENDA_FAILING) | BIT(AGENDA_RETRY))

/*! Shares queries between the agendas that have one which may leave; AGENDA_LATER if none has. */
static agenda_t share(const shares_t *shares, unsigned ready)
{
	if ((ready & ~FAILING) != 0 && shares->others < PLANNER_FAILING_SHARE - 1) {
		ready &= ~FAILING;
	}
	static const agenda_t order[2][AGENDA_TURNS] = {
		{ AGENDA_FAILING, AGENDA_RETRY, AGENDA_WAITED, AGENDA_COLD, AGENDA_DUE },
		{ AGENDA_RETRY, AGENDA_FAILING, AGENDA_DUE, AGENDA_WAITED, AGENDA_COLD },
	};
	bool refresh_next = (ready & FAILING) ? shares->retry_next : shares->due_next;
	for (unsigned i = 0; i < AGENDA_TURNS; i++) {
		agenda_t agenda = order[refresh_next][i];
		if (ready & BIT(agenda)) {
			return agenda;
		}
	}
	return AGENDA_LATER;
}

/*! The target of the tenant whose turn it is in an agenda. With a zone-rate, queries are shared within the tenant, too. */
static target_t *take_turn(planner_t *planner, agenda_t agenda, unsigned ready)
{
	tenant_t *tenant = turns_top(&planner->turns[agenda])->tenant;
	turns_next(&planner->turns[agenda]);
	unsigned own = BIT(agenda);
	for (agenda_t i = 0; i < AGENDA_TURNS && tenant->options.rate != 0; i++) {
		bool may = tenant->queue[i].targets.count > 0 && has_room(planner, tenant, flight_kind[i]);
		own |= may ? ready & BIT(i) : 0;
	}
	return turns_first(&planner->turns[share(&tenant->shares, own)], tenant);
}

/*! Chooses the target of the next query; NULL if none may leave. \param[out] wait  Time until one may, ms. */
static target_t *choose(planner_t *planner, uint64_t now, uint64_t *wait)
{
	unsigned ready = find_ready(planner, now);
	uint64_t capped = (ready != 0) ? wait_for(&planner->limit, planner->max_rate, now) : 0;
	if (capped > 0) {
		if (planner->capped_since == 0) {
			planner->capped_since = now;
		}
		*wait = capped;
		return NULL;
	}

	unsigned refreshes = ready & (BIT(AGENDA_DUE) | BIT(AGENDA_RETRY));
	uint64_t due_wait = (refreshes != 0) ? wait_for(&planner->due_limit, due_rate(planner), now) : 0;
	if (due_wait > 0) {
		ready &= ~refreshes;
	}
	agenda_t agenda = share(&planner->shares, ready);
	if (agenda == AGENDA_LATER) {
		/* There is nothing to do, or refreshes wait for their own limit, not for max-rate. */
		planner->capped_since = 0;
		*wait = due_wait > 0 ? due_wait : WAIT_MAX_MS;
		return NULL;
	}
	note_share(&planner->shares, agenda);
	return take_turn(planner, agenda, ready);
}

plan_t planner_next(planner_t *planner, uint64_t now)
{
	plan_t plan = { .kind = PLAN_NOTHING };

	plan.target = planner_advance(planner, now);
	if (plan.target != NULL) {
		plan.kind = PLAN_REMOVE;
		return plan;
	}
	release(planner, now);
	forgive(planner, now);

	target_t *target = choose(planner, now, &plan.wait);
	if (target != NULL) {
		return take_query(planner, target, now);
	}

	uint64_t at;
	(void)planner_next_to_wake(planner, &at);
	at = MIN(at, health_trial_at(&planner->health));
	const heap_item_t *held = heap_top(&planner->held);
	at = held != NULL ? MIN(at, held->key) : at;
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
	const entry_t *other = &plan->target->entry[plan->id == ADDR_A ? ADDR_AAAA : ADDR_A];
	health_result_t result = {
		.sent = plan->at,
		.success = success,
		.known = entry->answer != NULL,
		.begins = !plan->failing && !planner_is_failing(planner, other),
	};
	bool changed = health_note(&planner->health, &result, now);
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
	return health_tried(&planner->health, success, sent, now);
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
