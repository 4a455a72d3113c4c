/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "cache/health.h"

#include "util/jitter.h"

static void set_down(health_t *health, bool down)
{
	atomic_store_explicit(&health->down, down, memory_order_relaxed);
}

static void forgive(health_t *health, uint64_t now)
{
	atomic_store_explicit(&health->forgiven_at, now, memory_order_relaxed);
}

static bool note_success(health_t *health, uint64_t now)
{
	bool first = (health->good_at == 0);
	if (first) {
		/* Failures before the first success are the resolver's, not the targets'. */
		forgive(health, now);
	}
	health->good_at = now;
	health->wants_trial = false;
	health->failures = health->targets = 0;
	if (health->slow > 0) {
		health->slow--;
	}
	if (!health_is_down(health)) {
		return false;
	}

	/* A single success may be chance: a resolver that mostly fails must not get all queries at once. */
	if (!first && ++health->successes < HEALTH_UP_SUCCESSES) {
		health->trial_at = now;
		return false;
	}
	set_down(health, false);
	health->cut_off = false;
	health->slow = 0;
	forgive(health, now);
	return true;
}

static bool go_down(health_t *health)
{
	set_down(health, true);
	health->successes = 0;
	health->trial_failed = health->cut_off = false;
	return true;
}

/*! Notes the failure of a target that was resolved before. */
static bool note_failure(health_t *health, bool begins, uint64_t now)
{
	/* A resolver that answers trials may be well, with only those targets dead that took it down. */
	if (begins || !health->cut_off) {
		health->successes = 0;
	}
	health->failures++;
	if (health->failures % HEALTH_SLOW_FAILURES == 0 && health->slow < HEALTH_SLOW_MAX) {
		health->slow++;
	}
	if (health_is_down(health) || health->good_at == 0 || health->failures < HEALTH_DOWN_FAILURES ||
	    now - health->good_at < HEALTH_DOWN_MS) {
		return false;
	}
	health->wants_trial = true;
	if (health->targets < HEALTH_DOWN_TARGETS) {
		return false;
	}
	health->trial_at = now;
	return go_down(health);
}

bool health_note(health_t *health, const health_result_t *result, uint64_t now)
{
	if (result->success) {
		return note_success(health, now);
	}
	if (health->good_at == 0) {
		health->wants_trial = true;
	}
	health->targets += result->known && result->begins;
	return result->known && result->sent >= health->good_at && note_failure(health, result->begins, now);
}

uint64_t health_trial_at(const health_t *health)
{
	bool wanted = health_is_down(health) || (health->wants_trial && health->trials == 0);
	return wanted ? health->trial_at : HEALTH_NEVER;
}

void health_try(health_t *health, uint64_t now)
{
	health->wants_trial = false;
	health->trials++;
	health->trial_at = now + jitter(HEALTH_PROBE_MS, now);
}

bool health_tried(health_t *health, bool success, uint64_t sent, uint64_t now)
{
	health->trials--;
	health->wants_trial = false;
	bool first = (health->good_at == 0);
	if (success && health_is_down(health)) {
		health->cut_off = !first && !health->trial_failed;
		return !health->cut_off && note_success(health, now);
	}
	if (success) {
		/* The failures so far are the targets'. */
		health->trial_at = now + HEALTH_DOWN_MS;
		health->good_at = first ? now : health->good_at;
		return false;
	}
	if (sent < health->good_at) {
		return false;
	}
	bool down = !health_is_down(health) && go_down(health);
	health->trial_failed = true;
	health->cut_off = false;
	health->successes = 0;
	return down;
}
