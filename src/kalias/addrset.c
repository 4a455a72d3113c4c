/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/addrset.h"

#include <stdlib.h>
#include <string.h>

#include "kalias/kalias.h"

static addrset_item_t *find(const addrset_t *set, const uint8_t *addr)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (memcmp(set->item[i].addr, addr, set->len) == 0) {
			return &set->item[i];
		}
	}
	return NULL;
}

bool addrset_has(const addrset_t *set, const uint8_t *addr)
{
	return find(set, addr) != NULL;
}

addrset_item_t *addrset_add(addrset_t *set, const uint8_t *addr)
{
	addrset_item_t *item = find(set, addr);
	if (item == NULL && set->count < ADDRSET_KNOWN_MAX) {
		set->item = not_null(reallocarray(set->item, set->count + 1, sizeof(*item)));
		item = &set->item[set->count++];
		memset(item, 0, sizeof(*item));
		memcpy(item->addr, addr, set->len);
	}
	return item;
}

void addrset_clear(addrset_t *set)
{
	free(set->item);
	*set = (addrset_t){ .len = set->len };
}

unsigned addrset_count_written(const addrset_t *set)
{
	unsigned count = 0;
	for (unsigned i = 0; i < set->count; i++) {
		count += set->item[i].written;
	}
	return count;
}

/*! Forgets what is neither in the zone, nor in the last view, nor was seen lately, so that there is room. */
static void forget(addrset_t *set, int64_t before)
{
	unsigned left = 0;
	for (unsigned i = 0; i < set->count; i++) {
		if (set->item[i].written || set->item[i].since != 0 || set->item[i].seen >= before) {
			set->item[left++] = set->item[i];
		}
	}
	set->count = left;
}

/*! What the addresses of a view say about a set. */
typedef struct {
	unsigned met;   /*!< How many of them are in the zone. */
	bool returning; /*!< Some that is not in the zone was seen before, but not in the last view. */
} meeting_t;

static bool has_address(const addrset_view_t *view, const uint8_t *addr, size_t len)
{
	for (unsigned i = 0; i < view->count; i++) {
		if (memcmp(view->addr[i], addr, len) == 0) {
			return true;
		}
	}
	return false;
}

static meeting_t meet(addrset_t *set, const addrset_view_t *view, int64_t now)
{
	meeting_t meeting = { 0 };
	unsigned same = 0, before = 0;
	for (unsigned i = 0; i < set->count; i++) {
		before += set->item[i].since != 0;
	}
	for (unsigned i = 0; i < view->count; i++) {
		const addrset_item_t *item = find(set, view->addr[i]);
		same += (item != NULL && item->since != 0);
		meeting.met += (item != NULL && item->written);
		meeting.returning |= (item != NULL && !item->written && item->since == 0);
	}
	for (unsigned i = 0; i < set->count; i++) {
		set->item[i].since = has_address(view, set->item[i].addr, set->len) ? set->item[i].since : 0;
	}
	for (unsigned i = 0; i < view->count; i++) {
		addrset_item_t *item = addrset_add(set, view->addr[i]);
		if (item != NULL) {
			item->since = item->since == 0 ? now : item->since;
			item->seen = now;
		}
	}
	set->varied = (same != before || same != view->count) ? now : set->varied;
	return meeting;
}

/*! Those seen last come first, and of these the lowest, as the module serves those. */
static int compare_seen(const void *a, const void *b)
{
	const addrset_item_t *x = a, *y = b;
	int cmp = (x->seen < y->seen) - (x->seen > y->seen);
	return cmp != 0 ? cmp : memcmp(x->addr, y->addr, sizeof(x->addr));
}

/*! Wants what is seen now, and what was seen since a time, up to the limit. */
static void want(addrset_t *set, int64_t since)
{
	if (set->count > 1) {
		qsort(set->item, set->count, sizeof(*set->item), compare_seen);
	}
	unsigned count = 0;
	for (unsigned i = 0; i < set->count; i++) {
		bool fits = count < ADDRSET_WRITTEN_MAX;
		set->item[i].wanted = fits && (set->item[i].since != 0 || set->item[i].seen > since);
		count += set->item[i].wanted;
	}
}

/*! How long an address may be missing. */
static int64_t patience(const addrset_t *set, const addrset_limits_t *limits, int64_t now)
{
	return now - set->varied < limits->settle ? ADDRSET_VARYING * limits->settle : limits->settle;
}

/*! Whether what is in the zone has been another set than what is seen for so long that it is no rotation. */
static bool is_settled(const addrset_t *set, const addrset_limits_t *limits, int64_t now)
{
	int64_t before = now - limits->settle, gone = now - patience(set, limits, now);
	for (unsigned i = 0; i < set->count; i++) {
		const addrset_item_t *item = &set->item[i];
		if (item->written ? item->seen <= gone : item->since != 0 && item->since <= before) {
			return true;
		}
	}
	return false;
}

/*! Judges a view with addresses. */
static void judge_addresses(addrset_t *set, const addrset_view_t *view, const addrset_limits_t *limits, int64_t now)
{
	unsigned written = addrset_count_written(set);
	meeting_t meeting = meet(set, view, now);
	set->negatives = 0;
	set->ttl_wanted = view->ttl;
	if ((view->failed || view->hold) && written > 0) {
		return; /* The rest may be what is in the zone. */
	}
	set->returns = (meeting.met > 0) ? 0 : set->returns + meeting.returning;
	if (meeting.met == 0 && set->returns < ADDRSET_RETURNS) {
		want(set, INT64_MAX); /* New, or moved. */
	} else if (meeting.met == 0 || set->differs || is_settled(set, limits, now)) {
		want(set, now - patience(set, limits, now)); /* It rotates. */
	}
}

/*! Judges a view without any. */
static void judge_negative(addrset_t *set, const addrset_limits_t *limits, int64_t now)
{
	if (set->negatives++ == 0) {
		set->negative_since = now;
	}
	if (set->negatives >= limits->keep && now - set->negative_since >= ADDRSET_NEGATIVE_S) {
		for (unsigned i = 0; i < set->count; i++) {
			set->item[i].wanted = false;
		}
	}
}

/*! Does not want what the section rules out. */
static void drop_denied(addrset_t *set, const rules_t *rules)
{
	for (unsigned i = 0; i < set->count; i++) {
		set->item[i].wanted &= !address_set_has(&rules->deny_address, set->item[i].addr, set->len);
	}
}

addrset_step_t addrset_judge(addrset_t *set, const addrset_view_t *view, const addrset_limits_t *limits, int64_t now)
{
	for (unsigned i = 0; i < set->count; i++) {
		set->item[i].wanted = set->item[i].written;
	}
	set->ttl_wanted = set->ttl;
	forget(set, now - ADDRSET_VARYING * limits->settle);
	if (view->count > 0) {
		judge_addresses(set, view, limits, now);
	} else if (!view->failed && !view->hold) {
		judge_negative(set, limits, now);
	}
	drop_denied(set, limits->rules);
	set->differs = false;

	unsigned added = 0, gone = 0, kept = 0;
	for (unsigned i = 0; i < set->count; i++) {
		const addrset_item_t *item = &set->item[i];
		added += item->wanted && !item->written;
		gone += !item->wanted && item->written;
		kept += item->wanted && item->written;
	}
	if (added == 0 && gone == 0 && (kept == 0 || set->ttl == set->ttl_wanted)) {
		return ADDRSET_KEEP;
	}
	bool denied = false;
	for (unsigned i = 0; i < set->count; i++) {
		denied |= set->item[i].written && address_set_has(&limits->rules->deny_address, set->item[i].addr, set->len);
	}
	return denied || (gone > 0 && kept == 0) ? ADDRSET_URGENT : ADDRSET_CHANGE;
}

void addrset_done(addrset_t *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		set->item[i].written = set->item[i].wanted;
	}
	set->ttl = set->ttl_wanted;
}
