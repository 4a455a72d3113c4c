/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "engine/queue.h"

#define PRODUCERS 8
#define REQUESTS 20000 /* Of each; together more than fit. */

static queue_t queue;
static tenants_t tenants;
static tenant_t *tenant;

static int setup(void **state)
{
	(void)state;
	queue_init(&queue);
	tenant = tenant_new(&tenants, NAME_APEX, &(tenant_options_t){ 0 }, NULL);
	return tenant == NULL;
}

/*! No reference is left behind. */
static int teardown(void **state)
{
	(void)state;
	queue_deinit(&queue);
	bool only = (tenant->refs == 1);
	tenant_unref(tenant);
	return !only;
}

static void test_order(void **state)
{
	(void)state;

	/* Copies, the oldest first. */
	request_t request = { .tenant = tenant, .made = 1, .wishes = { .refresh = 1, .cold = 3, .wait = 2 } };
	assert_null(queue_pop(&queue));
	assert_true(queue_push(&queue, &request, NAME_A));
	request.made = 2;
	assert_true(queue_push(&queue, &request, NAME_APEX));
	memset(&request, 0, sizeof(request));

	request_t *first = queue_pop(&queue), *second = queue_pop(&queue);
	assert_true(knot_dname_is_equal(first->name, NAME_A));
	assert_true(knot_dname_is_equal(second->name, NAME_APEX));
	assert_int_equal(first->made, 1);
	assert_int_equal(second->made, 2);
	assert_ptr_equal(second->tenant, tenant);
	assert_int_equal(tenant->refs, 3);
	assert_int_equal(second->wishes.refresh, 1);
	assert_int_equal(second->wishes.cold, 3);
	assert_int_equal(second->wishes.wait, 2);
	assert_null(queue_pop(&queue));
	request_free(first);
	request_free(second);
}

static void test_bound(void **state)
{
	(void)state;

	request_t request = { .tenant = tenant };
	for (unsigned i = 0; i < QUEUE_MAX; i++) {
		assert_true(queue_push(&queue, &request, NAME_A));
	}
	assert_false(queue_push(&queue, &request, NAME_A));
	assert_false(queue_push(&queue, &request, NAME_A));

	/* Room for one again. */
	request_free(queue_pop(&queue));
	assert_true(queue_push(&queue, &request, NAME_A));
	assert_false(queue_push(&queue, &request, NAME_A));
}

static atomic_bool started;
static atomic_uint refused;

static void *produce(void *ctx)
{
	request_t request = { .tenant = tenant, .wishes.wait = (uintptr_t)ctx };
	while (!atomic_load(&started)) {
		sched_yield();
	}
	while (request.made < REQUESTS) {
		if (queue_push(&queue, &request, NAME_A)) {
			request.made++;
		} else {
			atomic_fetch_add(&refused, 1);
			sched_yield();
		}
	}
	return NULL;
}

/*! Nothing is lost, doubled or overtaken by what its producer has pushed later. */
static void test_threads(void **state)
{
	(void)state;

	pthread_t producer[PRODUCERS];
	uint64_t next[PRODUCERS] = { 0 };
	atomic_store(&started, false);
	for (uintptr_t i = 0; i < PRODUCERS; i++) {
		assert_int_equal(pthread_create(&producer[i], NULL, produce, (void *)i), 0);
	}

	atomic_store(&started, true);
	while (atomic_load(&refused) == 0) {
		sched_yield(); /* Until it is full. */
	}
	for (unsigned taken = 0; taken < PRODUCERS * REQUESTS;) {
		request_t *request = queue_pop(&queue);
		if (request == NULL) {
			sched_yield();
			continue;
		}
		assert_int_equal(request->made, next[request->wishes.wait]++);
		request_free(request);
		taken++;
	}
	for (unsigned i = 0; i < PRODUCERS; i++) {
		pthread_join(producer[i], NULL);
		assert_int_equal(next[i], REQUESTS);
	}
	assert_null(queue_pop(&queue));
	assert_int_equal(atomic_load(&queue.count), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
