/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include "cache/schedule.h"

#define S 1000ULL
#define T0 (5000 * S) /* When the answer came. */
#define SLOTS_MANY 1000

static refresh_options_t options;
static answer_t answer;
static entry_t entry[SLOTS_MANY];

static int setup(void **state)
{
	(void)state;
	options = (refresh_options_t){ .failure_ttl = 5, .negative_ttl_max = 300, .keep_warm = 3600, .stale_max = 7200 };
	memset(&answer, 0, sizeof(answer));
	answer.received = T0;
	answer.ttl = 60;
	answer.kind = REPLY_ADDRESSES;
	memset(entry, 0, sizeof(entry));
	for (unsigned i = 0; i < SLOTS_MANY; i++) {
		entry[i].answer = &answer;
		entry[i].used = T0;
	}
	return 0;
}

static uint64_t refresh_at(uint64_t used, uint64_t now)
{
	entry[0].used = used;
	return schedule_refresh(&entry[0], &options, now);
}

static void test_expiry(void **state)
{
	(void)state;

	assert_int_equal(schedule_expiry(&answer, &options), T0 + 60 * S);
	answer.ttl = UINT32_MAX;
	assert_int_equal(schedule_expiry(&answer, &options), T0 + UINT32_MAX * S);
	answer.kind = REPLY_NODATA;
	assert_int_equal(schedule_expiry(&answer, &options), T0 + 300 * S);
	answer.ttl = 10;
	assert_int_equal(schedule_expiry(&answer, &options), T0 + 10 * S);
}

static void test_refresh(void **state)
{
	(void)state;

	/* Between 7/10 of the life and a quarter more, different for each entry, the same each time. */
	uint64_t first = UINT64_MAX, last = 0;
	for (unsigned i = 0; i < SLOTS_MANY; i++) {
		uint64_t at = schedule_refresh(&entry[i], &options, T0);
		assert_in_range(at, T0 + 42 * S, T0 + 42 * S * 5 / 4);
		assert_int_equal(schedule_refresh(&entry[i], &options, T0 + 20 * S), at);
		first = at < first ? at : first;
		last = at > last ? at : last;
	}
	assert_in_range(first, T0 + 42 * S, T0 + 43 * S);
	assert_in_range(last, T0 + 51 * S, T0 + 53 * S);

	/* Negative answers, too, by their own life. */
	answer.kind = REPLY_NXDOMAIN;
	answer.ttl = 1000;
	assert_in_range(refresh_at(T0, T0), T0 + 210 * S, T0 + 263 * S);

	answer.ttl = 1;
	assert_in_range(refresh_at(T0, T0), T0 + 700, T0 + 875);
	answer.ttl = 0;
	assert_in_range(refresh_at(T0, T0), T0 + 700, T0 + 875);
}

static void test_idle(void **state)
{
	(void)state;

	/* Nobody asks for it at the moment. */
	answer.ttl = 1;
	assert_in_range(refresh_at(T0, T0 + SCHEDULE_IDLE_MS - 1), T0 + 700, T0 + 875);
	assert_int_equal(refresh_at(T0, T0 + SCHEDULE_IDLE_MS), T0 + SCHEDULE_IDLE_MS);
	answer.ttl = 1000;
	assert_in_range(refresh_at(T0, T0 + SCHEDULE_IDLE_MS), T0 + 700 * S, T0 + 875 * S);
}

static void test_never(void **state)
{
	(void)state;

	assert_int_not_equal(refresh_at(T0, T0 + 3600 * S - 1), SCHEDULE_NEVER);
	assert_int_equal(refresh_at(T0, T0 + 3600 * S), SCHEDULE_NEVER);
	options.keep_warm = 0;
	assert_int_equal(refresh_at(T0, T0), SCHEDULE_NEVER);

	/* Too old to serve. */
	options.keep_warm = 86400;
	assert_int_not_equal(refresh_at(T0 + 7200 * S, T0 + 7260 * S - 1), SCHEDULE_NEVER);
	assert_int_equal(refresh_at(T0 + 7200 * S, T0 + 7260 * S), SCHEDULE_NEVER);

	/* What never was resolved is up to clients. */
	entry[0].answer = NULL;
	entry[0].failed_at = T0;
	assert_int_equal(refresh_at(T0, T0), SCHEDULE_NEVER);
}

static void test_refresh_failing(void **state)
{
	(void)state;

	entry[0].failed_at = T0 + 1;
	entry[0].retry_at = T0 + 9 * S;
	assert_int_equal(refresh_at(T0, T0 + 2), T0 + 9 * S);
	answer.restored = true;
	assert_int_equal(refresh_at(T0, T0 + 2), T0 + 9 * S);
	entry[0].failed_at = 0;
	assert_true(refresh_at(T0, T0 + 2) <= T0 + 2);
}

static void test_end(void **state)
{
	(void)state;

	assert_int_equal(schedule_end(&entry[0], &options), T0 + 7260 * S);
	entry[0].failed_at = T0 + 7000 * S;
	assert_int_equal(schedule_end(&entry[0], &options), T0 + 7000 * S + CACHE_FAILURE_MAX_MS);
	entry[0].answer = NULL;
	entry[0].failed_at = T0;
	assert_int_equal(schedule_end(&entry[0], &options), T0 + CACHE_FAILURE_MAX_MS);
	entry[0].failed_at = 0;
	assert_int_equal(schedule_end(&entry[0], &options), 0);

	/* Addresses from before an NXDOMAIN. */
	answer_t held = { .received = T0 - 10 * S, .ttl = 3600, .kind = REPLY_ADDRESSES };
	answer.kind = REPLY_NXDOMAIN;
	answer.held = &held;
	entry[0].answer = &answer;
	assert_int_equal(schedule_end(&entry[0], &options), T0 - 10 * S + 10800 * S);
}

static uint64_t backoff(unsigned i, unsigned failures)
{
	entry[i].failures = failures;
	return schedule_retry(&entry[i], &options, T0) - T0;
}

static void test_retry(void **state)
{
	(void)state;

	/* Called before the failure is counted. */
	static const uint64_t steps[] = { 5, 10, 20, 40, 60, 60, 60 };
	for (unsigned failures = 0; failures < sizeof(steps) / sizeof(steps[0]); failures++) {
		uint64_t base = steps[failures] * S, least = UINT64_MAX, most = 0;
		for (unsigned i = 0; i < SLOTS_MANY; i++) {
			uint64_t time = backoff(i, failures);
			least = time < least ? time : least;
			most = time > most ? time : most;
		}
		assert_in_range(least, base, base + base / 50);
		assert_in_range(most, base + base / 5, base + base / 4);
	}
	assert_in_range(backoff(0, UINT16_MAX), 60 * S, 75 * S);

	/* A longer option is its own limit. */
	options.failure_ttl = 200;
	assert_in_range(backoff(0, 0), 200 * S, 250 * S);
	assert_in_range(backoff(0, 9), 200 * S, 250 * S);
	options.failure_ttl = 1;
	assert_in_range(backoff(0, 0), 1 * S, 1250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_expiry, setup),
		cmocka_unit_test_setup(test_refresh, setup),
		cmocka_unit_test_setup(test_idle, setup),
		cmocka_unit_test_setup(test_never, setup),
		cmocka_unit_test_setup(test_refresh_failing, setup),
		cmocka_unit_test_setup(test_end, setup),
		cmocka_unit_test_setup(test_retry, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
