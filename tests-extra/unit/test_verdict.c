/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <libknot/consts.h>

#include "cache/schedule.h"
#include "cache/verdict.h"

#define S 1000ULL
#define T0 (5000 * S) /* When the answer came. */
#define DAY (86400 * S)

static policy_t policy;
static health_t health;
static answer_t answer;
static entry_t entry;

static int setup(void **state)
{
	(void)state;
	policy = (policy_t){
		.refresh = { .negative_ttl_max = 300, .failure_ttl = 5, .stale_max = 86400 }, .ttl_max = 86400
	};
	memset(&health, 0, sizeof(health));
	memset(&answer, 0, sizeof(answer));
	answer.received = T0;
	answer.ttl = 60;
	answer.kind = REPLY_ADDRESSES;
	memset(&entry, 0, sizeof(entry));
	entry.answer = &answer;
	return 0;
}

static verdict_t at(uint64_t now, uint32_t alias_ttl)
{
	return verdict_get(&entry, &health, &policy, alias_ttl, now);
}

static void failed(uint64_t when, uint64_t retry)
{
	entry.failed_at = when;
	entry.retry_at = retry;
	entry.failed_ede = KNOT_EDNS_EDE_NREACH_AUTH;
}

static void check(verdict_t verdict, verdict_kind_t kind, uint32_t ttl, int ede, bool ask)
{
	assert_int_equal(verdict.kind, kind);
	assert_int_equal(verdict.ttl, ttl);
	assert_int_equal(verdict.ede, ede);
	assert_int_equal(verdict.ask, ask);
}

static void test_fresh(void **state)
{
	(void)state;

	/* What is left, rounded up, counted down; a reader's clock may be behind. */
	check(at(T0 - 1, 3600), VERDICT_ADDRESSES, 60, KNOT_EDNS_EDE_NONE, false);
	check(at(T0, 3600), VERDICT_ADDRESSES, 60, KNOT_EDNS_EDE_NONE, false);
	check(at(T0 + 1, 3600), VERDICT_ADDRESSES, 60, KNOT_EDNS_EDE_NONE, false);
	check(at(T0 + 1 * S, 3600), VERDICT_ADDRESSES, 59, KNOT_EDNS_EDE_NONE, false);
	check(at(T0 + 60 * S - 1, 3600), VERDICT_ADDRESSES, 1, KNOT_EDNS_EDE_NONE, false);

	/* Bounds; the lower one wins over all. */
	policy.ttl_max = 50;
	check(at(T0, 3600), VERDICT_ADDRESSES, 50, KNOT_EDNS_EDE_NONE, false);
	policy.ttl_min = 20;
	check(at(T0 + 59 * S, 3600), VERDICT_ADDRESSES, 20, KNOT_EDNS_EDE_NONE, false);
	check(at(T0, 7), VERDICT_ADDRESSES, 20, KNOT_EDNS_EDE_NONE, false);
}

static void test_alias_ttl(void **state)
{
	(void)state;

	/* A lower TTL of the ALIAS: served as before, but asked again that often. */
	check(at(T0 + 7 * S - 1, 7), VERDICT_ADDRESSES, 7, KNOT_EDNS_EDE_NONE, false);
	check(at(T0 + 7 * S, 7), VERDICT_ADDRESSES, 7, KNOT_EDNS_EDE_NONE, true);
	check(at(T0 + 1, 0), VERDICT_ADDRESSES, 0, KNOT_EDNS_EDE_NONE, false);

	/* Unless that fails: the addresses live on. */
	failed(T0 + 8 * S, T0 + 13 * S);
	check(at(T0 + 9 * S, 7), VERDICT_ADDRESSES, 7, KNOT_EDNS_EDE_NONE, false);
	check(at(T0 + 13 * S, 7), VERDICT_ADDRESSES, 7, KNOT_EDNS_EDE_NONE, true);
}

static void test_expired(void **state)
{
	(void)state;

	/* In the grace period, then as cold, with the old addresses at hand. */
	check(at(T0 + 60 * S, 3600), VERDICT_ADDRESSES, VERDICT_GRACE_TTL, KNOT_EDNS_EDE_NONE, true);
	check(at(T0 + 60 * S + VERDICT_GRACE_MS - 1, 2), VERDICT_ADDRESSES, 2, KNOT_EDNS_EDE_NONE, true);
	policy.ttl_max = 3;
	check(at(T0 + 60 * S, 3600), VERDICT_ADDRESSES, 3, KNOT_EDNS_EDE_NONE, true);
	policy.ttl_max = 86400;
	verdict_t verdict = at(T0 + 60 * S + VERDICT_GRACE_MS, 3600);
	check(verdict, VERDICT_COLD, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, true);
	assert_ptr_equal(verdict.answer, &answer);

	/* The TTL in the grace period is not above the target's own; 0 would not let anything be kept. */
	answer.ttl = 2;
	check(at(T0 + 2 * S, 3600), VERDICT_ADDRESSES, 2, KNOT_EDNS_EDE_NONE, true);
	answer.ttl = 60;

	/* After stale-max they are gone. */
	assert_ptr_equal(at(T0 + 60 * S + DAY - 1, 3600).answer, &answer);
	verdict = at(T0 + 60 * S + DAY, 3600);
	check(verdict, VERDICT_COLD, 0, KNOT_EDNS_EDE_NONE, true);
	assert_null(verdict.answer);
	policy.refresh.stale_max = 1000;
	assert_ptr_equal(at(T0 + 1060 * S - 1, 3600).answer, &answer);
	assert_null(at(T0 + 1060 * S, 3600).answer);
}

static void test_warm(void **state)
{
	(void)state;

	/* The thread will refresh them: clients need not wait, but are told that it is late. */
	entry.warm = true;
	check(at(T0 + 60 * S, 3600), VERDICT_ADDRESSES, VERDICT_GRACE_TTL, KNOT_EDNS_EDE_NONE, true);
	check(at(T0 + 60 * S + VERDICT_GRACE_MS, 3600), VERDICT_ADDRESSES, VERDICT_GRACE_TTL,
	      KNOT_EDNS_EDE_STALE, true);
	check(at(T0 + 60 * S + DAY, 3600), VERDICT_COLD, 0, KNOT_EDNS_EDE_NONE, true);
}

static void test_restored(void **state)
{
	(void)state;

	/* Stale whatever the TTL says, until it has been asked for again. */
	answer.restored = true;
	entry.warm = true;
	check(at(T0 + 1 * S, 3600), VERDICT_ADDRESSES, VERDICT_GRACE_TTL, KNOT_EDNS_EDE_STALE, true);
	check(at(T0 + 65 * S, 3600), VERDICT_ADDRESSES, VERDICT_GRACE_TTL, KNOT_EDNS_EDE_STALE, true);
	failed(T0 + 70 * S, T0 + 75 * S);
	check(at(T0 + 71 * S, 3600), VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, false);
	check(at(T0 + 60 * S + DAY, 3600), VERDICT_RETRY, 0, KNOT_EDNS_EDE_NREACH_AUTH, true);

	/* Also without anybody to refresh it. */
	entry.failed_at = 0;
	entry.warm = false;
	check(at(T0 + 1 * S, 3600), VERDICT_ADDRESSES, VERDICT_GRACE_TTL, KNOT_EDNS_EDE_STALE, true);
}

/*! What another engine handed over is for zones that used that one, whatever else is known. */
static void test_former_engines(void **state)
{
	(void)state;

	answer.restored = 7;
	check(at(T0 + 1 * S, 3600), VERDICT_COLD, 0, KNOT_EDNS_EDE_NONE, true);
	assert_null(at(T0 + 1 * S, 3600).answer);
	failed(T0 + 1 * S, T0 + 6 * S);
	check(at(T0 + 2 * S, 3600), VERDICT_FAILED, 0, KNOT_EDNS_EDE_NREACH_AUTH, false);
	entry.failed_at = 0;
	policy.formers = (formers_t){ { 6, 8 } };
	assert_int_equal(at(T0 + 1 * S, 3600).kind, VERDICT_COLD);
	for (unsigned i = 0; i < FORMERS_MAX; i++) {
		memset(&policy.formers, 0, sizeof(policy.formers));
		policy.formers.id[i] = 7;
		check(at(T0 + 1 * S, 3600), VERDICT_ADDRESSES, VERDICT_GRACE_TTL, KNOT_EDNS_EDE_STALE, true);
	}

	/* Also if it is what an answer of one's own holds. */
	answer_t held = { .received = T0, .ttl = 60, .kind = REPLY_ADDRESSES, .restored = 7 };
	answer.restored = 0;
	answer.kind = REPLY_NXDOMAIN;
	answer.held = &held;
	policy.nxdomain = NXDOMAIN_HOLD;
	assert_int_equal(at(T0 + 1 * S, 3600).kind, VERDICT_ADDRESSES);
	memset(&policy.formers, 0, sizeof(policy.formers));
	assert_int_equal(at(T0 + 1 * S, 3600).kind, VERDICT_NXDOMAIN);
}

static void test_zero_ttl(void **state)
{
	(void)state;

	/* It can't be passed on, but neither may it make each query one to the resolver. */
	answer.ttl = 0;
	check(at(T0, 3600), VERDICT_ADDRESSES, 1, KNOT_EDNS_EDE_NONE, false);
	check(at(T0 + SCHEDULE_LIFE_MIN_MS - 1, 3600), VERDICT_ADDRESSES, 1, KNOT_EDNS_EDE_NONE, false);
	check(at(T0 + SCHEDULE_LIFE_MIN_MS, 3600), VERDICT_ADDRESSES, 1, KNOT_EDNS_EDE_NONE, true);
}

static void test_stale(void **state)
{
	(void)state;

	failed(T0 + 61 * S, T0 + 66 * S);
	check(at(T0 + 62 * S, 3600), VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, false);
	check(at(T0 + 62 * S, 7), VERDICT_ADDRESSES, 7, KNOT_EDNS_EDE_STALE, false);
	check(at(T0 + 66 * S, 3600), VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, true);

	/* ttl-max is for them too, ttl-min is not. */
	policy.ttl_max = 9;
	check(at(T0 + 62 * S, 3600), VERDICT_ADDRESSES, 9, KNOT_EDNS_EDE_STALE, false);
	policy.ttl_max = 86400;
	policy.ttl_min = 600;
	check(at(T0 + 62 * S, 3600), VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, false);

	check(at(T0 + 60 * S + DAY, 3600), VERDICT_RETRY, 0, KNOT_EDNS_EDE_NREACH_AUTH, true);
}

static void test_negative(void **state)
{
	(void)state;

	answer.kind = REPLY_NODATA;
	answer.ttl = 3600;
	assert_int_equal(at(T0 + 299 * S, 3600).kind, VERDICT_NODATA);
	assert_false(at(T0 + 299 * S, 3600).ask);

	/* Capped; then in grace, then unknown, then with the resolver failing. */
	assert_int_equal(at(T0 + 300 * S, 3600).kind, VERDICT_NODATA);
	assert_true(at(T0 + 300 * S, 3600).ask);
	assert_int_equal(at(T0 + 310 * S, 3600).kind, VERDICT_COLD);
	failed(T0 + 311 * S, T0 + 316 * S);
	assert_int_equal(at(T0 + 312 * S, 3600).kind, VERDICT_NODATA);
	assert_int_equal(at(T0 + 312 * S, 3600).ede, KNOT_EDNS_EDE_STALE);

	answer.kind = REPLY_NXDOMAIN;
	assert_int_equal(at(T0, 3600).kind, VERDICT_NXDOMAIN);
}

/*! The TTL of a NODATA: what is left, within all bounds but ttl-min. */
static void test_negative_ttl(void **state)
{
	(void)state;

	answer.kind = REPLY_NXDOMAIN;
	answer.ttl = 5;
	policy.ttl_min = 600;
	assert_int_equal(at(T0, 3600).ttl, 5);
	assert_int_equal(at(T0 + 4 * S, 3600).ttl, 1);
	assert_int_equal(at(T0, 3).ttl, 3);
	policy.ttl_max = 2;
	assert_int_equal(at(T0, 3600).ttl, 2);
	policy.ttl_max = 86400;
	policy.refresh.negative_ttl_max = 4;
	assert_int_equal(at(T0, 3600).ttl, 4);

	/* Old ones get less in the grace, after which they are unknown also if kept warm, and no more in a failure. */
	answer.ttl = 3;
	check(at(T0 + 5 * S, 3600), VERDICT_NXDOMAIN, VERDICT_GRACE_NEGATIVE_TTL, KNOT_EDNS_EDE_NONE, true);
	entry.warm = true;
	assert_int_equal(at(T0 + 14 * S, 3600).kind, VERDICT_COLD);
	entry.warm = false;
	failed(T0 + 6 * S, T0 + 11 * S);
	check(at(T0 + 7 * S, 3600), VERDICT_NXDOMAIN, 3, KNOT_EDNS_EDE_STALE, false);
	answer.ttl = 0;
	assert_int_equal(at(T0 + 7 * S, 3600).ttl, 0);
	entry.failed_at = 0;
	assert_int_equal(at(T0, 3600).ttl, 0);
	answer.ttl = 60;
	policy.refresh.negative_ttl_max = 0;
	assert_int_equal(at(T0, 3600).ttl, 0);
}

static void test_hold(void **state)
{
	(void)state;

	answer_t held = { .received = T0 - 600 * S, .ttl = 60, .kind = REPLY_ADDRESSES };
	answer.kind = REPLY_NXDOMAIN;
	answer.held = &held;
	assert_int_equal(at(T0, 3600).kind, VERDICT_NXDOMAIN);

	/* As stale, for as long as if nothing had come after them. */
	policy.nxdomain = NXDOMAIN_HOLD;
	verdict_t verdict = at(T0, 3600);
	check(verdict, VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, false);
	assert_ptr_equal(verdict.answer, &held);
	assert_int_equal(at(T0, 7).ttl, 7);
	policy.refresh.stale_max = 3600;
	uint64_t end = held.received + 3660 * S;
	entry.warm = true;
	assert_int_equal(at(end - 1, 3600).kind, VERDICT_ADDRESSES);
	assert_ptr_equal(at(end - 1, 3600).answer, &held);
	assert_int_equal(at(end, 3600).kind, VERDICT_NXDOMAIN);

	/* To fall back on when nobody has kept it warm. */
	entry.warm = false;
	verdict = at(end - 1, 3600);
	check(verdict, VERDICT_COLD, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, true);
	assert_ptr_equal(verdict.answer, &held);

	/* Nothing to hold. */
	answer.held = NULL;
	assert_int_equal(at(T0, 3600).kind, VERDICT_NXDOMAIN);
}

static void test_failing(void **state)
{
	(void)state;

	check(verdict_get(NULL, &health, &policy, 3600, T0), VERDICT_COLD, 0, KNOT_EDNS_EDE_NONE, true);
	entry.answer = NULL;
	check(at(T0, 3600), VERDICT_COLD, 0, KNOT_EDNS_EDE_NONE, true);

	failed(T0, T0 + 5 * S);
	check(at(T0 + 5 * S - 1, 3600), VERDICT_FAILED, 0, KNOT_EDNS_EDE_NREACH_AUTH, false);
	check(at(T0 + 5 * S, 3600), VERDICT_RETRY, 0, KNOT_EDNS_EDE_NREACH_AUTH, true);
}

static void test_health(void **state)
{
	(void)state;

	/* Nothing is asked ahead of its back-off, whatever the resolver does. */
	failed(T0 + 61 * S, T0 + 120 * S);
	for (unsigned down = 0; down < 2; down++) {
		health.down = down;
		check(at(T0 + 70 * S, 3600), VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, false);
		check(at(T0 + 120 * S, 3600), VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, true);
	}
	entry.answer = NULL;
	check(at(T0 + 70 * S, 3600), VERDICT_FAILED, 0, KNOT_EDNS_EDE_NREACH_AUTH, false);

	/* What is forgiven may be asked again. */
	health.forgiven_at = T0 + 61 * S - 1;
	assert_int_equal(at(T0 + 70 * S, 3600).kind, VERDICT_FAILED);
	health.forgiven_at = T0 + 61 * S;
	check(at(T0 + 70 * S, 3600), VERDICT_RETRY, 0, KNOT_EDNS_EDE_NREACH_AUTH, true);
	entry.answer = &answer;
	check(at(T0 + 70 * S, 3600), VERDICT_ADDRESSES, VERDICT_STALE_TTL, KNOT_EDNS_EDE_STALE, true);
}

/*! What there is to tell: what goes on, not what is merely late. */
static void test_state(void **state)
{
	(void)state;

	assert_int_equal(at(T0, 3600).state, STATE_GOOD);
	failed(T0 + 50 * S, T0 + 55 * S);
	assert_int_equal(at(T0 + 51 * S, 3600).state, STATE_UNKNOWN);
	assert_int_equal(at(T0 + 61 * S, 3600).state, STATE_STALE);
	entry.answer = NULL;
	assert_int_equal(at(T0 + 51 * S, 3600).state, STATE_FAILED);
	assert_int_equal(at(T0 + 56 * S, 3600).state, STATE_FAILED);
	entry.failed_at = 0;
	assert_int_equal(at(T0, 3600).state, STATE_UNKNOWN);
	assert_int_equal(verdict_get(NULL, &health, &policy, 3600, T0).state, STATE_UNKNOWN);

	entry.answer = &answer;
	assert_int_equal(at(T0 + 61 * S, 3600).state, STATE_UNKNOWN);
	assert_int_equal(at(T0 + 61 * S + VERDICT_GRACE_MS, 3600).state, STATE_UNKNOWN);
	answer.restored = true;
	assert_int_equal(at(T0, 3600).state, STATE_UNKNOWN);
	answer.restored = false;
	answer.kind = REPLY_NODATA;
	assert_int_equal(at(T0, 3600).state, STATE_GOOD);
	answer.kind = REPLY_NXDOMAIN;
	assert_int_equal(at(T0, 3600).state, STATE_DANGLING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fresh, setup),
		cmocka_unit_test_setup(test_alias_ttl, setup),
		cmocka_unit_test_setup(test_expired, setup),
		cmocka_unit_test_setup(test_warm, setup),
		cmocka_unit_test_setup(test_restored, setup),
		cmocka_unit_test_setup(test_former_engines, setup),
		cmocka_unit_test_setup(test_zero_ttl, setup),
		cmocka_unit_test_setup(test_stale, setup),
		cmocka_unit_test_setup(test_negative, setup),
		cmocka_unit_test_setup(test_negative_ttl, setup),
		cmocka_unit_test_setup(test_hold, setup),
		cmocka_unit_test_setup(test_failing, setup),
		cmocka_unit_test_setup(test_health, setup),
		cmocka_unit_test_setup(test_state, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
