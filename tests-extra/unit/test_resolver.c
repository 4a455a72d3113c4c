/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>
#include <libknot/libknot.h>

#include "resolve/resolver.h"

#define TIMEOUT 700 /* ms */
#define RETRY 2
#define QUERIES 8
#define BETWEEN 5 /* ms, so that each has its own times. */

typedef struct {
	uv_loop_t loop;
	resolver_t *resolver;
	int silence; /*!< A socket that nobody reads from. */
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

static int setup(void **state)
{
	static fixture_t fixture;
	fixture = (fixture_t){ .silence = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	if (bind(fixture.silence, (struct sockaddr *)&addr, len) != 0 ||
	    getsockname(fixture.silence, (struct sockaddr *)&addr, &len) != 0) {
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
	return uv_loop_close(&fixture->loop);
}

static void on_result(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	fixture_t *fixture = ctx;
	assert_null(reply);
	assert_int_equal(ede, KNOT_EDNS_EDE_NREACH_AUTH);
	fixture->finished += final;
}

static void ask(uv_timer_t *timer)
{
	fixture_t *fixture = timer->data;
	resolver_query(fixture->resolver, NAME_A, KNOT_RRTYPE_A, TIMEOUT, RETRY, on_result, fixture);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
