/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An engine whose store has lost its file puts all answers again. */

#include "storedir.h"

#include <netinet/in.h>
#include <stdatomic.h>

#include "engine/registry.h"
#include "store/archive.h"

#define MANY (10 * STORE_BATCH)
#define FEW 10
#define LIMIT_MS 20000

static const limits_t limits = { .max_rate = 1, .max_targets = 1000000 };
static const refresh_options_t options = { .timeout = 1000, .stale_max = 86400 };

typedef struct {
	engine_key_t key;
	engine_t *engine;
	tenant_t *tenant;
	_Atomic uint64_t restored;
	_Atomic uint64_t stored;
} user_t;

static void publish(void *ctx, const counters_t own, const counters_t common)
{
	(void)own;
	user_t *user = ctx;
	user->restored = common[COUNTER_RESTORED];
	user->stored = common[COUNTER_STORED];
}

static void wait_count(const _Atomic uint64_t *counter, uint64_t expected)
{
	uint64_t end = clock_ms() + LIMIT_MS;
	while (*counter < expected && clock_ms() < end) {
		usleep(1000);
	}
	assert_int_equal(*counter, expected);
}

/*! Names a resolver and a directory, and puts answers there. */
static void prepare(user_t *user, unsigned number, unsigned from, unsigned to)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(number) };
	struct sockaddr_storage any = { 0 };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&any, &address, sizeof(address));
	assert_int_equal(resolvers_add(&user->key.resolvers, &any), KNOT_EOK);
	(void)snprintf(user->key.store, sizeof(user->key.store), "%s/%u", here.top, number);

	store_t *store = archive_open(user->key.store, &user->key.resolvers, &log_queue, wake, &news);
	assert_non_null(store);
	(void)read_all(store, NULL, NULL);
	for (unsigned i = from; i < to; i++) {
		record_t *record = record_of(i, 0, 1);
		record->received = record->used = time(NULL);
		assert_true(store_put(store, record));
	}
	store_close(store);
}

static void load(user_t *user)
{
	formers_t formers;
	assert_int_equal(registry_acquire(&user->engine, &formers, &user->key, NAME_A, &options, &limits), KNOT_EOK);
	const tenant_options_t all = { .refresh = options, .formers = formers };
	user->tenant = engine_tenant(user->engine, NAME_A, &all, publish, user);
	assert_non_null(user->tenant);
}

static void unload(user_t *user)
{
	tenant_leave(user->tenant, user);
	registry_release(user->engine, &limits);
}

static void lose_file(const user_t *user)
{
	char path[ENGINE_STORE_MAX + 16];
	(void)snprintf(path, sizeof(path), "%s/store.db", user->key.store);
	assert_int_equal(unlink(path), 0);
}

/*! More than what is put at a time; and a few that are among many which are not stored, as other resolvers gave them. */
static void test_refill(void **state)
{
	(void)state;

	user_t many = { .engine = NULL }, few = { .engine = NULL };
	prepare(&many, 1, 0, MANY);
	prepare(&few, 2, MANY, MANY + FEW);
	load(&many);
	wait_count(&many.restored, MANY);
	load(&few); /* With a handover. */
	wait_count(&few.restored, FEW);

	lose_file(&few);
	lose_file(&many);
	wait_count(&few.stored, FEW);
	wait_count(&many.stored, MANY);
	unload(&few);
	unload(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refill, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
