/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <string.h>
#include <sys/param.h>
#include <libknot/libknot.h>

#include "resolve/reply.h"

static bool is_for(const knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type)
{
	return knot_wire_get_qr(pkt->wire) && !knot_wire_get_tc(pkt->wire) &&
	       knot_wire_get_opcode(pkt->wire) == KNOT_OPCODE_QUERY &&
	       knot_wire_get_qdcount(pkt->wire) == 1 &&
	       knot_pkt_qtype(pkt) == type && knot_pkt_qclass(pkt) == KNOT_CLASS_IN &&
	       knot_dname_is_case_equal(knot_pkt_qname(pkt), name);
}

static const knot_rrset_t *find_cname(const knot_pktsection_t *answer, const knot_dname_t *owner)
{
	for (uint16_t i = 0; i < answer->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(answer, i);
		if (rr->type == KNOT_RRTYPE_CNAME && rr->rclass == KNOT_CLASS_IN &&
		    knot_dname_is_case_equal(rr->owner, owner)) {
			return rr;
		}
	}
	return NULL;
}

/*! Keeps the lowest REPLY_ADDRESSES_MAX addresses, sorted, so that equal sets give equal answers. */
static void insert_address(reply_t *reply, const uint8_t *addr)
{
	unsigned pos = 0;
	int cmp = 1;
	while (pos < reply->count && (cmp = memcmp(reply->addr[pos], addr, reply->len)) < 0) {
		pos++;
	}
	if (cmp == 0) {
		return;
	}
	reply->cut |= (reply->count == REPLY_ADDRESSES_MAX);
	if (pos == REPLY_ADDRESSES_MAX) {
		return;
	}

	reply->count = MIN(reply->count + 1, REPLY_ADDRESSES_MAX);
	memmove(reply->addr[pos + 1], reply->addr[pos], (reply->count - pos - 1) * sizeof(reply->addr[0]));
	memcpy(reply->addr[pos], addr, reply->len);
}

static void collect_addresses(reply_t *reply, const knot_pktsection_t *answer,
                              const knot_dname_t *owner, uint16_t type)
{
	for (uint16_t i = 0; i < answer->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(answer, i);
		if (rr->type == type && rr->rclass == KNOT_CLASS_IN && rr->rrs.count == 1 &&
		    rr->rrs.rdata->len == reply->len && knot_dname_is_case_equal(rr->owner, owner)) {
			reply->ttl = MIN(reply->ttl, rr->ttl);
			insert_address(reply, rr->rrs.rdata->data);
		}
	}
}

/*! Reads a negative answer, which lives as long as its SOA says (RFC 2308, section 5). */
static void read_negative(reply_t *reply, const knot_pkt_t *pkt, reply_kind_t kind)
{
	const knot_pktsection_t *authority = knot_pkt_section(pkt, KNOT_AUTHORITY);
	bool referral = false;

	for (uint16_t i = 0; i < authority->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(authority, i);
		if (rr->type == KNOT_RRTYPE_SOA && rr->rclass == KNOT_CLASS_IN && rr->rrs.count == 1) {
			reply->kind = kind;
			reply->ttl = MIN(reply->ttl, MIN(rr->ttl, knot_soa_minimum(rr->rrs.rdata)));
			return;
		}
		referral |= (rr->type == KNOT_RRTYPE_NS);
	}

	bool complete = knot_wire_get_ra(pkt->wire) || knot_wire_get_aa(pkt->wire);
	if (complete && !referral) {
		reply->kind = kind;
		reply->ttl = MIN(reply->ttl, REPLY_NO_SOA_TTL);
	}
}

static void read_answer(reply_t *reply, const knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type)
{
	uint16_t rcode = knot_pkt_ext_rcode(pkt);
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);

	if (rcode == KNOT_RCODE_FORMERR || rcode == KNOT_RCODE_BADCOOKIE) {
		reply->kind = (rcode == KNOT_RCODE_FORMERR) ? REPLY_FORMERR : REPLY_BADCOOKIE;
		return;
	}

	const knot_rrset_t *cname;
	for (unsigned i = 0; (cname = find_cname(answer, name)) != NULL; i++) {
		if (i == REPLY_CNAMES_MAX) {
			reply->kind = REPLY_LOOP;
			return;
		}
		reply->ttl = MIN(reply->ttl, cname->ttl);
		name = knot_cname_name(cname->rrs.rdata);
	}
	collect_addresses(reply, answer, name, type);

	if (rcode == KNOT_RCODE_NOERROR && reply->count > 0) {
		reply->kind = REPLY_ADDRESSES;
	} else if (rcode == KNOT_RCODE_NOERROR) {
		read_negative(reply, pkt, REPLY_NODATA);
	} else if (rcode == KNOT_RCODE_NXDOMAIN && reply->count == 0) {
		read_negative(reply, pkt, REPLY_NXDOMAIN);
	}
}

void reply_parse(reply_t *reply, const uint8_t *wire, size_t len,
                 const knot_dname_t *name, uint16_t type)
{
	reply->kind = REPLY_NONE;
	reply->ad = reply->cut = false;
	reply->ttl = REPLY_TTL_MAX;
	reply->count = 0;
	reply->len = addr_len(addr_type(type));

	bool possible = len >= KNOT_WIRE_HEADER_SIZE && len <= KNOT_WIRE_MAX_PKTSIZE;
	knot_pkt_t *pkt = possible ? knot_pkt_new((void *)wire, len, NULL) : NULL;
	if (pkt == NULL) {
		return;
	}
	/* Without KEEPWIRE the parser removes a TSIG from the message. */
	if (knot_pkt_parse(pkt, KNOT_PF_KEEPWIRE) == KNOT_EOK && is_for(pkt, name, type)) {
		reply->kind = REPLY_BAD;
		read_answer(reply, pkt, name, type);
		reply->ad = knot_wire_get_ad(wire);
	}
	knot_pkt_free(pkt);
}
