/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finds NSEC and NSEC3 records that list ALIAS, and replaces them and their RRSIGs in the packet. See hooks.h. */

#include "module/hooks.h"

#include <urcu.h>

#include "dnssec/nsec.h"
#include "module/node.h"
#include "module/packet.h"
#include "module/qctx.h"
#include "module/signer.h"

/*! Most records replaced in a section. For a proof Knot puts at most three, and one for each wildcard in a chain of twenty CNAMEs. */
#define REPLACED_MAX 32

typedef struct {
	alias_ctx_t *ctx;
	knot_pkt_t *pkt;
	const knotd_qdata_t *qdata;
	knotd_mod_t *mod;
	const keys_t *keys;
	const node_t *node;          /*!< In the answer section: the node found, whose NSEC is there; else NULL. */
	const knot_rdata_t *denying; /*!< The record that must not list `denied`, or NULL. */
	uint16_t denied;             /*!< A or AAAA. */
	signer_state_t result;       /*!< Other than SIGNER_READY: a record could not be replaced. */
	unsigned count;
	const signature_t *replaced[REPLACED_MAX];
} denial_t;

static bool is_denial(const knot_rrset_t *rrset)
{
	return (rrset->type == KNOT_RRTYPE_NSEC || rrset->type == KNOT_RRTYPE_NSEC3) && rrset->rrs.count == 1;
}

static bool lists_alias(const knot_rrset_t *rrset)
{
	return is_denial(rrset) && nsec_has(rrset->rrs.rdata, rrset->type, RRTYPE_ALIAS);
}

/*!
 * Finds the record in the authority section that proves NODATA for A or AAAA: the NSEC of the owner, or the first NSEC3,
 * as Knot puts the matching one first. An ALIAS owner always has one, as opt-out is only for delegations.
 */
static void find_denying(denial_t *denial, const knotd_qdata_t *qdata, knotd_in_state_t state)
{
	uint16_t type = knot_pkt_qtype(qdata->query);
	if (denial->pkt->current != KNOT_AUTHORITY || state != KNOTD_IN_STATE_NODATA || !addr_is_rrtype(type)) {
		return;
	}
	const node_t *node = node_found(qdata);
	if (node == NULL) {
		return;
	}
	knot_rrset_t alias = node_rrset(node, RRTYPE_ALIAS);
	if (knot_rrset_empty(&alias)) {
		return;
	}

	const knot_pktsection_t *section = &denial->pkt->sections[denial->pkt->current];
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rrset = knot_pkt_rr(section, i);
		if (is_denial(rrset) &&
		    (rrset->type == KNOT_RRTYPE_NSEC3 || knot_dname_is_equal(rrset->owner, node->owner))) {
			denial->denying = rrset->rrs.rdata;
			denial->denied = type;
			return;
		}
	}
}

static bool replace_record(denial_t *denial, knot_rrset_t *rrset, uint16_t *flags)
{
	knot_rrset_t own = *rrset;
	if (denial->node != NULL) {
		own.owner = denial->node->owner; /* The wildcard itself, not the query's name. */
	}
	uint16_t denied = (rrset->rrs.rdata == denial->denying) ? denial->denied : 0;
	const signature_t *signature;
	signer_state_t result = SIGNER_LOST;
	if (denial->result == SIGNER_READY && denial->count < REPLACED_MAX) {
		result = signer_sign(denial->ctx->signer, denial->mod, denial->qdata, denial->keys, &own, denied,
		                     &signature);
	}
	if (result != SIGNER_READY) {
		denial->result = (denial->result == SIGNER_READY) ? result : denial->result;
		return false;
	}

	denial->replaced[denial->count++] = signature;
	/* The packet's memory, freed after the query, keeps the owner. Knot has checked for duplicates before. */
	*flags &= ~(KNOT_PF_FREE | KNOT_PF_CHECKDUP);
	rrset->rrs = signature->truth;
	return true;
}

/*! Replaces the RRSIGs of a replaced record by ours. */
static void replace_rrsigs(const denial_t *denial, knot_rrset_t *rrset, uint16_t *flags)
{
	uint16_t covered = knot_rrsig_type_covered(rrset->rrs.rdata);
	if (covered != KNOT_RRTYPE_NSEC && covered != KNOT_RRTYPE_NSEC3) {
		return;
	}
	for (unsigned i = 0; i < denial->count; i++) {
		if (knot_dname_is_equal(denial->replaced[i]->owner, rrset->owner) || denial->node != NULL) {
			*flags &= ~KNOT_PF_FREE;
			rrset->rrs = denial->replaced[i]->rrsigs;
			return;
		}
	}
}

static bool correct(knot_rrset_t *rrset, uint16_t *flags, void *ctx)
{
	denial_t *denial = ctx;
	if (lists_alias(rrset)) {
		return replace_record(denial, rrset, flags);
	}
	if (rrset->type == KNOT_RRTYPE_RRSIG) {
		replace_rrsigs(denial, rrset, flags);
	}
	return true;
}

knotd_in_state_t denial_correct(knotd_in_state_t state, knot_pkt_t *pkt,
                                knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	if (pkt->current != KNOT_ANSWER && !knot_pkt_has_dnssec(qdata->query)) {
		return state;
	}
	const knot_pktsection_t *section = &pkt->sections[pkt->current];
	uint16_t i = 0;
	while (i < section->count && !lists_alias(knot_pkt_rr(section, i))) {
		i++;
	}
	if (i == section->count) {
		return state;
	}

	denial_t denial = { .ctx = knotd_mod_ctx(mod), .pkt = pkt, .qdata = qdata, .mod = mod };
	if (!context_knows_nodes(denial.ctx, qdata)) {
		return state;
	}
	signer_state_t keys = signer_keys(denial.ctx->signer, mod, qdata, &denial.keys);
	if (keys == SIGNER_BUSY) {
		keys = signer_wait(denial.ctx->signer, mod, qdata, &denial.keys);
	}
	if (keys == SIGNER_BUSY) {
		return come_back(qdata);
	}
	if (keys != SIGNER_READY) {
		return state;
	}
	if (pkt->current == KNOT_ANSWER) {
		denial.node = node_found(qdata);
	} else {
		find_denying(&denial, qdata, state);
	}

	int ret = packet_edit(pkt, section->pos + i, correct, &denial);
	if (denial.result == SIGNER_BUSY) {
		return come_back(qdata);
	}
	if (denial.result != SIGNER_READY || (ret != KNOT_EOK && ret != KNOT_ESPACE)) {
		return KNOTD_IN_STATE_ERROR;
	}
	return (ret == KNOT_ESPACE) ? KNOTD_IN_STATE_TRUNC : state;
}

/*! Whether a reply has records that a later hook would have hidden or corrected. */
static bool is_unfinished(const knot_pkt_t *pkt, const alias_ctx_t *ctx)
{
	for (uint16_t i = 0; i < pkt->rrset_count; i++) {
		if ((ctx->signer != NULL && lists_alias(&pkt->rr[i])) ||
		    (!ctx->conf.policy.expose && shows_type(&pkt->rr[i], RRTYPE_ALIAS))) {
			return true;
		}
	}
	return false;
}

__attribute__((noinline)) static void finish_truncated(knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	/* A TSIG is made before this stage, so a reply with one must not be changed. */
	if (!knot_pkt_has_tsig(qdata->query) &&
	    (is_unfinished(pkt, knotd_mod_ctx(mod)) || negative_is_limited(pkt, qdata))) {
		packet_empty(pkt);
	}
}

knotd_state_t end_hook(knotd_state_t state, knot_pkt_t *pkt,
                       knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	if (knot_wire_get_tc(pkt->wire) && state == KNOTD_STATE_DONE) {
		finish_truncated(pkt, qdata, mod);
	}
	return state;
}
