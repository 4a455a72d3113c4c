/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>
#include <libknot/libknot.h>

#include "resolve/resolver.h"
#include "resolve/server.h"
#include "util/clock.h"

#define TIMEOUT 700 /* ms */
#define RETRY 2
#define QUERIES 8
#define BETWEEN 5 /* ms, so that each has its own times. */

typedef struct {
	uv_loop_t loop;
	resolver_t *resolver;
	int silence;   /*!< The server's socket, from which mostly nobody reads. */
	int listening; /*!< Its port for TCP, on which nobody listens yet. */
	unsigned asked, finished;
} fixture_t;

static unsigned timer_starts;

/*! Stands in for libuv's, and counts. */
int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
	int (*start)(uv_timer_t *, uv_timer_cb, uint64_t, uint64_t);
	*(void **)&start = dlsym(RTLD_NEXT, __func__);
	timer_starts++;
	return start(timer, cb, timeout, repeat);
}

/*! Opens the server's sockets, on a port that is free for both. */
static bool open_server(fixture_t *fixture, struct sockaddr_in *addr)
{
	for (unsigned i = 0; i < 100; i++) {
		socklen_t len = sizeof(*addr);
		*addr = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		fixture->silence = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		fixture->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (bind(fixture->silence, (struct sockaddr *)addr, len) == 0 &&
		    getsockname(fixture->silence, (struct sockaddr *)addr, &len) == 0 &&
		    bind(fixture->listening, (struct sockaddr *)addr, len) == 0) {
			return true;
		}
		close(fixture->silence);
		close(fixture->listening);
	}
	return false;
}

static int setup(void **state)
{
	static fixture_t fixture;
	struct sockaddr_in addr;
	fixture = (fixture_t){ 0 };
	if (!open_server(&fixture, &addr)) {
		return 1;
	}

	resolvers_t set = { .count = 1, .server[0] = { .family = AF_INET, .port = ntohs(addr.sin_port) } };
	memcpy(set.server[0].addr, &addr.sin_addr, sizeof(addr.sin_addr));
	uv_loop_init(&fixture.loop);
	fixture.resolver = resolver_new(&fixture.loop, &set);
	*state = &fixture;
	return fixture.resolver == NULL;
}

static int teardown(void **state)
{
	fixture_t *fixture = *state;
	resolver_free(fixture->resolver);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	close(fixture->silence);
	close(fixture->listening);
	return uv_loop_close(&fixture->loop);
}

static void on_failure(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	fixture_t *fixture = ctx;
	assert_null(reply);
	assert_int_equal(ede, KNOT_EDNS_EDE_NREACH_AUTH);
	fixture->finished += final;
}

static void ask(uv_timer_t *timer)
{
	fixture_t *fixture = timer->data;
	resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, TIMEOUT, RETRY, on_failure, fixture);
	if (++fixture->asked == QUERIES) {
		uv_close((uv_handle_t *)timer, NULL);
	}
}

/* Without a reply each query fails, and the loop sleeps until something is due, to the last ms. */
static void test_silence(void **state)
{
	fixture_t *fixture = *state;
	uv_timer_t timer = { .data = fixture };
	uv_timer_init(&fixture->loop, &timer);
	assert_int_equal(uv_timer_start(&timer, ask, 0, BETWEEN), 0);

	timer_starts = 0;
	while (fixture->finished < QUERIES) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	/* One for each that is sent or given up, and some, as clocks and timers are not of one grain. */
	assert_in_range(timer_starts, QUERIES, 3 * QUERIES * (RETRY + 2));
}

static void on_reply(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	fixture_t *fixture = ctx;
	(void)ede;
	assert_non_null(reply);
	assert_int_equal(reply->kind, REPLY_NODATA);
	assert_true(final);
	fixture->finished++;
}

/* A message that is no reply at all, then the reply: there is no such address. */
static void serve(const fixture_t *fixture)
{
	uint8_t wire[512];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(fixture->silence, wire, sizeof(wire), 0, (struct sockaddr *)&from, &from_len);
	assert_true(len > KNOT_WIRE_HEADER_SIZE);
	knot_wire_set_qr(wire);
	knot_wire_set_ra(wire);
	assert_int_equal(sendto(fixture->silence, wire, 5, 0, (struct sockaddr *)&from, from_len), 5);
	assert_int_equal(sendto(fixture->silence, wire, len, 0, (struct sockaddr *)&from, from_len), len);
}

/* Replies that wait in the sockets while the loop does not run are read before their queries time out. */
static void test_late_loop(void **state)
{
	fixture_t *fixture = *state;
	for (unsigned i = 0; i < QUERIES; i++) {
		resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, TIMEOUT, RETRY, on_reply, fixture);
	}
	for (unsigned i = 0; i < QUERIES; i++) {
		serve(fixture);
	}
	usleep((TIMEOUT + 100) * 1000);

	while (fixture->finished < QUERIES) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	assert_int_equal(resolver_stats(fixture->resolver)->sent, QUERIES);
	assert_int_equal(resolver_stats(fixture->resolver)->dropped, QUERIES);
}

static void on_any(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	(void)reply;
	(void)ede;
	(void) final;
	(void)ctx;
}

/* Two queries on one port: the network returns an error for the second one. Then the first one has its reply. */
static void reply_after_error(fixture_t *fixture, bool truncated)
{
	struct sockaddr_storage server, from;
	socklen_t server_len = sizeof(server), from_len = sizeof(from);
	uint8_t wire[512];

	assert_int_equal(getsockname(fixture->silence, (struct sockaddr *)&server, &server_len), 0);
	resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, 60000, 1, on_reply, fixture);
	ssize_t len = recvfrom(fixture->silence, wire, sizeof(wire), 0, (struct sockaddr *)&from, &from_len);
	close(fixture->silence);
	resolver_query(fixture->resolver, NAME_B, KNOT_RRTYPE_A, 60000, 0, on_any, fixture);
	uv_run(&fixture->loop, UV_RUN_ONCE); /* It takes the error. */

	fixture->silence = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fixture->silence, (struct sockaddr *)&server, server_len), 0);
	knot_wire_set_qr(wire);
	knot_wire_set_ra(wire);
	if (truncated) {
		knot_wire_set_tc(wire);
	}
	assert_int_equal(sendto(fixture->silence, wire, len, 0, (struct sockaddr *)&from, from_len), len);
}

static void run_to_end(fixture_t *fixture)
{
	for (unsigned i = 0; i < 1000 && fixture->finished == 0; i++) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_int_equal(fixture->finished, 1);
}

/* The network returns an error for one query. The reply to another one on the same port is still read. */
static void test_socket_error(void **state)
{
	fixture_t *fixture = *state;
	reply_after_error(fixture, false);
	run_to_end(fixture);
	assert_int_equal(resolver_stats(fixture->resolver)->sent, 2); /* It was not asked again at once. */
}

/* A truncated reply to a query that was thought to be lost is asked for over TCP, and that is waited for. */
static void test_truncated_after_error(void **state)
{
	fixture_t *fixture = *state;
	assert_int_equal(listen(fixture->listening, 1), 0);
	reply_after_error(fixture, true);

	uint8_t wire[512];
	int stream = -1;
	ssize_t size = -1;
	for (unsigned i = 0; i < 1000 && size < 0; i++) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		usleep(1000);
		stream = (stream < 0) ? accept(fixture->listening, NULL, NULL) : stream;
		size = recv(stream, wire, sizeof(wire), MSG_DONTWAIT);
	}
	assert_true(size > 2 + KNOT_WIRE_HEADER_SIZE);
	knot_wire_set_qr(wire + 2); /* After the length. */
	knot_wire_set_ra(wire + 2);
	assert_int_equal(send(stream, wire, size, 0), size);
	run_to_end(fixture);
	close(stream);
}

static uint64_t never(void *ctx, uint64_t now)
{
	(void)ctx, (void)now;
	return TIMEOUT;
}

/* The limit of what is sent holds up all but the first query of a lookup. */
static void test_pace(void **state)
{
	fixture_t *fixture = *state;
	resolver_pace(fixture->resolver, never, NULL);
	for (unsigned i = 0; i < QUERIES; i++) {
		resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, TIMEOUT, RETRY, on_failure, fixture);
	}
	while (fixture->finished < QUERIES) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	assert_int_equal(resolver_stats(fixture->resolver)->sent, QUERIES);
}

#define HELD 64
#define SLOT 8 /* ms */

static struct {
	uint64_t since;
	unsigned calls, granted;
} pace;

/* Lets one query go in each slot. */
static uint64_t in_slots(void *ctx, uint64_t now)
{
	(void)ctx;
	pace.since = (pace.calls++ == 0) ? now : pace.since;
	uint64_t at = pace.since + (uint64_t)pace.granted * SLOT;
	if (now < at) {
		return at - now;
	}
	pace.granted++;
	return 0;
}

/* Queries that are held up leave in turn, and only the first of them asks whether it may. */
static void test_pace_in_turn(void **state)
{
	fixture_t *fixture = *state;
	static uint8_t name[HELD][4];
	unsigned sent = 0;

	uint64_t begin = clock_ms();
	memset(&pace, 0, sizeof(pace));
	resolver_pace(fixture->resolver, in_slots, NULL);
	for (unsigned i = 0; i < HELD; i++) {
		name[i][0] = 2;
		name[i][1] = '0' + i / 10;
		name[i][2] = '0' + i % 10;
		resolver_query(fixture->resolver, name[i], KNOT_RRTYPE_A, 4 * SERVER_WAIT_MS, RETRY, on_any, fixture);
		usleep(1000); /* So that they come to their retransmissions in this order. */
	}
	uint64_t end = begin + 3 * SERVER_WAIT_MS; /* Before the second retransmissions. */
	while (pace.granted < HELD && clock_ms() < end) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}

	uint8_t wire[512];
	while (recv(fixture->silence, wire, sizeof(wire), MSG_DONTWAIT) > 0) {
		const uint8_t *digit = wire + KNOT_WIRE_HEADER_SIZE + 1;
		assert_int_equal((digit[0] - '0') * 10 + digit[1] - '0', sent++ % HELD);
	}
	assert_int_equal(sent, 2 * HELD);
	assert_true(clock_ms() < end);
	assert_in_range(pace.calls, HELD, 3 * HELD);
}

static unsigned slots; /* How many queries that are held up may leave. */

static uint64_t if_slots(void *ctx, uint64_t now)
{
	(void)ctx;
	(void)now;
	if (slots == 0) {
		return SLOT;
	}
	slots--;
	return 0;
}

/* Until retransmissions of all that has been asked are held up. */
static void run_until_held(fixture_t *fixture)
{
	slots = 0;
	resolver_pace(fixture->resolver, if_slots, NULL);
	uint64_t end = clock_ms() + SERVER_WAIT_MS + 10 * SLOT;
	while (clock_ms() < end) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
}

/* The same as in test_late_loop() for queries that are held up, while a new one is asked before the loop reads. */
static void test_late_loop_held(void **state)
{
	fixture_t *fixture = *state;
	for (unsigned i = 0; i < QUERIES; i++) {
		resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, TIMEOUT, RETRY, on_reply, fixture);
	}
	run_until_held(fixture);
	for (unsigned i = 0; i < QUERIES; i++) {
		serve(fixture);
	}
	usleep(TIMEOUT * 1000);

	resolver_query(fixture->resolver, NAME_B, KNOT_RRTYPE_A, TIMEOUT, 0, on_any, fixture);
	while (fixture->finished < QUERIES) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
}

/* What the server asks for, here TCP, leaves before retransmissions that were held up earlier. */
static void test_pace_tcp_first(void **state)
{
	fixture_t *fixture = *state;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	assert_int_equal(listen(fixture->listening, 1), 0);

	uint8_t wire[512];
	for (unsigned i = 0; i < QUERIES; i++) {
		resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, 60000, RETRY, on_any, fixture);
		assert_true(recv(fixture->silence, wire, sizeof(wire), 0) > 0);
	}
	run_until_held(fixture);
	resolver_query(fixture->resolver, NAME_B, KNOT_RRTYPE_A, 60000, RETRY, on_any, fixture);
	ssize_t size = recvfrom(fixture->silence, wire, sizeof(wire), 0, (struct sockaddr *)&from, &from_len);
	knot_wire_set_qr(wire);
	knot_wire_set_ra(wire);
	knot_wire_set_tc(wire);
	assert_int_equal(sendto(fixture->silence, wire, size, 0, (struct sockaddr *)&from, from_len), size);
	uv_run(&fixture->loop, UV_RUN_ONCE);

	slots = 1;
	while (slots > 0) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	assert_int_equal(recv(fixture->silence, wire, sizeof(wire), MSG_DONTWAIT), -1);
	int stream = accept(fixture->listening, NULL, NULL);
	assert_true(stream >= 0);
	close(stream);
}

static void on_end(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	fixture_t *fixture = ctx;
	assert_null(reply);
	assert_int_equal(ede, KNOT_EDNS_EDE_NETWORK);
	fixture->finished += final;
}

/* Queries that are under way end with the resolver, and all of them are freed. */
static void test_end(void **state)
{
	fixture_t *fixture = *state;
	for (unsigned i = 0; i < 2 * CHANNEL_TRIES_MAX; i++) {
		resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, TIMEOUT, RETRY, on_end, fixture);
	}
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_socket_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated_after_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pace_in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_loop_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pace_tcp_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
