/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <libknot/consts.h>
#include <libknot/errcode.h>

#include "cache/outcome.h"

/*! An answer with the addresses 192.0.2.1 and so on. */
typedef struct {
	answer_t answer;
	uint8_t more[4 * 8];
} stored_t;

static const address_set_t none;
static stored_t two, one;

static void store(stored_t *stored, unsigned count)
{
	memset(stored, 0, sizeof(*stored));
	answer_t *answer = &stored->answer;
	answer->kind = REPLY_ADDRESSES;
	answer->count = count;
	for (unsigned i = 0; i < count; i++) {
		knot_rdata_init((knot_rdata_t *)((uint8_t *)&answer->rdata + 6 * i), 4, (const uint8_t[]){ 192, 0, 2, i + 1 });
	}
}

static int setup(void **state)
{
	(void)state;
	store(&two, 2);
	store(&one, 1);
	return 0;
}

static verdict_t good(const stored_t *stored, uint32_t ttl)
{
	return (verdict_t){ .kind = VERDICT_ADDRESSES, .answer = &stored->answer, .ttl = ttl, .ede = KNOT_EDNS_EDE_NONE };
}

static verdict_t without(verdict_kind_t kind, int16_t ede)
{
	return (verdict_t){ .kind = kind, .ede = ede, .ask = kind != VERDICT_FAILED, .state = kind == VERDICT_FAILED ? STATE_FAILED : STATE_UNKNOWN };
}

static outcome_t outcome_of(const verdict_t *verdict, unsigned count)
{
	outcome_t outcome;
	outcome_begin(&outcome, false);
	for (unsigned i = 0; i < count; i++) {
		outcome_add(&outcome, &verdict[i], &none);
	}
	return outcome;
}

#define OUTCOME(...) \
	outcome_of((const verdict_t[]){ __VA_ARGS__ }, sizeof((const verdict_t[]){ __VA_ARGS__ }) / sizeof(verdict_t))

/*! The highest rank counts, whatever the order of the targets. */
static void test_rank(void **state)
{
	(void)state;

	static const verdict_kind_t rank[] = { VERDICT_NXDOMAIN, VERDICT_NODATA, VERDICT_FAILED, VERDICT_RETRY,
		                               VERDICT_ADDRESSES, VERDICT_COLD };
	for (unsigned i = 0; i < sizeof(rank) / sizeof(*rank); i++) {
		for (unsigned k = 0; k <= i; k++) {
			verdict_t low = without(rank[k], KNOT_EDNS_EDE_NONE), high = without(rank[i], KNOT_EDNS_EDE_NONE);
			assert_int_equal(OUTCOME(low, high).kind, rank[i]);
			assert_int_equal(OUTCOME(high, low).kind, rank[i]);
		}
	}
	assert_int_equal(outcome_of(NULL, 0).kind, VERDICT_NXDOMAIN);
}

/*! Addresses of all targets in the lowest TTL; one that is stale makes the answer stale. */
static void test_addresses(void **state)
{
	(void)state;

	verdict_t stale = good(&one, 30);
	stale.ede = KNOT_EDNS_EDE_STALE;
	outcome_t outcome = OUTCOME(good(&two, 60), stale, good(&two, 300));
	assert_int_equal(outcome.kind, VERDICT_ADDRESSES);
	assert_int_equal(outcome.count, 3);
	assert_ptr_equal(outcome.answer[1], &one.answer);
	assert_int_equal(outcome.ttl, 30);
	assert_int_equal(outcome.ede, KNOT_EDNS_EDE_STALE);
	assert_false(outcome.denied || outcome.suppressed);
	assert_int_equal(OUTCOME(good(&two, 60)).ede, KNOT_EDNS_EDE_NONE);
}

/*! The error that goes with the reply is that of the rank that counts. */
static void test_errors(void **state)
{
	(void)state;

	outcome_t outcome = OUTCOME(without(VERDICT_FAILED, KNOT_EDNS_EDE_NETWORK), without(VERDICT_NODATA, KNOT_EDNS_EDE_STALE));
	assert_int_equal(outcome.other_ede, KNOT_EDNS_EDE_NETWORK);
	assert_true(outcome.suppressed);
	outcome = OUTCOME(without(VERDICT_NODATA, KNOT_EDNS_EDE_STALE), without(VERDICT_RETRY, KNOT_EDNS_EDE_NETWORK));
	assert_int_equal(outcome.other_ede, KNOT_EDNS_EDE_NETWORK);
	assert_false(outcome.suppressed);

	outcome_begin(&outcome, true);
	assert_int_equal(outcome.kind, VERDICT_FAILED);
	assert_int_equal(outcome.other_ede, KNOT_EDNS_EDE_NREACH_AUTH);
}

/*! NODATA has the lowest TTL of the targets' negative answers, and no limit where only the policy denies. */
static void test_negative_ttl(void **state)
{
	(void)state;

	const answer_t negative = { .kind = REPLY_NODATA };
	verdict_t five = { .kind = VERDICT_NODATA, .answer = &negative, .ttl = 5 }, nine = five;
	nine.kind = VERDICT_NXDOMAIN;
	nine.ttl = 9;
	outcome_t outcome = OUTCOME(nine, five, nine);
	assert_int_equal(outcome.negative_ttl, 5);
	const policy_t policy = { .sibling = SIBLING_FALLBACK };
	assert_int_equal(outcome_decide(&outcome, &policy, false).ttl, 5);
	assert_int_equal(OUTCOME(good(&one, 3)).negative_ttl, UINT32_MAX);
	assert_int_equal(outcome_of(NULL, 0).negative_ttl, UINT32_MAX);
}

/*! `deny-address`: some addresses are noted, all of them are NODATA. */
static void test_denied(void **state)
{
	(void)state;

	address_set_t deny = { 0 };
	assert_int_equal(address_set_add_network(&deny, (const uint8_t[]){ 192, 0, 2, 1 }, 4, 32), KNOT_EOK);
	address_set_seal(&deny);
	outcome_t outcome;
	verdict_t verdict = good(&two, 60);
	outcome_begin(&outcome, false);
	outcome_add(&outcome, &verdict, &deny);
	assert_true(outcome.denied);
	assert_int_equal(outcome.kind, VERDICT_ADDRESSES);
	assert_int_equal(outcome.count, 1);

	verdict = good(&one, 60);
	outcome_begin(&outcome, false);
	outcome_add(&outcome, &verdict, &deny);
	assert_true(outcome.denied);
	assert_int_equal(outcome.kind, VERDICT_NODATA);
	assert_int_equal(outcome.count, 0);

	/* What an unknown target had before does not serve either. */
	verdict.kind = VERDICT_COLD;
	outcome_begin(&outcome, false);
	outcome_add(&outcome, &verdict, &deny);
	assert_int_equal(outcome.kind, VERDICT_COLD);
	outcome_settle(&outcome);
	assert_int_equal(outcome.kind, VERDICT_FAILED);
	address_set_free(&deny);
}

/*! After a wait in vain: what there is, or SERVFAIL. */
static void test_settle(void **state)
{
	(void)state;

	outcome_t outcome = OUTCOME(good(&two, 60), without(VERDICT_COLD, KNOT_EDNS_EDE_NONE));
	assert_true(outcome_is_unknown(&outcome));
	outcome_settle(&outcome);
	assert_int_equal(outcome.kind, VERDICT_ADDRESSES);

	outcome = OUTCOME(without(VERDICT_COLD, KNOT_EDNS_EDE_NONE));
	outcome_settle(&outcome);
	assert_int_equal(outcome.kind, VERDICT_FAILED);
	assert_int_equal(outcome.other_ede, KNOT_EDNS_EDE_NOT_READY);

	outcome = OUTCOME(without(VERDICT_RETRY, KNOT_EDNS_EDE_NETWORK));
	assert_true(outcome_is_unknown(&outcome));
	outcome_settle(&outcome);
	assert_int_equal(outcome.other_ede, KNOT_EDNS_EDE_NETWORK);
	assert_false(outcome_is_unknown(&outcome));
}

static void check_decision(const outcome_t *outcome, sibling_t sibling, nxdomain_t nxdomain, bool has_sibling,
                           decision_kind_t kind, int16_t ede)
{
	policy_t policy = { .sibling = sibling, .nxdomain = nxdomain };
	decision_t decision = outcome_decide(outcome, &policy, has_sibling);
	assert_int_equal(decision.kind, kind);
	assert_int_equal(decision.ede, ede);
}

static void test_decide(void **state)
{
	(void)state;

	const sibling_t modes[] = { SIBLING_FALLBACK, SIBLING_MERGE };
	verdict_t stale = good(&two, 30);
	stale.ede = KNOT_EDNS_EDE_STALE;
	outcome_t addresses = OUTCOME(stale), cold = OUTCOME(good(&two, 60), without(VERDICT_COLD, KNOT_EDNS_EDE_NONE));
	outcome_t retry = OUTCOME(without(VERDICT_RETRY, KNOT_EDNS_EDE_NETWORK));
	outcome_t failed = OUTCOME(without(VERDICT_FAILED, KNOT_EDNS_EDE_NETWORK));
	outcome_t nodata = OUTCOME(without(VERDICT_NODATA, KNOT_EDNS_EDE_STALE));
	outcome_t nxdomain = OUTCOME(without(VERDICT_NXDOMAIN, KNOT_EDNS_EDE_STALE));
	const int16_t no_ede = KNOT_EDNS_EDE_NONE;

	for (unsigned i = 0; i < 2; i++) {
		check_decision(&addresses, modes[i], NXDOMAIN_NODATA, false, DECISION_ADDRESSES, KNOT_EDNS_EDE_STALE);
		check_decision(&cold, modes[i], NXDOMAIN_NODATA, true, DECISION_COLD, no_ede);
		check_decision(&retry, modes[i], NXDOMAIN_NODATA, false, DECISION_COLD, no_ede);
		check_decision(&failed, modes[i], NXDOMAIN_NODATA, true, DECISION_SIBLING, no_ede);
		check_decision(&failed, modes[i], NXDOMAIN_NODATA, false, DECISION_SERVFAIL, KNOT_EDNS_EDE_NETWORK);
		check_decision(&nodata, modes[i], NXDOMAIN_SERVFAIL, false, DECISION_NODATA, KNOT_EDNS_EDE_STALE);
		check_decision(&nodata, modes[i], NXDOMAIN_SERVFAIL, true, DECISION_SIBLING, no_ede);
		check_decision(&nxdomain, modes[i], NXDOMAIN_NODATA, false, DECISION_NODATA, KNOT_EDNS_EDE_STALE);
		check_decision(&nxdomain, modes[i], NXDOMAIN_SERVFAIL, false, DECISION_SERVFAIL, KNOT_EDNS_EDE_OTHER);
		check_decision(&nxdomain, modes[i], NXDOMAIN_SERVFAIL, true, DECISION_SIBLING, no_ede);
	}
	check_decision(&addresses, SIBLING_FALLBACK, NXDOMAIN_NODATA, true, DECISION_ADDRESSES, KNOT_EDNS_EDE_STALE);
	check_decision(&addresses, SIBLING_MERGE, NXDOMAIN_NODATA, true, DECISION_MERGED, KNOT_EDNS_EDE_STALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rank),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_negative_ttl),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_decide),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
