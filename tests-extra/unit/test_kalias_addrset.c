/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Before cmocka, which has a macro fail(). */
#include "kalias/addrset.h"
#include "kalias/kalias.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

#define START 1000000
#define MINUTE 60

static rules_t rules;
static const addrset_limits_t limits = { .settle = 5 * MINUTE, .keep = 3, .rules = &rules };
static addrset_t set;
static int64_t now;

/* clang-format off */
exit_t (fail)(const char *format, ...)
/* clang-format on */
{
	(void)format;
	abort();
}

static int setup(void **state)
{
	(void)state;
	set = (addrset_t){ .len = 4 };
	now = START;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	addrset_clear(&set);
	rules_free(&rules);
	memset(&rules, 0, sizeof(rules));
	return 0;
}

/*! Judges the addresses 192.0.2.x with the x of a text such as "abc"; '!' at its end: some target failed, '?': is held. */
static addrset_step_t judge_ttl(const char *seen, uint32_t ttl)
{
	uint8_t addr[128][16] = { 0 };
	addrset_view_t view = { .addr = (const uint8_t(*)[16])addr, .ttl = ttl };
	for (; *seen != '\0' && *seen != '!' && *seen != '?'; seen++) {
		memcpy(addr[view.count++], (uint8_t[]){ 192, 0, 2, *seen }, 4);
	}
	view.failed = (*seen == '!');
	view.hold = (*seen == '?');
	return addrset_judge(&set, &view, &limits, now);
}

static addrset_step_t judge(const char *seen)
{
	return judge_ttl(seen, 300);
}

/*! What is in the zone once it is as wanted, sorted. */
static const char *done(void)
{
	static char text[ADDRSET_KNOWN_MAX + 1];
	unsigned count = 0;
	addrset_done(&set);
	for (int c = 0; c < 256; c++) {
		for (unsigned i = 0; i < set.count; i++) {
			if (set.item[i].written && set.item[i].addr[3] == c) {
				text[count++] = c;
			}
		}
	}
	text[count] = '\0';
	return text;
}

static void test_first(void **state)
{
	(void)state;
	assert_int_equal(judge(""), ADDRSET_KEEP);
	assert_int_equal(judge("ab"), ADDRSET_CHANGE);
	assert_string_equal(done(), "ab");
	assert_int_equal(set.ttl, 300);
	assert_int_equal(judge("ba"), ADDRSET_KEEP);

	/* Another TTL of the ALIAS. */
	assert_int_equal(judge_ttl("ab", 60), ADDRSET_CHANGE);
	assert_string_equal(done(), "ab");
	assert_int_equal(set.ttl, 60);
}

/*! Some of several targets. */
static void test_first_half(void **state)
{
	(void)state;
	assert_int_equal(judge("a!"), ADDRSET_CHANGE);
	assert_string_equal(done(), "a");
}

static void test_failures(void **state)
{
	(void)state;
	(void)judge("ab");
	(void)done();
	for (now += 1; now < START + 86400; now += MINUTE) {
		assert_int_equal(judge("!"), ADDRSET_KEEP);
		assert_int_equal(judge("c!"), ADDRSET_KEEP);
		assert_int_equal(judge("?"), ADDRSET_KEEP);
		assert_int_equal(judge("a?"), ADDRSET_KEEP);
	}
	assert_string_equal(done(), "ab");
}

static void test_negative(void **state)
{
	(void)state;
	(void)judge("ab");
	(void)done();
	/* Many at once are not enough. */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(judge(""), ADDRSET_KEEP);
	}
	/* Addresses begin anew. */
	assert_int_equal(judge("a"), ADDRSET_KEEP);
	now += 10 * MINUTE - 1;
	assert_int_equal(judge(""), ADDRSET_KEEP);
	now += 3 * MINUTE;
	assert_int_equal(judge(""), ADDRSET_KEEP);
	/* A failure between them is neither. */
	assert_int_equal(judge("!"), ADDRSET_KEEP);
	assert_int_equal(judge(""), ADDRSET_URGENT);
	assert_string_equal(done(), "");
	assert_int_equal(judge(""), ADDRSET_KEEP);
	assert_int_equal(judge("c"), ADDRSET_CHANGE);
	assert_string_equal(done(), "c");
}

static void test_moved(void **state)
{
	(void)state;
	(void)judge("ab");
	(void)done();
	now += MINUTE;
	assert_int_equal(judge("cd"), ADDRSET_URGENT);
	/* Not written, for somebody's transaction: the next time it is still a move, and no rotation. */
	now += MINUTE;
	assert_int_equal(judge("cd"), ADDRSET_URGENT);
	assert_string_equal(done(), "cd");
}

static void test_settle(void **state)
{
	(void)state;
	(void)judge("ab");
	(void)done();
	/* One comes, one goes; this has to last. */
	for (int i = 0; i < 5; i++) {
		now += MINUTE;
		assert_int_equal(judge("bc"), ADDRSET_KEEP);
	}
	now += MINUTE;
	assert_int_equal(judge("bc"), ADDRSET_CHANGE);
	assert_string_equal(done(), "bc");
}

/*! One comes to those that are there, for instance of a second target that failed at first. */
static void test_grows(void **state)
{
	(void)state;
	(void)judge("a!");
	assert_string_equal(done(), "a");
	for (int i = 0; i < 5; i++) {
		now += MINUTE;
		assert_int_equal(judge("ab"), ADDRSET_KEEP);
	}
	/* It is away once, and comes anew. */
	now += 1;
	assert_int_equal(judge("a"), ADDRSET_KEEP);
	for (int i = 0; i < 5; i++) {
		now += MINUTE;
		assert_int_equal(judge("ab"), ADDRSET_KEEP);
	}
	now += MINUTE;
	assert_int_equal(judge("ab"), ADDRSET_CHANGE);
	assert_string_equal(done(), "ab");
	now += 10 * MINUTE;
	assert_int_equal(judge("ab"), ADDRSET_KEEP);
	/* Views that are further apart, of a timer. */
	assert_int_equal(judge("abc"), ADDRSET_KEEP);
	now += 60 * MINUTE;
	assert_int_equal(judge("abc"), ADDRSET_CHANGE);
	assert_string_equal(done(), "abc");
}

/*! A target that moves back is not one that rotates. */
static void test_moved_back(void **state)
{
	(void)state;
	(void)judge("a");
	(void)done();
	for (int i = 0; i < 2; i++) {
		now += MINUTE;
		assert_int_equal(judge("b"), ADDRSET_URGENT);
		assert_string_equal(done(), "b");
		now += MINUTE;
		assert_int_equal(judge("b"), ADDRSET_KEEP);
		now += MINUTE;
		assert_int_equal(judge("a"), ADDRSET_URGENT);
		assert_string_equal(done(), "a");
		now += MINUTE;
		assert_int_equal(judge("a"), ADDRSET_KEEP);
	}
}

/*! One of several in turn: they come to be in the zone together. */
static void test_round_robin(void **state)
{
	(void)state;
	unsigned changes = 0;
	static const char *const turn[] = { "a", "b", "c", "d" };
	for (int i = 0; i < 60; i++) {
		changes += (judge(turn[i % 4]) != ADDRSET_KEEP);
		(void)done();
		now += 30;
	}
	assert_string_equal(done(), "abcd");
	assert_true(changes <= 7);
}

/*! Eight of twenty-four at random, as from a CDN, each half a minute. */
static void test_rotation(void **state)
{
	(void)state;
	unsigned changes = 0, random = 1;
	for (int i = 0; i < 20 * 60; i++) {
		char text[9] = "";
		while (strlen(text) < 8) {
			random = random * 1103515245 + 12345;
			char next[] = { 'a' + random / 65536 % 24, '\0' };
			if (strchr(text, next[0]) == NULL) {
				strcat(text, next);
			}
		}
		changes += (judge(text) != ADDRSET_KEEP);
		(void)done();
		now += 30;
		assert_true(i > 20 || changes <= 4); /* In ten minutes. */
	}
	assert_true(changes <= 40); /* And in ten hours. */
	assert_true(strlen(done()) >= 8);
	/* It ends, and settles. */
	for (int i = 0; i < 12; i++) {
		(void)judge("ab");
		(void)done();
		now += MINUTE;
	}
	assert_string_equal(done(), "ab");
}

static void test_denied(void **state)
{
	(void)state;
	(void)judge("ab");
	(void)done();
	rules_deny_network(&rules.deny_address, "192.0.2.97"); /* a */
	rules_seal(&rules);
	assert_int_equal(judge("!"), ADDRSET_URGENT);
	assert_string_equal(done(), "b");
	assert_int_equal(judge("b"), ADDRSET_KEEP);
}

static void test_many(void **state)
{
	(void)state;
	char text[101] = "";
	for (int i = 0; i < 100; i++) {
		text[i] = 'a' + i;
	}
	text[100] = '\0';
	assert_int_equal(judge(text), ADDRSET_CHANGE);
	assert_int_equal(strlen(done()), ADDRSET_WRITTEN_MAX);
	assert_int_equal(done()[0], 'a');
	assert_int_equal(judge(text), ADDRSET_KEEP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_half, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_negative, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_round_robin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
