/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What the verdicts on all targets of an owner make together for one type, and what a client gets for it.
 *
 * Pure; any thread. What is in an outcome must not be used beyond the read section of its verdicts.
 */

#pragma once

#include "cache/verdict.h"
#include "util/rrtype.h"

typedef struct {
	verdict_kind_t kind;
	int16_t ede;       /*!< With addresses: that they are stale. */
	int16_t other_ede; /*!< Without. */
	uint32_t ttl;      /*!< Of the addresses, s. */
	bool denied;       /*!< Some addresses must not be served, see `deny-address`. */
	bool suppressed;   /*!< A failed target is not asked again for now. */
	unsigned count;    /*!< Targets with addresses. */
	const answer_t *answer[ALIAS_TARGETS_MAX];
} outcome_t;

/*! \brief Begins without any target. \param self  The owner is a target of its own. */
void outcome_begin(outcome_t *outcome, bool self);

/*! \brief Adds the verdict on a target. \param deny  `deny-address` of the zone: addresses with none left are NODATA. */
void outcome_add(outcome_t *outcome, const verdict_t *verdict, const address_set_t *deny);

/*! \brief Whether a target has to be resolved before there is a good answer. */
static inline bool outcome_is_unknown(const outcome_t *outcome)
{
	return outcome->kind == VERDICT_COLD || outcome->kind == VERDICT_RETRY;
}

/*! \brief Settles for what there is, where the resolution of an unknown one has not ended in time. */
void outcome_settle(outcome_t *outcome);

/*! What a client gets. */
typedef enum {
	DECISION_ADDRESSES, /*!< The targets' addresses, in place of the owner's own. */
	DECISION_MERGED,    /*!< The targets' addresses together with the owner's own. */
	DECISION_SIBLING,   /*!< The owner's own addresses. */
	DECISION_NODATA,
	DECISION_SERVFAIL,
	DECISION_COLD, /*!< To come back, or to wait. */
} decision_kind_t;

typedef struct {
	decision_kind_t kind;
	int16_t ede; /*!< Extended DNS Error to go with it, or KNOT_EDNS_EDE_NONE. */
} decision_t;

/*! \brief Decides what a client gets. \param has_sibling  The owner has addresses of its own. */
decision_t outcome_decide(const outcome_t *outcome, const policy_t *policy, bool has_sibling);
