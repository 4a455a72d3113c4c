/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Files targets in agendas, by what their entries need and when. See planner.h. */

#include "engine/filing.h"

#include <sys/param.h>
#include <libknot/errcode.h>

#include "cache/schedule.h"

/*! Added to keys that are times of expiry. Those by use are this minus the time, and so come before, the last use first. */
#define BY_EXPIRY (1ULL << 60)
/*! Added to the keys of idle targets, which come after those in use. */
#define IDLE (1ULL << 61)
/*! Added to the keys of failing targets that no client waits for. */
#define NOT_WAITED (1ULL << 62)
/*! A target that can't be in its agenda for now is looked at again after this time, ms. */
#define LOOK_MS 1000

static target_t *target_of(heap_node_t *node)
{
	return caa_container_of(node, target_t, plan);
}

bool planner_is_failing(const planner_t *planner, const entry_t *entry)
{
	return entry->failures > 0 && health_blames(&planner->health, entry->failed_at);
}

static bool is_wanted(const target_t *target)
{
	return target->entry[ADDR_A].want != ASKED_NOT || target->entry[ADDR_AAAA].want != ASKED_NOT;
}

entry_t *planner_pick(const planner_t *planner, target_t *target)
{
	entry_t *a = &target->entry[ADDR_A], *aaaa = &target->entry[ADDR_AAAA];
	if (a->want != aaaa->want) {
		return a->want > aaaa->want ? a : aaaa;
	}
	return planner_is_failing(planner, a) ? aaaa : a;
}

static void set_warm(entry_t *entry, bool warm)
{
	if (entry->warm != warm) {
		atomic_store_explicit(&entry->warm, warm, memory_order_relaxed);
	}
}

/*! The heap of an agenda that is none of turns. */
static heap_t *by_time(planner_t *planner, agenda_t agenda)
{
	return agenda == AGENDA_BACKOFF ? &planner->backoff : &planner->later;
}

/*! Takes a target out of its agenda. */
static void leave(planner_t *planner, target_t *target)
{
	if (target->agenda < AGENDA_TURNS) {
		turns_remove(&planner->turns[target->agenda], target);
	} else {
		heap_remove(by_time(planner, target->agenda), &target->plan);
	}
}

/*! Moves a target to another agenda. Space in AGENDA_LATER is always reserved. */
static void move(planner_t *planner, target_t *target, agenda_t agenda, uint64_t key, uint64_t now)
{
	if (target->plan.pos != 0) {
		leave(planner, target);
	}
	int ret = (agenda < AGENDA_TURNS) ? turns_insert(&planner->turns[agenda], target, key) :
	                                    heap_insert(by_time(planner, agenda), &target->plan, key);
	if (ret != KNOT_EOK) {
		agenda = AGENDA_LATER;
		(void)heap_insert(&planner->later, &target->plan, now + LOOK_MS);
	}
	target->agenda = agenda;
}

/*! When an entry is due for a refresh: at once if its failure is forgiven. */
static uint64_t refresh_at(const planner_t *planner, const target_t *target, addr_type_t type, uint64_t now)
{
	const refresh_options_t *options = &target->tenant->options.refresh;
	const entry_t *entry = &target->entry[type];
	if (tenant_is_gone(target->tenant, now)) {
		return SCHEDULE_NEVER;
	}
	uint64_t at = refresh_denies(options, type) ? SCHEDULE_NEVER : schedule_refresh(entry, options, now);
	bool forgiven = at != SCHEDULE_NEVER && entry->failed_at != 0 && !health_blames(&planner->health, entry->failed_at);
	return forgiven ? MIN(at, now) : at;
}

/*! Whether all of AGENDA_BACKOFF is due, as failures have been forgiven. */
static bool is_returning(const planner_t *planner)
{
	return planner->forgiven_at != planner->health.forgiven_at;
}

/*! Files a target that is not wanted by the time of its next refresh, retry or removal. */
static void file_later(planner_t *planner, target_t *target, uint64_t now)
{
	if (tenant_left(target->tenant)) {
		/* Another zone that uses it takes over. */
		atomic_store_explicit(&target->unclaimed, true, memory_order_relaxed);
	}
	const refresh_options_t *options = &target->tenant->options.refresh;
	uint64_t next = SCHEDULE_NEVER, end = 0, expiry = 0;
	bool busy = false, backs_off = false;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		entry_t *entry = &target->entry[i];
		uint64_t refresh = refresh_at(planner, target, i, now);
		set_warm(entry, refresh != SCHEDULE_NEVER);
		backs_off |= refresh != SCHEDULE_NEVER && entry->failed_at != 0;
		busy |= entry->busy;
		if (!entry->busy) {
			next = MIN(next, refresh);
		}
		end = MAX(end, schedule_end(entry, options));
		expiry = MAX(expiry, entry->answer != NULL ? schedule_expiry(entry->answer, options) : 0);
	}
	if (next == SCHEDULE_NEVER && !busy) {
		/* By the time that it expires the target may be in use again. */
		next = expiry > now ? expiry : end;
	}
	if (backs_off && is_returning(planner)) {
		backs_off = false;
		next = MIN(next, now + LOOK_MS);
	}
	move(planner, target, backs_off ? AGENDA_BACKOFF : AGENDA_LATER, next, now);
}

/*! The place of a target among those that are due: by expiry, but by use if it has to do with an outage. */
static uint64_t due_key(const planner_t *planner, const target_t *target, const entry_t *entry, uint64_t now)
{
	uint64_t used = cache_used(target), key = (now >= used + SCHEDULE_IDLE_MS) ? IDLE : 0;
	if (entry->failed_at != 0 || health_is_down(&planner->health)) {
		return key + BY_EXPIRY - used;
	}
	const refresh_options_t *options = &target->tenant->options.refresh;
	return key + BY_EXPIRY + (entry->answer != NULL ? schedule_expiry(entry->answer, options) : 0);
}

/*! Files a target that a client asked for. What is in the same place already keeps it. */
static void file_asked(planner_t *planner, target_t *target, const entry_t *entry, uint64_t now)
{
	bool waited = (entry->want != ASKED_COLD), failing = planner_is_failing(planner, entry);
	agenda_t agenda = failing ? AGENDA_FAILING : (waited ? AGENDA_WAITED : AGENDA_COLD);
	uint64_t rank = (failing && !waited) ? NOT_WAITED : 0;
	bool stays = target->plan.pos != 0 && target->agenda == agenda &&
	             (turns_key(&planner->turns[agenda], target) >= NOT_WAITED) == (rank != 0);
	if (!stays) {
		move(planner, target, agenda, rank + ++planner->arrivals, now);
	}
}

void planner_file(planner_t *planner, target_t *target, uint64_t now)
{
	if (!is_wanted(target)) {
		file_later(planner, target, now);
		return;
	}
	const entry_t *entry = planner_pick(planner, target);
	if (entry->want == ASKED_REFRESH) {
		move(planner, target, planner_is_failing(planner, entry) ? AGENDA_RETRY : AGENDA_DUE, due_key(planner, target, entry, now), now);
	} else {
		file_asked(planner, target, entry, now);
	}
}

int planner_add(planner_t *planner, target_t *target, uint64_t now)
{
	if (target->tenant->publish == NULL) {
		atomic_store_explicit(&target->tenant->left_at, now, memory_order_relaxed);
	}
	bool known = (target->plan.pos != 0);
	int ret = heap_reserve(&planner->later, planner->targets + !known);
	if (ret == KNOT_EOK) {
		planner->targets += !known;
		planner_file(planner, target, now);
	}
	return ret;
}

void planner_remove(planner_t *planner, target_t *target)
{
	leave(planner, target);
	planner->targets--;
}

void planner_charge(planner_t *planner, target_t *target, tenant_t *tenant, uint64_t now)
{
	if (target->tenant != tenant) {
		move(planner, target, AGENDA_LATER, now, now);
		tenant_charge(tenant, target);
	}
}

static asked_t how_asked(const wishes_t *wishes, unsigned bit)
{
	return (wishes->wait & bit) ? ASKED_WAIT : ((wishes->cold & bit) ? ASKED_COLD : ((wishes->refresh & bit) ? ASKED_REFRESH : ASKED_NOT));
}

void planner_request(planner_t *planner, target_t *target, wishes_t wishes, uint64_t made, uint64_t now)
{
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		entry_t *entry = &target->entry[i];
		asked_t how = how_asked(&wishes, 1U << i);
		if (how == ASKED_NOT || entry->busy) {
			continue;
		}
		bool backs_off = entry->want == ASKED_NOT && planner_is_failing(planner, entry) && now < entry->retry_at;
		bool has_result = entry->settled >= made;
		if (!backs_off && !has_result) {
			entry->want = MAX(entry->want, how);
		}
		atomic_store(&entry->asked, entry->want);
	}
	planner_file(planner, target, now);
}

/*! Makes a target due whose time has come. \return False if it is of no use any more, and then removed. */
static bool wake(planner_t *planner, target_t *target, uint64_t now)
{
	bool useful = false;
	for (unsigned i = 0; i < ADDR_TYPES; i++) {
		entry_t *entry = &target->entry[i];
		if (!entry->busy && entry->want == ASKED_NOT && refresh_at(planner, target, i, now) <= now) {
			entry->want = ASKED_REFRESH;
		}
		useful |= entry->busy || entry->want != ASKED_NOT ||
		          now < schedule_end(entry, &target->tenant->options.refresh);
	}
	if (useful) {
		planner_file(planner, target, now);
	} else {
		planner_remove(planner, target);
	}
	return useful;
}

target_t *planner_next_to_wake(const planner_t *planner, uint64_t *at)
{
	const heap_item_t *later = heap_top(&planner->later), *backoff = heap_top(&planner->backoff);
	if (backoff != NULL && (is_returning(planner) || later == NULL || backoff->key < later->key)) {
		*at = is_returning(planner) ? 0 : backoff->key;
		return target_of(backoff->node);
	}
	*at = (later != NULL) ? later->key : SCHEDULE_NEVER;
	return (later != NULL) ? target_of(later->node) : NULL;
}

target_t *planner_advance(planner_t *planner, uint64_t now)
{
	for (unsigned n = 0; n < FILING_MAX; n++) {
		uint64_t at;
		target_t *target = planner_next_to_wake(planner, &at);
		if (target == NULL || at > now) {
			break;
		}
		if (!wake(planner, target, now)) {
			return target;
		}
	}
	if (planner->backoff.count == 0) {
		planner->forgiven_at = planner->health.forgiven_at;
	}
	return NULL;
}
