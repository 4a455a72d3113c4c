/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The query context (qctx): a query at a name with ALIAS, its targets, and the verdicts on them.
 *
 * On a worker, inside rcu_read_lock(). Each target is judged once for each type; only a wait judges again.
 */

#pragma once

#include <knot/module.h>

#include "cache/outcome.h"
#include "module/context.h"
#include "module/node.h"

typedef struct {
	size_t len;                    /*!< Length of `name`, octets. */
	target_t *target;              /*!< Target in the cache, or NULL. */
	verdict_t verdict[ADDR_TYPES]; /*!< Verdicts of qctx_ask(), or the last ones of qctx_wait(). */
	knot_dname_storage_t name;     /*!< Lower case. */
} qctx_target_t;

/*! A query and its ALIAS node. */
typedef struct {
	alias_ctx_t *ctx;
	knotd_mod_t *mod;
	knot_pkt_t *pkt;
	knotd_qdata_t *qdata;
	uint16_t qtype;
	const node_t *node;     /*!< NULL if only the apex is known, from the API. */
	signer_state_t signing; /*!< Of the reply; SIGNER_UNSIGNED also if the client does not ask for DNSSEC. */
	const keys_t *keys;     /*!< With SIGNER_READY, else NULL. */
	uint64_t now;           /*!< clock_ms() from before the look-up in the cache, see engine_ask(). */
	uint32_t ttl;           /*!< TTL of the ALIAS, s. */
	uint32_t negative_ttl;  /*!< Longest TTL of the reply if it is NODATA, s; UINT32_MAX: as the zone says. */
	bool self;              /*!< One of its targets is the owner. */
	bool dropped;           /*!< A request to the engine was dropped. */
	bool settled;           /*!< The wait is over: what is still unknown counts as failed. */
	unsigned count;         /*!< Usable targets. */
	qctx_target_t target[ALIAS_TARGETS_MAX];
} qctx_t;

/*! \brief Finds the ALIAS at the query's name and reads its targets. \return false if there is no ALIAS to serve. */
bool qctx_begin(qctx_t *qctx, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod);

/*! \brief The owner in the zone: a wildcard itself, as clients choose the names below it. */
static inline const knot_dname_t *qctx_owner(const qctx_t *qctx)
{
	return (qctx->node != NULL) ? qctx->node->owner : qctx->qdata->name;
}

/*! \brief The owner's RRset of a type, empty if there is none. */
knot_rrset_t qctx_rrset(const qctx_t *qctx, uint16_t rrtype);

/*! \brief Looks up and judges the targets, and requests what is due, of both types: clients soon ask for the other. */
void qctx_ask(qctx_t *qctx);

/*! \brief Combines the verdicts on all targets. \param[out] outcome  Outcome for the type. */
void qctx_outcome(const qctx_t *qctx, addr_type_t type, outcome_t *outcome);

/*!
 * \brief Waits for resolutions, if allowed: until there are addresses of a type, or all types are known.
 *
 * If they do not end in time, the outcome is what the cache has.
 *
 * \param types  Types as bits (1 << addr_type_t).
 */
void qctx_wait(qctx_t *qctx, unsigned types);

/*! \brief Logs changes of the targets' states. */
void qctx_log(const qctx_t *qctx, addr_type_t type);
