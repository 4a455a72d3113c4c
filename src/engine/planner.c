/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Files targets in agendas, and picks the next query within the rates. See planner.h. */

#include "engine/planner.h"

#include <sys/param.h>
#include <libknot/errcode.h>

#include "cache/schedule.h"
#include "engine/tenant.h"

/*! Added to keys that are times of expiry. Those by use are this minus the time, and so come before, the last use first. */
#define BY_EXPIRY (1ULL << 60)
/*! Added to the keys of idle targets, which come after those in use. */
#define IDLE (1ULL << 61)
/*! Added to the keys of failing targets that no client waits for. */
#define NOT_WAITED (1ULL << 62)
/*! Without memory for a heap, the target is looked at again after this time, ms. */
#define NO_ROOM_MS 1000
/*! Longest wait until the next call of planner_next(), ms. */
#define WAIT_MAX_MS 3600000
/*! A target that waits for its rate slot is looked at this often, ms: its zone may have got another rate. */
#define RATE_LOOK_MS 5000
/*! Most targets handled at a time, so that queries leave in between. */
#define ADVANCE_MAX 1024
/*! Queries that may leave at once after a pause, as time at the full rate, ms. */
#define BURST_MS 100
/*! Datagrams of queries under way that may leave ahead of their time, as time at the full rate, ms; at least one. */
#define AHEAD_MS 50
/*! Datagrams that have to wait ask again at different times within this time, ms. */
#define RESEND_SPREAD_MS 64

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

static target_t *target_of(heap_node_t *node)
{
	return caa_container_of(node, target_t, plan);
}

/*! Whether an entry failed, and the failure is not forgiven. */
static bool is_failing(const planner_t *planner, const entry_t *entry)
{
	return entry->failures > 0 && health_blames(&planner->health, entry->failed_at);
}

static bool is_wanted(const target_t *target)
{
	return target->entry[ADDR_A].want != ASKED_NOT || target->entry[ADDR_AAAA].want != ASKED_NOT;
}

/*! The entry of a wanted target that is asked for next. */
static entry_t *pick(const planner_t *planner, target_t *target)
{
	entry_t *a = &target->entry[ADDR_A], *aaaa = &target->entry[ADDR_AAAA];
	if (a->want != aaaa->want) {
		return a->want > aaaa->want ? a : aaaa;
	}
	return is_failing(planner, a) ? aaaa : a;
}

static void set_warm(entry_t *entry, bool warm)
{
	if (entry->warm != warm) {
		atomic_store_explicit(&entry->warm, warm, memory_order_relaxed);
	}
}

/*! The heap of an agenda that is none of turns. */
static heap_t *by_time(planner_t *planner, agenda_t agenda)
{
	return agenda == AGENDA_BACKOFF ? &planner->backoff : &planner->later;
}

/*! Takes a target out of its agenda. */
static void leave(planner_t *planner, target_t *target)
{
	if (target->agenda < AGENDA_TURNS) {
		turns_remove(&planner->turns[target->agenda], target);
	} else {
		heap_remove(by_time(planner, target->agenda), &target->plan);
	}
}

/*! Moves a target to another agenda. Space in AGENDA_LATER is always reserved. */
static void move(planner_t *planner, target_t *target, agenda_t agenda, uint64_t key, uint64_t now)
{
	if (target->plan.pos != 0) {
		leave(planner, target);
	}
	int ret = (agenda < AGENDA_TURNS) ? turns_insert(&planner->turns[agenda], target, key) :
	                                    heap_insert(by_time(planner, agenda), &target->plan, key);
	if (ret != KNOT_EOK) {
		agenda = AGENDA_LATER;
		(void)heap_insert(&planner->later, &target->plan, now + NO_ROOM_MS);
	}
	target->agenda = agenda;
}

/*! When an entry is due for a refresh: at once if its failure is forgiven. */
static uint64_t refresh_at(const planner_t *planner, const target_t *target, addr_type_t type, uint64_t now)
{
	const refresh_options_t *options = &target->tenant->options.refresh;
	const entry_t *entry = &target->entry[type];
	if (tenant_is_gone(target->tenant, now)) {
		return SCHEDULE_NEVER;
	}
	uint64_t at = refresh_denies(options, type) ? SCHEDULE_NEVER : schedule_refresh(entry, options, now);
	bool forgiven = at != SCHEDULE_NEVER && entry->failed_at != 0 && !health_blames(&planner->health, entry->failed_at);
	return forgiven ? MIN(at, now) : at;
}

/*! Files a target that is not wanted by the time of its next refresh, retry or removal. */
static void file_later(planner_t *planner, target_t *target, uint64_t now)
{
	if (tenant_left(target->tenant)) {
		/* Another zone that uses it takes over. */
		atomic_store_explicit(&target->unclaimed, true, memory_order_relaxed);
	}
	const refresh_options_t *options = &target->tenant->options.refresh;
	uint64_t next = SCHEDULE_NEVER, end = 0, expiry = 0;
	bool busy = false, backs_off = false;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		entry_t *entry = &target->entry[i];
		uint64_t refresh = refresh_at(planner, target, i, now);
		set_warm(entry, refresh != SCHEDULE_NEVER);
		backs_off |= refresh != SCHEDULE_NEVER && entry->failed_at != 0;
		busy |= entry->busy;
		if (!entry->busy) {
			next = MIN(next, refresh);
		}
		end = MAX(end, schedule_end(entry, options));
		expiry = MAX(expiry, entry->answer != NULL ? schedule_expiry(entry->answer, options) : 0);
	}
	if (next == SCHEDULE_NEVER && !busy) {
		/* By the time that it expires the target may be in use again. */
		next = expiry > now ? expiry : end;
	}
	move(planner, target, backs_off && !planner->returning ? AGENDA_BACKOFF : AGENDA_LATER, next, now);
}

/*! The place of a target among those that are due: by expiry, but by use if it has to do with an outage. */
static uint64_t due_key(const planner_t *planner, const target_t *target, const entry_t *entry, uint64_t now)
{
	uint64_t used = cache_used(target), key = (now >= used + SCHEDULE_IDLE_MS) ? IDLE : 0;
	if (entry->failed_at != 0 || health_is_down(&planner->health)) {
		return key + BY_EXPIRY - used;
	}
	const refresh_options_t *options = &target->tenant->options.refresh;
	return key + BY_EXPIRY + (entry->answer != NULL ? schedule_expiry(entry->answer, options) : 0);
}

/*! Files a target that a client asked for. What is in the same place already keeps it. */
static void file_asked(planner_t *planner, target_t *target, const entry_t *entry, uint64_t now)
{
	bool waited = (entry->want != ASKED_COLD), failing = is_failing(planner, entry);
	agenda_t agenda = failing ? AGENDA_FAILING : (waited ? AGENDA_WAITED : AGENDA_COLD);
	uint64_t rank = (failing && !waited) ? NOT_WAITED : 0;
	bool stays = target->plan.pos != 0 && target->agenda == agenda &&
	             (turns_key(&planner->turns[agenda], target) >= NOT_WAITED) == (rank != 0);
	if (!stays) {
		move(planner, target, agenda, rank + ++planner->arrivals, now);
	}
}

/*! Files a target where its entries need it. */
static void file(planner_t *planner, target_t *target, uint64_t now)
{
	if (!is_wanted(target)) {
		file_later(planner, target, now);
		return;
	}
	const entry_t *entry = pick(planner, target);
	if (tenant_delays(target, now)) {
		move(planner, target, AGENDA_LATER, MIN(target->rate_slot, now + RATE_LOOK_MS), now);
	} else if (entry->want == ASKED_REFRESH) {
		move(planner, target, is_failing(planner, entry) ? AGENDA_RETRY : AGENDA_DUE, due_key(planner, target, entry, now), now);
	} else {
		file_asked(planner, target, entry, now);
	}
}

int planner_add(planner_t *planner, target_t *target, uint64_t now)
{
	bool known = (target->plan.pos != 0);
	int ret = heap_reserve(&planner->later, planner->targets + !known);
	if (ret == KNOT_EOK) {
		planner->targets += !known;
		file(planner, target, now);
	}
	return ret;
}

void planner_remove(planner_t *planner, target_t *target)
{
	leave(planner, target);
	planner->targets--;
}

void planner_charge(planner_t *planner, target_t *target, tenant_t *tenant, uint64_t now)
{
	if (target->tenant != tenant) {
		move(planner, target, AGENDA_LATER, now, now);
		tenant_charge(tenant, target);
	}
}

/*! Plans the query for an entry, but not during its back-off. */
static void plan_entry(planner_t *planner, entry_t *entry, asked_t want, uint64_t now)
{
	if (entry->want != ASKED_NOT || !is_failing(planner, entry) || now >= entry->retry_at) {
		entry->want = MAX(entry->want, want);
	}
	atomic_store(&entry->asked, entry->want);
}

static asked_t how_asked(const wishes_t *wishes, unsigned bit)
{
	return (wishes->wait & bit) ? ASKED_WAIT : ((wishes->cold & bit) ? ASKED_COLD : ASKED_REFRESH);
}

void planner_request(planner_t *planner, target_t *target, wishes_t wishes, uint64_t made, uint64_t now)
{
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		entry_t *entry = &target->entry[i];
		if (!(wishes_all(&wishes) & (1U << i)) || entry->busy) {
			continue;
		}
		if (entry->settled >= made) {
			/* The result is newer than the request. */
			atomic_store(&entry->asked, entry->want);
			continue;
		}
		plan_entry(planner, entry, how_asked(&wishes, 1U << i), now);
	}
	file(planner, target, now);
}

/*! Makes a target due whose time has come. \return False if it is of no use any more, and then removed. */
static bool wake(planner_t *planner, target_t *target, uint64_t now)
{
	bool useful = false;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		entry_t *entry = &target->entry[i];
		if (!entry->busy && entry->want == ASKED_NOT && refresh_at(planner, target, i, now) <= now) {
			entry->want = ASKED_REFRESH;
		}
		useful |= entry->busy || entry->want != ASKED_NOT ||
		          now < schedule_end(entry, &target->tenant->options.refresh);
	}
	if (useful) {
		file(planner, target, now);
	} else {
		planner_remove(planner, target);
	}
	return useful;
}

/*! The next target to wake, or NULL. \param[out] at  When, clock_ms(). */
static target_t *next_to_wake(const planner_t *planner, uint64_t *at)
{
	const heap_item_t *later = heap_top(&planner->later), *backoff = heap_top(&planner->backoff);
	if (backoff != NULL && (planner->returning || later == NULL || backoff->key < later->key)) {
		*at = planner->returning ? 0 : backoff->key;
		return target_of(backoff->node);
	}
	*at = (later != NULL) ? later->key : SCHEDULE_NEVER;
	return (later != NULL) ? target_of(later->node) : NULL;
}

/*! Makes targets due whose time has come. \return A target that is of no use any more, or NULL. */
static target_t *advance(planner_t *planner, uint64_t now)
{
	for (unsigned n = 0; n < ADVANCE_MAX; n++) {
		uint64_t at;
		target_t *target = next_to_wake(planner, &at);
		if (target == NULL || at > now) {
			break;
		}
		if (!wake(planner, target, now)) {
			return target;
		}
	}
	planner->returning = planner->returning && planner->backoff.count > 0;
	return NULL;
}

/*! Whether a query may leave within zone-rate; else the target waits. */
static bool has_rate_slot(planner_t *planner, target_t *target, uint64_t now)
{
	if (!tenant_allows(target, now)) {
		tenant_count(target->tenant, COUNTER_DELAYED);
		atomic_store_explicit(&target->tenant->delayed, true, memory_order_relaxed);
		file(planner, target, now);
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
	entry_t *entry = pick(planner, target);
	plan_t plan = {
		.kind = PLAN_ASK,
		.target = target,
		.id = entry - target->entry,
		.tenant = target->tenant,
		.flight = flight_kind[agenda],
		.failing = is_failing(planner, entry),
		.at = now,
	};

	asked_t want = entry->want;
	entry->want = ASKED_NOT;
	entry->busy = true;
	atomic_store(&entry->asked, ASKED_WAIT); /* Workers need not ask before the result. */
	turns_next(&planner->turns[agenda]);
	count_query(planner, &plan, want);
	file(planner, target, now);
	return plan;
}

/*! Files targets whose failures have been forgiven with the others. */
static void forgive(planner_t *planner, uint64_t now)
{
	for (agenda_t agenda = AGENDA_FAILING; agenda < AGENDA_TURNS; agenda++) {
		target_t *target;
		for (unsigned n = 0; n < ADVANCE_MAX && (target = turns_top(&planner->turns[agenda])) != NULL &&
		                     !is_failing(planner, pick(planner, target));
		     n++) {
			file(planner, target, now);
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
		return wait + planner->resends_held++ % RESEND_SPREAD_MS;
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

/*! Shares queries between the agendas that have one which may leave; AGENDA_LATER if none has. */
static agenda_t share(const planner_t *planner, unsigned ready)
{
	bool others = ready & (BIT(AGENDA_WAITED) | BIT(AGENDA_COLD) | BIT(AGENDA_DUE));
	if (others && planner->others < PLANNER_FAILING_SHARE - 1) {
		ready &= ~(BIT(AGENDA_FAILING) | BIT(AGENDA_RETRY));
	}
	static const agenda_t order[2][AGENDA_TURNS] = {
		{ AGENDA_FAILING, AGENDA_RETRY, AGENDA_WAITED, AGENDA_COLD, AGENDA_DUE },
		{ AGENDA_FAILING, AGENDA_RETRY, AGENDA_DUE, AGENDA_WAITED, AGENDA_COLD },
	};
	for (unsigned i = 0; i < AGENDA_TURNS; i++) {
		agenda_t agenda = order[planner->due_next][i];
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

	plan.target = advance(planner, now);
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
		if (n == ADVANCE_MAX) {
			plan.wait = 0;
			return plan;
		}
	}

	uint64_t at;
	(void)next_to_wake(planner, &at);
	at = MIN(at, health_trial_at(&planner->health));
	if (at < now + plan.wait) {
		plan.wait = at > now ? at - now : 0;
	}
	return plan;
}

bool planner_note(planner_t *planner, const plan_t *plan, bool success, uint64_t now)
{
	const entry_t *entry = plan->target->entry;
	uint64_t forgiven_at = planner->health.forgiven_at;
	health_result_t result = {
		.sent = plan->at,
		.success = success,
		.known = entry[plan->id].answer != NULL,
		.begins = !plan->failing && !is_failing(planner, &entry[plan->id == ADDR_A ? ADDR_AAAA : ADDR_A]),
	};
	bool changed = health_note(&planner->health, &result, now);
	planner->returning |= planner->health.forgiven_at != forgiven_at;
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
	file(planner, plan->target, now);
}
