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

#define test(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(flood),
		test(flood_slow),
		test(flood_of_refreshes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
