/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The verdict on one type of a target: what of it may be served, and whether to resolve it.
 *
 * Pure functions of the cache's facts, the zone's policy and the time.
 */

#pragma once

#include "cache/cache.h"
#include "cache/health.h"
#include "cache/policy.h"

/*! Expired answers are served without an EDE for this long, ms: the refresh is under way. */
#define VERDICT_GRACE_MS 10000
/*! Their TTL, s, or that of the target if lower: clients come back soon after the refresh. */
#define VERDICT_GRACE_TTL 5
/*! The same of negative answers, s: a target that is back must not be denied for long. */
#define VERDICT_GRACE_NEGATIVE_TTL 1
/*! TTL of stale answers, s (RFC 8767, section 4). */
#define VERDICT_STALE_TTL 30

/*!
 * Verdicts by rank: of several targets the highest decides. Addresses of one target are served although another failed,
 * but not while another has yet to be resolved.
 */
typedef enum {
	VERDICT_NXDOMAIN,  /*!< The target does not exist. */
	VERDICT_NODATA,    /*!< The target has no addresses of this type. */
	VERDICT_FAILED,    /*!< Resolution failed, and the next attempt is suppressed. */
	VERDICT_RETRY,     /*!< Resolution failed, and the next attempt is due. */
	VERDICT_ADDRESSES, /*!< Addresses to serve, with `ttl`, and `ede` unless it is NONE. */
	VERDICT_COLD,      /*!< Not known, or expired and not kept warm; `answer` may be served if resolution fails. */
} verdict_kind_t;

/*! State of an entry, for the log. */
typedef enum {
	STATE_GOOD,     /*!< Resolution succeeds; also the initial state. */
	STATE_STALE,    /*!< Resolution fails, old addresses are served. */
	STATE_FAILED,   /*!< Resolution fails, nothing is served. */
	STATE_DANGLING, /*!< The target does not exist. */
	STATE_UNKNOWN,  /*!< Nothing to log. */
} target_state_t;

typedef struct {
	verdict_kind_t kind;
	const answer_t *answer; /*!< With ADDRESSES the answer to serve, with COLD the old one; or NULL. */
	uint32_t ttl;           /*!< TTL to serve `answer` with, s; the longest one of a NODATA that comes of it. */
	int16_t ede;            /*!< Extended DNS Error of the reply, or KNOT_EDNS_EDE_NONE. */
	bool ask;               /*!< Resolution is due, unless it is under way. */
	target_state_t state;
} verdict_t;

/*!
 * \brief Judges one entry.
 *
 * Any thread inside rcu_read_lock(). The verdict's answer must not be used beyond it.
 *
 * \param entry      Entry, or NULL for an unknown target.
 * \param health     Health of the resolver.
 * \param policy     Options of the zone.
 * \param alias_ttl  TTL of the ALIAS, s.
 * \param now        clock_ms().
 */
verdict_t verdict_get(const entry_t *entry, const health_t *health, const policy_t *policy,
                      uint32_t alias_ttl, uint64_t now);
