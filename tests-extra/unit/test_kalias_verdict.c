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

static facts_t facts;
static said_t target[ALIAS_TARGETS_MAX][ADDR_TYPES];

/* clang-format off */
exit_t (fail)(const char *format, ...)
/* clang-format on */
{
	(void)format;
	abort();
}

static void say(said_t *said, said_kind_t kind)
{
	said_clear(said);
	said->kind = kind;
	said->rcode = (kind == SAID_ERROR) ? KNOT_RCODE_SERVFAIL : KNOT_RCODE_NOERROR;
}

static void say_addresses(said_t *said, const char *first, const char *second)
{
	said_clear(said);
	said_add(said, (const uint8_t *)first, IPV4_LEN);
	if (second != NULL) {
		said_add(said, (const uint8_t *)second, IPV4_LEN);
	}
}

static void make_stale(said_t *said)
{
	said->has_ede = true;
	said->ede = KNOT_EDNS_EDE_STALE;
}

/*! One target, with an A that is served. */
static int setup(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	memset(target, 0, sizeof(target));
	facts.module = MODULE_PRESENT;
	facts.count = 1;
	for (unsigned i = 0; i < ALIAS_TARGETS_MAX; i++) {
		facts.target[i] = target[i];
		say(&target[i][ADDR_AAAA], SAID_NODATA);
	}
	say_addresses(&target[0][ADDR_A], NEW, NULL);
	say_addresses(&facts.plain[ADDR_A], NEW, NULL);
	say(&facts.plain[ADDR_AAAA], SAID_NODATA);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (addr_type_t family = 0; family < ADDR_TYPES; family++) {
		said_clear(&facts.own[family]);
		said_clear(&facts.plain[family]);
		said_clear(&facts.secure[family]);
		for (unsigned i = 0; i < ALIAS_TARGETS_MAX; i++) {
			said_clear(&target[i][family]);
		}
	}
	return 0;
}

static void test_agree(void **state)
{
	(void)state;
	assert_int_equal(judge(&facts), 0);

	/* Rotation: some of many are enough. */
	say_addresses(&target[0][ADDR_A], OTHER, NEW);
	say_addresses(&facts.plain[ADDR_A], NEW, OLD);
	assert_int_equal(judge(&facts), 0);

	/* Several targets: some of each. */
	facts.count = 3;
	say_addresses(&target[1][ADDR_A], OLD, NULL);
	say(&target[2][ADDR_A], SAID_NODATA);
	say_addresses(&target[2][ADDR_AAAA], NEW, NULL);
	say_addresses(&facts.plain[ADDR_AAAA], NEW, NULL);
	assert_int_equal(judge(&facts), 0);
	say_addresses(&facts.plain[ADDR_A], OLD, NULL);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DIFFERS));
}

static void test_differs(void **state)
{
	(void)state;
	say_addresses(&facts.plain[ADDR_A], OLD, NULL);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DIFFERS));
	make_stale(&facts.plain[ADDR_A]);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DIFFERS) | BIT(PROBLEM_STALE));

	/* The target has lost them. */
	say_addresses(&facts.plain[ADDR_A], OLD, NULL);
	say(&target[0][ADDR_A], SAID_NODATA);
	say_addresses(&target[0][ADDR_AAAA], NEW, NULL);
	say_addresses(&facts.plain[ADDR_AAAA], NEW, NULL);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DIFFERS));

	/* The server has not seen them yet. */
	say_addresses(&target[0][ADDR_A], NEW, NULL);
	say(&facts.plain[ADDR_A], SAID_NODATA);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DIFFERS));
}

static void test_not_served(void **state)
{
	(void)state;
	say(&facts.plain[ADDR_A], SAID_NODATA);
	assert_int_equal(judge(&facts), BIT(PROBLEM_NOT_SERVED));
	say(&facts.plain[ADDR_A], SAID_NXDOMAIN);
	assert_int_equal(judge(&facts), BIT(PROBLEM_NOT_SERVED));
	say(&facts.plain[ADDR_A], SAID_ERROR);
	facts.plain[ADDR_A].rcode = KNOT_RCODE_REFUSED;
	assert_int_equal(judge(&facts), BIT(PROBLEM_NOT_SERVED));

	say_addresses(&facts.plain[ADDR_A], NEW, NULL);
	facts.module = MODULE_ABSENT;
	assert_int_equal(judge(&facts), BIT(PROBLEM_NOT_SERVED));
}

static void test_server_fails(void **state)
{
	(void)state;
	say(&facts.plain[ADDR_A], SAID_ERROR);
	assert_int_equal(judge(&facts), BIT(PROBLEM_SERVFAIL));
	say(&facts.plain[ADDR_A], SAID_NOTHING);
	assert_int_equal(judge(&facts), BIT(PROBLEM_NO_ANSWER));
}

static void test_stale(void **state)
{
	(void)state;
	make_stale(&facts.plain[ADDR_A]);
	assert_int_equal(judge(&facts), BIT(PROBLEM_STALE));

	/* nxdomain: hold. The old addresses are meant to be there. */
	say(&target[0][ADDR_A], SAID_NXDOMAIN);
	say(&target[0][ADDR_AAAA], SAID_NXDOMAIN);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DANGLING) | BIT(PROBLEM_STALE));
}

static void test_targets(void **state)
{
	(void)state;
	say(&facts.plain[ADDR_A], SAID_NODATA);
	say(&target[0][ADDR_A], SAID_NODATA);
	assert_int_equal(judge(&facts), BIT(PROBLEM_NO_ADDRESS));
	say(&target[0][ADDR_A], SAID_NXDOMAIN);
	say(&target[0][ADDR_AAAA], SAID_NXDOMAIN);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DANGLING));

	/* Nothing to compare with: whatever the server has is not wrong for that. */
	say(&target[0][ADDR_A], SAID_ERROR);
	say(&target[0][ADDR_AAAA], SAID_NOTHING);
	assert_int_equal(judge(&facts), BIT(PROBLEM_UNRESOLVED));
	say_addresses(&facts.plain[ADDR_A], OLD, NULL);
	assert_int_equal(judge(&facts), BIT(PROBLEM_UNRESOLVED));

	/* One that is dead beside one that is well. */
	facts.count = 2;
	say_addresses(&target[0][ADDR_A], OLD, NULL);
	say(&target[0][ADDR_AAAA], SAID_NODATA);
	say(&target[1][ADDR_A], SAID_NXDOMAIN);
	say(&target[1][ADDR_AAAA], SAID_NXDOMAIN);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DANGLING));
}

static void test_sibling(void **state)
{
	(void)state;
	say_addresses(&facts.own[ADDR_A], OWN, NULL);
	assert_int_equal(judge(&facts), 0);

	/* The own ones alone, though the target has some. */
	say_addresses(&facts.plain[ADDR_A], OWN, NULL);
	assert_int_equal(judge(&facts), BIT(PROBLEM_NOT_SERVED));
	facts.sibling = SIBLING_MERGE;
	assert_int_equal(judge(&facts), BIT(PROBLEM_NOT_SERVED));
	facts.sibling = SIBLING_OVERRIDE;
	assert_int_equal(judge(&facts), 0);
	facts.sibling = SIBLING_FALLBACK;
	facts.module = MODULE_UNKNOWN;
	assert_int_equal(judge(&facts), 0);
	facts.module = MODULE_PRESENT;

	/* Both. */
	say_addresses(&facts.plain[ADDR_A], OWN, NEW);
	facts.sibling = SIBLING_MERGE;
	assert_int_equal(judge(&facts), 0);

	/* The own ones, as the target has none. */
	say_addresses(&facts.plain[ADDR_A], OWN, NULL);
	say(&target[0][ADDR_A], SAID_NODATA);
	assert_int_equal(judge(&facts), BIT(PROBLEM_NO_ADDRESS));

	/* Override, and something else. */
	facts.sibling = SIBLING_OVERRIDE;
	say_addresses(&target[0][ADDR_A], NEW, NULL);
	say_addresses(&facts.plain[ADDR_A], NEW, NULL);
	assert_int_equal(judge(&facts), BIT(PROBLEM_DIFFERS));
}

static void test_signed(void **state)
{
	(void)state;
	facts.zone_signed = true;
	say_addresses(&facts.secure[ADDR_A], NEW, NULL);
	say(&facts.secure[ADDR_AAAA], SAID_NODATA);
	assert_int_equal(judge(&facts), BIT(PROBLEM_UNSIGNED));
	facts.secure[ADDR_A].is_signed = true;
	assert_int_equal(judge(&facts), 0);

	/* The zone's own answer. */
	say(&facts.secure[ADDR_A], SAID_NODATA);
	assert_int_equal(judge(&facts), BIT(PROBLEM_UNSIGNED));
	say_addresses(&facts.secure[ADDR_A], OWN, NULL);
	facts.secure[ADDR_A].is_signed = true;
	assert_int_equal(judge(&facts), BIT(PROBLEM_UNSIGNED));

	say(&facts.secure[ADDR_A], SAID_NOTHING);
	assert_int_equal(judge(&facts), BIT(PROBLEM_NO_ANSWER));
	facts.zone_signed = false;
	assert_int_equal(judge(&facts), 0);
}

static void test_zone_data(void **state)
{
	(void)state;
	facts.malformed = facts.cname = facts.loop = true;
	assert_int_equal(judge(&facts), BIT(PROBLEM_MALFORMED) | BIT(PROBLEM_CNAME) | BIT(PROBLEM_LOOP));
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
}

static void test_sets(void **state)
{
	(void)state;
	said_t a = { 0 }, b = { 0 };
	assert_false(said_meet(&a, &b));
	say_addresses(&a, NEW, OLD);
	assert_false(said_meet(&a, &b) || said_meet(&b, &a));
	say_addresses(&b, OTHER, OWN);
	assert_false(said_meet(&a, &b) || said_meet(&b, &a));

	/* Sorted, without doubles. */
	said_add(&b, (const uint8_t *)OLD, IPV4_LEN);
	said_add(&b, (const uint8_t *)OTHER, IPV4_LEN);
	assert_int_equal(b.count, 3);
	assert_memory_equal(b.addr[0], OLD, IPV4_LEN);
	assert_memory_equal(b.addr[2], OWN, IPV4_LEN);
	assert_true(said_meet(&a, &b) && said_meet(&b, &a));
	said_clear(&a);
	said_clear(&b);
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
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
