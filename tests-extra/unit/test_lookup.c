/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The steps of a lookup, and what is known about a server, in time that the tests make. */

#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

#include "resolve/lookup.h"
#include "resolve/server.h"

#define TIMEOUT 2000
#define RETRY 2

static lookup_t lookup;
static uint64_t now;

static void start(unsigned servers, uint32_t timeout, uint32_t retry)
{
	static const uint8_t order[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	now = 1 << 20;
	lookup_start(&lookup, order, servers, timeout, retry, now);
}

/* Goes on to the next try, and sends it. Time passes if there is nothing else to do. */
static lookup_next_t send_next(void)
{
	lookup_next_t next;
	while ((next = lookup_next(&lookup, now)).step == LOOKUP_WAIT) {
		assert_true(next.until > now);
		now = next.until;
	}
	if (next.step == LOOKUP_SEND) {
		lookup_sent(&lookup, &next, SERVER_WAIT_MS, now);
	}
	return next;
}

static void expect_udp(unsigned server, uint64_t at)
{
	lookup_next_t next = send_next();
	assert_int_equal(next.step, LOOKUP_SEND);
	assert_int_equal(next.server, server);
	assert_false(next.tcp);
	assert_true(next.edns);
	assert_int_equal(now - (1 << 20), at);
}

static void expect_end(lookup_step_t step, uint64_t at)
{
	assert_int_equal(send_next().step, step);
	assert_int_equal(now - (1 << 20), at);
}

static void event(unsigned server, lookup_event_t what)
{
	(void)lookup_next(&lookup, now); /* As the resolver does: it waits. */
	lookup_event(&lookup, server, false, true, what, now);
}

/* Without replies the waits double, and all tries are made within the timeout. */
static void test_silence(void **state)
{
	(void)state;

	start(1, TIMEOUT, RETRY);
	expect_udp(0, 0);
	expect_udp(0, 500);
	expect_udp(0, 1500);
	expect_end(LOOKUP_TIMEOUT, 2000);

	start(1, 500, RETRY);
	expect_udp(0, 0);
	expect_udp(0, 250);
	expect_udp(0, 375);
	expect_end(LOOKUP_TIMEOUT, 500);

	start(1, TIMEOUT, 0);
	expect_udp(0, 0);
	expect_end(LOOKUP_TIMEOUT, 2000);

	start(2, TIMEOUT, RETRY);
	expect_udp(0, 0);
	expect_udp(1, 500);
	expect_udp(0, 1000);
	expect_udp(1, 1250);
	expect_udp(0, 1500);
	expect_udp(1, 1750);
	expect_end(LOOKUP_TIMEOUT, 2000);

	/* Each of many servers gets a try. */
	start(8, TIMEOUT, 0);
	for (unsigned i = 0; i < 8; i++) {
		expect_udp(i, 250 * i);
	}
	expect_end(LOOKUP_TIMEOUT, 2000);
}

/* An error leads to the next server at once, and that server is not asked again. */
static void test_error(void **state)
{
	(void)state;

	start(1, TIMEOUT, RETRY);
	expect_udp(0, 0);
	event(0, LOOKUP_ERROR);
	expect_end(LOOKUP_FAILED, 0);

	start(2, TIMEOUT, RETRY);
	expect_udp(0, 0);
	now += 5;
	event(0, LOOKUP_ERROR);
	expect_udp(1, 5);
	expect_udp(1, 505);
	expect_udp(1, 1505);
	event(1, LOOKUP_ERROR);
	expect_end(LOOKUP_FAILED, 1505);

	/* Of a server that is not the last one asked it does not hurry the others. */
	start(3, TIMEOUT, RETRY);
	expect_udp(0, 0);
	expect_udp(1, 500);
	event(0, LOOKUP_ERROR);
	expect_udp(2, 1000);
	expect_udp(1, 1500);
}

/* What can't be sent leads to the next server at once, but not to the same one. */
static void test_broken(void **state)
{
	(void)state;

	start(1, TIMEOUT, RETRY);
	expect_udp(0, 0);
	event(0, LOOKUP_BROKEN);
	expect_udp(0, 500);
	event(0, LOOKUP_BROKEN);
	expect_udp(0, 1500);
	event(0, LOOKUP_BROKEN);
	expect_end(LOOKUP_FAILED, 1500);

	start(2, TIMEOUT, 1);
	expect_udp(0, 0);
	event(0, LOOKUP_BROKEN);
	expect_udp(1, 0);
	event(1, LOOKUP_BROKEN);
	expect_udp(0, 500);
}

static void test_truncated(void **state)
{
	(void)state;

	/* Over TCP, twice if the connection breaks, then to the next server. */
	start(2, TIMEOUT, RETRY);
	expect_udp(0, 0);
	event(0, LOOKUP_TRUNCATED);
	for (int alone = 0; alone <= 1; alone++) {
		lookup_next_t next = send_next();
		assert_int_equal(next.server, 0);
		assert_true(next.tcp && !next.edns); /* With OPT c-ares 1.34 would repeat the query after BADCOOKIE, for ever. */
		assert_int_equal(next.alone, alone);
		lookup_event(&lookup, 0, true, false, LOOKUP_BROKEN, now);
	}
	expect_udp(1, 0);

	/* Without a reply the servers share the time. */
	start(2, TIMEOUT, RETRY);
	expect_udp(0, 0);
	event(0, LOOKUP_TRUNCATED);
	assert_true(send_next().tcp);
	expect_udp(1, 1000);

	start(1, TIMEOUT, RETRY);
	expect_udp(0, 0);
	event(0, LOOKUP_TRUNCATED);
	assert_true(send_next().tcp);
	expect_end(LOOKUP_TIMEOUT, 2000);

	start(1, TIMEOUT, RETRY);
	expect_udp(0, 0);
	event(0, LOOKUP_TRUNCATED);
	assert_true(send_next().tcp);
	lookup_event(&lookup, 0, true, true, LOOKUP_ERROR, now);
	expect_end(LOOKUP_FAILED, 0);
}

/* FORMERR: the same server once more without EDNS, and from then on. */
static void test_formerr(void **state)
{
	(void)state;

	start(1, TIMEOUT, RETRY);
	expect_udp(0, 0);
	event(0, LOOKUP_FORMERR);
	lookup_next_t next = send_next();
	assert_false(next.edns || next.tcp);
	next = send_next();
	assert_false(next.edns);
	lookup_event(&lookup, 0, false, false, LOOKUP_FORMERR, now);
	expect_end(LOOKUP_FAILED, 500);
}

static void test_missed(void **state)
{
	(void)state;

	start(2, TIMEOUT, RETRY);
	expect_udp(0, 0);
	assert_int_equal(lookup_missed(&lookup, now + 499), -1);
	assert_int_equal(lookup_missed(&lookup, now + 500), 0);
	assert_int_equal(lookup_missed(&lookup, now + 500), -1);
	expect_udp(1, 500);
	event(1, LOOKUP_ERROR);
	assert_int_equal(lookup_missed(&lookup, now + 2000), -1);
}

/* Whatever happens: few tries, none to a server that failed, and an end in time. */
static void test_random(void **state)
{
	(void)state;

	srandom(1);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned servers = random() % RESOLVERS_MAX + 1, tries = 0, repeats = 0, live = 0;
		uint32_t timeout = 50 + random() % 5000, retry = random() % 6;
		start(servers, timeout, retry);
		uint64_t begin = now;
		struct {
			uint8_t server;
			bool tcp, edns;
		} sent[8 * 6 + 3 * 8];
		uint8_t failed = 0;
		lookup_next_t next;
		while ((next = lookup_next(&lookup, now)).step == LOOKUP_SEND || next.step == LOOKUP_WAIT) {
			if (next.step == LOOKUP_SEND) {
				assert_false(failed & (1 << next.server));
				assert_true(next.server < servers);
				assert_int_equal(next.first, tries + repeats == 0);
				repeats += next.tcp || !next.edns;
				tries += !next.tcp && next.edns;
				lookup_sent(&lookup, &next, 500 + random() % 500, now);
				sent[live].server = next.server;
				sent[live].tcp = next.tcp;
				sent[live++].edns = next.edns;
			}
			if (live > 0 && random() % 2) {
				unsigned which = random() % live;
				lookup_event_t what = random() % (LOOKUP_BROKEN + 1);
				failed |= (what == LOOKUP_ERROR && !sent[which].tcp && !(lookup.truncated & (1 << sent[which].server))) ?
				                  1 << sent[which].server :
				                  0;
				lookup_event(&lookup, sent[which].server, sent[which].tcp, sent[which].edns, what, now);
				sent[which] = sent[--live];
			} else if (next.step == LOOKUP_WAIT) {
				now = random() % 2 ? next.until : now + random() % 100;
			}
			assert_int_equal(lookup.live, live);
		}
		assert_true(tries <= servers * (retry + 1));
		assert_true(tries + repeats <= servers * (retry + 1 + 3));
		assert_true(next.step == LOOKUP_FAILED ? now < begin + timeout : now >= begin + timeout);
	}
}

/* --- a server --- */

static void test_wait(void **state)
{
	(void)state;

	server_t server = { 0 };
	assert_int_equal(server_wait(&server), SERVER_WAIT_MS);
	for (unsigned i = 0; i < 100; i++) {
		server_heard(&server, 3, i);
		assert_int_equal(server_wait(&server), SERVER_WAIT_MS);
	}
	/* A server that takes longer has that time and its variation. */
	server_heard(&server, 800, 100);
	assert_in_range(server_wait(&server), 890, 910);
	for (unsigned i = 0; i < 100; i++) {
		server_heard(&server, 800, i);
	}
	assert_in_range(server_wait(&server), 1000, 1020); /* A steady one may be late by a quarter. */
	server_heard(&server, UINT64_MAX, 0);
	assert_in_range(server_wait(&server), 60000, 80000);
}

static void test_silent(void **state)
{
	(void)state;

	server_t server[2] = { 0 };
	uint8_t order[2];
	server_heard(&server[0], 1, 1000);

	/* One dead name makes no server silent, and several do after a second only. */
	for (unsigned i = 0; i < 10; i++) {
		server_missed(&server[0], 1, 5000);
		server_missed(&server[0], 2, 5000);
	}
	servers_order(server, 2, order, 5000);
	assert_int_equal(order[0], 0);
	server_heard(&server[0], 1, 5000);
	for (unsigned i = 0; i < 10; i++) {
		server_missed(&server[0], i, 5999);
	}
	servers_order(server, 2, order, 6000);
	assert_int_equal(order[0], 0);
	server_missed(&server[0], 1, 6000);
	servers_order(server, 2, order, 6000);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 0);

	/* One that never replied has its second, too. */
	server_t slow = { 0 };
	uint8_t alone[1];
	for (unsigned i = 0; i < 10; i++) {
		server_missed(&slow, i, 5000);
	}
	servers_order(&slow, 1, alone, 5000);
	assert_int_equal(slow.probe_at, 0);
	server_missed(&slow, 10, 6000);
	assert_int_not_equal(slow.probe_at, 0);

	/* Once a second it is tried, until it replies. */
	servers_order(server, 2, order, 6999);
	assert_int_equal(order[0], 1);
	servers_order(server, 2, order, 7000);
	assert_int_equal(order[0], 0);
	servers_order(server, 2, order, 7000);
	assert_int_equal(order[0], 1);
	server_heard(&server[0], 1, 7001);
	servers_order(server, 2, order, 7001);
	assert_int_equal(order[0], 0);
}

static void test_letters(void **state)
{
	(void)state;

	/* One that changes letters is noticed with the first reply. */
	server_t server = { 0 };
	assert_true(server_letters(&server, true, false, 1000));
	assert_int_equal(server.letters, LETTERS_UNKNOWN);
	assert_true(server_letters(&server, false, true, 1000));
	assert_int_equal(server.letters, LETTERS_CHANGED);
	assert_true(server_letters(&server, false, false, 1000));
	assert_false(server_mixes(&server, 1000 + SERVER_LETTERS_MS - 1));

	/* That reply may have been forged: it is tried again. */
	assert_true(server_mixes(&server, 1000 + SERVER_LETTERS_MS));
	assert_true(server_letters(&server, true, true, 1000 + SERVER_LETTERS_MS));
	assert_int_equal(server.letters, LETTERS_KEPT);

	/* One that keeps them is believed to go on so, unless it never does any more. */
	server = (server_t){ 0 };
	assert_true(server_letters(&server, true, true, 1000));
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < SERVER_MISMATCHES_MAX - 1; k++) {
			assert_false(server_letters(&server, false, true, 1000));
		}
		assert_true(server_letters(&server, true, true, 1000));
	}
	for (unsigned k = 0; k < SERVER_MISMATCHES_MAX; k++) {
		assert_false(server_letters(&server, false, true, 1000));
	}
	assert_true(server_letters(&server, false, true, 1000));
	assert_int_equal(server.letters, LETTERS_CHANGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_formerr),
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_letters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
