/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <syslog.h>

#include "util/log_queue.h"

#define REPORTERS 4
#define MESSAGES 20000 /* Of each. */

static log_queue_t queue;

static unsigned post_until_full(void)
{
	for (unsigned i = 0; i < 2 * LOG_QUEUE_MAX; i++) {
		log_queue_post(&queue, LOG_WARNING, "%u", i);
	}
	log_message_t *items = log_queue_take(&queue);
	unsigned count = 0;
	for (const log_message_t *item = items; item != NULL; item = item->next) {
		char text[16];
		(void)snprintf(text, sizeof(text), "%u", count++);
		assert_string_equal(item->text, text);
	}
	log_queue_free(items);
	return count;
}

static void test_order(void **state)
{
	(void)state;

	assert_false(log_queue_pending(&queue));
	assert_null(log_queue_take(&queue));
	log_queue_post(&queue, LOG_ERR, "first");
	log_queue_post(&queue, LOG_WARNING, "%s", "");
	assert_true(log_queue_pending(&queue));

	log_message_t *items = log_queue_take(&queue);
	assert_string_equal(items->text, "first");
	assert_int_equal(items->priority, LOG_ERR);
	assert_string_equal(items->next->text, "");
	assert_int_equal(items->next->priority, LOG_WARNING);
	assert_null(items->next->next);
	log_queue_free(items);
	assert_false(log_queue_pending(&queue));
	assert_null(log_queue_take(&queue));
}

static void test_bound(void **state)
{
	(void)state;

	/* The first ones are kept; once they are taken there is room again. */
	assert_int_equal(post_until_full(), LOG_QUEUE_MAX);
	assert_int_equal(post_until_full(), LOG_QUEUE_MAX);
}

static atomic_uint running;

static void *report(void *ctx)
{
	unsigned reporter = (uintptr_t)ctx;
	for (unsigned i = 0; i < MESSAGES; i++) {
		log_queue_post(&queue, reporter, "%u", i);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/*! Each reporter's messages come once, in order. \return how many there were. */
static unsigned take_all(unsigned next[REPORTERS])
{
	log_message_t *items = log_queue_take(&queue);
	unsigned count = 0;
	for (const log_message_t *item = items; item != NULL; item = item->next) {
		unsigned number = 0;
		assert_int_equal(sscanf(item->text, "%u", &number), 1);
		assert_in_range(number, next[item->priority], MESSAGES - 1);
		next[item->priority] = number + 1;
		count++;
	}
	log_queue_free(items);
	assert_in_range(count, 0, 2 * LOG_QUEUE_MAX); /* Some are posted while others are being taken. */
	return count;
}

static void test_threads(void **state)
{
	(void)state;

	pthread_t reporter[REPORTERS];
	unsigned next[REPORTERS] = { 0 };
	atomic_store(&running, REPORTERS);
	for (uintptr_t i = 0; i < REPORTERS; i++) {
		assert_int_equal(pthread_create(&reporter[i], NULL, report, (void *)i), 0);
	}
	unsigned taken = 0;
	while (atomic_load(&running) > 0) {
		taken += take_all(next);
		sched_yield();
	}
	for (unsigned i = 0; i < REPORTERS; i++) {
		pthread_join(reporter[i], NULL);
	}
	taken += take_all(next);
	assert_true(taken >= LOG_QUEUE_MAX);

	/* All room is back. */
	assert_int_equal(post_until_full(), LOG_QUEUE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
