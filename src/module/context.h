/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The module's context of one zone.
 */

#pragma once

#include <stdatomic.h>

#include "engine/engine.h"
#include "module/conf.h"
#include "module/node.h"
#include "module/signer.h"

/*! Bits for warnings already logged, one for each owner and warning, by hash. */
#define LOGGED_BITS 1024

/*! Constant after the load, except for atomic fields. */
typedef struct {
	conf_alias_t conf;
	engine_t *engine;
	tenant_t *tenant;
	signer_t *signer;        /*!< NULL with mod-onlinesign. */
	_Atomic layout_t layout; /*!< Proven by the first query that can. */
	_Atomic uint64_t logged[LOGGED_BITS / 64];
	_Atomic uint64_t state_logged_at;   /*!< clock_ms() of the last line about a target. */
	_Atomic uint64_t delayed_logged_at; /*!< clock_ms() of the last line about zone-rate. */
} alias_ctx_t;

/*!
 * \brief Whether nodes are known to be as in node.h. In a later stage than KNOTD_STAGE_ANSWER.
 *
 * The place of the node found is proven only in state HIT and NODATA, by the answer hook.
 */
static inline bool context_knows_nodes(const alias_ctx_t *ctx, knotd_qdata_t *qdata)
{
	layout_t layout = ctx->layout;
	return layout == LAYOUT_HOLDS || (layout == LAYOUT_UNKNOWN && node_proves_apex(qdata));
}
