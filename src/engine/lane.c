/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/lane.h"

#include <stdlib.h>
#include <string.h>

void lanes_init(lanes_t *lanes, uv_loop_t *loop, const resolvers_t *resolvers, counters_t *common)
{
	CDS_INIT_LIST_HEAD(&lanes->list);
	CDS_INIT_LIST_HEAD(&lanes->accounts);
	CDS_INIT_LIST_HEAD(&lanes->changes);
	lanes->loop = loop;
	lanes->resolvers = resolvers;
	lanes->common = common;
}

static lane_t *get_lane(lanes_t *lanes, const refresh_options_t *options)
{
	lane_t *lane;
	cds_list_for_each_entry(lane, &lanes->list, node) {
		if (memcmp(&lane->options, options, sizeof(*options)) == 0) {
			return lane;
		}
	}

	lane = calloc(1, sizeof(*lane));
	if (lane == NULL) {
		return NULL;
	}
	lane->options = *options;
	lane->resolver = resolver_new(lanes->loop, lanes->resolvers, options->timeout, options->retry);
	if (lane->resolver == NULL) {
		free(lane);
		return NULL;
	}
	resolver_count_tcp(lane->resolver, &(*lanes->common)[COUNTER_TCP]);
	cds_list_add(&lane->node, &lanes->list);
	return lane;
}

bool lanes_admit(lanes_t *lanes, account_t *account)
{
	if (account->lane != NULL) {
		return true;
	}
	account->lane = get_lane(lanes, &account->options);
	if (account->lane == NULL) {
		return false;
	}
	account->lane->accounts++;
	account->changes = &lanes->changes;
	cds_list_add(&account_ref(account)->node, &lanes->accounts);
	cds_list_add(&account->changed, account->changes); /* Common counters. */
	if (account->predecessor != NULL) {
		account->predecessor->heir = account_ref(account);
		account_unref(account->predecessor);
		account->predecessor = NULL;
	}
	return true;
}

static void dismiss(account_t *account)
{
	cds_list_del(&account->node);
	cds_list_del_init(&account->changed);
	account->lane->accounts--;
	account->lane = NULL; /* A request that is still queued may bring it back. */
	account_unref(account);
}

void lanes_settle(lanes_t *lanes)
{
	lane_t *lane;
	cds_list_for_each_entry(lane, &lanes->list, node) {
		if (lane->unsettled) {
			lane->unsettled = false;
			resolver_settle(lane->resolver);
		}
	}
}

void lanes_publish(lanes_t *lanes, bool all)
{
	account_t *account, *next;
	if (all) {
		cds_list_for_each_entry(account, &lanes->accounts, node) {
			account_publish(account, *lanes->common);
		}
		return;
	}
	cds_list_for_each_entry_safe(account, next, &lanes->changes, changed) {
		account_publish(account, *lanes->common);
	}
}

static void free_lane(lane_t *lane)
{
	cds_list_del(&lane->node);
	resolver_free(lane->resolver);
	free(lane);
}

void lanes_sweep(lanes_t *lanes)
{
	account_t *account, *next_account;
	cds_list_for_each_entry_safe(account, next_account, &lanes->accounts, node) {
		if (account->targets == 0 && account->flights == 0 && account_is_closed(account)) {
			dismiss(account);
		}
	}
	lane_t *lane, *next;
	cds_list_for_each_entry_safe(lane, next, &lanes->list, node) {
		if (lane->accounts == 0) {
			free_lane(lane);
		}
	}
}

void lanes_close(lanes_t *lanes)
{
	lane_t *lane, *next;
	cds_list_for_each_entry_safe(lane, next, &lanes->list, node) {
		free_lane(lane);
	}
}

void lanes_deinit(lanes_t *lanes)
{
	account_t *account, *next;
	cds_list_for_each_entry_safe(account, next, &lanes->accounts, node) {
		cds_list_del(&account->node);
		account_unref(account);
	}
}

void account_charge(account_t *account, target_t *target)
{
	if (target->account == account) {
		return;
	}
	if (target->account != NULL) {
		target->account->targets--;
		if (target->rate_slot != 0) {
			account_return_turn(target->account);
		}
	}
	target->account = account;
	target->rate_slot = 0;
	if (account != NULL) {
		account->targets++;
		atomic_store_explicit(&target->orphan, account->publish == NULL, memory_order_relaxed);
	}
}

account_t *account_of(target_t *target)
{
	account_t *account = target->account;
	/* An heir whose zone is gone, and that had nothing to look after, has no lane any more. */
	while (account->heir != NULL && account->heir->lane != NULL) {
		account = account->heir;
	}
	account_charge(account, target);
	return account;
}
