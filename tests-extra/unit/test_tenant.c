/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <sys/param.h>

#include "engine/planner.h"
#include "engine/tenant.h"
#include "sim.h"

#define S 1000ULL
#define T0 (1ULL << 42)

/*! A loaded module: what it was handed. */
typedef struct {
	unsigned published;
	counters_t last;
} module_t;

static tenants_t tenants;
static tenant_t *tenant;
static module_t module;

static const counters_t common = { [COUNTER_TARGETS] = 5 };

static void publish(void *ctx, const counters_t own, const counters_t of_all)
{
	module_t *to = ctx;
	to->published++;
	memcpy(to->last, own, sizeof(to->last));
	to->last[COUNTER_TARGETS] = of_all[COUNTER_TARGETS];
}

static tenant_t *load(module_t *of, uint32_t timeout, uint32_t rate)
{
	const tenant_options_t options = { .refresh = { .timeout = timeout }, .rate = rate };
	return tenants_join(&tenants, NAME_APEX, &options, publish, of);
}

static int setup(void **state)
{
	(void)state;
	module = (module_t){ 0 };
	tenants_init(&tenants);
	tenant = load(&module, 7, 10);
	if (tenant == NULL) {
		return -1;
	}
	tenants_renew(&tenants);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tenant_leave(tenant, &module);
	tenants_deinit(&tenants);
	return 0;
}

static void test_publish(void **state)
{
	(void)state;

	tenant_count(tenant, COUNTER_QUERIES);
	tenant_count(tenant, COUNTER_QUERIES);
	assert_ptr_equal(tenants.changes.next, &tenant->changed);
	tenants_publish(&tenants, common);
	assert_true(cds_list_empty(&tenants.changes));
	assert_int_equal(module.published, 1);
	assert_int_equal(module.last[COUNTER_QUERIES], 2);
	assert_int_equal(module.last[COUNTER_TARGETS], 5);
	tenants_publish(&tenants, common);
	assert_int_equal(module.published, 1);

	/* Not after the zone has been unloaded, but who has a reference may go on counting. */
	tenant_leave(tenant_ref(tenant), &module);
	tenant_count(tenant, COUNTER_QUERIES);
	tenants_publish(&tenants, common);
	tenants_sweep(&tenants, common);
	assert_int_equal(module.published, 1);
}

static void test_latency(void **state)
{
	(void)state;

	static const struct {
		uint64_t ms;
		unsigned index;
	} cases[] = { { 0, 0 }, { 1, 0 }, { 2, 1 }, { 4, 1 }, { 5, 2 }, { 16, 2 }, { 1024, 5 }, { 1025, 6 }, { 1 << 30, 6 } };
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t before = tenant->counters[COUNTER_LATENCY + cases[i].index];
		tenant_count_latency(tenant, cases[i].ms);
		assert_int_equal(tenant->counters[COUNTER_LATENCY + cases[i].index], before + 1);
	}
}

/*! A zone that is loaded anew stays the same tenant, with new options and counters from 0; the old module is let go after. */
static void test_reload(void **state)
{
	(void)state;

	module_t again = { 0 };
	tenant_count(tenant, COUNTER_QUERIES);
	assert_ptr_equal(load(&again, 8, 20), tenant);
	assert_int_equal(tenant->options.refresh.timeout, 7);

	/* What was counted for the old one is not handed to the new one. */
	tenants_publish(&tenants, common);
	tenants_sweep(&tenants, common);
	assert_int_equal(module.published, 0);
	assert_int_equal(again.published, 0);
	tenants_renew(&tenants);
	tenants_publish(&tenants, common);
	assert_int_equal(module.published, 0);
	assert_int_equal(again.published, 1);
	assert_int_equal(again.last[COUNTER_QUERIES], 0);
	assert_int_equal(tenant->options.refresh.timeout, 8);
	assert_int_equal(tenant->options.rate, 20);

	/* The unload of the old module does not clear the way to the new one. */
	tenant_leave(tenant, &module);
	tenant_count(tenant, COUNTER_QUERIES);
	tenants_publish(&tenants, common);
	assert_int_equal(again.last[COUNTER_QUERIES], 1);
	assert_false(tenant_left(tenant));
	tenant_leave(tenant_ref(tenant), &again);
	assert_true(tenant_left(tenant));
	assert_false(tenant_is_gone(tenant, tenant->left_at + TENANT_LINGER_MS - 1));
	assert_true(tenant_is_gone(tenant, tenant->left_at + TENANT_LINGER_MS));
	tenant_count(tenant, COUNTER_QUERIES);
	tenants_publish(&tenants, common);
	assert_int_equal(again.published, 2);
	assert_ptr_equal(load(&again, 8, 20), tenant);
	assert_false(tenant_left(tenant));
	tenant_leave(tenant, &again);
}

/*! However many loads there are, in whatever order old modules leave: one tenant, and nothing is left of the others. */
static void test_reloads(void **state)
{
	(void)state;

	static module_t modules[1000];
	const module_t *old[2] = { &module, NULL };
	for (unsigned i = 0; i < 1000; i++) {
		assert_ptr_equal(load(&modules[i], i, 10), tenant);
		tenant_count(tenant, COUNTER_QUERIES);
		if (i % 3 == 0) {
			tenants_renew(&tenants);
			assert_int_equal(tenant->options.refresh.timeout, i);
			assert_int_equal(tenant->counters[COUNTER_QUERIES], 0);
		}
		if (old[1] != NULL) {
			tenant_leave(tenant, old[1]);
		}
		old[1] = old[0];
		old[0] = &modules[i];
		assert_in_range(tenant->refs, 3, 4);
	}
	tenants_renew(&tenants);
	assert_int_equal(tenant->options.refresh.timeout, 999);
	tenant_count(tenant, COUNTER_QUERIES);
	tenants_publish(&tenants, common);
	assert_int_equal(modules[999].last[COUNTER_QUERIES], 1);
	tenant_leave(tenant, old[1]);
	assert_int_equal(tenant->refs, 2);
}

/*! A zone is found while it is loaded, with the options of its last load. */
static void test_loaded(void **state)
{
	(void)state;

	tenant_options_t options = { 0 };
	assert_ptr_equal(tenants_loaded(&tenants, NAME_APEX, &options), tenant);
	assert_int_equal(options.refresh.timeout, 7);
	assert_null(tenants_loaded(&tenants, NAME_A, &options));
	module_t again = { 0 };
	tenant_leave(load(&again, 8, 20), &module);
	assert_ptr_equal(tenants_loaded(&tenants, NAME_APEX, &options), tenant);
	assert_int_equal(options.refresh.timeout, 8);
	tenant_leave(tenant, &again);
	assert_null(tenants_loaded(&tenants, NAME_APEX, &options));
	tenant_unref(tenant);
	assert_int_equal(tenant->refs, 2);
}

/*! A zone that has left before its load was taken over leaves nothing behind. */
static void test_renew_left(void **state)
{
	(void)state;

	module_t again = { 0 };
	tenant_leave(load(&again, 8, 20), &again);
	tenant_leave(tenant, &module);
	tenants_sweep(&tenants, common);
	tenants_renew(&tenants);
	assert_int_equal(again.published, 0);
	tenant = load(&module, 7, 10);
}

static bool has_tenant(void)
{
	unsigned count = 0;
	for (unsigned i = 0; i < TENANT_BUCKETS; i++) {
		count += !cds_list_empty(&tenants.bucket[i]);
	}
	return count > 0;
}

/*! A tenant stays for as long as its zone is loaded, anything is charged to it, or a request is on its way. */
static void test_needed(void **state)
{
	(void)state;

	assert_int_equal(sim_setup(NULL), 0);
	sim_add(1);
	planner_charge(&sim.planner, sim.target[0], tenant, sim.now);
	assert_false(sim.target[0]->unclaimed);
	tenants_sweep(&tenants, common);
	assert_true(has_tenant());

	tenant_t *request = tenant_ref(tenant);
	tenant_leave(tenant, &module);
	tenants_sweep(&tenants, common);
	sim.tenant->publish = NULL;
	planner_charge(&sim.planner, sim.target[0], sim.tenant, sim.now);
	assert_true(sim.target[0]->unclaimed);
	tenants_sweep(&tenants, common);
	assert_true(has_tenant());
	tenant->queries++;
	tenant_unref(request);
	tenants_sweep(&tenants, common);
	assert_true(has_tenant());
	tenant->queries--;
	tenants_sweep(&tenants, common);
	assert_false(has_tenant());

	/* It may come back. */
	tenant = load(&module, 7, 10);
	assert_int_equal(tenant->targets, 0);
	assert_int_equal(sim_teardown(NULL), 0);
}

/*! After a pause a second's worth at once, then one after the other. */
static void test_rate(void **state)
{
	(void)state;

	for (unsigned i = 1; i < 10; i++) {
		assert_true(tenant_take_slot(tenant, T0) <= T0);
	}
	for (unsigned i = 1; i <= 100; i++) {
		assert_int_equal(tenant_take_slot(tenant, T0), T0 + 100 * i);
	}
	assert_true(tenant_take_slot(tenant, T0 + 60 * S) <= T0 + 60 * S);

	tenant->options.rate = 0;
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(tenant_take_slot(tenant, T0 + 60 * S) <= T0);
	}
}

/*! A reload begins anew. */
static void test_rate_changed(void **state)
{
	(void)state;

	for (unsigned i = 0; i < 100; i++) {
		(void)tenant_take_slot(tenant, T0);
	}
	tenant_leave(load(&module, 7, 10000), NULL);
	assert_true(tenant_take_slot(tenant, T0) > T0);
	tenants_renew(&tenants);
	assert_true(tenant_take_slot(tenant, T0) <= T0);
}

/*! The planner keeps a zone to its rate, whatever its queries are for; others do not notice. */
static void test_zone_rate(void **state)
{
	(void)state;

	static const unsigned names = 100, seconds = 60;
	assert_int_equal(sim_setup(NULL), 0);
	sim_add(names);
	for (unsigned i = 0; i < names / 2; i++) {
		planner_charge(&sim.planner, sim.target[i], tenant, sim.now);
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
	assert_in_range(limited, names * ADDR_TYPES / 2, tenant->options.rate * (seconds + 1) + 1);
	assert_int_equal(tenant->counters[COUNTER_QUERIES], limited);
	assert_true(tenant->counters[COUNTER_DELAYED] >= names * ADDR_TYPES / 2 - 2 * tenant->options.rate);
	assert_true(tenant->delayed);
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
		tenant_charge(NULL, sim.target[i]);
	}
	assert_int_equal(tenant->targets, 0);
	assert_int_equal(sim_teardown(NULL), 0);
}

/*! While a tenant is held up it stays, and what comes and goes meanwhile is not counted as delayed. */
static void test_held(void **state)
{
	(void)state;

	assert_int_equal(sim_setup(NULL), 0);
	tenant->options.rate = 1;
	sim_add(1);
	planner_charge(&sim.planner, sim.target[0], tenant, sim.now);
	sim_ask(0);
	plan_t plan = sim_next();
	assert_int_equal(plan.kind, PLAN_ASK);
	assert_true(tenant_is_held(tenant));
	plan_t next = sim_next();
	assert_int_equal(next.kind, PLAN_NOTHING);
	assert_in_range(next.wait, 900, 1000);
	sim_land(&plan, true, 60);
	sim_remove(0);

	tenant_leave(tenant, &module);
	tenants_sweep(&tenants, common);
	assert_true(has_tenant());
	sim.now += next.wait;
	assert_int_equal(sim_next().kind, PLAN_NOTHING);
	assert_false(tenant_is_held(tenant));
	assert_int_equal(tenant->counters[COUNTER_DELAYED], 0);
	tenants_sweep(&tenants, common);
	assert_false(has_tenant());
	tenant = load(&module, 7, 10);
	assert_int_equal(sim_teardown(NULL), 0);
}

/*! After waits in vain there is none for longer and longer, then one at a time; an answer ends that. */
static void test_waits(void **state)
{
	(void)state;

	uint64_t now = T0, pause = 2 * S;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(tenant_may_wait(tenant, S, now));
		assert_int_equal(tenant_may_wait(tenant, S, now), i == 0);
		now += S;
		tenant_waited_in_vain(tenant, S, now);
		assert_false(tenant_may_wait(tenant, S, now));
		assert_false(tenant_may_wait(tenant, S, now + pause - 1));
		now += pause;
		pause = MIN(2 * pause, TENANT_PAUSE_MAX_MS);
	}

	/* Without a word from the first one, the next one may wait after its time. */
	assert_true(tenant_may_wait(tenant, S, now));
	assert_false(tenant_may_wait(tenant, S, now + S - 1));
	assert_true(tenant_may_wait(tenant, S, now + S));

	tenant_waited_well(tenant);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(tenant_may_wait(tenant, S, now));
	}
	tenant_waited_in_vain(tenant, S, now);
	assert_false(tenant_may_wait(tenant, S, now + 2 * S - 1));
	assert_true(tenant_may_wait(tenant, S, now + 2 * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_latency, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reloads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renew_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zone_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
