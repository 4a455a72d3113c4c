/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include <libknot/libknot.h>

#include "clock.h"
#include "upstream.h"
#include "verdict.h"

#define WORKERS		8
#define NAMES		2000
#define TURNS		30      /* Of each worker, for each name. */
#define LIMIT_MS	20000

/* A resolver that has one address for any name, at once, and counts queries by the name's number. */

static int sock;
static atomic_uint queries[NAMES][SLOTS];

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
		queries[number][type == KNOT_RRTYPE_A ? SLOT_A : SLOT_AAAA]++;

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

static pthread_t resolver;
static struct sockaddr_in address = { .sin_family = AF_INET };
static upstream_t *upstream;

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

	resolvers_t set = { 0 };
	struct sockaddr_storage addr = { 0 };
	memcpy(&addr, &address, sizeof(address));
	return resolvers_add(&set, &addr) || upstream_acquire(&upstream, &set);
}

static int teardown(void **state)
{
	(void)state;
	upstream_release(upstream);
	sendto(sock, "", 1, 0, (struct sockaddr *)&address, sizeof(address)); /* Ends the resolver. */
	pthread_join(resolver, NULL);
	close(sock);
	return 0;
}

static const policy_t policy = {
	.timeout = 2000, .retry = 2, .ttl_max = 86400, .negative_ttl_max = 300, .failure_ttl = 5
};

/*! What the answer hook does; true if both types are known. */
static bool visit(unsigned number)
{
	char text[32];
	knot_dname_storage_t name;
	(void)snprintf(text, sizeof(text), "n%u.example.", number);
	knot_dname_from_str(name, text, sizeof(name));

	rcu_read_lock();
	uint64_t now = clock_ms();
	target_t *target = cache_find(upstream_cache(upstream), name);
	unsigned types = 0, known = 0;
	for (unsigned id = 0; id < SLOTS; id++) {
		verdict_t verdict = verdict_get(target != NULL ? &target->slot[id] : NULL, &policy, 3600, now);
		types |= verdict.ask ? 1U << id : 0;
		known += verdict.kind == VERDICT_ADDRESSES;
	}
	if (types != 0) {
		upstream_ask(upstream, target, name, types, &policy, now);
	}
	rcu_read_unlock();

	return known == SLOTS;
}

static pthread_barrier_t barrier;

static void *work(void *ctx)
{
	(void)ctx;
	rcu_register_thread();
	for (unsigned number = 0; number < NAMES; number++) {
		pthread_barrier_wait(&barrier);
		for (unsigned turn = 0; turn < TURNS; turn++) {
			visit(number);
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
		while (!visit(number)) {
			assert_true(clock_ms() < end);
			usleep(1000);
		}
	}
	rcu_unregister_thread();

	for (unsigned number = 0; number < NAMES; number++) {
		for (unsigned id = 0; id < SLOTS; id++) {
			assert_int_equal(queries[number][id], 1);
		}
	}
}

/*! The same set of resolvers is the same upstream, also after its last user has gone for a moment. */
static void test_registry(void **state)
{
	(void)state;

	resolvers_t set = { 0 };
	struct sockaddr_storage addr = { 0 };
	memcpy(&addr, &address, sizeof(address));
	assert_int_equal(resolvers_add(&set, &addr), KNOT_EOK);

	upstream_t *first, *second;
	assert_int_equal(upstream_acquire(&first, &set), KNOT_EOK);
	assert_ptr_equal(first, upstream);
	upstream_release(first);
	upstream_release(upstream);
	assert_int_equal(upstream_acquire(&upstream, &set), KNOT_EOK);
	assert_ptr_equal(first, upstream);

	/* Another one, for the order counts. */
	((struct sockaddr_in *)&addr)->sin_port ^= 1;
	assert_int_equal(resolvers_add(&set, &addr), KNOT_EOK);
	assert_int_equal(upstream_acquire(&second, &set), KNOT_EOK);
	assert_ptr_not_equal(first, second);
	upstream_release(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_registry),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
