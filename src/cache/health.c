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
	if (health->good_at == 0) {
		/* Failures before the first success are the resolver's, not the targets'. */
		store_relaxed(&health->forgiven_at, now);
	}
	health->good_at = now;
	health->failures = 0;
	if (health->slow > 0) {
		health->slow--;
	}
	if (!health->down) {
		return false;
	}

	/* A single success may be chance: a resolver that mostly fails must not get all queries at once. */
	if (++health->successes < HEALTH_UP_SUCCESSES) {
		store_relaxed(&health->probe_at, now);
		return false;
	}
	health->down = false;
	health->slow = 0;
	store_relaxed(&health->probe_at, HEALTH_NEVER);
	store_relaxed(&health->forgiven_at, now);
	return true;
}

static bool note_failure(health_t *health, uint64_t now)
{
	health->successes = 0;
	health->failures++;
	if (health->failures % HEALTH_SLOW_FAILURES == 0 && health->slow < HEALTH_SLOW_MAX) {
		health->slow++;
	}
	if (health->down || health->failures < HEALTH_DOWN_FAILURES || now - health->good_at < HEALTH_DOWN_MS) {
		return false;
	}

	health->down = true;
	health->interval = HEALTH_PROBE_MIN_MS;
	health_probed(health, now);
	return true;
}

bool health_note(health_t *health, bool success, uint64_t now)
{
	return success ? note_success(health, now) : note_failure(health, now);
}

void health_probed(health_t *health, uint64_t now)
{
	store_relaxed(&health->probe_at, now + jitter(health->interval, now));
	health->interval = MIN(2 * health->interval, HEALTH_PROBE_MAX_MS);
}
