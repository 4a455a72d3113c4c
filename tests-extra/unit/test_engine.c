/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include <libknot/libknot.h>

#include "cache/verdict.h"
#include "engine/internal.h"
#include "engine/registry.h"
#include "util/clock.h"

#define WORKERS 8
#define NAMES 2000
#define TURNS 30 /* Of each worker, for each name. */
#define LIMIT_MS 20000
#define NEW_ZONE ((const uint8_t *)"\003new\007example") /* Not loaded before. */

/* A resolver that has one address for any name, at once, and counts queries by the name's number. */

static int sock;
static atomic_uint queries[NAMES][ADDR_TYPES];

static const policy_t policy = {
	.refresh = {
		.timeout = 2000,
		.retry = 2,
		.failure_ttl = 5,
		.negative_ttl_max = 300,
		.keep_warm = 86400,
		.stale_max = 86400,
	},
	.ttl_max = 86400
};
static const limits_t limits = { .max_rate = 1000000, .max_targets = 1000000 };

static void *resolve(void *ctx)
{
	(void)ctx;
	uint8_t wire[512];
	struct sockaddr_in client;
	socklen_t len = sizeof(client);
	ssize_t size;
	while ((size = recvfrom(sock, wire, sizeof(wire), 0, (struct sockaddr *)&client, &len)) > 1) {
		knot_pkt_t *pkt = knot_pkt_new(wire, size, NULL);
		assert_int_equal(knot_pkt_parse(pkt, 0), KNOT_EOK);
		uint16_t type = knot_pkt_qtype(pkt);
		unsigned number = 0;
		assert_int_equal(sscanf((const char *)knot_pkt_qname(pkt) + 1, "n%u", &number), 1);
		queries[number][type == KNOT_RRTYPE_A ? ADDR_A : ADDR_AAAA]++;

		knot_pkt_t *reply = knot_pkt_new(NULL, sizeof(wire), NULL);
		knot_pkt_init_response(reply, pkt);
		knot_wire_set_ra(reply->wire);
		knot_rrset_t rrset;
		knot_rrset_init(&rrset, (knot_dname_t *)knot_pkt_qname(pkt), type, KNOT_CLASS_IN, 3600);
		static const uint8_t addr[16] = { 192, 0, 2, 1 };
		knot_rrset_add_rdata(&rrset, addr, type == KNOT_RRTYPE_A ? 4 : 16, NULL);
		knot_pkt_put(reply, KNOT_COMPR_HINT_QNAME, &rrset, 0);
		sendto(sock, reply->wire, reply->size, 0, (struct sockaddr *)&client, len);

		knot_rdataset_clear(&rrset.rrs, NULL);
		knot_pkt_free(reply);
		knot_pkt_free(pkt);
	}
	return NULL;
}

/* A zone for each engine, with what has been counted. */

typedef struct {
	engine_t *engine;
	tenant_t *tenant;
	_Atomic uint64_t count[COUNTERS];
} zone_t;

static zone_t zones[8];

static void publish(void *ctx, const counters_t own, const counters_t common)
{
	zone_t *zone = ctx;
	for (unsigned i = 0; i < COUNTERS; i++) {
		zone->count[i] = i < COUNTER_TARGETS ? own[i] : common[i];
	}
}

static zone_t *zone_of(engine_t *at)
{
	zone_t *zone = zones;
	while (zone->engine != at && zone->engine != NULL) {
		zone++;
	}
	if (zone->engine == NULL) {
		zone->engine = at;
		const tenant_options_t options = { .refresh = policy.refresh };
		zone->tenant = engine_tenant(at, NAME_APEX, &options, publish, zone);
		assert_non_null(zone->tenant);
	}
	return zone;
}

static pthread_t resolver;
static formers_t formers;
static struct sockaddr_in address = { .sin_family = AF_INET };
static engine_t *engine;

/*! A key with that many more resolvers, which nobody has to ask: the first one answers. */
static engine_key_t make_key(unsigned more)
{
	engine_key_t key = { 0 };
	struct sockaddr_storage addr = { 0 };
	memcpy(&addr, &address, sizeof(address));
	for (unsigned i = 0; i <= more; i++) {
		assert_int_equal(resolvers_add(&key.resolvers, &addr), KNOT_EOK);
	}
	return key;
}

static int setup(void **state)
{
	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socklen_t len = sizeof(address);
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(sock, (struct sockaddr *)&address, len) != 0 ||
	    getsockname(sock, (struct sockaddr *)&address, &len) != 0 ||
	    pthread_create(&resolver, NULL, resolve, NULL) != 0) {
		return -1;
	}

	engine_key_t key = make_key(0);
	int ret = registry_acquire(&engine, &formers, &key, NEW_ZONE, &policy.refresh, &limits);
	if (ret == KNOT_EOK) {
		(void)zone_of(engine); /* Before there are threads that look for it. */
	}
	return ret;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; zones[i].engine != NULL; i++) {
		tenant_leave(zones[i].tenant, &zones[i]);
	}
	registry_release(engine, &limits);
	sendto(sock, "", 1, 0, (struct sockaddr *)&address, sizeof(address)); /* Ends the resolver. */
	pthread_join(resolver, NULL);
	close(sock);
	return 0;
}

/*! What the answer hook does; true if both types are known. */
static bool ask(engine_t *at, unsigned number)
{
	char text[32];
	knot_dname_storage_t name;
	(void)snprintf(text, sizeof(text), "n%u.example.", number);
	knot_dname_from_str(name, text, sizeof(name));

	rcu_read_lock();
	uint64_t now = clock_ms();
	target_t *target = cache_find(engine_cache(at), name);
	wishes_t wishes = { 0 };
	unsigned known = 0;
	for (unsigned id = 0; id < ADDR_TYPES; id++) {
		verdict_t verdict = verdict_get(target != NULL ? &target->entry[id] : NULL, engine_health(at),
		                                &policy, 3600, now);
		unsigned bit = verdict.ask ? 1U << id : 0;
		*(verdict.kind == VERDICT_COLD ? &wishes.wait : &wishes.refresh) |= bit;
		known += verdict.kind == VERDICT_ADDRESSES;
	}
	if (wishes_all(&wishes) != 0) {
		(void)engine_ask(at, target, name, wishes, zone_of(at)->tenant, now);
	}
	rcu_read_unlock();

	return known == ADDR_TYPES;
}

static void ask_until_known(engine_t *at, unsigned number, uint64_t end)
{
	while (!ask(at, number)) {
		assert_true(clock_ms() < end);
		usleep(1000);
	}
}

static uint64_t count(engine_t *at, counter_t id)
{
	return zone_of(at)->count[id];
}

/*! Counters are published a moment after what they count. */
static void assert_count(engine_t *at, counter_t id, uint64_t expected)
{
	uint64_t end = clock_ms() + LIMIT_MS;
	while (count(at, id) != expected && clock_ms() < end) {
		usleep(1000);
	}
	assert_int_equal(count(at, id), expected);
}

static pthread_barrier_t barrier;

static void *work(void *ctx)
{
	(void)ctx;
	rcu_register_thread();
	for (unsigned number = 0; number < NAMES; number++) {
		pthread_barrier_wait(&barrier);
		for (unsigned turn = 0; turn < TURNS; turn++) {
			ask(engine, number);
		}
	}
	rcu_unregister_thread();
	return NULL;
}

/*! Workers that meet a new name at the same time, before and after its reply, make one query of each type. */
static void test_single_flight(void **state)
{
	(void)state;

	pthread_t worker[WORKERS];
	pthread_barrier_init(&barrier, NULL, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(pthread_create(&worker[i], NULL, work, NULL), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(worker[i], NULL);
	}
	pthread_barrier_destroy(&barrier);

	rcu_register_thread();
	uint64_t end = clock_ms() + LIMIT_MS;
	for (unsigned number = 0; number < NAMES; number++) {
		ask_until_known(engine, number, end);
	}
	rcu_unregister_thread();

	for (unsigned number = 0; number < NAMES; number++) {
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			assert_int_equal(queries[number][id], 1);
		}
	}
	assert_count(engine, COUNTER_QUERIES, NAMES * ADDR_TYPES);
	assert_count(engine, COUNTER_ANSWERS, NAMES * ADDR_TYPES);
	assert_count(engine, COUNTER_TARGETS, NAMES);
	assert_count(engine, COUNTER_REFRESHES, 0);
}

/*! The same resolvers and store are the same engine, also after its last user has gone for a moment. */
static void test_registry(void **state)
{
	(void)state;

	engine_t *first, *second;
	engine_key_t key = make_key(0);
	assert_int_equal(registry_acquire(&first, &formers, &key, NEW_ZONE, &policy.refresh, &limits), KNOT_EOK);
	assert_ptr_equal(first, engine);
	registry_release(first, &limits);
	registry_release(engine, &limits);
	assert_int_equal(registry_acquire(&engine, &formers, &key, NEW_ZONE, &policy.refresh, &limits), KNOT_EOK);
	assert_ptr_equal(first, engine);

	/* The options of a zone don't matter, another set of resolvers does. */
	refresh_options_t options = policy.refresh;
	options.timeout++;
	assert_int_equal(registry_acquire(&second, &formers, &key, NEW_ZONE, &options, &limits), KNOT_EOK);
	assert_ptr_equal(first, second);
	registry_release(second, &limits);
	key = make_key(1);
	assert_int_equal(registry_acquire(&second, &formers, &key, NEW_ZONE, &options, &limits), KNOT_EOK);
	assert_ptr_not_equal(first, second);
	registry_release(second, &limits);
	registry_release(NULL, &limits);
}

/*! Fills an engine one by one, so that no target is busy when the next one comes. */
static void fill(engine_t *at, unsigned from, unsigned to)
{
	uint64_t end = clock_ms() + LIMIT_MS;
	rcu_register_thread();
	for (unsigned number = from; number < to; number++) {
		ask_until_known(at, number, end);
	}
	rcu_unregister_thread();
}

/*! The highest claims hold, also after one of them has been released. */
static void test_max_targets(void **state)
{
	(void)state;

	static const limits_t low = { .max_rate = 1000000, .max_targets = 10 };
	static const limits_t high = { .max_rate = 1000000, .max_targets = 40 };
	static const limits_t slow = { .max_rate = 1, .max_targets = 20 };
	engine_t *at[5];
	engine_key_t key = make_key(2);
	assert_int_equal(registry_acquire(&at[0], &formers, &key, NEW_ZONE, &policy.refresh, &low), KNOT_EOK);
	assert_int_equal(registry_acquire(&at[1], &formers, &key, NEW_ZONE, &policy.refresh, &high), KNOT_EOK);
	assert_ptr_equal(at[0], at[1]);
	registry_release(at[1], &high);
	fill(at[0], 0, 30);
	assert_count(at[0], COUNTER_TARGETS, 10);
	assert_count(at[0], COUNTER_EVICTED, 20);

	/* Each limit by itself, and a claim made twice has to be released twice. */
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(registry_acquire(&at[i], &formers, &key, NEW_ZONE, &policy.refresh, &high), KNOT_EOK);
	}
	assert_int_equal(registry_acquire(&at[3], &formers, &key, NEW_ZONE, &policy.refresh, &slow), KNOT_EOK);
	registry_release(at[0], &low);
	registry_release(at[1], &high);
	fill(at[2], 100, 160);
	assert_count(at[2], COUNTER_TARGETS, 40);
	assert_count(at[2], COUNTER_CAPPED, 0);
	registry_release(at[3], &slow);
	registry_release(at[2], &high);
}

static void test_max_rate(void **state)
{
	(void)state;

	static const limits_t low = { .max_rate = 1, .max_targets = 1000 };
	engine_t *first, *second;
	engine_key_t key = make_key(3);
	assert_int_equal(registry_acquire(&first, &formers, &key, NEW_ZONE, &policy.refresh, &low), KNOT_EOK);
	assert_int_equal(registry_acquire(&second, &formers, &key, NEW_ZONE, &policy.refresh, &limits), KNOT_EOK);
	fill(second, 0, 100); /* Would take minutes. */
	assert_count(second, COUNTER_TARGETS, 100);
	assert_count(second, COUNTER_CAPPED, 0);
	registry_release(second, &limits);

	uint64_t end = clock_ms() + LIMIT_MS;
	rcu_register_thread();
	for (unsigned number = 100; count(first, COUNTER_CAPPED) == 0; number++) {
		assert_true(clock_ms() < end);
		ask(first, number % NAMES);
		usleep(1000);
	}
	rcu_unregister_thread();
	registry_release(first, &low);
}

/* A load meets a full queue: the thread is held up while it publishes counters, and requests pile up. */

static sem_t held, go_on;
static atomic_uint published[2];

static void publish_slowly(void *ctx, const counters_t own, const counters_t common)
{
	(void)ctx, (void)own, (void)common;
	if (published[0]++ == 0) {
		sem_post(&held);
		sem_wait(&go_on);
	}
}

static void publish_other(void *ctx, const counters_t own, const counters_t common)
{
	(void)ctx, (void)own, (void)common;
	published[1]++;
}

/*! A load takes effect within moments, also when the queue takes no request. */
static void test_load_and_full_queue(void **state)
{
	(void)state;

	const tenant_options_t options = { .refresh = policy.refresh, .rate = 1 };
	static const limits_t few = { .max_rate = 1, .max_targets = 1 };
	engine_t *at;
	engine_key_t key = make_key(4);
	assert_int_equal(registry_acquire(&at, &formers, &key, NEW_ZONE, &policy.refresh, &few), KNOT_EOK);
	sem_init(&held, 0, 0);
	sem_init(&go_on, 0, 0);
	tenant_t *first = engine_tenant(at, NAME_A, &options, publish_slowly, &held);
	assert_non_null(first);
	sem_wait(&held);

	unsigned requests = 0;
	while (engine_ask(at, NULL, (const knot_dname_t *)"\002n0\007example", (wishes_t){ .wait = 1 }, first, clock_ms())) {
		requests++;
	}
	assert_true(requests > 0);
	tenant_t *second = engine_tenant(at, NAME_B, &options, publish_other, &go_on);
	assert_non_null(second);
	sem_post(&go_on);

	uint64_t end = clock_ms() + 5000;
	while (published[1] == 0 && clock_ms() < end) {
		usleep(1000);
	}
	assert_int_not_equal(published[1], 0);
	tenant_leave(first, &held);
	tenant_leave(second, &go_on);
	registry_release(at, &few);
}

/*! Names that an engine can serve to a zone with these former engines. */
static unsigned count_served(engine_t *at, const formers_t *of)
{
	policy_t own = policy;
	own.formers = *of;
	unsigned served = 0;
	rcu_register_thread();
	rcu_read_lock();
	for (unsigned number = 0; number < NAMES; number++) {
		char text[32];
		knot_dname_storage_t name;
		(void)snprintf(text, sizeof(text), "n%u.example.", number);
		knot_dname_from_str(name, text, sizeof(name));
		target_t *target = cache_find(engine_cache(at), name);
		const entry_t *entry = (target != NULL) ? &target->entry[ADDR_A] : NULL;
		served += verdict_get(entry, engine_health(at), &own, 3600, clock_ms()).kind == VERDICT_ADDRESSES;
	}
	rcu_read_unlock();
	rcu_unregister_thread();
	return served;
}

static void publish_nothing(void *ctx, const counters_t own, const counters_t common)
{
	(void)ctx, (void)own, (void)common;
}

/*! Engines that hardly look anything up. */
static const limits_t idle = { .max_rate = 1, .max_targets = 1000000 };
#define FEW 100

/*! Loads a zone with an engine. \return Its tenant, whose module is the engine's address. */
static tenant_t *load(engine_t **at, formers_t *of, const engine_key_t *key, const knot_dname_t *zone)
{
	assert_int_equal(registry_acquire(at, of, key, zone, &policy.refresh, &idle), KNOT_EOK);
	const tenant_options_t options = { .refresh = policy.refresh, .formers = *of };
	tenant_t *tenant = engine_tenant(*at, zone, &options, publish_nothing, at);
	assert_non_null(tenant);
	return tenant;
}

static void unload(engine_t **at, tenant_t *tenant)
{
	tenant_leave(tenant, at);
	registry_release(*at, &idle);
}

/*! A zone that gets another engine finds there what its former engines knew, and no other zone does. */
static void test_handover(void **state)
{
	(void)state;

	engine_t *at[5];
	formers_t of[5];
	tenant_t *tenant[5];
	engine_key_t key = make_key(0), keys[2] = { make_key(5), make_key(6) };
	static const formers_t none = { 0 };

	tenant[0] = load(&at[0], &of[0], &key, NAME_B);
	assert_ptr_equal(at[0], engine);
	assert_memory_equal(&of[0], &none, sizeof(none));
	assert_int_equal(count_served(engine, &none), NAMES);

	tenant[1] = load(&at[1], &of[1], &keys[0], NAME_B);
	unload(&at[0], tenant[0]);
	assert_ptr_not_equal(at[1], engine);
	assert_int_not_equal(of[1].id[0], 0);
	assert_int_equal(count_served(at[1], &of[1]), NAMES);
	assert_in_range(count_served(at[1], &none), 0, FEW); /* What it has looked up itself. */

	/* A zone that is new there, and one that is loaded again. */
	tenant[2] = load(&at[2], &of[2], &keys[0], NEW_ZONE);
	assert_ptr_equal(at[2], at[1]);
	assert_memory_equal(&of[2], &none, sizeof(none));
	tenant[3] = load(&at[3], &of[3], &keys[0], NAME_B);
	assert_memory_equal(&of[3], &of[1], sizeof(none));
	unload(&at[1], tenant[1]);

	/* From there to a third one, for both zones, whose former engines differ. */
	tenant[1] = load(&at[1], &of[1], &keys[1], NAME_B);
	assert_int_equal(of[1].id[1], of[3].id[0]);
	tenant[4] = load(&at[4], &of[4], &keys[1], NEW_ZONE);
	assert_int_equal(of[4].id[0], of[1].id[0]);
	assert_int_equal(of[4].id[1], 0);
	assert_int_equal(count_served(at[1], &of[1]), NAMES);
	assert_in_range(count_served(at[1], &of[4]), 0, FEW);
	unload(&at[3], tenant[3]);
	unload(&at[2], tenant[2]);

	/* Not where validation is required from now on. */
	keys[0].resolvers.require_ad = true;
	tenant[2] = load(&at[2], &of[2], &keys[0], NAME_B);
	assert_memory_equal(&of[2], &none, sizeof(none));
	assert_in_range(count_served(at[2], &of[1]), 0, FEW);
	unload(&at[1], tenant[1]);
	unload(&at[4], tenant[4]);
	unload(&at[2], tenant[2]);
}

/*! How the answer of a name came to an engine: answer_t.restored. */
static unsigned origin(engine_t *at, unsigned number)
{
	char text[32];
	knot_dname_storage_t name;
	(void)snprintf(text, sizeof(text), "n%u.example.", number);
	knot_dname_from_str(name, text, sizeof(name));
	rcu_register_thread();
	rcu_read_lock();
	target_t *target = cache_find(engine_cache(at), name);
	unsigned restored = target->entry[ADDR_A].answer->restored;
	rcu_read_unlock();
	rcu_unregister_thread();
	return restored;
}

/*! Of several engines' answers the newest one is served, but an own one stays while it serves. */
static void test_better(void **state)
{
	(void)state;

	enum { OWN = NAMES - 3,
	       LATER,
	       FIRST };
	engine_t *at[3];
	formers_t of[3];
	tenant_t *tenant[3];
	const engine_key_t keys[3] = { make_key(7), make_key(4), make_key(1) };
	tenant[0] = load(&at[0], &of[0], &keys[0], NAME_A);
	tenant[1] = load(&at[1], &of[1], &keys[1], NAME_B);
	assert_int_equal(registry_acquire(&at[2], &of[2], &keys[2], NEW_ZONE, &policy.refresh, &limits), KNOT_EOK);
	fill(at[2], OWN, OWN + 1);
	usleep(2000);
	engine_limit(at[0], &limits);
	engine_limit(at[1], &limits);
	fill(at[0], OWN, LATER + 1);
	usleep(2000);
	fill(at[1], LATER, FIRST + 1);
	usleep(2000);
	fill(at[0], FIRST, FIRST + 1);

	/* From both, the older answer of a name first, or last. */
	engine_t *again[2];
	formers_t now[2];
	tenant_t *come[2];
	come[0] = load(&again[0], &now[0], &keys[2], NAME_A);
	come[1] = load(&again[1], &now[1], &keys[2], NAME_B);
	assert_ptr_equal(again[0], at[2]);
	assert_int_equal(origin(at[2], OWN), 0);
	assert_int_equal(origin(at[2], LATER), now[1].id[0]);
	assert_int_equal(origin(at[2], FIRST), now[0].id[0]);

	unload(&again[1], come[1]);
	unload(&again[0], come[0]);
	registry_release(at[2], &limits);
	unload(&at[1], tenant[1]);
	unload(&at[0], tenant[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_registry),
		cmocka_unit_test(test_max_targets),
		cmocka_unit_test(test_max_rate),
		cmocka_unit_test(test_load_and_full_queue),
		cmocka_unit_test(test_handover),
		cmocka_unit_test(test_better),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
