/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the module does after Knot has filled the authority section. All queries of the zone come here. */

#include <urcu.h>

#include "module/context.h"
#include "module/hooks.h"

static bool leads_to_names(const knot_pkt_t *pkt)
{
	uint16_t i = 0;
	while (i < pkt->rrset_count && pkt->rr[i].additional == NULL) {
		i++;
	}
	return i < pkt->rrset_count;
}

/*! Apart from the hook, which so has little to do for most replies. */
__attribute__((noinline)) static knotd_in_state_t finish(knotd_in_state_t state, knot_pkt_t *pkt,
                                                         knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	const alias_ctx_t *ctx = knotd_mod_ctx(mod);
	if (state == KNOTD_IN_STATE_HIT || state == KNOTD_IN_STATE_DELEG) {
		additional_filter(state, pkt, qdata, mod);
	}
	if (ctx->signer != NULL) {
		state = denial_correct(state, pkt, qdata, mod);
	}
	return ctx->conf.onlinesign ? state : negative_hook(state, pkt, qdata, mod);
}

knotd_in_state_t authority_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                                knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	bool done = pkt->sections[KNOT_AUTHORITY].count == 0 && !leads_to_names(pkt);
	return done ? state : finish(state, pkt, qdata, mod);
}
