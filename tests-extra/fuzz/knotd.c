/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * knotd as far as the module can tell: the calls of its API that hooks make, and the way of a query from what Knot itself
 * puts (internet.c there) through the hooks to what leaves. Of the engine, what workers ask it for. Of signing, what
 * takes time.
 */

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module/hooks.h"
#include "module/packet.h"
#include "dnssec/reader.h"
#include "dnssec/rrsig.h"
#include "module/stats.h"

/* --- the module API --- */

/*! What these calls only read is constant since Knot DNS 3.3. */
#if KNOTD_MOD_ABI_VERSION < 500
#define CONST_SINCE_3_3
#else
#define CONST_SINCE_3_3 const
#endif

void *knotd_mod_ctx(CONST_SINCE_3_3 knotd_mod_t *mod)
{
	(void)mod;
	return &world.ctx;
}

const knot_dname_t *knotd_mod_zone(CONST_SINCE_3_3 knotd_mod_t *mod)
{
	(void)mod;
	return WORLD_ZONE;
}

void knotd_mod_log(knotd_mod_t *mod, int priority, const char *format, ...)
{
	(void)mod;
	CHECK(priority >= LOG_ERR && priority <= LOG_INFO);
	char line[2048];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	CHECK(len > 0 && (size_t)len < sizeof(line));
}

void knotd_mod_stats_incr(knotd_mod_t *mod, unsigned thr_id, uint32_t ctr_id, uint32_t idx, uint64_t val)
{
	(void)mod, (void)thr_id;
	bool is_answer = ctr_id == STAT_ANSWER_A || ctr_id == STAT_ANSWER_AAAA;
	CHECK(ctr_id < STATS_OF_WORKERS && val == 1);
	CHECK(idx < (is_answer ? (unsigned)GOTS : ctr_id == STAT_DENIED ? (unsigned)DENIEDS :
	                                                                  1));
}

const knot_dname_t *knotd_qdata_zone_name(CONST_SINCE_3_3 knotd_qdata_t *qdata)
{
	(void)qdata;
	return WORLD_ZONE;
}

knot_rrset_t knotd_qdata_zone_apex_rrset(CONST_SINCE_3_3 knotd_qdata_t *qdata, uint16_t type)
{
	(void)qdata;
	return world_rrset(&world.apex, type);
}

/* --- the engine --- */

cache_t *engine_cache(engine_t *engine)
{
	return engine->cache;
}

const health_t *engine_health(const engine_t *engine)
{
	return &engine->health;
}

log_queue_t *engine_log(engine_t *engine)
{
	return &engine->log;
}

bool engine_ask(engine_t *engine, target_t *target, const knot_dname_t *name,
                wishes_t wishes, tenant_t *tenant, uint64_t now)
{
	CHECK(engine == &world.engine && tenant == &world.tenant && now == WORLD_NOW);
	CHECK(target == NULL || knot_dname_is_equal(target->name, name));
	judge_request(name, &wishes);
	return input_u8(&world.in) != 0xff; /* The queue is full. */
}

void engine_wait(engine_t *engine, tenant_t *tenant, const wait_t *wait, waiters_look_f look, void *ctx)
{
	CHECK(engine == &world.engine && tenant == &world.tenant);
	CHECK(wait->ms == 0 || world.params.proto == KNOTD_QUERY_PROTO_TCP);
	if (look(ctx) == WAIT_PENDING && wait->ms > 0) {
		world_learn();
		(void)look(ctx);
	}
}

/* --- keys and signatures --- */

/*! At once, as if the thread had been faster. */
bool reader_start(uint64_t keystore, reader_f read, void *ctx)
{
	(void)keystore;
	read(ctx);
	return true;
}

keys_t *keys_load(const knot_dname_t *zone, const apex_t *apex, const keystores_t *stores, uint64_t known)
{
	(void)stores, (void)known;
	CHECK(knot_dname_is_equal(zone, WORLD_ZONE));
	keys_t *keys = calloc(1, sizeof(*keys));
	CHECK(keys != NULL);
	keys->apex = keys->id = apex_id(apex);
	keys->count = (world.who_signs == SIGNED_HERE) ? 1 : 0;
	keys->error = (keys_error_t){ .result = KEYS_LOST, .ret = -1 };
	return keys;
}

void keys_free(keys_t *keys)
{
	free(keys);
}

int rrsig_make(knot_rdataset_t *rrsigs, const knot_dname_t *zone, const keys_t *keys, const knot_rrset_t *covered,
               uint64_t inception, uint64_t expiration, bool reproducible)
{
	(void)reproducible;
	CHECK(knot_dname_is_equal(zone, WORLD_ZONE) && keys->count > 0 && inception < expiration);
	if (input_u8(&world.in) == 0xff) {
		world.sign_failed = true;
		return KNOT_ENOMEM;
	}
	uint8_t room[sizeof(knot_rdata_t) + WORLD_RRSIG_MAX + 1], rdata[WORLD_RRSIG_MAX];
	knot_rdata_init((knot_rdata_t *)room, world_sign(rdata, covered), rdata);
	return knot_rdataset_add(rrsigs, (knot_rdata_t *)room, NULL);
}

/* --- the way of a query --- */

/*! Has what the zone itself puts signed; a list that Knot has, too. */
static knot_rrset_t pending[8];
static uint16_t pending_hint[8];
static unsigned pending_count;

/*! Notes the signature of the RRset that was put last, to be put behind all others. */
static void sign(const filled_node_t *filled, const knot_rrset_t *rrset)
{
	knot_rrset_t *rrsig = &pending[pending_count];
	knot_rrset_init(rrsig, knot_dname_copy(rrset->owner, &world.mm), KNOT_RRTYPE_RRSIG, KNOT_CLASS_IN, rrset->ttl);
	knot_rrset_t all = world_rrset(filled, KNOT_RRTYPE_RRSIG);
	const knot_rdata_t *rdata = all.rrs.rdata;
	for (uint16_t i = 0; i < all.rrs.count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		if (knot_rrsig_type_covered(rdata) == rrset->type) {
			world_add(&rrsig->rrs, rdata->data, rdata->len);
		}
	}
	if (rrsig->rrs.count > 0) {
		const knot_rrinfo_t *info = &world.pkt->rr_info[world.pkt->rrset_count - 1];
		pending_hint[pending_count++] = info->compress_ptr[KNOT_COMPR_HINT_OWNER];
	}
}

/*! Puts an RRset of the zone. A wildcard is expanded by the pointer to QNAME alone, where that is possible. */
static int put(const filled_node_t *filled, const knot_rrset_t *rrset, const knot_dname_t *name, uint16_t hint,
               uint16_t flags)
{
	knot_rrset_t add = *rrset;
	if (hint == KNOT_COMPR_HINT_NONE && knot_dname_is_wildcard(rrset->owner) && world.pkt->current == KNOT_ANSWER) {
		add.owner = knot_dname_copy(name, &world.mm);
	}
	uint16_t id = world.ctx.conf.rotate ? knot_wire_get_id(world.query->wire) : 0;
	int ret = knot_pkt_put_rotate(world.pkt, hint, &add, id, flags | KNOT_PF_ORIGTTL);
	if (ret == KNOT_EOK && world.dnssec && rrset->type != KNOT_RRTYPE_RRSIG) {
		sign(filled, rrset);
	}
	return ret;
}

static int put_rrsigs(uint16_t flags)
{
	int ret = KNOT_EOK;
	for (unsigned i = 0; i < pending_count && ret == KNOT_EOK; i++) {
		ret = knot_pkt_put(world.pkt, pending_hint[i], &pending[i], flags | KNOT_PF_FREE | KNOT_PF_ORIGTTL);
	}
	pending_count = 0;
	return ret;
}

static knotd_in_state_t state_of(int ret, knotd_in_state_t good)
{
	CHECK(ret == KNOT_EOK || ret == KNOT_ESPACE);
	return ret == KNOT_EOK ? good : KNOTD_IN_STATE_TRUNC;
}

/*! The CNAME before the name; of a node that is signed for the occasion. */
static int put_cname(void)
{
	static filled_node_t filled;
	memset(&filled, 0, sizeof(filled));
	filled.node.owner = (knot_dname_t *)"\001c\007example";
	filled.node.rrs = filled.rrs;
	filled.node.rrset_count = 2;
	filled.rrs[0] = (node_rrset_t){ .type = KNOT_RRTYPE_CNAME, .ttl = 300 };
	filled.rrs[1] = (node_rrset_t){ .type = KNOT_RRTYPE_RRSIG, .ttl = 300 };
	world_add(&filled.rrs[0].rrs, world.qdata.name, knot_dname_size(world.qdata.name));
	knot_rrset_t cname = world_rrset(&filled, KNOT_RRTYPE_CNAME);
	if (world.who_signs != SIGNED_NOT && world.who_signs != SIGNED_ONLINE) {
		uint8_t rdata[WORLD_RRSIG_MAX];
		world_add(&filled.rrs[1].rrs, rdata, world_sign(rdata, &cname));
	}
	return put(&filled, &cname, NULL, KNOT_COMPR_HINT_QNAME, 0);
}

/*! The answer section before the hooks. */
static knotd_in_state_t solve_answer(void)
{
	const filled_node_t *owner = world.owner;
	uint16_t flags = world.params.proto == KNOTD_QUERY_PROTO_UDP ? 0 : KNOT_PF_NOTRUNC;
	knot_pkt_begin(world.pkt, KNOT_ANSWER);
	int ret = world.chained ? put_cname() : KNOT_EOK;
	if (ret != KNOT_EOK) {
		return KNOTD_IN_STATE_TRUNC;
	}
	knotd_in_state_t state = KNOTD_IN_STATE_NODATA;
	if (world.leads_out) {
		state = KNOTD_IN_STATE_HIT;
	} else if (node_is_cut(&owner->node) && world.qtype != KNOT_RRTYPE_DS) {
		state = KNOTD_IN_STATE_DELEG;
	} else {
		bool any = world.qtype == KNOT_RRTYPE_ANY && owner->node.rrset_count > 0;
		knot_rrset_t rrset = world_rrset(owner, any ? owner->rrs[0].type : world.qtype);
		if (!knot_rrset_empty(&rrset)) {
			rrset.additional = (rrset.type == KNOT_RRTYPE_MX || rrset.type == KNOT_RRTYPE_HTTPS) ? &world.names : NULL;
			uint16_t hint = world.pkt->rrset_count == 0 ? KNOT_COMPR_HINT_QNAME : KNOT_COMPR_HINT_NONE;
			ret = put(owner, &rrset, world.qdata.name, hint, flags);
			state = KNOTD_IN_STATE_HIT;
		}
	}
	if (ret == KNOT_EOK) {
		ret = put_rrsigs(0);
	}
	return state_of(ret, state);
}

/*! The authority section before the hooks: SOA, and the denial that matches, or for a wildcard one that covers. */
static knotd_in_state_t solve_authority(knotd_in_state_t state)
{
	knot_pkt_begin(world.pkt, KNOT_AUTHORITY);
	int ret = KNOT_EOK;
	bool expanded = knot_dname_is_wildcard(world.owner->node.owner);
	if (state == KNOTD_IN_STATE_NODATA) {
		knot_rrset_t soa = world_rrset(&world.apex, KNOT_RRTYPE_SOA);
		ret = put(&world.apex, &soa, NULL, KNOT_COMPR_HINT_NONE, KNOT_PF_NOTRUNC);
	}
	if (ret == KNOT_EOK && world.dnssec && (state == KNOTD_IN_STATE_NODATA || (state == KNOTD_IN_STATE_HIT && expanded))) {
		const filled_node_t *from = world.nsec3 ? &world.denial : world.owner;
		knot_rrset_t denial = world_rrset(from, world.nsec3 ? KNOT_RRTYPE_NSEC3 : KNOT_RRTYPE_NSEC);
		if (!knot_rrset_empty(&denial)) {
			ret = put(from, &denial, NULL, KNOT_COMPR_HINT_NONE, KNOT_PF_CHECKDUP);
		}
	}
	if (ret == KNOT_EOK) {
		ret = put_rrsigs(0);
	}
	pending_count = 0;
	return state_of(ret, state);
}

/*! Addresses of a name that an RRset leads to, and for HTTPS the denial of what it lacks. All of it is optional. */
static int put_name(const knot_rrset_t *rrset, const filled_node_t *filled)
{
	static const uint16_t types[] = { KNOT_RRTYPE_A, KNOT_RRTYPE_AAAA, KNOT_RRTYPE_NSEC };
	unsigned present = 0;
	int ret = KNOT_EOK;
	for (unsigned i = 0; i < 3 && ret == KNOT_EOK; i++) {
		knot_rrset_t own = world_rrset(filled, types[i]);
		bool wanted = types[i] != KNOT_RRTYPE_NSEC || (rrset->type == KNOT_RRTYPE_HTTPS && world.dnssec && present < 2);
		if (wanted && !knot_rrset_empty(&own)) {
			ret = put(filled, &own, NULL, KNOT_COMPR_HINT_NONE, KNOT_PF_NOTRUNC);
			present++;
		}
	}
	return ret;
}

/*! The additional section before the hooks. */
static knotd_in_state_t solve_additional(knotd_in_state_t state)
{
	knot_pkt_begin(world.pkt, KNOT_ADDITIONAL);
	int ret = KNOT_EOK;
	uint16_t count = world.pkt->rrset_count;
	for (uint16_t i = 0; i < count && ret == KNOT_EOK; i++) {
		const knot_rrset_t *rrset = &world.pkt->rr[i];
		const node_additional_t *names = rrset->additional;
		for (uint16_t j = 0; names != NULL && j < names->count && ret == KNOT_EOK; j++) {
			ret = put_name(rrset, (const filled_node_t *)names->glues[j].node);
		}
	}
	if (ret == KNOT_EOK) {
		ret = put_rrsigs(KNOT_PF_NOTRUNC);
	}
	pending_count = 0;
	world.optional_left = (ret == KNOT_ESPACE);
	return state_of(ret, state);
}

static bool is_end(knotd_in_state_t state)
{
	return state == KNOTD_IN_STATE_TRUNC || state == KNOTD_IN_STATE_ERROR;
}

/*! The sections; an end of the way leaves the rest out. */
static knotd_in_state_t solve(void)
{
	pending_count = 0;
	knotd_mod_t *mod = NULL;
	knotd_in_state_t state = solve_answer();
	if (!is_end(state)) {
		state = answer_hook(state, world.pkt, &world.qdata, mod);
	}
	if (!is_end(state)) {
		state = solve_authority(state);
	}
	if (!is_end(state)) {
		state = authority_hook(state, world.pkt, &world.qdata, mod);
	}
	if (!is_end(state)) {
		state = solve_additional(state);
	}
	if (!is_end(state) && world.ctx.conf.onlinesign) {
		state = negative_hook(state, world.pkt, &world.qdata, mod);
	}
	return state;
}

/*! A reply of an error has neither answer nor authority. */
static void clear_reply(void)
{
	knot_pkt_t *pkt = knot_pkt_new(NULL, world.pkt->max_size, &world.mm);
	CHECK(knot_pkt_init_response(pkt, world.query) == KNOT_EOK);
	CHECK(knot_pkt_reserve(pkt, world.opt_len) == KNOT_EOK);
	world.pkt = pkt;
	if (world.qdata.err_truncated) {
		knot_wire_set_aa(pkt->wire);
		knot_wire_set_tc(pkt->wire);
	} else if (world.qdata.rcode == KNOT_RCODE_NOERROR) {
		world.qdata.rcode = KNOT_RCODE_SERVFAIL;
	}
}

knotd_in_state_t knotd_answer(void)
{
	knotd_in_state_t state = solve();
	if (state == KNOTD_IN_STATE_ERROR) {
		clear_reply();
	}
	knot_wire_set_rcode(world.pkt->wire, world.qdata.rcode);
	if (world.opt_len > 0) {
		knot_rrset_t opt;
		CHECK(knot_edns_init(&opt, 1232, 0, 0, &world.mm) == KNOT_EOK);
		knot_pkt_reclaim(world.pkt, world.opt_len);
		knot_pkt_begin(world.pkt, KNOT_ADDITIONAL);
		CHECK(knot_pkt_put(world.pkt, KNOT_COMPR_HINT_NONE, &opt, 0) == KNOT_EOK);
	}
	CHECK(end_hook(KNOTD_STATE_DONE, world.pkt, &world.qdata, NULL) == KNOTD_STATE_DONE);
	return state;
}
