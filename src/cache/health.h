/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief How the resolver as a whole does: when to slow down, when to try, when to forgive.
 *
 * Failures of single targets are suppressed one by one, for up to a minute. When
 * nothing succeeds any more, it is the resolver that fails: then one of the names
 * that clients ask for, and that was resolved before, may be tried ahead of its
 * time, as a probe, at intervals that grow; and once several in a row succeed,
 * what failed in the meantime is forgiven. In a partial failure nothing is
 * forgiven, and background queries slow down in proportion.
 *
 * Written by the engine's thread; what workers read is atomic.
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*! Without a success for so long, and with failures, the resolver is down, ms. */
#define HEALTH_DOWN_MS 3000
#define HEALTH_DOWN_FAILURES 2
/*! It is up again after so many successes in a row. */
#define HEALTH_UP_SUCCESSES 3
/*! Between probes while it is down, first and longest, ms. */
#define HEALTH_PROBE_MIN_MS 500
#define HEALTH_PROBE_MAX_MS 2000
/*! Background queries slow down to 1/64 of max-rate at most, as a power of two. */
#define HEALTH_SLOW_MAX 6
/*! Failures in a row that halve their rate. */
#define HEALTH_SLOW_FAILURES 16

#define HEALTH_NEVER UINT64_MAX

/*! Zeroed but for health_init(). */
typedef struct {
	_Atomic uint64_t probe_at;    /*!< From then on a failing name may be tried in spite of its back-off. */
	_Atomic uint64_t forgiven_at; /*!< Failures noted up to then are forgiven. */
	uint64_t good_at;             /*!< The last success. */
	unsigned failures;            /*!< In a row. */
	unsigned successes;           /*!< In a row. */
	unsigned slow;                /*!< Background queries at 2^-slow of the full rate. */
	uint32_t interval;            /*!< To the probe after the next, ms. */
	bool down;
} health_t;

void health_init(health_t *health);

/*!
 * \brief Notes the outcome of a query; of failures, only those of targets that have been resolved before.
 *
 * \return true if the resolver has gone down or come back with it, see health->down.
 */
bool health_note(health_t *health, bool success, uint64_t now);

/*! \brief Notes that a probe leaves; the next one waits. */
void health_probed(health_t *health, uint64_t now);

/*! \brief Whether a failure that was noted then still counts. Any thread. */
static inline bool health_blames(const health_t *health, uint64_t failed_at)
{
	return failed_at > atomic_load_explicit(&health->forgiven_at, memory_order_relaxed);
}

/*! \brief Whether nothing succeeds at the moment. Any thread. */
static inline bool health_is_down(const health_t *health)
{
	return atomic_load_explicit(&health->probe_at, memory_order_relaxed) != HEALTH_NEVER;
}

/*! \brief Whether it is time for a probe. Any thread. */
static inline bool health_wants_probe(const health_t *health, uint64_t now)
{
	return now >= atomic_load_explicit(&health->probe_at, memory_order_relaxed);
}
