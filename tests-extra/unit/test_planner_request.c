/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include "sim.h"

#define S 1000ULL
#define BOTH ((1U << ADDR_A) | (1U << ADDR_AAAA))

/* --- requests --- */

static void request(unsigned number, unsigned wait, uint64_t made)
{
	planner_request(&sim.planner, sim.target[number], (wishes_t){ .wait = wait }, made, sim.now);
}

static void test_request(void **state)
{
	(void)state;

	sim_add(1);
	entry_t *entry = &sim.target[0]->entry[ADDR_A];
	request(0, 1 << ADDR_A, sim.now);
	plan_t plan = sim_next();
	assert_int_equal(plan.kind, PLAN_ASK);
	assert_int_equal(plan.id, ADDR_A);
	assert_int_equal(entry->asked, ASKED_WAIT);

	/* Of an entry that is being asked for, one query is enough. */
	request(0, 1 << ADDR_A, sim.now);
	assert_int_equal(sim_next().kind, PLAN_NOTHING);
	request(0, BOTH, sim.now);
	plan_t other = sim_next();
	assert_int_equal(other.kind, PLAN_ASK);
	assert_int_equal(other.id, ADDR_AAAA);
	assert_int_equal(sim_next().kind, PLAN_NOTHING);

	/* A worker that looked before the result was there could not know. */
	uint64_t made = sim.now;
	sim.now += 1;
	sim_land(&plan, true, 60);
	assert_int_equal(entry->asked, ASKED_NOT);
	entry->asked = ASKED_WAIT;
	request(0, 1 << ADDR_A, made);
	assert_int_equal(entry->asked, ASKED_NOT);
	request(0, 1 << ADDR_A, sim.now);
	assert_int_equal(sim_next().kind, PLAN_NOTHING);
	request(0, 1 << ADDR_A, sim.now + 1);
	assert_int_equal(sim_next().kind, PLAN_ASK);
}

/*! A client that waits raises what was only due; one that doesn't lowers nothing. */
static void test_request_raised(void **state)
{
	(void)state;

	sim_add(2);
	sim.planner.max_rate = 1;
	for (unsigned i = 0; i < 2; i++) {
		sim_publish(i, ADDR_A, 10 + i);
		planner_request(&sim.planner, sim.target[i], (wishes_t){ .refresh = 1 << ADDR_A }, sim.now, sim.now);
	}
	request(1, 1 << ADDR_A, sim.now);
	planner_request(&sim.planner, sim.target[1], (wishes_t){ .refresh = 1 << ADDR_A }, sim.now, sim.now);
	assert_int_equal(sim.target[1]->entry[ADDR_A].asked, ASKED_WAIT);
	sim_run(2 * S);
	assert_int_equal(sim.queries, 2);
	assert_int_equal(sim.query[0].number, 1);
	assert_false(sim.query[0].refresh);
	assert_int_equal(sim.query[1].number, 0);
	assert_true(sim.query[1].refresh);
}

/*! Where there is nothing to serve meanwhile, a failure suppresses all requests, of probes too. */
static void test_request_suppressed(void **state)
{
	(void)state;

	sim_add(1);
	entry_t *entry = &sim.target[0]->entry[ADDR_A];
	cache_fail(entry, 22, sim.now + 5 * S, sim.now);
	sim_replan(0);
	entry->asked = ASKED_WAIT;
	request(0, 1 << ADDR_A, sim.now);
	assert_int_equal(sim_next().kind, PLAN_NOTHING);
	assert_int_equal(entry->asked, ASKED_NOT);
	sim.now = entry->retry_at;
	request(0, 1 << ADDR_A, sim.now);
	plan_t plan = sim_next();
	assert_int_equal(plan.kind, PLAN_ASK);
	assert_true(plan.failing);
}

static void test_remove_wanted(void **state)
{
	(void)state;

	/* One of each heap. */
	sim_add(6);
	for (unsigned i = 0; i < 2; i++) {
		request(i, BOTH, sim.now);
		planner_request(&sim.planner, sim.target[2 + i], (wishes_t){ .refresh = BOTH }, sim.now, sim.now);
		sim_publish(4 + i, ADDR_A, 10);
		sim_replan(4 + i);
	}
	sim_remove(0);
	sim_remove(2);
	sim_remove(4);
	sim_run(9 * S);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(sim.entry[i][ADDR_A].queries, i % 2);
	}
}

/* --- restart --- */

/*! How long ago an answer expired, in s: different for each. */
static unsigned expired(unsigned number, unsigned names)
{
	return 1 + number * 7919 % names;
}

static void restore_all(unsigned names)
{
	sim_add(names);
	for (unsigned i = 0; i < names; i++) {
		sim_restore(i, ADDR_A, 60, sim.now - (60 + expired(i, names)) * S);
		sim_replan(i);
	}
}

static void test_restored(void **state)
{
	(void)state;

	enum { NAMES = 1000 };
	restore_all(NAMES);
	sim_run(1);
	assert_in_range(sim.queries, 1, 100);
	sim_run(2 * S);
	assert_int_equal(sim.queries, NAMES);
	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(expired(sim.query[i].number, NAMES), NAMES - i);
		assert_false(sim.target[i]->entry[ADDR_A].answer->restored);
		assert_true(sim.target[i]->entry[ADDR_A].warm);
	}
}

/*! Also what has not expired: it may have changed since. */
static void test_restored_fresh(void **state)
{
	(void)state;

	sim_add(1);
	sim_restore(0, ADDR_A, 3600, sim.now - 1 * S);
	sim_replan(0);
	sim_run(1);
	assert_int_equal(sim.queries, 1);
}

static void test_restored_many(void **state)
{
	(void)state;

	enum { NAMES = 5000 };
	restore_all(NAMES);
	sim_run(6 * S);
	assert_int_equal(sim.queries, NAMES);
	assert_in_range(sim_busiest(0, 1 * S), 1000, 1100);
	assert_int_equal(sim_counter(COUNTER_REFRESHES), NAMES);
}

/*! What nobody has used for long is there to fall back on, no more. */
static void test_restored_unused(void **state)
{
	(void)state;

	sim_add(1);
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		sim.target[0]->entry[i].used = sim.now - sim.tenant->options.refresh.keep_warm * S;
	}
	sim_restore(0, ADDR_A, 60, sim.now - 1 * S);
	assert_true(sim.target[0]->entry[ADDR_A].warm);
	sim_replan(0);
	assert_false(sim.target[0]->entry[ADDR_A].warm);
	sim_run(3600 * S);
	assert_int_equal(sim.queries, 0);
	assert_int_equal(sim.removed, 0);
}

/*! What no zone asks for is kept warm for an hour after the last of it has come, and served for longer. */
static void test_restored_unclaimed(void **state)
{
	(void)state;

	enum { HOUR = 3600 };
	tenant_t *zone = sim_tenant();
	sim.tenant->publish = NULL;
	sim_add(2);
	for (unsigned i = 0; i < 2; i++) {
		sim_restore(i, ADDR_A, 60, sim.now - 1 * S);
		sim_replan(i);
	}
	sim_run(HOUR / 2 * S);
	assert_in_range(sim.entry[0][ADDR_A].queries, HOUR / 2 / 60, HOUR / 2 / 40);
	sim_add(1);
	sim_run(HOUR / 2 * S);
	sim_forget();
	planner_charge(&sim.planner, sim.target[1], zone, sim.now);
	planner_request(&sim.planner, sim.target[1], (wishes_t){ 0 }, sim.now, sim.now);
	sim_run(HOUR / 2 * S);
	assert_in_range(sim.entry[0][ADDR_A].queries, HOUR / 2 / 60, HOUR / 2 / 40);
	sim_forget();
	sim_run(HOUR * S);
	assert_int_equal(sim.entry[0][ADDR_A].queries, 0);
	assert_false(sim.target[0]->entry[ADDR_A].warm);
	assert_in_range(sim.entry[1][ADDR_A].queries, HOUR / 60, HOUR / 40);

	/* A zone that asks later has it kept warm again. */
	planner_charge(&sim.planner, sim.target[0], zone, sim.now);
	planner_request(&sim.planner, sim.target[0], (wishes_t){ 0 }, sim.now, sim.now);
	sim_run(1 * S);
	assert_int_equal(sim.entry[0][ADDR_A].queries, 1);
	sim_remove(0);
	sim_remove(1);
	tenant_unref(zone);
}

#define test(name) cmocka_unit_test_setup_teardown(test_##name, sim_setup, sim_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(request),
		test(request_raised),
		test(request_suppressed),
		test(remove_wanted),
		test(restored),
		test(restored_fresh),
		test(restored_many),
		test(restored_unused),
		test(restored_unclaimed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
