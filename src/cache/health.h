/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Health of the resolver as a whole: when to slow down, when to probe, which failures to forgive.
 *
 * A target that fails backs off by itself, for up to a minute. When nothing
 * succeeds any more, the resolver itself is down. Then probes are sent at growing
 * intervals: queries ahead of their time, for names that clients ask for and that
 * were resolved before. After several successes in a row the failures in the
 * meantime are forgiven, so their targets back off no longer. In a partial failure
 * nothing is forgiven, and background queries slow down in proportion.
 *
 * Before the first success, a failure may be the resolver's or the target's. So it is
 * followed by a trial: a query for the root, which a resolver that works can answer,
 * whatever the targets do. If the trial fails, too, the resolver is down from the start.
 *
 * The engine's thread writes. Fields that workers read are atomic.
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*! The resolver is down after this time without a success, ms, and this many failures in a row. */
#define HEALTH_DOWN_MS 3000
#define HEALTH_DOWN_FAILURES 2
/*! It is up again after this many successes in a row. */
#define HEALTH_UP_SUCCESSES 3
/*! Time between probes while it is down, first and longest, ms. */
#define HEALTH_PROBE_MIN_MS 500
#define HEALTH_PROBE_MAX_MS 2000
/*! Background queries slow down to 2^-6 = 1/64 of max-rate at the slowest. */
#define HEALTH_SLOW_MAX 6
/*! Each time after this many failures in a row the rate of background queries is halved. */
#define HEALTH_SLOW_FAILURES 16

#define HEALTH_NEVER UINT64_MAX

/*! Zeroed before health_init(). */
typedef struct {
	_Atomic uint64_t probe_at;    /*!< clock_ms() from which on a probe may be sent, or HEALTH_NEVER. */
	_Atomic uint64_t forgiven_at; /*!< clock_ms() up to which failures are forgiven. */
	uint64_t good_at;             /*!< clock_ms() of the last success. */
	unsigned failures;            /*!< In a row. */
	unsigned successes;           /*!< In a row. */
	unsigned slow;                /*!< Background queries leave at 2^-slow of the full rate. */
	uint32_t interval;            /*!< Time from the next probe to the one after it, ms. */
	bool down;
	bool wants_trial; /*!< A trial is due; whoever sends it clears this. */
} health_t;

void health_init(health_t *health);

/*!
 * \brief Notes the result of a query.
 *
 * \param known  The target was resolved before. The failure of another one only makes a trial due, if nothing was.
 *
 * \return true if the resolver has just gone down or come back, see health->down.
 */
bool health_note(health_t *health, bool success, bool known, uint64_t now);

/*! \brief Notes the result of a trial. \return As health_note(). */
bool health_tried(health_t *health, bool success, uint64_t now);

/*! \brief Notes that a probe is sent, and sets the time of the next one. */
void health_probed(health_t *health, uint64_t now);

/*! \brief Whether a failure noted at `failed_at` is not forgiven. Any thread. */
static inline bool health_blames(const health_t *health, uint64_t failed_at)
{
	return failed_at > atomic_load_explicit(&health->forgiven_at, memory_order_relaxed);
}

/*! \brief Whether the resolver is down. Any thread. */
static inline bool health_is_down(const health_t *health)
{
	return atomic_load_explicit(&health->probe_at, memory_order_relaxed) != HEALTH_NEVER;
}

/*! \brief Whether a probe is due. Any thread. */
static inline bool health_wants_probe(const health_t *health, uint64_t now)
{
	return now >= atomic_load_explicit(&health->probe_at, memory_order_relaxed);
}
