/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Before cmocka, which has a macro fail(). */
#include "kalias/judge.h"
#include "kalias/kalias.h"

#include "test.h"

#include <stdlib.h>

#define BIT(problem) (1U << (problem))

#define OWN "\xC0\x00\x02\x64"
#define OLD "\xC0\x00\x02\x01"
#define NEW "\xC0\x00\x02\x02"
#define OTHER "\xC0\x00\x02\x03"
#define IPV4_LEN 4

static findings_t findings;
static observed_t target[ALIAS_TARGETS_MAX][ADDR_TYPES];

/* clang-format off */
exit_t (fail)(const char *format, ...)
/* clang-format on */
{
	(void)format;
	abort();
}

static void set_kind(observed_t *observed, observed_kind_t kind)
{
	observed_clear(observed);
	observed->kind = kind;
	observed->rcode = (kind == OBSERVED_ERROR) ? KNOT_RCODE_SERVFAIL : KNOT_RCODE_NOERROR;
}

static void set_addresses(observed_t *observed, const char *first, const char *second)
{
	observed_clear(observed);
	observed_add_address(observed, (const uint8_t *)first, IPV4_LEN);
	if (second != NULL) {
		observed_add_address(observed, (const uint8_t *)second, IPV4_LEN);
	}
}

static void make_stale(observed_t *observed)
{
	observed->has_ede = true;
	observed->ede = KNOT_EDNS_EDE_STALE;
}

/*! One target, with an A that is served. */
static int setup(void **state)
{
	(void)state;
	memset(&findings, 0, sizeof(findings));
	memset(target, 0, sizeof(target));
	findings.module = MODULE_PRESENT;
	findings.count = 1;
	for (unsigned i = 0; i < ALIAS_TARGETS_MAX; i++) {
		findings.target[i] = target[i];
		set_kind(&target[i][ADDR_AAAA], OBSERVED_NODATA);
	}
	set_addresses(&target[0][ADDR_A], NEW, NULL);
	set_addresses(&findings.plain[ADDR_A], NEW, NULL);
	set_kind(&findings.plain[ADDR_AAAA], OBSERVED_NODATA);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		observed_clear(&findings.own[type]);
		observed_clear(&findings.plain[type]);
		observed_clear(&findings.secure[type]);
		for (unsigned i = 0; i < ALIAS_TARGETS_MAX; i++) {
			observed_clear(&target[i][type]);
		}
	}
	return 0;
}

static void test_agree(void **state)
{
	(void)state;
	assert_int_equal(judge_owner(&findings), 0);

	/* Rotation: some of many are enough. */
	set_addresses(&target[0][ADDR_A], OTHER, NEW);
	set_addresses(&findings.plain[ADDR_A], NEW, OLD);
	assert_int_equal(judge_owner(&findings), 0);

	/* Several targets: some of each. */
	findings.count = 3;
	set_addresses(&target[1][ADDR_A], OLD, NULL);
	set_kind(&target[2][ADDR_A], OBSERVED_NODATA);
	set_addresses(&target[2][ADDR_AAAA], NEW, NULL);
	set_addresses(&findings.plain[ADDR_AAAA], NEW, NULL);
	assert_int_equal(judge_owner(&findings), 0);
	set_addresses(&findings.plain[ADDR_A], OLD, NULL);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DIFFERS));
}

static void test_differs(void **state)
{
	(void)state;
	set_addresses(&findings.plain[ADDR_A], OLD, NULL);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DIFFERS));
	make_stale(&findings.plain[ADDR_A]);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DIFFERS) | BIT(PROBLEM_STALE));

	/* The target has lost them. */
	set_addresses(&findings.plain[ADDR_A], OLD, NULL);
	set_kind(&target[0][ADDR_A], OBSERVED_NODATA);
	set_addresses(&target[0][ADDR_AAAA], NEW, NULL);
	set_addresses(&findings.plain[ADDR_AAAA], NEW, NULL);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DIFFERS));

	/* The server has not seen them yet. */
	set_addresses(&target[0][ADDR_A], NEW, NULL);
	set_kind(&findings.plain[ADDR_A], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_INCOMPLETE));
}

static void test_not_served(void **state)
{
	(void)state;
	set_kind(&findings.plain[ADDR_A], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NOT_SERVED));
	set_kind(&findings.plain[ADDR_A], OBSERVED_NXDOMAIN);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NOT_SERVED));
	set_kind(&findings.plain[ADDR_A], OBSERVED_ERROR);
	findings.plain[ADDR_A].rcode = KNOT_RCODE_REFUSED;
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NOT_SERVED));

	set_addresses(&findings.plain[ADDR_A], NEW, NULL);
	findings.module = MODULE_ABSENT;
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NOT_SERVED));

	/* Knot's own module serves what it can. */
	findings.module = MODULE_BUILTIN;
	assert_int_equal(judge_owner(&findings), 0);
	findings.builtin = true;
	assert_int_equal(judge_status(judge_owner(&findings)), PROBLEM_BUILTIN);
}

static void test_server_fails(void **state)
{
	(void)state;
	set_kind(&findings.plain[ADDR_A], OBSERVED_ERROR);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_SERVFAIL));
	set_kind(&findings.plain[ADDR_A], OBSERVED_NOTHING);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NO_ANSWER));
}

static void test_stale(void **state)
{
	(void)state;
	make_stale(&findings.plain[ADDR_A]);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_STALE));

	/* nxdomain: hold. The old addresses are meant to be there. */
	set_kind(&target[0][ADDR_A], OBSERVED_NXDOMAIN);
	set_kind(&target[0][ADDR_AAAA], OBSERVED_NXDOMAIN);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DANGLING) | BIT(PROBLEM_STALE));
}

static void test_targets(void **state)
{
	(void)state;
	set_kind(&findings.plain[ADDR_A], OBSERVED_NODATA);
	set_kind(&target[0][ADDR_A], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NO_ADDRESS));
	set_kind(&target[0][ADDR_A], OBSERVED_NXDOMAIN);
	set_kind(&target[0][ADDR_AAAA], OBSERVED_NXDOMAIN);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DANGLING));

	/* Nothing to compare with: whatever the server has is not wrong for that. */
	set_kind(&target[0][ADDR_A], OBSERVED_ERROR);
	set_kind(&target[0][ADDR_AAAA], OBSERVED_NOTHING);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_UNRESOLVED));
	set_addresses(&findings.plain[ADDR_A], OLD, NULL);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_UNRESOLVED));

	/* One that is dead beside one that is well. */
	findings.count = 2;
	set_addresses(&target[0][ADDR_A], OLD, NULL);
	set_kind(&target[0][ADDR_AAAA], OBSERVED_NODATA);
	set_kind(&target[1][ADDR_A], OBSERVED_NXDOMAIN);
	set_kind(&target[1][ADDR_AAAA], OBSERVED_NXDOMAIN);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DANGLING));
}

static void test_sibling(void **state)
{
	(void)state;
	set_addresses(&findings.own[ADDR_A], OWN, NULL);
	assert_int_equal(judge_owner(&findings), 0);

	/* The own ones alone, though the target has some. */
	set_addresses(&findings.plain[ADDR_A], OWN, NULL);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NOT_SERVED));
	findings.sibling = SIBLING_MERGE;
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NOT_SERVED));
	findings.sibling = SIBLING_OVERRIDE;
	assert_int_equal(judge_owner(&findings), 0);
	findings.sibling = SIBLING_FALLBACK;
	findings.module = MODULE_UNKNOWN;
	assert_int_equal(judge_owner(&findings), 0);
	findings.module = MODULE_PRESENT;

	/* Both. */
	set_addresses(&findings.plain[ADDR_A], OWN, NEW);
	findings.sibling = SIBLING_MERGE;
	assert_int_equal(judge_owner(&findings), 0);

	/* The own ones, as the target has none. */
	set_addresses(&findings.plain[ADDR_A], OWN, NULL);
	set_kind(&target[0][ADDR_A], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NO_ADDRESS));

	/* Override, and something else. */
	findings.sibling = SIBLING_OVERRIDE;
	set_addresses(&target[0][ADDR_A], NEW, NULL);
	set_addresses(&findings.plain[ADDR_A], NEW, NULL);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_INCOMPLETE));
}

static void test_signed(void **state)
{
	(void)state;
	findings.zone_signed = true;
	set_addresses(&findings.secure[ADDR_A], NEW, NULL);
	set_kind(&findings.secure[ADDR_AAAA], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_UNSIGNED));
	findings.secure[ADDR_A].is_signed = true;
	assert_int_equal(judge_owner(&findings), 0);

	/* The zone's own answer. */
	set_kind(&findings.secure[ADDR_A], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_UNSIGNED));
	set_addresses(&findings.secure[ADDR_A], OWN, NULL);
	findings.secure[ADDR_A].is_signed = true;
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_UNSIGNED));

	set_kind(&findings.secure[ADDR_A], OBSERVED_NOTHING);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NO_ANSWER));
	findings.zone_signed = false;
	assert_int_equal(judge_owner(&findings), 0);
}

static void test_zone_data(void **state)
{
	(void)state;
	findings.malformed = findings.cname = findings.loop = true;
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_MALFORMED) | BIT(PROBLEM_CNAME) | BIT(PROBLEM_LOOP));
}

/*! What the section rules out is not expected of the server. */
static void test_denied(void **state)
{
	(void)state;
	const knot_dname_t *const name = (const knot_dname_t *)"\1t\3net";
	rules_t rules = { 0 };
	rules_deny_network(&rules.deny_address, "192.0.2.2");
	rules_deny_network(&rules.deny_address, "nonsense");
	rules_seal(&rules);
	findings.rules = &rules;
	findings.name[0] = name;
	set_kind(&findings.plain[ADDR_A], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DENIED));

	/* With one that is left, the server should have it. */
	set_addresses(&target[0][ADDR_A], NEW, OLD);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_NOT_SERVED));
	set_addresses(&findings.plain[ADDR_A], OLD, NULL);
	assert_int_equal(judge_owner(&findings), 0);
	rules_free(&rules);

	/* A name that is ruled out: whether it exists does not matter. */
	memset(&rules, 0, sizeof(rules));
	assert_int_equal(name_set_add(&rules.deny_target, name), KNOT_EOK);
	rules_seal(&rules);
	set_kind(&findings.plain[ADDR_A], OBSERVED_NODATA);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DENIED));
	set_kind(&target[0][ADDR_A], OBSERVED_NXDOMAIN);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DENIED));
	rules_free(&rules);

	memset(&rules, 0, sizeof(rules));
	assert_int_equal(name_set_add(&rules.allow_target, (const knot_dname_t *)"\3org"), KNOT_EOK);
	rules_seal(&rules);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DENIED));
	rules_free(&rules);

	/* One that is ruled out may have the addresses of another one. */
	memset(&rules, 0, sizeof(rules));
	assert_int_equal(name_set_add(&rules.deny_target, name), KNOT_EOK);
	rules_seal(&rules);
	findings.count = 2;
	findings.name[1] = (const knot_dname_t *)"\3org";
	for (unsigned i = 0; i < 2; i++) {
		set_addresses(&target[i][ADDR_A], NEW, NULL);
	}
	set_addresses(&findings.plain[ADDR_A], NEW, NULL);
	assert_int_equal(judge_owner(&findings), BIT(PROBLEM_DENIED));
	rules_free(&rules);

	/* Nobody has to do anything about these. */
	assert_false(judge_fails(0) || judge_fails(BIT(PROBLEM_DENIED) | BIT(PROBLEM_DIFFERS)));
	assert_true(judge_fails(BIT(PROBLEM_UNSIGNED)) && judge_fails(BIT(PROBLEM_INCOMPLETE)) && judge_fails(BIT(PROBLEM_MALFORMED) | BIT(PROBLEM_DIFFERS)));
}

static void test_status(void **state)
{
	(void)state;
	assert_string_equal(problem_name(judge_status(0)), "ok");
	assert_int_equal(judge_status(BIT(PROBLEM_SERVFAIL) | BIT(PROBLEM_LOOP)), PROBLEM_LOOP);
	for (problem_t problem = 0; problem < PROBLEMS; problem++) {
		assert_int_equal(judge_status(BIT(problem)), problem);
		assert_non_null(problem_name(problem));
	}

	/* What time does not heal is not looked at again. */
	assert_false(judge_again(0));
	assert_false(judge_again(BIT(PROBLEM_MALFORMED) | BIT(PROBLEM_LOOP) | BIT(PROBLEM_DANGLING)));
	assert_true(judge_again(BIT(PROBLEM_DANGLING) | BIT(PROBLEM_DIFFERS)));

	/* A resolver that has answered is not asked again because the server fails. */
	const observed_t answered[ADDR_TYPES] = { { .kind = OBSERVED_NODATA }, { .kind = OBSERVED_ADDRESSES } };
	const observed_t half[ADDR_TYPES] = { { .kind = OBSERVED_NODATA }, { .kind = OBSERVED_NOTHING } };
	assert_false(judge_target_again(BIT(PROBLEM_SERVFAIL) | BIT(PROBLEM_NO_ANSWER), answered));
	assert_true(judge_target_again(BIT(PROBLEM_SERVFAIL), half));
	assert_true(judge_target_again(BIT(PROBLEM_STALE), answered));
}

static void test_sets(void **state)
{
	(void)state;
	observed_t a = { 0 }, b = { 0 };
	assert_false(observed_meet(&a, &b));
	set_addresses(&a, NEW, OLD);
	assert_false(observed_meet(&a, &b) || observed_meet(&b, &a));
	set_addresses(&b, OTHER, OWN);
	assert_false(observed_meet(&a, &b) || observed_meet(&b, &a));

	/* Sorted, without doubles. */
	observed_add_address(&b, (const uint8_t *)OLD, IPV4_LEN);
	observed_add_address(&b, (const uint8_t *)OTHER, IPV4_LEN);
	assert_int_equal(b.count, 3);
	assert_memory_equal(b.addr[0], OLD, IPV4_LEN);
	assert_memory_equal(b.addr[2], OWN, IPV4_LEN);
	assert_true(observed_meet(&a, &b) && observed_meet(&b, &a));
	observed_clear(&a);
	observed_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_served, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale, setup, teardown),
		cmocka_unit_test_setup_teardown(test_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sibling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zone_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
