/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "engine/account.h"
#include "engine/lane.h"
#include "engine/planner.h"
#include "sim.h"

#define S 1000ULL
#define T0 (1ULL << 42)

static account_t *account;
static struct cds_list_head changes;
static unsigned published;
static counters_t last;

static void publish(void *ctx, const counters_t own, const counters_t common)
{
	assert_ptr_equal(ctx, &published);
	published++;
	memcpy(last, own, sizeof(last));
	last[COUNTER_TARGETS] = common[COUNTER_TARGETS];
}

static int setup(void **state)
{
	(void)state;
	CDS_INIT_LIST_HEAD(&changes);
	published = 0;
	account = account_open(NAME_APEX, &(refresh_options_t){ .timeout = 7 }, 10, publish, &published);
	if (account == NULL) {
		return -1;
	}
	account->changes = &changes;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	account_unref(account);
	return 0;
}

static void test_publish(void **state)
{
	(void)state;

	static const counters_t common = { [COUNTER_TARGETS] = 5 };
	account_count(account, COUNTER_QUERIES);
	account_count(account, COUNTER_QUERIES);
	assert_ptr_equal(changes.next, &account->changed);
	account_publish(account, common);
	assert_true(cds_list_empty(&changes));
	assert_int_equal(published, 1);
	assert_int_equal(last[COUNTER_QUERIES], 2);
	assert_int_equal(last[COUNTER_TARGETS], 5);

	/* Not after the close, but who has a reference may go on counting. */
	assert_false(account_is_closed(account));
	account_close(account_ref(account));
	assert_true(account_is_closed(account));
	account_count(account, COUNTER_QUERIES);
	account_publish(account, common);
	assert_int_equal(published, 1);
}

static void test_latency(void **state)
{
	(void)state;

	static const struct {
		uint64_t ms;
		unsigned index;
	} cases[] = { { 0, 0 }, { 1, 0 }, { 2, 1 }, { 4, 1 }, { 5, 2 }, { 16, 2 }, { 1024, 5 }, { 1025, 6 }, { 1 << 30, 6 } };
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t before = account->counters[COUNTER_LATENCY + cases[i].index];
		account_count_latency(account, cases[i].ms);
		assert_int_equal(account->counters[COUNTER_LATENCY + cases[i].index], before + 1);
	}
}

/*! The account of a zone that is loaded anew takes over all targets of those before, as they are planned. */
static void test_heirs(void **state)
{
	(void)state;

	assert_int_equal(sim_setup(NULL), 0);
	uv_loop_t loop;
	assert_int_equal(uv_loop_init(&loop), 0);
	resolvers_t resolvers = { 0 };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = 1, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage storage = { 0 };
	memcpy(&storage, &addr, sizeof(addr));
	assert_int_equal(resolvers_add(&resolvers, &storage), KNOT_EOK);
	counters_t common = { 0 };
	lanes_t lanes;
	lanes_init(&lanes, &loop, &resolvers, &common);

	sim_add(3);
	account_t *zone[3];
	for (unsigned i = 0; i < 3; i++) {
		zone[i] = account_open(NAME_APEX, &(refresh_options_t){ .timeout = 1000 + i }, 0, publish, &published);
		zone[i]->predecessor = i > 0 ? account_ref(zone[i - 1]) : NULL;
		assert_true(lanes_admit(&lanes, zone[i]) && lanes_admit(&lanes, zone[i]));
		account_charge(zone[i], sim.target[i]);
	}
	lanes_publish(&lanes, false);
	assert_int_equal(published, 3);
	assert_ptr_equal(account_of(sim.target[0]), zone[2]);
	assert_ptr_equal(account_of(sim.target[2]), zone[2]);
	assert_int_equal(zone[0]->targets, 0);
	assert_int_equal(zone[1]->targets, 1);

	/* They leave when their zones are gone and nothing is on them. */
	account_t *heir = account_ref(zone[2]);
	for (unsigned i = 0; i < 3; i++) {
		account_close(zone[i]);
	}
	lanes_sweep(&lanes);
	assert_ptr_equal(sim.target[1]->account, zone[1]);
	for (unsigned i = 0; i < 3; i += 2) {
		account_charge(&sim.account, sim.target[i]);
	}
	lanes_sweep(&lanes);
	assert_null(heir->lane);
	assert_ptr_equal(account_of(sim.target[1]), zone[1]);
	assert_non_null(zone[1]->lane);
	for (unsigned i = 0; i < 3; i++) {
		account_charge(&sim.account, sim.target[i]);
	}
	lanes_sweep(&lanes);
	assert_true(cds_list_empty(&lanes.accounts));
	assert_true(cds_list_empty(&lanes.list));
	assert_int_equal(heir->refs, 1);
	account_unref(heir);

	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(sim_teardown(NULL), 0);
}

/*! After a pause a second's worth at once, then one after the other; turns taken are kept. */
static void test_turns(void **state)
{
	(void)state;

	for (unsigned i = 0; i <= 10; i++) {
		assert_true(account_take_turn(account, T0) <= T0);
	}
	for (unsigned i = 1; i <= 100; i++) {
		assert_int_equal(account_take_turn(account, T0), T0 + 100 * i);
	}
	assert_int_equal(account_take_turn(account, T0 + 5 * S), T0 + 10100);
	assert_true(account_take_turn(account, T0 + 60 * S) <= T0 + 60 * S);

	account->rate = 0;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(account_take_turn(account, T0 + 60 * S), T0 + 60 * S);
	}
}

/*! The planner keeps a zone to its rate, whatever its queries are for; others do not notice. */
static void test_zone_rate(void **state)
{
	(void)state;

	static const unsigned names = 100, seconds = 60;
	assert_int_equal(sim_setup(NULL), 0);
	sim_add(names);
	for (unsigned i = 0; i < names / 2; i++) {
		account_charge(account, sim.target[i]);
	}
	for (unsigned t = 0; t < seconds; t++) {
		for (unsigned i = 0; i < names; i++) {
			sim_ask(i);
		}
		sim_run(1 * S);
	}

	unsigned limited = 0, others = 0;
	for (unsigned i = 0; i < sim.queries; i++) {
		*(sim.query[i].number < names / 2 ? &limited : &others) += 1;
	}
	assert_in_range(limited, names * ADDR_TYPES / 2, account->rate * (seconds + 1) + 1);
	assert_int_equal(account->counters[COUNTER_QUERIES], limited);
	assert_true(account->counters[COUNTER_DELAYED] >= names * ADDR_TYPES / 2 - 2 * account->rate);
	assert_true(account->delayed);
	assert_int_equal(sim_counter(COUNTER_QUERIES), others);
	assert_int_equal(sim_counter(COUNTER_DELAYED), 0);

	/* All others were there within the first second, those of the zone by and by. */
	for (unsigned i = 0; i < sim.queries && sim.query[i].at < SIM_T0 + S; i++) {
		others -= (sim.query[i].number >= names / 2);
	}
	assert_true(others <= names / 2 * ADDR_TYPES * 2);
	for (unsigned i = 0; i < names; i++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			assert_non_null(sim.target[i]->entry[id].answer);
		}
	}
	for (unsigned i = 0; i < names / 2; i++) {
		account_charge(NULL, sim.target[i]);
	}
	assert_int_equal(account->targets, 0);
	assert_int_equal(sim_teardown(NULL), 0);
}

/*! A request of a zone that is gone may come after its account has been let go: it is taken up again. */
static void test_late_request(void **state)
{
	(void)state;

	static const resolvers_t set = { .count = 1, .server = { { AF_INET, 53, { 127, 0, 0, 1 } } } };
	static counters_t common;
	uv_loop_t loop;
	lanes_t lanes;
	assert_int_equal(uv_loop_init(&loop), 0);
	lanes_init(&lanes, &loop, &set, &common);

	assert_true(lanes_admit(&lanes, account));
	account_close(account_ref(account));
	lanes_sweep(&lanes);
	assert_true(cds_list_empty(&lanes.accounts) && cds_list_empty(&lanes.list));

	assert_true(lanes_admit(&lanes, account));
	assert_false(cds_list_empty(&lanes.list));
	assert_ptr_equal(account->lane, lanes.list.next);
	assert_ptr_equal(lanes.accounts.next, &account->node);
	account_count(account, COUNTER_REFUSED);

	lanes_sweep(&lanes);
	assert_true(cds_list_empty(&lanes.accounts) && cds_list_empty(&lanes.changes));
	lanes_close(&lanes);
	lanes_deinit(&lanes);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/*! Targets that leave before their turn leave it to others: the line is no longer than there are targets in it. */
static void test_turns_of_evicted(void **state)
{
	(void)state;

	assert_int_equal(sim_setup(NULL), 0);
	for (unsigned i = 0; i < 1000; i++) {
		sim_add(1);
		account_charge(account, sim.target[i]);
		sim_ask(i);
		while (sim_next().kind == PLAN_ASK) {
		}
		if (!sim.target[i]->entry[ADDR_A].busy) {
			assert_in_range(sim.target[i]->rate_slot, sim.now + 1, sim.now + 1 * S);
			account_charge(NULL, sim.target[i]);
			sim_remove(i);
		}
	}
	for (unsigned i = 0; i < sim.count; i++) {
		if (sim.target[i] != NULL) {
			account_charge(NULL, sim.target[i]);
		}
	}
	assert_true(account_take_turn(account, sim.now) <= sim.now + 1 * S);
	assert_int_equal(sim_teardown(NULL), 0);
}

/*! Whether the resolver is back is for all zones to know: a probe does not wait for its zone's turn. */
static void test_probe(void **state)
{
	(void)state;

	static const unsigned names = 100;
	assert_int_equal(sim_setup(NULL), 0);
	sim_add(names);
	for (unsigned i = 0; i < names; i++) {
		sim_ask(i);
	}
	sim_run(50 * S);
	sim.resolver = sim_servfail;
	sim_run(30 * S);
	assert_true(health_is_down(&sim.planner.health));
	for (unsigned i = 0; i < names; i++) {
		account_charge(account, sim.target[i]);
	}
	for (unsigned i = 0; i < 1000; i++) {
		account_take_turn(account, sim.now);
	}
	sim_run(2 * S);
	assert_int_equal(account->counters[COUNTER_QUERIES], 0);
	for (unsigned i = 0; health_wants_probe(&sim.planner.health, sim.now); i++) {
		assert_true(i < names);
		sim_ask(i);
	}

	/* It counts when it leaves, like all queries, of which it is one. */
	assert_int_equal(account->counters[COUNTER_PROBES], 0);
	sim_run(1);
	assert_int_equal(account->counters[COUNTER_PROBES], 1);
	assert_int_equal(account->counters[COUNTER_QUERIES], 1);
	for (unsigned i = 0; i < names; i++) {
		account_charge(NULL, sim.target[i]);
	}
	assert_int_equal(sim_teardown(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_latency, setup, teardown),
		cmocka_unit_test_setup_teardown(test_heirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zone_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns_of_evicted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
