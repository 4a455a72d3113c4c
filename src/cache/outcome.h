/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The outcome: the combined verdicts on all targets of an owner for one type. The decision: what a client gets.
 *
 * Pure; any thread. An outcome must not be used beyond the read section of its verdicts.
 */

#pragma once

#include "cache/verdict.h"
#include "util/rrtype.h"

typedef struct {
	verdict_kind_t kind;
	int16_t ede;           /*!< EDE of an answer with addresses, if they are stale. */
	int16_t other_ede;     /*!< EDE of an answer without addresses. */
	uint32_t ttl;          /*!< TTL of the addresses, s. */
	uint32_t negative_ttl; /*!< Longest TTL of NODATA, s; UINT32_MAX: the zone's own, no target says that there is none. */
	bool denied;           /*!< `deny-address` rules some of the addresses out. */
	bool suppressed;       /*!< A failed target is not resolved again for now. */
	unsigned count;        /*!< Targets with addresses. */
	const answer_t *answer[ALIAS_TARGETS_MAX];
} outcome_t;

/*! \brief Begins an outcome without targets. \param self  The owner is its own target. */
void outcome_begin(outcome_t *outcome, bool self);

/*! \brief Makes the outcome of no targets for a type that is never asked for: NODATA by the zone's policy. */
void outcome_deny(outcome_t *outcome);

/*! \brief Adds the verdict on a target. \param deny  `deny-address`; a target with no other addresses is NODATA. */
void outcome_add(outcome_t *outcome, const verdict_t *verdict, const address_set_t *deny);

/*! \brief Whether there is no good answer before a target has been resolved. */
static inline bool outcome_is_unknown(const outcome_t *outcome)
{
	return outcome->kind == VERDICT_COLD || outcome->kind == VERDICT_RETRY;
}

/*! \brief Takes the known addresses, or failure, after a resolution that did not end in time. */
void outcome_settle(outcome_t *outcome);

/*! What a client gets. */
typedef enum {
	DECISION_ADDRESSES, /*!< The targets' addresses, in place of the owner's own. */
	DECISION_MERGED,    /*!< The targets' addresses together with the owner's own. */
	DECISION_SIBLING,   /*!< The owner's own addresses. */
	DECISION_NODATA,
	DECISION_SERVFAIL,
	DECISION_COLD, /*!< No answer yet: the client has to come back. */
} decision_kind_t;

typedef struct {
	decision_kind_t kind;
	int16_t ede;  /*!< Extended DNS Error of the reply, or KNOT_EDNS_EDE_NONE. */
	uint32_t ttl; /*!< With DECISION_NODATA: the longest TTL of SOA, NSEC and NSEC3, s; UINT32_MAX: the zone's own. */
} decision_t;

/*! \brief Decides what a client gets. \param has_sibling  The owner has addresses of its own. */
decision_t outcome_decide(const outcome_t *outcome, const policy_t *policy, bool has_sibling);
