/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The context of a query at a name with ALIAS: its targets, the verdicts on them, and having them resolved.
 *
 * On a worker, inside rcu_read_lock(). Each target is judged once for each type; only a wait judges again.
 */

#pragma once

#include <knot/module.h>

#include "cache/outcome.h"
#include "module/context.h"
#include "module/node.h"

typedef struct {
	size_t len;                    /*!< Of the name, octets. */
	target_t *target;              /*!< What the cache has, or NULL. */
	verdict_t verdict[ADDR_TYPES]; /*!< At the time of qctx_ask(), or of the last look of qctx_wait(). */
	knot_dname_storage_t name;     /*!< Lower case. */
} qctx_target_t;

/*! The query, and the ALIAS node that it met. */
typedef struct {
	alias_ctx_t *ctx;
	knotd_mod_t *mod;
	knot_pkt_t *pkt;
	knotd_qdata_t *qdata;
	uint16_t qtype;
	const node_t *node; /*!< NULL where only the API's view of the apex is to be had. */
	const keys_t *keys; /*!< The reply has to be signed with these, or NULL. */
	uint64_t now;       /*!< clock_ms() from before the look-up in the cache, see engine_ask(). */
	uint32_t ttl;       /*!< TTL of the ALIAS, s. */
	bool self;          /*!< One of its targets is the owner. */
	bool dropped;       /*!< A resolution could not be asked for. */
	unsigned count;     /*!< Targets of use. */
	qctx_target_t target[ALIAS_TARGETS_MAX];
} qctx_t;

/*! \brief Finds the ALIAS at the query's name and reads its targets. \return false if there is none to matter. */
bool qctx_begin(qctx_t *qctx, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod);

/*! \brief The owner in the zone: names below a wildcard are the clients' to choose. */
static inline const knot_dname_t *qctx_owner(const qctx_t *qctx)
{
	return (qctx->node != NULL) ? qctx->node->owner : qctx->qdata->name;
}

/*! \brief The owner's RRset of a type, empty if there is none. */
knot_rrset_t qctx_rrset(const qctx_t *qctx, uint16_t rrtype);

/*! \brief Looks the targets up, judges them, and has resolved what is due, of both types: the other one will be asked for soon. */
void qctx_ask(qctx_t *qctx);

/*! \brief What the verdicts on all targets make together. */
void qctx_outcome(const qctx_t *qctx, addr_type_t type, outcome_t *outcome);

/*! \brief Waits for a resolution where that is allowed, and settles for what there is when it does not end in time. */
void qctx_wait(qctx_t *qctx, addr_type_t type, outcome_t *outcome);

/*! \brief Logs what has changed for the targets. */
void qctx_log(const qctx_t *qctx, addr_type_t type);
