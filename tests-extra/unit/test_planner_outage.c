/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdlib.h>

#include "sim.h"

#define S 1000ULL
#define TTL 2
/*! Queries at most while an entry fails for a minute: at once, then 5, 15 and 35 s later. */
#define MINUTE_STEPS 4

static uint64_t down_from, down_to; /* When the resolver fails. */
static sim_resolver_f down_as;      /* How. */
static unsigned short seed[3];

static uint32_t ttl = TTL;

static sim_outcome_t answer(void)
{
	return (sim_outcome_t){ .success = true, .latency = SIM_LATENCY_MS, .ttl = ttl };
}

static sim_outcome_t outage(unsigned number, addr_type_t id, uint64_t now)
{
	if (now < down_from || now >= down_to) {
		return answer();
	}

	/* One of the retransmissions may find it back. */
	sim_outcome_t outcome = down_as(number, id, now);
	unsigned tries = sim.tenant->options.refresh.retry + 1;
	for (unsigned i = 1; i < tries && down_as == sim_silent; i++) {
		uint32_t sent = i * SIM_TIMEOUT_MS / tries;
		if (!outcome.success && now + sent >= down_to) {
			outcome = answer();
			outcome.latency += sent;
		}
	}
	return outcome;
}

static sim_outcome_t flaps(unsigned number, addr_type_t id, uint64_t now)
{
	enum { HALF = 5000 };
	uint64_t since = now - down_from;
	return since / HALF % 2 == 0 ? down_as(number, id, now) : answer();
}

static sim_outcome_t fails_often(unsigned number, addr_type_t id, uint64_t now)
{
	return nrand48(seed) % 10 == 0 ? answer() : sim_servfail(number, id, now);
}

/*! Clients ask for all names, each time for another one first. */
static void ask_all(void)
{
	static unsigned first;
	first += 7919;
	for (unsigned i = 0; i < sim.count; i++) {
		sim_ask((first + i) % sim.count);
	}
}

static void warm_up(unsigned names, uint32_t with_ttl)
{
	ttl = with_ttl;
	sim.resolver = outage;
	down_from = down_to = 0;
	sim.clients = ask_all;
	sim_add(names);
	sim_run(10 * S);
	assert_int_equal(sim.stale, 0);
	sim_forget();
}

/*! Nobody asks any more, but for what has been. */
static void leave_alone(void)
{
	sim.clients = NULL;
	sim_run(5 * S);
	sim_forget();
}

static unsigned count_early(void)
{
	unsigned early = 0;
	for (size_t i = 0; i < sim.queries; i++) {
		early += sim.query[i].early;
	}
	return early;
}

static unsigned counter(counter_t id)
{
	return sim_counter(id);
}

/* --- silence --- */

/*! No entry is asked more often than its back-off allows, while the resolver is tried all the time. */
static void check_queries(unsigned names)
{
	assert_int_equal(count_early(), 0);
	assert_in_range(sim.trials, 50 * S / (HEALTH_PROBE_MS * 5 / 4), 60 * S / HEALTH_PROBE_MS);

	unsigned queries[names][ADDR_TYPES];
	memset(queries, 0, sizeof(queries));
	for (size_t i = 0; i < sim.queries; i++) {
		const sim_query_t *query = &sim.query[i];
		queries[query->number][query->id]++;
		assert_in_range(queries[query->number][query->id], 1, MINUTE_STEPS);
	}
}

static void check_fresh(uint64_t since)
{
	for (unsigned i = 0; i < sim.count; i++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			const entry_t *entry = &sim.target[i]->entry[id];
			assert_in_range(entry->answer->received, since, sim.now);
			assert_int_equal(entry->failed_at, 0);
		}
	}
}

static void run_outage(unsigned names, sim_resolver_f how)
{
	warm_up(names, TTL);

	down_as = how;
	down_from = sim.now;
	down_to = sim.now + 60 * S;
	sim_run(40 * S);
	uint64_t before = counter(COUNTER_REFRESHES) + counter(COUNTER_PROBES);
	sim_run(20 * S);
	check_queries(names);
	assert_true(sim.planner.health.down);
	assert_int_equal(counter(COUNTER_DOWN), 1);
	assert_int_equal(sim.cold + sim.failed, 0);
	if (names * MINUTE_STEPS > HEALTH_SLOW_FAILURES << HEALTH_SLOW_MAX) {
		assert_int_equal(sim.planner.health.slow, HEALTH_SLOW_MAX);
		uint64_t after = counter(COUNTER_REFRESHES) + counter(COUNTER_PROBES);
		assert_in_range(after - before, 1, 20 * (1000 >> HEALTH_SLOW_MAX) + 2);
	}

	sim_forget();
	sim_run(5 * S);
	check_fresh(down_to);
	assert_false(sim.planner.health.down);
	assert_int_equal(sim.cold + sim.failed, 0);
	assert_in_range(sim_busiest(0, 1 * S), 1, 1100);
}

static void test_silent(void **state)
{
	(void)state;
	run_outage(1000, sim_silent);
}

static void test_silent_few(void **state)
{
	(void)state;
	run_outage(200, sim_silent);
}

static void test_silent_one(void **state)
{
	(void)state;
	run_outage(1, sim_silent);
}

static void test_servfail(void **state)
{
	(void)state;
	run_outage(1000, sim_servfail);
}

/* --- nobody asks --- */

/*! A resolver that answers for the root, be it from its cache, but can't resolve anything. */
static sim_outcome_t all_but_root(unsigned number, addr_type_t id, uint64_t now)
{
	return number == SIM_ROOT ? answer() : outage(number, id, now);
}

/*! The names are fresh soon after the return, although nobody asks for them, and no name is asked for ahead of its time. */
static void run_quiet(unsigned names, sim_resolver_f resolver, sim_resolver_f how, uint64_t seconds, uint64_t late)
{
	warm_up(names, TTL);
	leave_alone();
	sim.resolver = resolver;
	down_as = how;
	down_from = sim.now;
	down_to = sim.now + seconds * S;
	sim_run(seconds * S);
	assert_true(sim.planner.health.down);
	assert_int_equal(counter(COUNTER_DOWN), 1);
	assert_int_equal(count_early(), 0);
	sim_run(late * S);
	check_fresh(down_to);
	assert_false(sim.planner.health.down);
	assert_in_range(sim_busiest(0, 1 * S), 1, 1100);
}

static void test_quiet_silent(void **state)
{
	(void)state;
	run_quiet(1000, outage, sim_silent, 120, 3);
}

static void test_quiet_silent_long(void **state)
{
	(void)state;
	run_quiet(1000, outage, sim_silent, 465, 3);
}

static void test_quiet_servfail(void **state)
{
	(void)state;
	run_quiet(1000, outage, sim_servfail, 75, 3);
}

static void test_quiet_cut(void **state)
{
	(void)state;
	run_quiet(1000, all_but_root, sim_servfail, 65, 3);
}

/*! With few names, too: back-offs do not grow while only names can tell. */
static void test_quiet_cut_few(void **state)
{
	(void)state;
	for (unsigned seconds = 45; seconds <= 125; seconds += 20) {
		if (seconds > 45) {
			sim_teardown(NULL);
			sim_setup(NULL);
		}
		run_quiet(HEALTH_DOWN_TARGETS, all_but_root, sim_servfail, seconds, 7);
		assert_in_range(sim.entry[0][ADDR_A].queries, seconds / 7, seconds / 5 + 3);
	}
}

/*! Those used last come first, those used half an hour ago last. */
static void test_return_order(void **state)
{
	(void)state;

	enum { NAMES = 5000 };
	warm_up(NAMES, 600);
	leave_alone();
	for (unsigned i = 0; i < NAMES; i++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			sim.target[i]->entry[id].used = sim.now - (uint64_t)i * 7919 % NAMES * S / 2;
		}
	}
	down_as = sim_servfail;
	down_from = sim.now;
	down_to = sim.now + 1200 * S;
	sim_run(1200 * S);
	sim_forget();
	sim_run(20 * S);
	check_fresh(down_to);
	/* Each has two queries. */
	unsigned wrong = 0;
	for (size_t i = 0; i < NAMES; i++) {
		unsigned rank = (uint64_t)sim.query[i].number * 7919 % NAMES;
		wrong += rank > NAMES * 3 / 5;
	}
	assert_in_range(wrong, 0, NAMES / 50);
}

/*! A target that fails just when the resolver is back waits for the next return as any other. */
static void test_return_twice(void **state)
{
	(void)state;

	health_t *health = &sim.planner.health;
	sim_add(2);
	for (unsigned i = 0; i < 2; i++) {
		sim_publish(i, ADDR_A, 60);
		sim_replan(i);
	}
	health->good_at = sim.now;
	planner_request(&sim.planner, sim.target[0], (wishes_t){ .refresh = 1 << ADDR_A }, sim.now + 1, sim.now);
	plan_t plan = sim_next();
	cache_fail(&sim.target[1]->entry[ADDR_A], 22, sim.now + 60 * S, sim.now);
	sim_replan(1);

	for (unsigned i = 0; i < 2; i++) {
		health->down = true;
		for (unsigned n = 1; n <= HEALTH_UP_SUCCESSES; n++) {
			assert_int_equal(planner_note(&sim.planner, &plan, true, sim.now), n == HEALTH_UP_SUCCESSES);
		}
		if (i == 0) {
			plan.at = ++sim.now;
			sim_land(&plan, false, 0);
		}
		sim_forget();
		sim_run(SIM_LATENCY_MS);
		assert_int_equal(sim.entry[0][ADDR_A].queries, i);
		assert_int_equal(sim.entry[1][ADDR_A].queries, 1 - i);
		sim_run(2 * S);
	}
}

/* --- now this, now that --- */

static void test_fails_often(void **state)
{
	(void)state;

	enum {
		NAMES = 200,
		TIME = 300,
	};
	warm_up(NAMES, TTL);
	memset(seed, 1, sizeof(seed));
	sim.resolver = fails_often;
	sim_run(TIME * S);

	/* What does not keep to its back-off was forgiven as the resolver seemed to be back, also if it was under way then. */
	unsigned early = count_early(), downs = counter(COUNTER_DOWN);
	assert_in_range(downs, 0, TIME / 20);
	assert_in_range(early, 0, downs * NAMES * ADDR_TYPES * 5 / 4);

	/*
	 * As for the others: after k failures in a row, which has probability 0.9^k * 0.1, an entry waits 5 * 2^(k-1) s,
	 * 60 s at most, or 1.4 s after a success: 41 s on average, that is 8 queries in the time; 4 more at the begin.
	 */
	assert_in_range(sim.queries - early, NAMES * ADDR_TYPES, NAMES * ADDR_TYPES * (TIME / 41 + 1 + 4));
	assert_int_equal(sim.cold + sim.failed, 0);
}

static void run_flapping(sim_resolver_f how)
{
	enum {
		NAMES = 200,
		CYCLES = 30,
	};
	warm_up(NAMES, TTL);
	down_as = how;
	down_from = sim.now;
	sim.resolver = flaps;
	sim_run(CYCLES * 10 * S);

	/* A cycle: one query at least 5 s before the next while it is down; one, then each 1.4 s while it is up. */
	unsigned early = count_early(), downs = counter(COUNTER_DOWN);
	assert_in_range(downs, 1, CYCLES);
	assert_in_range(early, 1, downs * NAMES * ADDR_TYPES * 5 / 4);
	assert_in_range(sim.queries, 1, CYCLES * NAMES * ADDR_TYPES * (1 + 1 + 3));
	assert_int_equal(sim.cold + sim.failed, 0);
}

static void test_flapping(void **state)
{
	(void)state;
	run_flapping(sim_servfail);
}

static void test_flapping_silent(void **state)
{
	(void)state;
	run_flapping(sim_silent);
}

/* --- one of many --- */

static uint32_t healthy_ttl;
static uint64_t late; /* Visits that did not find a healthy name fresh. */

static sim_outcome_t first_fails(unsigned number, addr_type_t id, uint64_t now)
{
	sim_outcome_t outcome = (number == 0) ? sim_servfail(number, id, now) : answer();
	outcome.ttl = healthy_ttl;
	return outcome;
}

static void ask_first_last(void)
{
	uint64_t before = sim.grace + sim.stale + sim.cold + sim.failed;
	for (unsigned i = 1; i < sim.count; i++) {
		sim_ask(i);
	}
	late += sim.grace + sim.stale + sim.cold + sim.failed - before;
	sim_ask(0);
}

static void run_one_dead(unsigned names, uint32_t healthy, uint64_t seconds)
{
	healthy_ttl = healthy;
	sim.resolver = first_fails;
	sim_add(names);
	sim_publish(0, ADDR_A, TTL);
	sim_publish(0, ADDR_AAAA, TTL);
	ask_first_last();
	sim_run(5 * S);

	late = 0;
	sim.clients = ask_first_last;
	sim_run(seconds * S);
	assert_int_equal(late, 0);
	for (unsigned i = 1; i < sim.count; i++) {
		assert_true(sim.entry[i][ADDR_A].queries >= seconds / healthy);
	}
}

/*! One target that fails does not slow the others down. */
static void test_one_dead(void **state)
{
	(void)state;

	run_one_dead(100, TTL, 120);
	assert_int_equal(sim.planner.health.slow, 0);
	assert_int_equal(counter(COUNTER_DOWN), 0);
	assert_int_equal(count_early(), 0);
	for (unsigned id = 0; id < ADDR_TYPES; id++) {
		assert_in_range(sim.entry[0][id].queries, 2, MINUTE_STEPS + 1);
	}
}

/*! With few others it may look like the resolver, but still does not: the resolver answers for the root. */
static void test_one_dead_quiet(void **state)
{
	(void)state;

	run_one_dead(10, 3600, 7200);
	assert_int_equal(counter(COUNTER_DOWN), 0);
	assert_int_equal(count_early(), 0);
	assert_in_range(sim.entry[0][ADDR_A].queries, 1, 7200 / 60);
}

/*! Nor without any others. */
static void test_one_dead_alone(void **state)
{
	(void)state;

	run_one_dead(1, 3600, 600);
	assert_int_equal(counter(COUNTER_DOWN), 0);
	assert_int_equal(count_early(), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(test_##name, sim_setup, sim_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(silent),
		test(silent_few),
		test(silent_one),
		test(servfail),
		test(quiet_silent),
		test(quiet_silent_long),
		test(quiet_servfail),
		test(quiet_cut),
		test(quiet_cut_few),
		test(return_order),
		test(return_twice),
		test(fails_often),
		test(flapping),
		test(flapping_silent),
		test(one_dead),
		test(one_dead_quiet),
		test(one_dead_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
