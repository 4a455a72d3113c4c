/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who gets the queries when there are more to be sent than may leave: tenants, refreshes and names that are not known yet. */

#include "test.h"

#include "sim.h"

#define S 1000ULL

/*! Zone A has the first names, which are warm, and the last one, which is new; zone B has the others. */
enum {
	WARM = 50,
	FLOOD = 60000,
	NEW = WARM + FLOOD,
	TTL = 5,
	/*! The default of cold-wait, ms. */
	COLD_WAIT = 1000,
};

static tenant_t *zone_a, *zone_b;
static uint64_t late; /* The longest time for which a name of zone A has been expired, ms. */

static int setup(void **state)
{
	int ret = sim_setup(state);
	zone_a = sim.tenant;
	zone_b = (ret == 0) ? sim_tenant() : NULL;
	late = 0;
	return ret;
}

static int teardown(void **state)
{
	tenant_unref(zone_b);
	sim.tenant = zone_a;
	return sim_teardown(state);
}

static sim_outcome_t with_ttl(unsigned number, addr_type_t id, uint64_t now)
{
	(void)number, (void)id, (void)now;
	return (sim_outcome_t){ .success = true, .latency = SIM_LATENCY_MS, .ttl = TTL };
}

static sim_outcome_t new_ones_silent(unsigned number, addr_type_t id, uint64_t now)
{
	return number < WARM || number == NEW ? with_ttl(number, id, now) : sim_silent(number, id, now);
}

/*! Clients of zone A, who note how old the addresses are that they get. */
static void ask_warm(void)
{
	for (unsigned i = 0; i < WARM; i++) {
		sim_ask(i);
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			const answer_t *answer = sim.target[i]->entry[id].answer;
			uint64_t expiry = (answer != NULL) ? answer->received + TTL * S : UINT64_MAX;
			late = sim.now > expiry && sim.now - expiry > late ? sim.now - expiry : late;
		}
	}
}

/*! Zone A is warm, then all names of zone B are asked for at once. */
static void begin_flood(sim_resolver_f resolver)
{
	sim.resolver = with_ttl;
	sim.clients = ask_warm;
	sim_add(WARM);
	sim_run(10 * S);
	assert_int_equal(late, 0);
	sim_forget();

	sim.resolver = resolver;
	sim.tenant = zone_b;
	sim_add(FLOOD);
	sim.tenant = zone_a;
	for (unsigned i = WARM; i < NEW; i++) {
		sim_ask_udp(i);
	}
}

/*! A new name of zone A. \return the time until it is there, ms. */
static uint64_t resolve_new(void)
{
	uint64_t asked = sim.now;
	sim_add(1);
	sim_ask(NEW);
	while (sim.target[NEW]->entry[ADDR_A].answer == NULL && sim.now < asked + 200 * S) {
		sim_run(50);
	}
	return sim.now - asked;
}

/*! However many names of another zone are to be resolved, a zone has its refreshes in time, and its new names. */
static void test_flood(void **state)
{
	(void)state;

	begin_flood(with_ttl);
	sim_run(5 * S);
	assert_int_equal(sim.planner.crowded_since, 0);
	assert_in_range(resolve_new(), SIM_LATENCY_MS, COLD_WAIT);
	sim_run(115 * S);
	assert_in_range(late, 0, 2 * S);
}

/*! Also if each of these takes all of its time. */
static void test_flood_slow(void **state)
{
	(void)state;

	begin_flood(new_ones_silent);
	assert_int_equal(sim.planner.crowded_since, 0);
	sim_run(5 * S);
	assert_in_range(sim.planner.crowded_since, SIM_T0, sim.now - 3 * S);
	assert_true(zone_b->counters[COUNTER_CROWDED] > 0);
	assert_in_range(resolve_new(), SIM_LATENCY_MS, COLD_WAIT);
	sim_run(55 * S);
	assert_in_range(late, 0, 2 * S);
}

/*! And if they are refreshed all along, more of them than max-rate allows. */
static void test_flood_of_refreshes(void **state)
{
	(void)state;

	begin_flood(with_ttl);
	for (unsigned i = WARM; i < NEW; i++) {
		sim_publish(i, ADDR_A, TTL);
		sim_replan(i);
	}
	sim_run(20 * S);
	assert_in_range(resolve_new(), SIM_LATENCY_MS, COLD_WAIT);
	sim_run(40 * S);
	assert_in_range(late, 0, 2 * S);
}

/* --- zone-rate --- */

enum {
	RATE = 10,
	COLD = 500,
};

static unsigned own; /* Warm names of zone B, the first ones. */

static unsigned refreshed; /* Names up to this one have to be refreshed soon, the others not. */

static sim_outcome_t others_last(unsigned number, addr_type_t id, uint64_t now)
{
	return number < refreshed ? with_ttl(number, id, now) : sim_good(number, id, now);
}

static void ask_own(void)
{
	for (unsigned i = 0; i < own; i++) {
		sim_ask(i);
	}
}

/*! The longest time for which one of these has been expired by now, ms. */
static uint64_t own_late(void)
{
	uint64_t longest = 0;
	for (unsigned i = 0; i < own; i++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			uint64_t expiry = sim.target[i]->entry[id].answer->received + TTL * S;
			longest = sim.now > expiry && sim.now - expiry > longest ? sim.now - expiry : longest;
		}
	}
	return longest;
}

/*! Names with answers, which are refreshed. */
static void add_warm(unsigned count)
{
	sim_add(count);
	for (unsigned i = sim.count - count; i < sim.count; i++) {
		sim_publish(i, ADDR_A, TTL);
		sim_publish(i, ADDR_AAAA, TTL);
		sim_replan(i);
	}
}

static void add_cold(unsigned count)
{
	sim_add(count);
	for (unsigned i = sim.count - count; i < sim.count; i++) {
		sim_ask_udp(i);
	}
}

/*! Zone B has a zone-rate, warm names and many cold ones; zone A has what is given. Checks B's rate and a new name of it. */
static void run_rated(unsigned warm, unsigned others_warm, unsigned others_cold)
{
	own = warm;
	refreshed = warm + COLD + others_warm;
	sim.resolver = others_last;
	sim.clients = ask_own;
	sim.tenant = zone_b;
	zone_b->options.rate = RATE;
	add_warm(own);
	add_cold(COLD);
	sim.tenant = zone_a;
	add_warm(others_warm);
	add_cold(others_cold);
	sim.tenant = zone_b;
	sim_run(10 * S);

	unsigned new = sim.count;
	uint64_t asked = sim.now;
	sim_add(1);
	sim_ask(new);
	while (sim.target[new]->entry[ADDR_A].answer == NULL && sim.now < asked + 200 * S) {
		sim_run(50);
	}
	assert_in_range(sim.now - asked, SIM_LATENCY_MS, COLD_WAIT);
	sim_run(10 * S);
	assert_in_range(zone_b->counters[COUNTER_QUERIES], 20 * RATE, 22 * RATE + 1);
	assert_in_range(zone_b->counters[COUNTER_DELAYED], 18 * RATE, 21 * RATE);
	assert_int_equal(zone_a->counters[COUNTER_DELAYED], 0);
}

/*! Refreshes of a zone come in time if half of its zone-rate is enough for them, whatever others want. */
static void test_rated(void **state)
{
	(void)state;
	run_rated(5, 0, 0);
	assert_in_range(own_late(), 0, 1 * S);
}

static void test_rated_among_warm(void **state)
{
	(void)state;
	run_rated(5, 5000, 0);
	assert_in_range(own_late(), 0, 1 * S);
}

static void test_rated_among_cold(void **state)
{
	(void)state;
	run_rated(5, 0, FLOOD);
	assert_in_range(own_late(), 0, 1 * S);
}

/*! New names of a zone get the other half. */
static void test_rated_refreshes(void **state)
{
	(void)state;
	run_rated(500, 0, FLOOD);
}

/*! A zone with a zone-rate gets no more of max-rate by that: its turns of refreshes, and the other half. */
static void test_rated_turns(void **state)
{
	(void)state;
	sim.resolver = with_ttl;
	add_warm(FLOOD / 2);
	sim.tenant = zone_b;
	zone_b->options.rate = sim.planner.max_rate;
	add_warm(FLOOD / 2);
	add_cold(FLOOD);
	sim_run(TTL * S);
	uint64_t before = zone_a->counters[COUNTER_QUERIES];
	sim_run(10 * S);

	uint64_t others = zone_a->counters[COUNTER_QUERIES] - before;
	assert_in_range(others, 10 * sim.planner.max_rate / 4 - 100, 10 * sim.planner.max_rate / 4 + 100);
}

#define test(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(flood),
		test(flood_slow),
		test(flood_of_refreshes),
		test(rated),
		test(rated_among_warm),
		test(rated_among_cold),
		test(rated_refreshes),
		test(rated_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
