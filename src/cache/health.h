/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Health of the resolver as a whole: whether it is down, when to slow down, which failures to forgive.
 *
 * A target that fails backs off by itself, for up to a minute. When nothing succeeds any more, the resolver itself may be
 * down, or only these targets. A trial tells: a query for the root, which a resolver that works can answer, whatever the
 * targets do. The resolver is down if the trial fails, too. It is also down if several targets that worked before begin to
 * fail and nothing else succeeds: a resolver that is cut off from the Internet may have the root in its cache.
 *
 * While it is down, trials follow each other as probes, whether clients ask or not. No target is asked ahead of its
 * back-off (RFC 9520). If trials succeed all the time, the resolver is cut off, and only targets can tell when it is back:
 * the back-off of those that worked before does not grow, so that some are asked every few seconds. After several successes
 * in a row, or while it is cut off without another target that begins to fail, the resolver is up, and the failures in the meantime are forgiven, so their targets back off no longer. A success
 * is a target's, or a trial's after one that failed. In a partial failure nothing is forgiven, and background queries slow
 * down in proportion.
 *
 * A query that was sent before the last success and fails says nothing new about the resolver, and is left out, but for
 * the target that begins to fail with it.
 *
 * The engine's thread writes. Fields that workers read are atomic.
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*! The resolver may be down after this time without a success, ms, and this many failures in a row. */
#define HEALTH_DOWN_MS 3000
#define HEALTH_DOWN_FAILURES 2
/*! It is down, whatever the trial says, if so many targets that worked before begin to fail meanwhile. */
#define HEALTH_DOWN_TARGETS 4
/*! It is up again after this many successes in a row. */
#define HEALTH_UP_SUCCESSES 3
/*! Time between probes while it is down, ms; jitter adds up to a quarter. The return is noticed as soon. */
#define HEALTH_PROBE_MS 500
/*! Background queries slow down to 2^-6 = 1/64 of max-rate at the slowest. */
#define HEALTH_SLOW_MAX 6
/*! Each time after this many failures in a row the rate of background queries is halved. */
#define HEALTH_SLOW_FAILURES 16

#define HEALTH_NEVER UINT64_MAX

/*! Zeroed before use. */
typedef struct {
	atomic_bool down;
	_Atomic uint64_t forgiven_at; /*!< clock_ms() up to which failures are forgiven. */
	uint64_t good_at;             /*!< clock_ms() of the last success; 0: nothing was ever resolved. */
	unsigned failures;            /*!< In a row, of targets that were resolved before. */
	unsigned targets;             /*!< Targets that began to fail in this row. */
	unsigned successes;           /*!< In a row. */
	unsigned slow;                /*!< Background queries leave at 2^-slow of the full rate. */
	uint64_t trial_at;            /*!< clock_ms() from which on the next trial may be sent. */
	unsigned trials;              /*!< Under way. */
	bool wants_trial;             /*!< A failure has made a trial due. */
	bool trial_failed;            /*!< Since it went down, so that a trial's success says something. */
	bool cut_off;                 /*!< It is down, but a trial succeeded, and none failed. */
} health_t;

/*! The result of a query for a target. */
typedef struct {
	uint64_t sent; /*!< clock_ms() */
	bool success;
	bool known;  /*!< The target was resolved before. The failure of another one only makes a trial due, if nothing was. */
	bool begins; /*!< The target did not fail before. */
} health_result_t;

/*!
 * \brief Notes the result of a query.
 *
 * \return true if the resolver has just gone down or come back, see health->down.
 */
bool health_note(health_t *health, const health_result_t *result, uint64_t now);

/*! \brief When a trial is due, clock_ms(), or HEALTH_NEVER. */
uint64_t health_trial_at(const health_t *health);

/*! \brief Notes that a trial is sent. */
void health_try(health_t *health, uint64_t now);

/*! \brief Notes the result of a trial, once. \param sent  clock_ms(). \return As health_note(). */
bool health_tried(health_t *health, bool success, uint64_t sent, uint64_t now);

/*! \brief Whether a failure noted at `failed_at` is not forgiven. Any thread. */
static inline bool health_blames(const health_t *health, uint64_t failed_at)
{
	return failed_at > atomic_load_explicit(&health->forgiven_at, memory_order_relaxed);
}

/*! \brief Whether the resolver is down. Any thread. */
static inline bool health_is_down(const health_t *health)
{
	return atomic_load_explicit(&health->down, memory_order_relaxed);
}
