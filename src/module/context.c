/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/context.h"

#include "module/node.h"

bool context_knows_nodes(alias_ctx_t *ctx, knotd_mod_t *mod, knotd_qdata_t *qdata)
{
	layout_t layout = ctx->layout;
	if (layout == LAYOUT_UNKNOWN) {
		layout = node_layout_holds(qdata) ? LAYOUT_HOLDS : LAYOUT_FAILED;
		if (atomic_exchange(&ctx->layout, layout) == LAYOUT_UNKNOWN && layout == LAYOUT_FAILED) {
			knotd_mod_log(mod, LOG_ERR,
			              "unknown layout of zone nodes in this build of "
			              "Knot DNS, only ALIAS at the zone apex is served");
		}
	}
	return layout == LAYOUT_HOLDS;
}
