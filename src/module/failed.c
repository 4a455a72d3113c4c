/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Hooks of a module that could not be loaded. They have no context and take no memory. See failed.h. */

#include "module/failed.h"

#include "dnssec/nsec.h"
#include "module/node.h"
#include "module/packet.h"

static knotd_in_state_t fail(knotd_qdata_t *qdata)
{
	qdata->rcode = KNOT_RCODE_SERVFAIL;
	qdata->rcode_ede = KNOT_EDNS_EDE_NOT_READY; /* "Not fully functional when the query was received." */
	return KNOTD_IN_STATE_ERROR;
}

/*! Whether the zone's own answer of a type is false at a name with ALIAS, or shows the record. */
static bool is_concerned(uint16_t qtype)
{
	switch (qtype) {
	case KNOT_RRTYPE_A:
	case KNOT_RRTYPE_AAAA:
	case KNOT_RRTYPE_ANY:
	case KNOT_RRTYPE_NSEC:
	case KNOT_RRTYPE_RRSIG:
	case RRTYPE_ALIAS: return true;
	default: return false;
	}
}

static knotd_in_state_t answer(knotd_in_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, bool own_version)
{
	if (!is_concerned(knot_pkt_qtype(qdata->query)) ||
	    (state != KNOTD_IN_STATE_NODATA && state != KNOTD_IN_STATE_HIT)) {
		return state;
	}
	const node_t *node;
	layout_t layout = own_version ? node_layout(qdata, pkt->rrset_count == 0) : LAYOUT_FAILED;
	knot_rrset_t alias = node_find_alias(layout, qdata, &node);
	return knot_rrset_empty(&alias) ? state : fail(qdata);
}

static knotd_in_state_t failed_answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                                           knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)mod;
	return answer(state, pkt, qdata, true);
}

static knotd_in_state_t other_version_answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                                                  knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)mod;
	return answer(state, pkt, qdata, false);
}

/*!
 * Whether a record denies addresses of a name with ALIAS, as a resolver may conclude later (RFC 8198). That of a
 * delegation does not (RFC 6840, section 4.1).
 */
static bool is_false(const knot_rrset_t *rrset)
{
	const knot_rdata_t *rdata = rrset->rrs.rdata;
	uint16_t type = rrset->type;
	if ((type != KNOT_RRTYPE_NSEC && type != KNOT_RRTYPE_NSEC3) || !nsec_has(rdata, type, RRTYPE_ALIAS)) {
		return false;
	}
	bool delegation = nsec_has(rdata, type, KNOT_RRTYPE_NS) && !nsec_has(rdata, type, KNOT_RRTYPE_SOA);
	return !delegation && !(nsec_has(rdata, type, KNOT_RRTYPE_A) && nsec_has(rdata, type, KNOT_RRTYPE_AAAA));
}

/*! The first of the RRsets from `first` on that is false, or the number of all. */
static uint16_t find_false(const knot_pkt_t *pkt, uint16_t first)
{
	while (first < pkt->rrset_count && !is_false(&pkt->rr[first])) {
		first++;
	}
	return first;
}

static knotd_in_state_t failed_authority_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                                              knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)mod;
	if (find_false(pkt, pkt->sections[KNOT_AUTHORITY].pos) < pkt->rrset_count) {
		return fail(qdata);
	}
	/* Knot would add own addresses and denials of names with ALIAS. Only glue is needed. */
	for (uint16_t i = 0; i < pkt->rrset_count && state != KNOTD_IN_STATE_DELEG; i++) {
		pkt->rr[i].additional = NULL;
	}
	return state;
}

/*! Knot does not call the hook of a section in which it truncates the reply. A TSIG is made before this stage. */
static knotd_state_t failed_end_hook(knotd_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)mod;
	if (state == KNOTD_STATE_DONE && knot_wire_get_tc(pkt->wire) && !knot_pkt_has_tsig(qdata->query) &&
	    find_false(pkt, 0) < pkt->rrset_count) {
		packet_empty(pkt);
	}
	return state;
}

int failed_load(knotd_mod_t *mod, bool own_version)
{
	int ret = knotd_mod_in_hook(mod, KNOTD_STAGE_ANSWER, own_version ? failed_answer_hook : other_version_answer_hook);
	if (ret != KNOT_EOK && knotd_mod_ctx(mod) == NULL) {
		return ret;
	}
	/* From the first hook on, the load must not fail: Knot would free the module, but not its hooks. */
	(void)knotd_mod_in_hook(mod, KNOTD_STAGE_AUTHORITY, failed_authority_hook);
	(void)knotd_mod_hook(mod, KNOTD_STAGE_END, failed_end_hook);
	return KNOT_EOK;
}
