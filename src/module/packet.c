/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/packet.h"

#include <sys/param.h>

/*! The count of a section's records in the header (RFC 1035, section 4.1.1). */
static uint8_t *section_count(const knot_pkt_t *pkt, unsigned section)
{
	return pkt->wire + KNOT_WIRE_OFFSET_ANCOUNT + section * sizeof(uint16_t);
}

/*! Takes back all RRsets from `first` on. Their entries stay in the packet's arrays. \return The old RRset count. */
static uint16_t take_back(knot_pkt_t *pkt, uint16_t first)
{
	uint16_t end = pkt->rrset_count;
	uint8_t *count = section_count(pkt, pkt->current);
	for (uint16_t i = first; i < end; i++) {
		knot_wire_write_u16(count, knot_wire_read_u16(count) - pkt->rr[i].rrs.count);
	}
	pkt->size = pkt->rr_info[first].pos;
	pkt->rrset_count = first;
	pkt->sections[pkt->current].count -= end - first;
	/* Compression must not point to a name that was removed; at 0, libknot starts again with QNAME. */
	if (pkt->compr.suffix.pos >= pkt->size) {
		pkt->compr.suffix.pos = 0;
	}
	return end;
}

/*! Compression hint for the owner of an RRset that is put again. An RRSIG has the owner of the RRset that it covers. */
static uint16_t owner_hint(const knot_pkt_t *pkt, uint16_t first, const knot_rrset_t *rrset, uint16_t hint)
{
	if (hint < pkt->rr_info[first].pos) {
		return hint;
	}
	for (uint16_t i = first; i < pkt->rrset_count && rrset->type == KNOT_RRTYPE_RRSIG; i++) {
		if (pkt->rr[i].type == knot_rrsig_type_covered(rrset->rrs.rdata) &&
		    knot_dname_is_equal(pkt->rr[i].owner, rrset->owner)) {
			return knot_compr_hint(&pkt->rr_info[i], KNOT_COMPR_HINT_OWNER);
		}
	}
	return KNOT_COMPR_HINT_NONE;
}

/*! Frees an RRset that is not put again. */
static void release(knot_pkt_t *pkt, knot_rrset_t *rrset, uint16_t flags)
{
	if (flags & KNOT_PF_FREE) {
		knot_rrset_clear(rrset, &pkt->mm);
	}
}

int packet_edit(knot_pkt_t *pkt, uint16_t first, packet_edit_f edit, void *ctx)
{
	int ret = KNOT_EOK;
	uint16_t end = take_back(pkt, first);
	/* Putting an RRset overwrites array entries, but only of RRsets that have been read. */
	for (uint16_t i = first; i < end; i++) {
		knot_rrset_t rrset = pkt->rr[i];
		uint16_t flags = pkt->rr_info[i].flags;
		uint16_t hint = knot_compr_hint(&pkt->rr_info[i], KNOT_COMPR_HINT_OWNER);
		bool wanted = (ret == KNOT_EOK && edit(&rrset, &flags, ctx));
		if (wanted) {
			ret = knot_pkt_put(pkt, owner_hint(pkt, first, &rrset, hint), &rrset, flags);
		}
		if (!wanted || ret != KNOT_EOK) {
			release(pkt, &rrset, flags);
		}
	}
	return ret;
}

void packet_empty(knot_pkt_t *pkt)
{
	knot_rrset_t opt;
	knot_rrset_init_empty(&opt);
	for (uint16_t i = 0; i < pkt->rrset_count; i++) {
		if (pkt->rr[i].type == KNOT_RRTYPE_OPT) {
			opt = pkt->rr[i];
		} else {
			release(pkt, &pkt->rr[i], pkt->rr_info[i].flags);
		}
	}

	pkt->rrset_count = 0;
	pkt->size = KNOT_WIRE_HEADER_SIZE + knot_pkt_question_size(pkt);
	pkt->compr.suffix.pos = 0;
	for (unsigned i = 0; i < KNOT_PKT_SECTIONS; i++) {
		pkt->sections[i].pos = 0;
		pkt->sections[i].count = 0;
		knot_wire_write_u16(section_count(pkt, i), 0);
	}
	if (!knot_rrset_empty(&opt)) {
		(void)knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, 0); /* It fitted before. */
	}
}

bool shows_type(const knot_rrset_t *rrset, uint16_t type)
{
	if (rrset->type != KNOT_RRTYPE_RRSIG) {
		return rrset->type == type;
	}
	knot_rdata_t *rrsig = rrset->rrs.rdata;
	for (uint16_t i = 0; i < rrset->rrs.count; i++, rrsig = knot_rdataset_next(rrsig)) {
		if (knot_rrsig_type_covered(rrsig) == type) {
			return true;
		}
	}
	return false;
}

static bool shows_other_type(knot_rrset_t *rrset, uint16_t *flags, void *ctx)
{
	(void)flags;
	return !shows_type(rrset, *(const uint16_t *)ctx);
}

bool packet_drop(knot_pkt_t *pkt, uint16_t type)
{
	const knot_pktsection_t *answer = &pkt->sections[KNOT_ANSWER];
	for (uint16_t i = 0; i < answer->count && pkt->current == KNOT_ANSWER; i++) {
		if (shows_type(knot_pkt_rr(answer, i), type)) {
			return packet_edit(pkt, answer->pos + i, shows_other_type, &type) == KNOT_EOK;
		}
	}
	return false;
}

/*! Position after the name at `pos`: it ends with the root or a pointer (RFC 1035, section 4.1.4). */
static size_t skip_name(const uint8_t *wire, size_t pos)
{
	while (wire[pos] != '\0' && !knot_wire_is_pointer(wire + pos)) {
		pos += 1 + wire[pos];
	}
	return pos + (wire[pos] == '\0' ? 1 : sizeof(uint16_t));
}

void packet_limit_ttl(knot_pkt_t *pkt, uint32_t ttl)
{
	enum { TTL = 4,
	       RDLENGTH = 8,
	       RDATA = 10 }; /* Offsets from the end of the owner (RFC 1035, section 3.2.1). */

	const knot_pktsection_t *authority = &pkt->sections[KNOT_AUTHORITY];
	size_t pos = (authority->count > 0) ? pkt->rr_info[authority->pos].pos : 0;
	for (uint16_t i = knot_wire_get_nscount(pkt->wire); i > 0 && pos > 0; i--) {
		uint8_t *record = pkt->wire + skip_name(pkt->wire, pos);
		knot_wire_write_u32(record + TTL, MIN(knot_wire_read_u32(record + TTL), ttl));
		pos = record + RDATA + knot_wire_read_u16(record + RDLENGTH) - pkt->wire;
	}
}

knotd_in_state_t come_back(knotd_qdata_t *qdata)
{
	if (qdata->params->proto == KNOTD_QUERY_PROTO_UDP) {
		qdata->err_truncated = true;
		qdata->rcode = KNOT_RCODE_NOERROR;
		qdata->rcode_ede = KNOT_EDNS_EDE_NONE;
	} else {
		qdata->rcode = KNOT_RCODE_SERVFAIL;
		qdata->rcode_ede = KNOT_EDNS_EDE_NOT_READY;
	}
	return KNOTD_IN_STATE_ERROR;
}
