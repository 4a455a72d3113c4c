/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/account.h"

#include <stdlib.h>

#define SECOND_US 1000000ULL

account_t *account_open(const knot_dname_t *zone, const refresh_options_t *options, uint32_t rate,
                        account_publish_f publish, void *ctx)
{
	account_t *account = calloc(1, sizeof(*account));
	if (account == NULL) {
		return NULL;
	}
	account->zone = knot_dname_copy(zone, NULL);
	if (account->zone == NULL) {
		free(account);
		return NULL;
	}
	account->options = *options;
	account->rate = rate;
	account->publish = publish;
	account->ctx = ctx;
	atomic_init(&account->refs, 1);
	pthread_mutex_init(&account->lock, NULL);
	CDS_INIT_LIST_HEAD(&account->registered);
	CDS_INIT_LIST_HEAD(&account->node);
	CDS_INIT_LIST_HEAD(&account->changed);
	return account;
}

void account_close(account_t *account)
{
	if (account != NULL) {
		pthread_mutex_lock(&account->lock);
		account->ctx = NULL;
		pthread_mutex_unlock(&account->lock);
		account_unref(account);
	}
}

account_t *account_ref(account_t *account)
{
	atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed);
	return account;
}

void account_unref(account_t *account)
{
	if (account == NULL || atomic_fetch_sub_explicit(&account->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	account_unref(account->predecessor);
	account_unref(account->heir);
	pthread_mutex_destroy(&account->lock);
	knot_dname_free(account->zone, NULL);
	free(account);
}

bool account_is_closed(account_t *account)
{
	pthread_mutex_lock(&account->lock);
	bool closed = (account->ctx == NULL);
	pthread_mutex_unlock(&account->lock);
	return closed;
}

void account_publish(account_t *account, const counters_t common)
{
	cds_list_del_init(&account->changed);
	pthread_mutex_lock(&account->lock);
	if (account->ctx != NULL && account->publish != NULL) {
		account->publish(account->ctx, account->counters, common);
	}
	pthread_mutex_unlock(&account->lock);
}

void account_count_latency(account_t *account, uint64_t latency)
{
	unsigned i = 0;
	while (i < COUNTER_LATENCIES - 1 && latency > COUNTER_LATENCY_MS(i)) {
		i++;
	}
	account_count(account, COUNTER_LATENCY + i);
}

uint64_t account_take_turn(account_t *account, uint64_t now)
{
	if (account->rate == 0) {
		return now;
	}

	uint64_t now_us = now * 1000, turn = account->next_us;
	if (turn + SECOND_US < now_us) {
		turn = now_us - SECOND_US;
	}
	account->next_us = turn + SECOND_US / account->rate;
	return (turn + 999) / 1000;
}

void account_return_turn(account_t *account)
{
	if (account->rate != 0) {
		account->next_us -= SECOND_US / account->rate;
	}
}
