/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <syslog.h>

#include "util/news.h"

#define REPORTERS 4
#define MESSAGES 20000 /* Of each. */

static news_t news;

static unsigned post_until_full(void)
{
	for (unsigned i = 0; i < 2 * NEWS_MAX; i++) {
		char text[16];
		(void)snprintf(text, sizeof(text), "%u", i);
		news_post(&news, LOG_WARNING, text);
	}
	news_item_t *items = news_take(&news);
	unsigned count = 0;
	for (const news_item_t *item = items; item != NULL; item = item->next) {
		char text[16];
		(void)snprintf(text, sizeof(text), "%u", count++);
		assert_string_equal(item->text, text);
	}
	news_free(items);
	return count;
}

static void test_order(void **state)
{
	(void)state;

	assert_false(news_pending(&news));
	assert_null(news_take(&news));
	news_post(&news, LOG_ERR, "first");
	news_post(&news, LOG_WARNING, "");
	assert_true(news_pending(&news));

	news_item_t *items = news_take(&news);
	assert_string_equal(items->text, "first");
	assert_int_equal(items->priority, LOG_ERR);
	assert_string_equal(items->next->text, "");
	assert_int_equal(items->next->priority, LOG_WARNING);
	assert_null(items->next->next);
	news_free(items);
	assert_false(news_pending(&news));
	assert_null(news_take(&news));
}

static void test_bound(void **state)
{
	(void)state;

	/* The first ones are kept; once they are taken there is room again. */
	assert_int_equal(post_until_full(), NEWS_MAX);
	assert_int_equal(post_until_full(), NEWS_MAX);
}

static atomic_uint running;

static void *report(void *ctx)
{
	unsigned reporter = (uintptr_t)ctx;
	for (unsigned i = 0; i < MESSAGES; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "%u", i);
		news_post(&news, reporter, text);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/*! Each reporter's messages come once, in order. \return how many there were. */
static unsigned take_all(unsigned next[REPORTERS])
{
	news_item_t *items = news_take(&news);
	unsigned count = 0;
	for (const news_item_t *item = items; item != NULL; item = item->next) {
		unsigned number = 0;
		assert_int_equal(sscanf(item->text, "%u", &number), 1);
		assert_in_range(number, next[item->priority], MESSAGES - 1);
		next[item->priority] = number + 1;
		count++;
	}
	news_free(items);
	assert_in_range(count, 0, 2 * NEWS_MAX); /* Some are posted while others are being taken. */
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
	assert_true(taken >= NEWS_MAX);

	/* All room is back. */
	assert_int_equal(post_until_full(), NEWS_MAX);
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
