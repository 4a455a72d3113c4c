/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include "sim.h"

#define S 1000ULL

static void ask_all(void)
{
	for (unsigned i = 0; i < sim.count; i++) {
		sim_ask(i);
	}
}

static uint32_t ttl;

static sim_outcome_t with_ttl(unsigned number, addr_type_t id, uint64_t now)
{
	(void)number, (void)id, (void)now;
	return (sim_outcome_t){ .success = true, .latency = SIM_LATENCY_MS, .ttl = ttl };
}

/* --- keeping warm --- */

/*! A minute of clients that ask for a target of that TTL all the time. */
static void ask_for_a_minute(uint32_t with)
{
	ttl = with;
	sim.resolver = with_ttl;
	sim.clients = ask_all;
	sim_add(1);
	sim_run(1 * S);
	sim_forget();
	sim_run(60 * S);
}

static void test_hot(void **state)
{
	(void)state;

	/* Asked again in the last third of its second, and never met expired. */
	ask_for_a_minute(1);
	for (unsigned id = 0; id < ADDR_TYPES; id++) {
		assert_in_range(sim.entry[0][id].gap_min, 700, 1000);
		assert_in_range(sim.entry[0][id].gap_max, 700, 1000);
		assert_in_range(sim.entry[0][id].queries, 60, 86);
		assert_true(sim.target[0]->entry[id].warm);
	}
	assert_int_equal(sim.fresh, ADDR_TYPES * 600);
	assert_int_equal(sim.grace + sim.stale + sim.cold, 0);
}

static void test_zero_ttl(void **state)
{
	(void)state;

	ask_for_a_minute(0);
	for (unsigned id = 0; id < ADDR_TYPES; id++) {
		assert_in_range(sim.entry[0][id].gap_min, 700, 1000);
		assert_in_range(sim.entry[0][id].queries, 60, 90);
	}
	assert_int_equal(sim.stale + sim.cold, 0);
}

static void test_idle(void **state)
{
	(void)state;

	ttl = 1;
	sim.resolver = with_ttl;
	sim.tenant->options.refresh.keep_warm = 600;
	sim.tenant->options.refresh.stale_max = 3600;
	sim_add(1);
	sim_ask(0);
	sim_run(30 * S);
	assert_in_range(sim.entry[0][ADDR_A].queries, 30, 43);

	/* Nobody asks for it any more: each 30 s. */
	sim_forget();
	sim_run(570 * S);
	for (unsigned id = 0; id < ADDR_TYPES; id++) {
		assert_in_range(sim.entry[0][id].gap_min, 30 * S, 31 * S);
		assert_in_range(sim.entry[0][id].gap_max, 30 * S, 31 * S);
		assert_in_range(sim.entry[0][id].queries, 18, 19);
		assert_true(sim.target[0]->entry[id].warm);
	}

	/* Long enough unused: left alone, and a client would be the one to wait. */
	sim_forget();
	sim_run(40 * S);
	assert_int_equal(sim.queries, 0);
	assert_false(sim.target[0]->entry[ADDR_A].warm);
	assert_false(sim.target[0]->entry[ADDR_AAAA].warm);

	/* It leaves when the last of its answers can't serve any more. */
	uint64_t last = sim.entry[0][ADDR_A].asked_at;
	last = sim.entry[0][ADDR_AAAA].asked_at > last ? sim.entry[0][ADDR_AAAA].asked_at : last;
	sim_run(3700 * S);
	assert_int_equal(sim.queries, 0);
	assert_int_equal(sim.removed, 1);
	assert_int_equal(sim.removed_at, last + SIM_LATENCY_MS + 1 * S + 3600 * S);
}

static void test_keep_warm_off(void **state)
{
	(void)state;

	ttl = 5;
	sim.resolver = with_ttl;
	sim.tenant->options.refresh.keep_warm = 0;
	sim_add(1);
	sim_ask(0);
	sim_run(86400 * S);
	assert_int_equal(sim.queries, ADDR_TYPES);
	assert_int_equal(sim_counter(COUNTER_REFRESHES), 0);
	assert_false(sim.target[0]->entry[ADDR_A].warm);
	assert_int_equal(sim.removed, 0);
	sim_run(6 * S);
	assert_int_equal(sim.removed_at, SIM_T0 + SIM_LATENCY_MS + 5 * S + 86400 * S);
}

/*! Of a type that the zone denies nothing is refreshed, nor of one that no zone has used for long. */
static void test_one_type(void **state)
{
	(void)state;

	ttl = 1;
	sim.resolver = with_ttl;
	sim_add(1);
	sim_ask(0);
	sim_run(1 * S);
	sim.tenant->options.refresh.denied = 1U << ADDR_AAAA;
	sim_run(2 * S);
	sim_forget();
	sim_run(10 * S);
	assert_in_range(sim.entry[0][ADDR_A].queries, 10, 15);
	assert_int_equal(sim.entry[0][ADDR_AAAA].queries, 0);
	assert_false(sim.target[0]->entry[ADDR_AAAA].warm);

	sim.tenant->options.refresh.denied = 0;
	sim.target[0]->entry[ADDR_A].used -= sim.tenant->options.refresh.keep_warm * S;
	sim_run(1 * S);
	sim_forget();
	sim_run(10 * S);
	assert_int_equal(sim.entry[0][ADDR_A].queries, 0);
	assert_false(sim.target[0]->entry[ADDR_A].warm);
}

/*! What was charged to a zone that is gone is refreshed for a while, leaves by age, and is another zone's that uses it. */
static void test_zone_gone(void **state)
{
	(void)state;

	ttl = 5;
	sim.resolver = with_ttl;
	sim.clients = ask_all;
	sim_add(2);
	sim_run(10 * S);
	sim.clients = NULL;
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&sim.target[i]->unclaimed, false);
	}
	sim.tenant->left_at = sim.now;
	sim_forget();
	sim_run(TENANT_LINGER_MS);
	assert_in_range(sim.entry[0][ADDR_A].queries, 2, 20);
	assert_true(sim.target[0]->unclaimed && sim.target[1]->unclaimed);

	sim_run(60 * S);
	sim_forget();
	tenant_t *gone = sim.tenant, *other = sim.tenant = sim_tenant();
	planner_charge(&sim.planner, sim.target[0], other, sim.now);
	sim_ask(0);
	sim_run(20 * S);
	assert_in_range(sim.entry[0][ADDR_A].queries, 4, 6);
	assert_int_equal(sim.entry[1][ADDR_A].queries, 0);
	sim_run(86400 * S);
	assert_null(sim.target[1]);
	tenant_unref(other);
	sim.tenant = gone;
}

/*! A target that was never resolved stays for as long as its failure is remembered. */
static void test_never_resolved(void **state)
{
	(void)state;

	sim.resolver = sim_servfail;
	sim_add(1);
	sim_ask(0);
	sim_run(600 * S);
	assert_int_equal(sim.queries, ADDR_TYPES);
	assert_int_equal(sim.removed_at, SIM_T0 + CACHE_FAILURE_MAX_MS);
}

/*! What is learned at the same moment is not asked for again at the same moment. */
static void test_jitter(void **state)
{
	(void)state;

	enum {
		NAMES = 10000,
		FROM = 42000,
		SPREAD = 10500,
	};
	sim.planner.max_rate = 1000000;
	sim_add(NAMES);
	for (unsigned i = 0; i < NAMES; i++) {
		sim_publish(i, ADDR_A, 60);
		sim_replan(i);
	}
	sim_run(60 * S);
	assert_int_equal(sim.queries, NAMES);
	assert_in_range(sim.query[0].at - SIM_T0, FROM, FROM + SPREAD / 50);
	assert_in_range(sim.query[NAMES - 1].at - SIM_T0, FROM + SPREAD - SPREAD / 50, FROM + SPREAD);
	assert_in_range(sim_busiest(0, SPREAD / 100), 1, NAMES * 3 / 100);
}

/* --- max-rate --- */

static void test_max_rate(void **state)
{
	(void)state;

	enum {
		NAMES = 3000,
		TIME = 10,
	};
	sim_add(NAMES);
	ask_all();
	assert_int_equal(sim.planner.capped_since, 0);

	static const uint32_t rates[] = { 1, 7, 100, 1000 };
	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		unsigned burst = rates[i] < 10 ? 1 : rates[i] / 10;
		sim.planner.max_rate = rates[i];
		sim_forget();
		sim_run(TIME * S);
		assert_in_range(sim_busiest(0, 1 * S), 1, rates[i] + burst);
		assert_in_range(sim.queries, i < 3 ? rates[i] * TIME - 1 : 1, rates[i] * TIME + burst);
		assert_true(sim_counter(COUNTER_CAPPED) > 0);
		assert_int_equal(sim.planner.capped_since, i < 3 ? SIM_T0 : 0);
	}
	assert_int_equal(sim_counter(COUNTER_QUERIES), ADDR_TYPES * NAMES);
	assert_int_equal(sim_counter(COUNTER_REFRESHES), 0);
}

enum {
	RESENDS_FROM = 500, /*!< When a query without a reply is sent again, and how often, ms. */
	RESENDS = 2,
	CAPACITY = 100000,
};

static uint64_t resend_at[CAPACITY]; /* Of the queries, in the order of the simulation's; 0: no more. */
static unsigned resends[CAPACITY];

/*! What a resolver does with the queries under way that have no reply. \return the number of datagrams. */
static unsigned send_again(uint64_t from)
{
	unsigned sent = 0;
	for (size_t i = 0; i < sim.queries; i++) {
		uint64_t at = sim.query[i].at;
		if (at < from || sim.now >= at + SIM_TIMEOUT_MS || resends[i] == RESENDS) {
			continue;
		}
		resend_at[i] = resend_at[i] == 0 ? at + RESENDS_FROM : resend_at[i];
		if (sim.now < resend_at[i]) {
			continue;
		}
		uint64_t wait = planner_may_send(&sim.planner, sim.now);
		sent += wait == 0;
		resends[i] += wait == 0;
		resend_at[i] = sim.now + (wait > 0 ? wait : RESENDS_FROM);
	}
	return sent;
}

/*! The limit is one of datagrams: of a resolver that is silent too. */
static void test_max_rate_resends(void **state)
{
	(void)state;

	enum {
		NAMES = 20000,
		RATE = 200,
		TIME = 20,
	};
	memset(resend_at, 0, sizeof(resend_at));
	memset(resends, 0, sizeof(resends));
	sim.planner.max_rate = RATE;
	sim.resolver = sim_silent;
	sim_add(NAMES);
	ask_all();
	unsigned sent[TIME * 10] = { 0 }, again = 0;
	for (unsigned i = 0; i < TIME * 100; i++) {
		size_t before = sim.queries;
		sim_run(10);
		unsigned more = send_again(SIM_T0);
		again += more;
		sent[i / 10] += sim.queries - before + more;
	}
	for (unsigned i = 0; i + 10 <= TIME * 10; i++) {
		unsigned second = 0;
		for (unsigned j = 0; j < 10; j++) {
			second += sent[i + j];
		}
		assert_in_range(second, 1, RATE * 12 / 10);
	}
	/* Both have their share. */
	assert_in_range(again, RATE * TIME * 4 / 10, RATE * TIME * 6 / 10);
	assert_in_range(sim.queries, RATE * TIME * 3 / 10, RATE * TIME * 6 / 10);
}

/*! More to be refreshed than may be: all get their share. */
static void test_max_rate_refresh(void **state)
{
	(void)state;

	enum { NAMES = 1000 };
	ttl = 1;
	sim.resolver = with_ttl;
	sim.clients = ask_all;
	sim_add(NAMES);
	sim_run(5 * S);
	sim_forget();
	sim_run(10 * S);
	assert_in_range(sim_busiest(0, 1 * S), 950, 1100);
	for (unsigned i = 0; i < NAMES; i++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			assert_in_range(sim.entry[i][id].gap_max, 1500, 2500);
		}
	}
	assert_int_equal(sim.stale + sim.cold, 0);
}

static void fail_entry(unsigned number, addr_type_t id)
{
	cache_fail(&sim.target[number]->entry[id], 22, sim.now + 5 * S, sim.now);
}

static void test_order(void **state)
{
	(void)state;

	/* Of the numbers, 0 to 4 are due, 5 to 8 wanted by clients; 4 and 8 failed before. */
	static const uint32_t ttls[] = { 50, 40, 45, 55, 10 };
	health_note(&sim.planner.health, &(health_result_t){ .success = true }, sim.now - 1); /* The very first success forgives all. */
	sim_add(9);
	for (unsigned i = 0; i < 5; i++) {
		sim_publish(i, ADDR_A, ttls[i]);
	}
	fail_entry(4, ADDR_A);
	fail_entry(8, ADDR_A);
	for (unsigned i = 0; i < 5; i++) {
		sim_replan(i);
	}
	sim.now += 60 * S;
	for (unsigned i = 0; i < 4; i++) {
		planner_request(&sim.planner, sim.target[(unsigned[]){ 8, 7, 5, 6 }[i]],
		                (wishes_t){ .wait = 1 << ADDR_A }, sim.now, sim.now);
	}

	sim.planner.max_rate = 1;
	sim.resolver = sim_good;
	sim_run(9 * S);
	static const unsigned order[] = { 7, 1, 5, 2, 6, 0, 3, 8, 4 };
	assert_int_equal(sim.queries, 9);
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(sim.query[i].number, order[i]);
		assert_int_equal(sim.query[i].refresh, order[i] <= 4);
		assert_int_equal(sim.query[i].failing, i >= 7);
	}
}

/* --- targets that fail --- */

enum { DEAD = 10000 };

static sim_outcome_t dead_quick(unsigned number, addr_type_t id, uint64_t now)
{
	return number < DEAD ? sim_servfail(number, id, now) : sim_good(number, id, now);
}

static sim_outcome_t dead_slow(unsigned number, addr_type_t id, uint64_t now)
{
	return number < DEAD ? sim_silent(number, id, now) : sim_good(number, id, now);
}

/*! Targets that never were resolved neither block others nor speak against the resolver. */
static void test_dead(void **state)
{
	(void)state;

	sim.planner.max_rate = 20000;
	sim.resolver = dead_quick;
	sim_add(DEAD);
	ask_all();
	sim_run(4 * S);
	assert_int_equal(sim.queries, ADDR_TYPES * DEAD);

	/* All are asked for all the time, and each query takes its time. */
	sim.planner.max_rate = 1000;
	sim.resolver = dead_slow;
	sim.clients = ask_all;
	sim.period = 1 * S;
	sim_forget();
	sim_run(30 * S);
	unsigned share = planner_flights_max(&sim.planner, FLIGHT_FAILING) * 2 / 3;
	assert_in_range(sim.failing_max, share, share + 1);
	assert_int_equal(sim.planner.flights[FLIGHT_FAILING], sim.failing_max);
	assert_int_equal(sim.planner.flights[FLIGHT_COLD] + sim.planner.flights[FLIGHT_DUE], 0);
	assert_in_range(sim.planner.turns[AGENDA_FAILING].count, DEAD / 2, DEAD);
	assert_int_equal(sim.planner.health.failures, 0);
	assert_false(sim.planner.health.down);

	sim.clients = NULL;
	sim_add(1);
	sim_ask(DEAD);
	uint64_t asked = sim.now;
	sim_run(1);
	assert_int_equal(sim.entry[DEAD][ADDR_A].asked_at, asked);
	assert_int_equal(sim.entry[DEAD][ADDR_AAAA].asked_at, asked);
}

static bool first_fails;

static sim_outcome_t first_may_fail(unsigned number, addr_type_t id, uint64_t now)
{
	if (number == 0 && first_fails) {
		return sim_servfail(number, id, now);
	}
	ttl = 1;
	return with_ttl(number, id, now);
}

static void check_steps(unsigned steps)
{
	static const uint64_t backoff[] = { 5, 10, 20, 40, 60, 60 };
	for (unsigned id = 0; id < ADDR_TYPES; id++) {
		uint64_t before = 0;
		unsigned step = 0;
		for (size_t i = 0; i < sim.queries && step < steps; i++) {
			if (sim.query[i].number != 0 || sim.query[i].id != id) {
				continue;
			}
			if (before != 0) {
				uint64_t base = backoff[step++] * S;
				assert_in_range(sim.query[i].at - before - SIM_LATENCY_MS, base, base + base / 4);
			}
			before = sim.query[i].at;
		}
		assert_int_equal(step, steps);
	}
}

static sim_outcome_t first_alive(unsigned number, addr_type_t id, uint64_t now)
{
	return number < 20 ? sim_good(number, id, now) : sim_servfail(number, id, now);
}

/*! However many dead targets clients ask for, refreshes are not late; nor do these starve the dead. */
static void test_flood(void **state)
{
	(void)state;

	sim.planner.max_rate = 20;
	sim.resolver = first_alive;
	sim.clients = ask_all;
	sim.period = 1 * S;
	sim_add(20);
	sim_run(10 * S);
	sim_add(2000);
	sim_run(300 * S); /* Each has its first query, before any refresh. */
	sim_forget();
	sim_run(600 * S);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			assert_in_range(sim.entry[i][id].gap_max, 40 * S, 60 * S);
		}
	}
	assert_in_range(sim.queries, 19 * 600, 21 * 600);
}

/*! Of those that failed, what clients ask for does not hold up what is to be kept warm. */
static void test_flood_of_dead(void **state)
{
	(void)state;

	enum { KNOWN = 30 };
	sim.planner.max_rate = 20;
	sim.resolver = first_alive;
	sim_add(KNOWN);
	ask_all();
	for (unsigned i = 20; i < KNOWN; i++) {
		sim_publish(i, ADDR_A, 1);
		sim_publish(i, ADDR_AAAA, 1);
		sim_replan(i);
	}
	sim_add(2000);
	sim.clients = ask_all;
	sim.period = 1 * S;
	sim_run(300 * S);
	sim_forget();
	sim_run(300 * S);
	assert_true(sim.planner.turns[AGENDA_FAILING].count > 1000);
	for (unsigned i = 20; i < KNOWN; i++) {
		assert_in_range(sim.entry[i][ADDR_A].queries, 3, 300 / 60 + 1);
	}
}

static void test_backoff(void **state)
{
	(void)state;

	sim.resolver = first_may_fail;
	sim.clients = ask_all;
	sim_add(20);
	first_fails = false;
	sim_run(2 * S);

	first_fails = true;
	sim_forget();
	sim_run(260 * S);
	check_steps(6);
	uint64_t gap[ADDR_TYPES] = { sim.entry[0][ADDR_A].gap_max, sim.entry[0][ADDR_AAAA].gap_max };
	assert_int_not_equal(gap[ADDR_A], gap[ADDR_AAAA]);
	assert_int_equal(sim_counter(COUNTER_DOWN), 0);

	/* A success, and all begins anew. */
	first_fails = false;
	sim_run(80 * S);
	assert_int_equal(sim.target[0]->entry[ADDR_A].failures, 0);
	first_fails = true;
	sim_forget();
	sim_run(50 * S);
	check_steps(3);
}

#define test(name) cmocka_unit_test_setup_teardown(test_##name, sim_setup, sim_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(hot),
		test(zero_ttl),
		test(idle),
		test(keep_warm_off),
		test(one_type),
		test(zone_gone),
		test(never_resolved),
		test(jitter),
		test(max_rate),
		test(max_rate_resends),
		test(max_rate_refresh),
		test(order),
		test(dead),
		test(flood),
		test(flood_of_dead),
		test(backoff),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
