/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Channels to a socket of the test, which reads what it needs and never replies. */

#include "test.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolve/channel.h"
#include "resolve/query.h"

#define OWNERS (CHANNELS_MAX + 1)

typedef struct {
	struct cds_list_head tries;
	unsigned broken;
} owner_t;

static uv_loop_t loop;
static channels_t *channels;
static owner_t owner[OWNERS];
static int udp, tcp; /* The server's, with the same port. */

static bool on_reply(try_t *try, const uint8_t *wire, size_t len, bool same)
{
	(void)try, (void)wire, (void)len, (void)same;
	fail();
	return false;
}

static void on_broken(try_t *try)
{
	((owner_t *)try->owner)->broken++;
}

/*! Opens sockets at a port that is free for both. */
static bool open_server(struct sockaddr_in *addr)
{
	socklen_t len = sizeof(*addr);
	for (int i = 0; i < 100; i++) {
		*addr = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (bind(udp, (struct sockaddr *)addr, len) == 0 && getsockname(udp, (struct sockaddr *)addr, &len) == 0 &&
		    bind(tcp, (struct sockaddr *)addr, len) == 0 && listen(tcp, 2 * CHANNELS_ALONE_MAX) == 0) {
			return true;
		}
		close(udp);
		close(tcp);
	}
	return false;
}

static int setup(void **state)
{
	(void)state;
	struct sockaddr_in addr;
	if (!open_server(&addr)) {
		return 1;
	}

	resolvers_t set = { .count = 1, .server[0] = { .family = AF_INET, .port = ntohs(addr.sin_port) } };
	memcpy(set.server[0].addr, &addr.sin_addr, sizeof(addr.sin_addr));
	for (unsigned i = 0; i < OWNERS; i++) {
		owner[i].broken = 0;
		CDS_INIT_LIST_HEAD(&owner[i].tries);
	}
	uv_loop_init(&loop);
	channels = channels_new(&loop, &set, on_reply, on_broken);
	return channels == NULL;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OWNERS; i++) {
		try_t *try, *next;
		cds_list_for_each_entry_safe(try, next, &owner[i].tries, owned) {
			channels_forget(try);
		}
	}
	channels_free(channels);
	uv_run(&loop, UV_RUN_DEFAULT);
	close(udp);
	close(tcp);
	return uv_loop_close(&loop);
}

static try_t *send_query(owner_t *from, const uint8_t *name, bool over_tcp, bool alone, uint64_t now)
{
	knot_pkt_t *pkt = query_new(name, KNOT_RRTYPE_A, QUERY_RD);
	assert_non_null(pkt);
	try_t *try = channels_send(channels, pkt, 0, over_tcp, alone, &from->tries, from, now);
	knot_pkt_free(pkt);
	return try;
}

/* A server that breaks its shared connection on purpose gets so many for single queries, and no more. */
static void test_alone(void **state)
{
	(void)state;
	try_t *first = send_query(&owner[0], NAME_A, true, true, 1000);
	assert_non_null(first);
	for (unsigned i = 1; i < CHANNELS_ALONE_MAX; i++) {
		assert_non_null(send_query(&owner[i], NAME_A, true, true, 1000));
	}
	assert_null(send_query(&owner[CHANNELS_ALONE_MAX], NAME_A, true, true, 1000));
	assert_int_equal(channels_stats(channels)->streams, CHANNELS_ALONE_MAX);

	/* The shared one is still to be had, and one for a single query when another has ended. */
	assert_non_null(send_query(&owner[CHANNELS_ALONE_MAX], NAME_A, true, false, 1000));
	channels_forget(first);
	channels_settle(channels);
	assert_non_null(send_query(&owner[0], NAME_A, true, true, 1000));
	assert_null(send_query(&owner[CHANNELS_ALONE_MAX + 1], NAME_A, true, true, 1000));
}

/* The port that a query comes from. */
static in_port_t receive(void)
{
	uint8_t wire[QUERY_SIZE];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	assert_true(recvfrom(udp, wire, sizeof(wire), MSG_DONTWAIT, (struct sockaddr *)&from, &len) > 0);
	return from.sin_port;
}

/* A name that c-ares refuses ends nothing of the channel that other queries are on. */
static void test_refused_name(void **state)
{
	(void)state;
	assert_non_null(send_query(&owner[0], NAME_A, false, false, 1000));
	in_port_t port = receive();
	if (send_query(&owner[1], (const uint8_t *)"\003a b\007example", false, false, 1000) != NULL) { /* By 1.18. */
		assert_int_equal(receive(), port);
	}
	assert_non_null(send_query(&owner[2], NAME_B, false, false, 1000));
	assert_int_equal(receive(), port);
	assert_int_equal(owner[0].broken, 0);
}

/* The network returns an error for each query, on a port that they share. Each of them is broken once. */
static void test_broken_once(void **state)
{
	(void)state;
	close(udp);
	for (unsigned i = 0; i < 4; i++) {
		assert_non_null(send_query(&owner[i], NAME_A, false, false, 1000));
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(owner[i].broken, 1);
	}
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Where replies to very many queries do not come, the oldest ones are given up. */
static void test_most(void **state)
{
	(void)state;
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < CHANNELS_MAX + 100) {
		skip();
	}
	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		assert_non_null(send_query(&owner[i], NAME_A, false, false, (1 + i) * CHANNEL_AGE_MS));
	}
	assert_int_equal(owner[0].broken, 0);
	assert_non_null(send_query(&owner[CHANNELS_MAX], NAME_A, false, false, (uint64_t)OWNERS * CHANNEL_AGE_MS));
	for (unsigned i = 0; i < OWNERS; i++) {
		assert_int_equal(owner[i].broken, i == 0);
		assert_int_equal(cds_list_empty(&owner[i].tries), i == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_most, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
