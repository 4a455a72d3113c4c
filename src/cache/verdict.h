/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The answer table: what a client gets, given what is known of the target.
 *
 * Pure functions of the cache's facts, the zone's policy and the time.
 */

#pragma once

#include "cache/cache.h"
#include "cache/health.h"
#include "cache/policy.h"

/*! Old addresses are served without a word that long after expiry, in ms ... */
#define VERDICT_GRACE_MS 10000
/*! ... with a TTL that brings the client back soon after the refresh, or that of the target if lower, in s. */
#define VERDICT_GRACE_TTL 5
/*! TTL of stale addresses, in s (RFC 8767, section 4). */
#define VERDICT_STALE_TTL 30

/*!
 * State of one target and type, by rank: of several targets the highest one counts. Addresses of one serve in spite of
 * others that failed, but not of one that is yet to come.
 */
typedef enum {
	VERDICT_NXDOMAIN,  /*!< The target does not exist. */
	VERDICT_NODATA,    /*!< The target has no such addresses. */
	VERDICT_FAILED,    /*!< Resolution failed, asking again is being suppressed. */
	VERDICT_RETRY,     /*!< Resolution failed and is due again. */
	VERDICT_ADDRESSES, /*!< Addresses to serve, with `ttl`, and `ede` unless it is NONE. */
	VERDICT_COLD,      /*!< Not known (any more), and nobody keeps it warm; `answer` has what may serve if resolution fails. */
} verdict_kind_t;

/*! What there is to tell the operator about an entry. */
typedef enum {
	STATE_GOOD,     /*!< It is being resolved; also at the beginning. */
	STATE_STALE,    /*!< Resolution fails, old addresses are served. */
	STATE_FAILED,   /*!< Resolution fails, nothing is served. */
	STATE_DANGLING, /*!< The target does not exist. */
	STATE_UNKNOWN,  /*!< Nothing new. */
} target_state_t;

typedef struct {
	verdict_kind_t kind;
	const answer_t *answer; /*!< The answer behind ADDRESSES; the old addresses behind COLD, or NULL. */
	uint32_t ttl;           /*!< TTL to serve `answer` with, s. */
	int16_t ede;            /*!< Extended DNS Error to go with it, or KNOT_EDNS_EDE_NONE. */
	bool ask;               /*!< Resolution is due, unless already under way. */
	target_state_t state;
} verdict_t;

/*!
 * \brief Judges one entry.
 *
 * Inside rcu_read_lock(); the verdict's answer must not be used beyond it.
 *
 * \param entry       Entry, or NULL for an unknown target.
 * \param health     How the resolver does.
 * \param policy     Options of the zone.
 * \param alias_ttl  TTL of the ALIAS, s.
 * \param now        clock_ms().
 */
verdict_t verdict_get(const entry_t *entry, const health_t *health, const policy_t *policy,
                      uint32_t alias_ttl, uint64_t now);
