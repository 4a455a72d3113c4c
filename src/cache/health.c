/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "cache/health.h"

#include <sys/param.h>

#include "util/jitter.h"

static void store_relaxed(_Atomic uint64_t *value, uint64_t to)
{
	atomic_store_explicit(value, to, memory_order_relaxed);
}

void health_init(health_t *health)
{
	store_relaxed(&health->probe_at, HEALTH_NEVER);
}

static bool note_success(health_t *health, uint64_t now)
{
	bool first = (health->good_at == 0);
	if (first) {
		/* Failures before the first success are the resolver's, not the targets'. */
		store_relaxed(&health->forgiven_at, now);
	}
	health->good_at = now;
	health->wants_trial = false;
	health->failures = 0;
	if (health->slow > 0) {
		health->slow--;
	}
	if (!health->down) {
		return false;
	}

	/* A single success may be chance: a resolver that mostly fails must not get all queries at once. */
	if (!first && ++health->successes < HEALTH_UP_SUCCESSES) {
		store_relaxed(&health->probe_at, now);
		return false;
	}
	health->down = false;
	health->slow = 0;
	store_relaxed(&health->probe_at, HEALTH_NEVER);
	store_relaxed(&health->forgiven_at, now);
	return true;
}

static void go_down(health_t *health, uint64_t now)
{
	health->down = true;
	health->interval = HEALTH_PROBE_MIN_MS;
	health_probed(health, now);
}

static bool note_failure(health_t *health, uint64_t now)
{
	health->successes = 0;
	health->failures++;
	if (health->failures % HEALTH_SLOW_FAILURES == 0 && health->slow < HEALTH_SLOW_MAX) {
		health->slow++;
	}
	if (health->down || health->good_at == 0 || health->failures < HEALTH_DOWN_FAILURES ||
	    now - health->good_at < HEALTH_DOWN_MS) {
		return false;
	}
	go_down(health, now);
	return true;
}

bool health_note(health_t *health, bool success, bool known, uint64_t now)
{
	if (success) {
		return note_success(health, now);
	}
	if (health->good_at == 0 && (!health->down || health_wants_probe(health, now))) {
		health->wants_trial = true;
	}
	return known && note_failure(health, now);
}

bool health_tried(health_t *health, bool success, uint64_t now)
{
	health->wants_trial = false;
	if (success && health->down) {
		return note_success(health, now);
	}
	if (success) {
		health->good_at = now; /* The failures so far are the targets'. */
		return false;
	}
	if (health->down || health->good_at != 0) {
		return false;
	}
	go_down(health, now);
	return true;
}

void health_probed(health_t *health, uint64_t now)
{
	store_relaxed(&health->probe_at, now + jitter(health->interval, now));
	health->interval = MIN(2 * health->interval, HEALTH_PROBE_MAX_MS);
}
