/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A reply of the resolver, by the way that it takes: parsed, published in the cache, put into an answer, written to the
 * store.
 * One octet says how, the rest is the message.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "cache/cache.h"
#include "store/record.h"

enum {
	WITH_AAAA = 0x01,
	WITH_NXDOMAIN = 0x02,
	WITH_RESTORE = 0x04,
};

#define TARGET ((const knot_dname_t *)"\001a\007example")

/*! The name that was asked for: that of the question, so that the input decides. */
static void read_name(knot_dname_storage_t name, const uint8_t *wire, size_t len)
{
	const uint8_t *qname = wire + KNOT_WIRE_HEADER_SIZE;
	bool whole = len > KNOT_WIRE_HEADER_SIZE && knot_dname_wire_check(qname, wire + len, NULL) > 0;
	knot_dname_copy_lower(name, whole ? qname : TARGET);
}

/*! Whether an RR of the message is for the name, or the CNAME of another one leads to its owner. */
static bool is_reached(const knot_pktsection_t *answer, const knot_rrset_t *rr, const knot_dname_t *name)
{
	bool reached = knot_dname_is_case_equal(rr->owner, name);
	for (uint16_t i = 0; i < answer->count && !reached; i++) {
		const knot_rrset_t *other = knot_pkt_rr(answer, i);
		reached = other->type == KNOT_RRTYPE_CNAME &&
		          knot_dname_is_case_equal(knot_cname_name(other->rrs.rdata), rr->owner);
	}
	return reached;
}

/*! Each address is in the message, at a name that counts, with a TTL no lower. */
static void check_addresses(const reply_t *reply, const knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type)
{
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
	for (unsigned i = 0; i < reply->count; i++) {
		bool found = false;
		for (uint16_t j = 0; j < answer->count; j++) {
			const knot_rrset_t *rr = knot_pkt_rr(answer, j);
			if (rr->type == type && rr->rclass == KNOT_CLASS_IN && rr->rrs.rdata->len == reply->len &&
			    is_reached(answer, rr, name) && memcmp(rr->rrs.rdata->data, reply->addr[i], reply->len) == 0) {
				CHECK(reply->ttl <= rr->ttl);
				found = true;
			}
		}
		CHECK(found);
		CHECK(i == 0 || memcmp(reply->addr[i - 1], reply->addr[i], reply->len) < 0);
	}
}

static void check_reply(const reply_t *reply, const uint8_t *wire, size_t len, const knot_dname_t *name, uint16_t type)
{
	CHECK(reply->len == (type == KNOT_RRTYPE_A ? 4 : 16));
	CHECK(reply->count <= REPLY_ADDRESSES_MAX && reply->ttl <= REPLY_TTL_MAX);
	if (reply->kind > REPLY_NXDOMAIN) {
		return;
	}
	CHECK((reply->count > 0) == (reply->kind == REPLY_ADDRESSES));

	uint8_t *copy = fuzz_copy(wire, len);
	knot_pkt_t *pkt = knot_pkt_new(copy, len, NULL);
	CHECK(knot_pkt_parse(pkt, KNOT_PF_KEEPWIRE) == KNOT_EOK);
	CHECK(knot_wire_get_qr(copy) && !knot_wire_get_tc(copy) && knot_pkt_qtype(pkt) == type);
	CHECK(knot_pkt_ext_rcode(pkt) == (reply->kind == REPLY_NXDOMAIN ? KNOT_RCODE_NXDOMAIN : KNOT_RCODE_NOERROR));
	check_addresses(reply, pkt, name, type);
	knot_pkt_free(pkt);
	free(copy);
}

/*! What the cache has can be put into an answer, and is the same there. */
static void check_answer(const answer_t *answer, const reply_t *reply, const knot_dname_t *name, uint16_t type)
{
	CHECK(answer->kind == reply->kind && answer->ttl == reply->ttl && answer->count == reply->count);
	CHECK(answer_rrs(answer).size == reply->count * knot_rdata_size(reply->len));
	if (answer->count == 0) {
		return;
	}
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)name, type, KNOT_CLASS_IN, answer->ttl);
	rrset.rrs = answer_rrs(answer);

	knot_pkt_t *pkt = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	CHECK(knot_pkt_put_question(pkt, name, KNOT_CLASS_IN, type) == KNOT_EOK);
	CHECK(knot_pkt_put(pkt, KNOT_COMPR_HINT_QNAME, &rrset, 0) == KNOT_EOK);
	knot_wire_set_qr(pkt->wire);
	knot_wire_set_ra(pkt->wire);
	reply_t again;
	reply_parse(&again, pkt->wire, pkt->size, name, type);
	CHECK(again.kind == REPLY_ADDRESSES && again.count == reply->count && again.ttl == reply->ttl);
	for (unsigned i = 0; i < reply->count; i++) {
		CHECK(memcmp(again.addr[i], reply->addr[i], reply->len) == 0);
	}
	knot_pkt_free(pkt);
}

/*! A row of the store has all that the answer needs. */
static void check_row(const answer_t *answer, const reply_t *reply, const knot_dname_t *name, uint16_t type)
{
	const knot_rdataset_t rrs = answer_rrs(answer);
	record_t *record = record_new(name, addr_type(type), answer->kind, answer->ttl, &rrs), *again;
	row_t row;
	row_text_t text;
	reply_t restored;
	CHECK(record != NULL);
	record_print(&row, &text, record);
	CHECK(record_parse(&again, &row) == KNOT_EOK && record_checksum(again, "") == record_checksum(record, ""));
	record_reply(&restored, again);
	CHECK(knot_dname_is_equal(again->data, name) && again->type == addr_type(type));
	CHECK(restored.kind == reply->kind && restored.ttl == reply->ttl && restored.count == reply->count);
	for (unsigned i = 0; i < reply->count; i++) {
		CHECK(memcmp(restored.addr[i], reply->addr[i], reply->len) == 0);
	}
	free(record);
	free(again);
}

static void check_cache(const reply_t *reply, const knot_dname_t *name, uint16_t type, uint8_t how)
{
	cache_t *cache = cache_new();
	CHECK(cache != NULL);
	target_t *target = cache_add(cache, name, 1);
	rcu_read_lock();
	CHECK(target != NULL && cache_find(cache, name) == target && cache_count(cache) == 1);
	entry_t *entry = &target->entry[type == KNOT_RRTYPE_A ? ADDR_A : ADDR_AAAA];

	int ret = (how & WITH_RESTORE) ? cache_restore(entry, reply, 1) : cache_publish(entry, reply, 1);
	CHECK(ret == KNOT_EOK);
	check_answer(entry->answer, reply, name, type);
	check_row(entry->answer, reply, name, type);
	if (how & WITH_NXDOMAIN) {
		reply_t nxdomain = { .kind = REPLY_NXDOMAIN, .len = reply->len };
		CHECK(cache_publish(entry, &nxdomain, 2) == KNOT_EOK && cache_publish(entry, &nxdomain, 3) == KNOT_EOK);
		CHECK((answer_held(entry->answer) != NULL) == (reply->kind == REPLY_ADDRESSES));
		if (answer_held(entry->answer) != NULL) {
			check_answer(answer_held(entry->answer), reply, name, type);
		}
	}
	rcu_read_unlock();
	cache_clear(cache);
	cache_free(cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_t in = { data, size };
	uint8_t how = input_u8(&in);
	uint16_t type = (how & WITH_AAAA) ? KNOT_RRTYPE_AAAA : KNOT_RRTYPE_A;
	uint8_t *wire = fuzz_copy(in.data, in.len);
	knot_dname_storage_t name;
	read_name(name, wire, in.len);

	reply_t reply;
	reply_parse(&reply, wire, in.len, name, type);
	CHECK(in.len == 0 || memcmp(wire, in.data, in.len) == 0);
	check_reply(&reply, wire, in.len, name, type);
	if (reply.kind <= REPLY_NXDOMAIN) {
		check_cache(&reply, name, type, how);
	}
	free(wire);
	fuzz_settle();
	return 0;
}
