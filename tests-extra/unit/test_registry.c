/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Engines that nobody uses any more: their end, and loads meanwhile. */

#include "test.h"

#include <urcu.h>
#include <malloc.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <libknot/errcode.h>

#include "engine/internal.h"
#include "engine/registry.h"
#include "util/clock.h"

#define IDLE_S 75 /* Longer than an engine stays, and than it takes until it looks. */
#define LIMIT_S 60

static _Atomic time_t ahead;

/*! The clock of the module and of libuv. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *now)
{
	int ret = syscall(SYS_clock_gettime, id, now);
	now->tv_sec += ahead;
	return ret;
}

static const limits_t limits = { .max_rate = 1, .max_targets = 1000 };

static engine_t *acquire(unsigned port)
{
	static const refresh_options_t options = { .timeout = 1000 };
	engine_key_t key = { 0 };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_storage any = { 0 };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&any, &address, sizeof(address));
	assert_int_equal(resolvers_add(&key.resolvers, &any), KNOT_EOK);

	engine_t *engine;
	formers_t formers;
	assert_int_equal(registry_acquire(&engine, &formers, &key, NAME_A, &options, &limits), KNOT_EOK);
	return engine;
}

/*! An engine without zones, some time later. */
static void leave(engine_t *engine)
{
	registry_release(engine, &limits);
	ahead += IDLE_S;
	uv_async_send(&engine->wakeup);
}

static void wait_for(const volatile bool *flag)
{
	for (unsigned i = 0; i < LIMIT_S * 1000 && !*flag; i++) {
		usleep(1000);
	}
	assert_true(*flag);
}

static void do_nothing(struct rcu_head *head)
{
	(void)head;
}

/*! A load does not wait for an engine that ends: here that waits for a reader. */
static void test_end_takes_long(void **state)
{
	(void)state;

	alarm(LIMIT_S); /* It would wait for ever. */
	rcu_register_thread();
	engine_t *engine = acquire(1);
	rcu_read_lock();
	static struct rcu_head head;
	call_rcu(&head, do_nothing); /* As a callback that frees targets. */
	leave(engine);
	wait_for(&engine->closing);
	engine_t *other = acquire(1);
	assert_ptr_not_equal(other, engine);
	assert_false(engine->ended);
	rcu_read_unlock();
	registry_release(other, &limits);
	rcu_unregister_thread();
	alarm(0);
}

/*! Its memory is free with the first load after its end. */
static void test_freed(void **state)
{
	(void)state;

	engine_t *engine = acquire(2);
	size_t before = mallinfo2().uordblks, most = 0;
	for (unsigned i = 0; i < 20; i++) {
		leave(engine);
		wait_for((const volatile bool *)&engine->ended);
		engine = acquire(3 + i);
		size_t now = mallinfo2().uordblks;
		most = (now > most) ? now : most;
	}
	registry_release(engine, &limits);
	assert_true(most < before + 10 * sizeof(*engine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_end_takes_long),
		cmocka_unit_test(test_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
