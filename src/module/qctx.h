/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A query at a name with ALIAS: its targets, what is known of them, and having them resolved.
 *
 * On a worker, inside rcu_read_lock().
 */

#pragma once

#include <knot/module.h>

#include "cache/verdict.h"
#include "module/context.h"
#include "module/node.h"
#include "util/rrtype.h"

/*! The query, and the ALIAS node that it met. */
typedef struct {
	alias_ctx_t *ctx;
	knotd_mod_t *mod;
	knot_pkt_t *pkt;
	knotd_qdata_t *qdata;
	const node_t *node;                           /*!< NULL where only the API's view of the apex is to be had. */
	uint32_t ttl;                                 /*!< TTL of the ALIAS, s. */
	unsigned count;                               /*!< Targets. */
	bool self;                                    /*!< One of them is the owner. */
	bool dropped;                                 /*!< A resolution could not be asked for. */
	const keys_t *keys;                           /*!< The reply has to be signed with these, or NULL. */
	knot_dname_storage_t name[ALIAS_TARGETS_MAX]; /*!< Of the targets, lower case. */
	target_t *target[ALIAS_TARGETS_MAX];          /*!< What the cache has, or NULL. */
} qctx_t;

/*! What all targets together have for one type. */
typedef struct {
	verdict_kind_t kind;
	int16_t ede;       /*!< With addresses: that they are stale. */
	int16_t other_ede; /*!< Without. */
	uint32_t ttl;
	bool denied;     /*!< Some addresses must not be served, see `deny-address`. */
	unsigned count;  /*!< Targets with addresses. */
	bool suppressed; /*!< A failed target is not asked again for now. */
	const answer_t *answer[ALIAS_TARGETS_MAX];
	state_t state[ALIAS_TARGETS_MAX]; /*!< Of each target. */
} outcome_t;

/*! \brief Finds the ALIAS at the query's name and reads its targets. \return false if there is none to matter. */
bool qctx_begin(qctx_t *qctx, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod);

/*! \brief The owner in the zone: names below a wildcard are the clients' to choose. */
const knot_dname_t *qctx_owner(const qctx_t *qctx);

/*! \brief The owner's RRset of a type, empty if there is none. */
knot_rrset_t qctx_rrset(const qctx_t *qctx, uint16_t type);

/*!
 * \brief Looks the targets up, and has resolved what is due, of both types: the other one will be asked for soon.
 *
 * \param now  clock_ms() from before, see engine_ask().
 */
void qctx_ask(qctx_t *qctx, uint64_t now);

/*! \brief Judges what is known of all targets, for one type. */
outcome_t qctx_judge(const qctx_t *qctx, addr_type_t id, uint64_t now);

/*! \brief Waits for a resolution where that is allowed, and settles for what there is when it does not end in time. */
outcome_t qctx_wait(qctx_t *qctx, addr_type_t id);

/*! \brief Logs what has changed for the targets. */
void qctx_log(const qctx_t *qctx, addr_type_t id, const outcome_t *outcome, uint64_t now);
