/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>
#include <libknot/consts.h>
#include <libknot/errcode.h>

#include "cache/schedule.h"
#include "sim.h"
#include "cache/verdict.h"

/*! Plans at one moment; more is a planner that turns in circles. */
#define PLANS_MAX 2000000
#define FLIGHTS_MAX (2 * PLANNER_FLIGHTS_MAX)

typedef struct flight {
	heap_node_t node;
	struct flight *next;
	plan_t plan;
	sim_outcome_t outcome;
} flight_t;

sim_t sim;

static heap_t landings;
static tenants_t tenants;
static flight_t flights[FLIGHTS_MAX];
static flight_t *free_flights;

sim_outcome_t sim_good(unsigned number, addr_type_t id, uint64_t now)
{
	(void)number, (void)id, (void)now;
	return (sim_outcome_t){ .success = true, .latency = SIM_LATENCY_MS, .ttl = 60 };
}

sim_outcome_t sim_silent(unsigned number, addr_type_t id, uint64_t now)
{
	(void)number, (void)id, (void)now;
	return (sim_outcome_t){ .latency = SIM_TIMEOUT_MS };
}

sim_outcome_t sim_servfail(unsigned number, addr_type_t id, uint64_t now)
{
	(void)number, (void)id, (void)now;
	return (sim_outcome_t){ .latency = SIM_LATENCY_MS };
}

static void publish(void *module, const counters_t own, const counters_t common)
{
	(void)module, (void)own, (void)common;
}

int sim_setup(void **state)
{
	(void)state;
	rcu_register_thread();
	sim = (sim_t){ .now = SIM_T0, .resolver = sim_good, .period = 100 };
	tenant_options_t options = { .refresh = {
					     .timeout = SIM_TIMEOUT_MS,
					     .retry = 2,
					     .failure_ttl = 5,
					     .negative_ttl_max = 300,
					     .keep_warm = 86400,
					     .stale_max = 86400,
				     } };
	sim.policy = (policy_t){ .ttl_max = 86400 };
	sim.cache = cache_new();
	tenants_init(&tenants);
	sim.tenant = tenant_new(&tenants, NAME_APEX, &options, publish);
	planner_init(&sim.planner);
	sim.planner.max_rate = 1000;

	landings = (heap_t){ 0 };
	free_flights = NULL;
	for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
		flights[i] = (flight_t){ .next = free_flights };
		free_flights = &flights[i];
	}
	return sim.cache == NULL || sim.tenant == NULL;
}

int sim_teardown(void **state)
{
	(void)state;
	planner_deinit(&sim.planner);
	tenants_deinit(&tenants);
	tenant_unref(sim.tenant);
	cache_clear(sim.cache);
	cache_free(sim.cache);
	heap_deinit(&landings);
	free(sim.target);
	free(sim.entry);
	free(sim.query);
	rcu_unregister_thread();
	return 0;
}

tenant_t *sim_tenant(void)
{
	tenant_t *tenant = tenant_new(&tenants, NAME_APEX, &sim.tenant->options, publish);
	assert_non_null(tenant);
	return tenant;
}

uint64_t sim_counter(counter_t id)
{
	return sim.tenant->counters[id];
}

/* --- targets --- */

static void name_of(uint8_t name[6], unsigned number)
{
	memcpy(name, (uint8_t[]){ 4, number >> 24, number >> 16, number >> 8, number, 0 }, 6);
}

static unsigned number_of(const target_t *target)
{
	const uint8_t *name = target->name;
	return (unsigned)name[1] << 24 | name[2] << 16 | name[3] << 8 | name[4];
}

static sim_entry_t *known_of(const plan_t *plan)
{
	return &sim.entry[number_of(plan->target)][plan->id];
}

void sim_add(unsigned count)
{
	unsigned all = sim.count + count;
	sim.target = realloc(sim.target, all * sizeof(*sim.target));
	sim.entry = realloc(sim.entry, all * sizeof(*sim.entry));
	assert_true(sim.target != NULL && sim.entry != NULL);
	memset(sim.entry + sim.count, 0, count * sizeof(*sim.entry));

	for (; sim.count < all; sim.count++) {
		uint8_t name[6];
		name_of(name, sim.count);
		target_t *target = cache_add(sim.cache, name, sim.now);
		assert_non_null(target);
		tenant_charge(sim.tenant, target);
		sim.target[sim.count] = target;
		assert_int_equal(planner_add(&sim.planner, target, sim.now), KNOT_EOK);
	}
}

static reply_t reply_of(uint32_t ttl)
{
	return (reply_t){ .kind = REPLY_ADDRESSES, .ttl = ttl, .count = 1, .len = 4, .addr = { { 192, 0, 2, 1 } } };
}

void sim_publish(unsigned number, addr_type_t id, uint32_t ttl)
{
	reply_t reply = reply_of(ttl);
	assert_int_equal(cache_publish(&sim.target[number]->entry[id], &reply, sim.now), KNOT_EOK);
}

void sim_restore(unsigned number, addr_type_t id, uint32_t ttl, uint64_t received)
{
	reply_t reply = reply_of(ttl);
	assert_int_equal(cache_restore(&sim.target[number]->entry[id], &reply, received), KNOT_EOK);
}

void sim_replan(unsigned number)
{
	assert_int_equal(planner_add(&sim.planner, sim.target[number], sim.now), KNOT_EOK);
}

void sim_remove(unsigned number)
{
	planner_remove(&sim.planner, sim.target[number]);
	tenant_charge(NULL, sim.target[number]);
	cache_remove(sim.cache, sim.target[number]);
	sim.target[number] = NULL;
}

/* --- clients --- */

static void count_verdict(const verdict_t *verdict)
{
	switch (verdict->kind) {
	case VERDICT_FAILED:
	case VERDICT_RETRY:
		sim.failed++;
		break;
	case VERDICT_COLD:
		sim.cold++;
		break;
	default:
		if (verdict->ede == KNOT_EDNS_EDE_STALE) {
			sim.stale++;
		} else if (sim.now >= schedule_expiry(verdict->answer, &sim.tenant->options.refresh)) {
			sim.grace++;
		} else {
			sim.fresh++;
		}
	}
}

static void ask(unsigned number, asked_t cold)
{
	target_t *target = sim.target[number];
	if (target == NULL) {
		sim.cold += ADDR_TYPES;
		return;
	}

	sim.policy.refresh = sim.tenant->options.refresh;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		cache_touch(&target->entry[i], sim.now);
	}
	wishes_t wishes = { 0 };
	for (unsigned id = 0; id < ADDR_TYPES; id++) {
		entry_t *entry = &target->entry[id];
		verdict_t verdict = verdict_get(entry, &sim.planner.health, &sim.policy, 3600, sim.now);
		count_verdict(&verdict);
		bool known = verdict.kind != VERDICT_COLD && verdict.kind != VERDICT_RETRY;
		asked_t how = known ? ASKED_REFRESH : cold;
		if (verdict.ask && entry->asked < how) {
			entry->asked = how;
			*(known ? &wishes.refresh : (cold == ASKED_WAIT ? &wishes.wait : &wishes.cold)) |= 1U << id;
		}
	}
	if (wishes_all(&wishes) != 0) {
		planner_request(&sim.planner, target, wishes, sim.now, sim.now);
	}
}

void sim_ask(unsigned number)
{
	ask(number, ASKED_WAIT);
}

void sim_ask_udp(unsigned number)
{
	ask(number, ASKED_COLD);
}

/* --- the engine's thread --- */

/*! The least that a back-off has to be. */
static uint64_t backoff_ms(const sim_entry_t *entry)
{
	uint64_t backoff = sim.tenant->options.refresh.failure_ttl * 1000;
	for (unsigned i = 1; i < entry->failures && backoff < SCHEDULE_BACKOFF_MAX * 1000; i++) {
		backoff *= 2;
	}
	return backoff < SCHEDULE_BACKOFF_MAX * 1000 ? backoff : SCHEDULE_BACKOFF_MAX * 1000;
}

static void log_query(const plan_t *plan, bool refresh)
{
	sim_entry_t *entry = known_of(plan);
	if (sim.queries == sim.capacity) {
		sim.capacity = sim.capacity > 0 ? 2 * sim.capacity : 4096;
		sim.query = realloc(sim.query, sim.capacity * sizeof(*sim.query));
		assert_non_null(sim.query);
	}
	sim.query[sim.queries++] = (sim_query_t){
		.at = sim.now,
		.number = number_of(plan->target),
		.id = plan->id,
		.refresh = refresh,
		.failing = plan->failing,
		.early = entry->failed_at != 0 && sim.now < entry->failed_at + backoff_ms(entry),
	};

	if (entry->asked_at != 0) {
		uint64_t gap = sim.now - entry->asked_at;
		entry->gap_min = entry->gap_min == 0 || gap < entry->gap_min ? gap : entry->gap_min;
		entry->gap_max = gap > entry->gap_max ? gap : entry->gap_max;
	}
	entry->asked_at = sim.now;
	entry->queries++;
	entry->busy = true;
}

plan_t sim_next(void)
{
	uint64_t refreshes = sim_counter(COUNTER_REFRESHES);
	plan_t plan = planner_next(&sim.planner, sim.now);

	if (plan.kind == PLAN_REMOVE) {
		sim.target[number_of(plan.target)] = NULL;
		sim.removed++;
		sim.removed_at = sim.now;
		tenant_charge(NULL, plan.target);
		cache_remove(sim.cache, plan.target);
	} else if (plan.kind == PLAN_ASK) {
		/* One query for an entry at a time. */
		assert_ptr_equal(sim.target[number_of(plan.target)], plan.target);
		assert_false(known_of(&plan)->busy);
		assert_true(plan.target->entry[plan.id].busy);
		for (flight_kind_t kind = 0; kind < FLIGHTS; kind++) {
			assert_in_range(sim.planner.flights[kind], 0, planner_flights_max(&sim.planner, kind));
		}
		unsigned failing = sim.planner.flights[FLIGHT_FAILING];
		sim.failing_max = failing > sim.failing_max ? failing : sim.failing_max;
		log_query(&plan, sim_counter(COUNTER_REFRESHES) != refreshes);
	}
	return plan;
}

static void note_health(bool changed)
{
	if (changed && sim.planner.health.down) {
		sim.tenant->counters[COUNTER_DOWN]++;
	}
}

void sim_land(const plan_t *plan, bool success, uint32_t ttl)
{
	entry_t *entry = &plan->target->entry[plan->id];
	sim_entry_t *own = known_of(plan);
	assert_true(own->busy);
	own->busy = false;
	bool alone = sim.planner.health.down && sim.planner.health.cut_off && entry->answer != NULL;
	own->failures = success ? 0 : (alone ? 1 : own->failures + 1);
	own->failed_at = success ? 0 : sim.now;

	if (success) {
		sim_publish(number_of(plan->target), plan->id, ttl);
	} else {
		cache_fail(entry, KNOT_EDNS_EDE_NREACH_AUTH, schedule_retry(entry, &sim.tenant->options.refresh, sim.now), plan->at);
	}
	note_health(planner_note(&sim.planner, plan, success, sim.now));
	planner_done(&sim.planner, plan, sim.now);
}

static void send_query(const plan_t *plan)
{
	flight_t *flight = free_flights;
	assert_non_null(flight);
	free_flights = flight->next;
	flight->plan = *plan;
	flight->outcome = sim.resolver(number_of(plan->target), plan->id, sim.now);
	assert_int_equal(heap_insert(&landings, &flight->node, sim.now + flight->outcome.latency), KNOT_EOK);
}

/*! Sends a trial if it is due. */
static void send_trial(void)
{
	if (!planner_wants_trial(&sim.planner, sim.now)) {
		return;
	}
	flight_t *flight = free_flights;
	assert_non_null(flight);
	free_flights = flight->next;
	flight->plan = (plan_t){ .at = sim.now };
	flight->outcome = sim.resolver(SIM_ROOT, ADDR_A, sim.now);
	assert_int_equal(heap_insert(&landings, &flight->node, sim.now + flight->outcome.latency), KNOT_EOK);
	sim.trials++;
}

static void land(flight_t *flight)
{
	heap_remove(&landings, &flight->node);
	if (flight->plan.target != NULL) {
		sim_land(&flight->plan, flight->outcome.success, flight->outcome.ttl);
	} else {
		note_health(planner_tried(&sim.planner, flight->outcome.success, flight->plan.at, sim.now));
	}
	flight->next = free_flights;
	free_flights = flight;
}

static void land_all(void)
{
	const heap_item_t *top;
	while ((top = heap_top(&landings)) != NULL && top->key <= sim.now) {
		land(caa_container_of(top->node, flight_t, node));
	}
}

/*! Does what is planned for this moment. \return when there is more to do. */
static uint64_t follow_plan(void)
{
	for (unsigned i = 0; i < PLANS_MAX; i++) {
		plan_t plan = sim_next();
		send_trial();
		if (plan.kind == PLAN_ASK) {
			send_query(&plan);
		} else if (plan.kind == PLAN_NOTHING && plan.wait > 0) {
			return sim.now + plan.wait;
		}
	}
	fail();
	return 0;
}

void sim_run(uint64_t ms)
{
	uint64_t end = sim.now + ms;
	while (true) {
		land_all();
		if (sim.clients != NULL && sim.now >= sim.clients_at) {
			sim.clients();
			sim.clients_at = sim.now + sim.period;
		}
		uint64_t next = follow_plan();
		if (sim.clients != NULL && sim.clients_at < next) {
			next = sim.clients_at;
		}
		const heap_item_t *top = heap_top(&landings);
		if (top != NULL && top->key < next) {
			next = top->key;
		}
		if (next >= end) {
			sim.now = end;
			return;
		}
		sim.now = next;
	}
}

/* --- what came of it --- */

unsigned sim_busiest(size_t from, uint64_t window)
{
	unsigned busiest = 0;
	for (size_t first = from, last = from; last < sim.queries; last++) {
		while (sim.query[last].at - sim.query[first].at >= window) {
			first++;
		}
		busiest = last - first + 1 > busiest ? last - first + 1 : busiest;
	}
	return busiest;
}

void sim_forget(void)
{
	sim.queries = 0;
	sim.failing_max = 0;
	sim.fresh = sim.grace = sim.stale = sim.cold = sim.failed = 0;
	for (unsigned i = 0; i < sim.count; i++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			sim.entry[i][id].queries = 0;
			sim.entry[i][id].gap_min = sim.entry[i][id].gap_max = 0;
		}
	}
}
