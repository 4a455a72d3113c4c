/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Keeps the names with ALIAS out of the additional section: Knot would put their own A and AAAA there, which are not what
 * a client gets that asks for them, or for SVCB and HTTPS an NSEC or NSEC3 without them. See hooks.h.
 */

#include "module/hooks.h"

#include <urcu.h>
#include <libknot/rrtype/rdname.h>

#include "module/node.h"
#include "module/qctx.h"

/*! Most names of an RRset whose addresses are added: whoever writes the zone chooses how many there are. */
#define NAMES_MAX 32

static bool has_type(const node_t *node, uint16_t type)
{
	knot_rrset_t rrset = node_rrset(node, type);
	return !knot_rrset_empty(&rrset);
}

/*! Whether Knot puts NSEC or NSEC3 of a name, as it lacks one of these types (RFC 9460, section 4.1). */
static bool adds_denial(const node_t *node, const knot_rrset_t *rrset, const knotd_qdata_t *qdata)
{
	return (rrset->type == KNOT_RRTYPE_SVCB || rrset->type == KNOT_RRTYPE_HTTPS) && knot_pkt_has_dnssec(qdata->query) &&
	       has_type(node_apex(qdata), KNOT_RRTYPE_RRSIG) &&
	       !(has_type(node, KNOT_RRTYPE_A) && has_type(node, KNOT_RRTYPE_AAAA) && has_type(node, rrset->type));
}

static bool may_add(const node_t *node, const knot_rrset_t *rrset, const knotd_qdata_t *qdata, const policy_t *policy)
{
	return node_is_cut(node) || !has_type(node, RRTYPE_ALIAS) ||
	       (policy->sibling == SIBLING_OVERRIDE && !adds_denial(node, rrset, qdata));
}

/*! Proves the layout of the names: the first one has to lead to its own node. */
static bool layout_holds(const knot_rrset_t *rrset, const node_additional_t *names)
{
	const node_glue_t *first = names->glues;
	if (names->count == 0 || names->count > rrset->rrs.count || first->rdata >= rrset->rrs.count) {
		return false;
	}
	knot_rdata_t *rdata = rrset->rrs.rdata;
	for (uint16_t i = 0; i < first->rdata && i < NAMES_MAX; i++) {
		rdata = knot_rdataset_next(rdata);
	}
	return first->rdata > NAMES_MAX || node_covers(first->node, knot_rdata_name(rdata, rrset->type));
}

/*! Copies the names that may be added. \return False if some may not. */
static bool copy_names(node_additional_t *copy, const knot_rrset_t *rrset, const knotd_qdata_t *qdata, const policy_t *policy)
{
	const node_additional_t *names = rrset->additional;
	copy->count = 0;
	for (uint16_t i = 0; i < names->count && i < NAMES_MAX; i++) {
		if (may_add(node_of_glue(&names->glues[i], node_apex(qdata)), rrset, qdata, policy)) {
			copy->glues[copy->count++] = names->glues[i];
		}
	}
	return copy->count == names->count;
}

void additional_filter(knotd_in_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	/* Knot reads it right after this stage, on the same thread. A reply has one RRset with such names. */
	static _Thread_local node_glue_t glues[NAMES_MAX];
	static _Thread_local node_additional_t copy;
	bool used = false;

	for (uint16_t i = 0; i < pkt->rrset_count; i++) {
		knot_rrset_t *rrset = &pkt->rr[i];
		if (rrset->additional == NULL) {
			continue;
		}
		alias_ctx_t *ctx = knotd_mod_ctx(mod);
		if (used || !context_knows_nodes(ctx, qdata) || !layout_holds(rrset, rrset->additional)) {
			rrset->additional = (state == KNOTD_IN_STATE_DELEG) ? rrset->additional : NULL;
			continue;
		}
		copy.glues = glues;
		if (!copy_names(&copy, rrset, qdata, &ctx->conf.policy)) {
			rrset->additional = &copy;
			used = true;
		}
	}
}
