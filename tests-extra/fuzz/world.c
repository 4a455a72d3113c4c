/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "world.h"

#include <urcu.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "module/hooks.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/rrtype.h"

world_t world;

#define NAME(text) ((knot_dname_t *)(text))

/*! Targets; the last ones are the owner itself, and one that the cache knows in lower case. */
static knot_dname_t *const targets[WORLD_TARGETS + 2] = {
	NAME("\002t0\004test"),
	NAME("\002t1\004test"),
	NAME("\002t2\003sub\004test"),
	NAME("\002t3\005other"),
	NAME("\001x\007example"),
	NAME("\x00"),
	NAME("\001a\007example"),
	NAME("\002T0\004tEST"),
};

/*! Time stands still. The module's sources are compiled with another name for this, so that nobody else is surprised. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	(void)id;
	uint64_t ms = WORLD_NOW - CLOCK_START_MS;
	*now = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	return 0;
}

/*! Memory that goes with the query, as knotd's does; each piece by itself, so that sanitizers see its edges. */
static void *alloc(void *ctx, size_t len)
{
	(void)ctx;
	void **block = malloc(2 * sizeof(*block) + len);
	CHECK(block != NULL);
	*block = world.blocks;
	world.blocks = block;
	return block + 2;
}

void world_add(knot_rdataset_t *rrs, const void *data, size_t len)
{
	uint8_t room[sizeof(knot_rdata_t) + 512];
	CHECK(knot_rdata_size(len) <= sizeof(room));
	knot_rdata_init((knot_rdata_t *)room, len, data);
	CHECK(knot_rdataset_add(rrs, (knot_rdata_t *)room, &world.mm) == KNOT_EOK);
}

size_t world_sign(uint8_t rdata[WORLD_RRSIG_MAX], const knot_rrset_t *covered)
{
	uint64_t print = hash64(covered->type, covered->owner, knot_dname_size(covered->owner));
	print = hash64(print, &covered->ttl, sizeof(covered->ttl));
	const knot_rdata_t *rr = covered->rrs.rdata;
	for (uint16_t i = 0; i < covered->rrs.count; i++, rr = knot_rdataset_next((knot_rdata_t *)rr)) {
		print = hash64(print, rr->data, rr->len);
	}

	memset(rdata, 0, WORLD_RRSIG_MAX);
	knot_wire_write_u16(rdata, covered->type);
	rdata[2] = 13;
	rdata[3] = knot_dname_labels(covered->owner, NULL) - (knot_dname_is_wildcard(covered->owner) ? 1 : 0);
	knot_wire_write_u32(rdata + 4, covered->ttl);
	size_t len = 18 + knot_dname_size(WORLD_ZONE);
	memcpy(rdata + 18, WORLD_ZONE, knot_dname_size(WORLD_ZONE));
	memcpy(rdata + len, &print, sizeof(print));
	return len + sizeof(print);
}

/* --- the zone --- */

static node_rrset_t *add_rrset(filled_node_t *filled, uint16_t type, uint32_t ttl)
{
	CHECK(filled->node.rrset_count < WORLD_RRSETS);
	node_rrset_t *rrset = &filled->rrs[filled->node.rrset_count++];
	*rrset = (node_rrset_t){ .type = type, .ttl = ttl };
	return rrset;
}

static void begin_node(filled_node_t *filled, knot_dname_t *owner)
{
	memset(filled, 0, sizeof(*filled));
	filled->node.owner = owner;
	filled->node.rrs = filled->rrs;
}

static uint32_t pick_ttl(void)
{
	static const uint32_t ttls[] = { 300, 0, 1, 5, 30, 60, 3600, 86400, INT32_MAX };
	return INPUT_PICK(&world.in, ttls);
}

/*! An address out of few networks, so that all kinds of overlap are likely. */
static void pick_address(uint8_t addr[16], size_t len)
{
	static const uint8_t nets[][16] = {
		{ 192, 0, 2 },
		{ 198, 51, 100 },
		{ 0x20, 0x01, 0x0d, 0xb8 },
		{ [10] = 0xff, [11] = 0xff, 192, 0, 2 },
	};
	uint8_t which = input_u8(&world.in);
	memcpy(addr, nets[which >> 6], 16);
	addr[len - 1] = which & 0x3f;
}

static void add_addresses(knot_rdataset_t *rrs, size_t len)
{
	for (unsigned i = 1 + input_below(&world.in, 4); i > 0; i--) {
		uint8_t addr[16];
		pick_address(addr, len);
		world_add(rrs, addr, len);
	}
}

static void add_targets(knot_rdataset_t *rrs)
{
	static const unsigned counts[] = { 1, 1, 2, 3, 8, 9, 12 };
	for (unsigned i = INPUT_PICK(&world.in, counts); i > 0; i--) {
		unsigned which = input_below(&world.in, WORLD_TARGETS + 4);
		const uint8_t *raw;
		if (which < WORLD_TARGETS + 2) {
			world_add(rrs, targets[which], knot_dname_size(targets[which]));
		} else if (which == WORLD_TARGETS + 2) {
			const uint8_t name[] = { 1, 'a' + input_below(&world.in, 26), 4, 't', 'e', 's', 't', 0 };
			world_add(rrs, name, sizeof(name));
		} else {
			size_t len = input_take(&world.in, input_below(&world.in, 32), &raw);
			world_add(rrs, raw, len);
		}
	}
}

/*! The types of the node, as the zone's own NSEC or NSEC3 has them; or whatever comes. */
static size_t write_bitmap(uint8_t *out, const filled_node_t *filled)
{
	const uint8_t *raw;
	if (input_below(&world.in, 8) == 7) {
		size_t len = input_take(&world.in, input_below(&world.in, 48), &raw);
		memcpy(out, raw, len);
		return len;
	}
	memset(out, 0, 2 + 8 + 2 + 16);
	out[1] = 8;
	out[2 + 7] = 0x02; /* Of TYPE62, so that the length is right. */
	size_t len = 2 + 8;
	for (uint16_t i = 0; i < filled->node.rrset_count; i++) {
		uint16_t type = filled->rrs[i].type;
		if (type == RRTYPE_ALIAS) {
			out[len] = type >> 8;
			out[len + 1] = 16;
			out[len + 2 + 15] = 0x80 >> type % 8;
		} else {
			out[2 + type / 8] |= 0x80 >> type % 8;
		}
	}
	return out[len + 1] > 0 ? len + 2 + 16 : len;
}

static void add_denial(filled_node_t *filled, const filled_node_t *of, uint16_t type)
{
	static const uint8_t nsec3[] = { 1, 0, 0, 0, 0, 4, 1, 2, 3, 4 };
	uint8_t rdata[128];
	size_t head = type == KNOT_RRTYPE_NSEC ? knot_dname_size(WORLD_ZONE) : sizeof(nsec3);
	memcpy(rdata, type == KNOT_RRTYPE_NSEC ? WORLD_ZONE : nsec3, head);
	size_t len = head + write_bitmap(rdata + head, of);
	world_add(&add_rrset(filled, type, 300)->rrs, rdata, len);
}

static void sign_node(filled_node_t *filled)
{
	uint16_t count = filled->node.rrset_count;
	node_rrset_t *rrsigs = add_rrset(filled, KNOT_RRTYPE_RRSIG, 300);
	for (uint16_t i = 0; i < count; i++) {
		const node_rrset_t *rrset = &filled->rrs[i];
		knot_rrset_t covered;
		knot_rrset_init(&covered, filled->node.owner, rrset->type, KNOT_CLASS_IN, rrset->ttl);
		covered.rrs = rrset->rrs;
		uint8_t rdata[WORLD_RRSIG_MAX];
		size_t len = world_sign(rdata, &covered);
		world_add(&rrsigs->rrs, rdata, len);
	}
}

static bool is_signed(void)
{
	return world.who_signs != SIGNED_NOT && world.who_signs != SIGNED_ONLINE;
}

static void fill_owner(filled_node_t *filled)
{
	enum {
		WITH_A = 0x01,
		WITH_AAAA = 0x02,
		WITH_MX = 0x04,
		WITHOUT_ALIAS = 0x38,
		AT_CUT = 0x80,
	};
	uint8_t what = input_u8(&world.in);
	if ((what & WITHOUT_ALIAS) != WITHOUT_ALIAS) {
		add_targets(&add_rrset(filled, RRTYPE_ALIAS, pick_ttl())->rrs);
	}
	if (what & WITH_A) {
		add_addresses(&add_rrset(filled, KNOT_RRTYPE_A, pick_ttl())->rrs, 4);
	}
	if (what & WITH_AAAA) {
		add_addresses(&add_rrset(filled, KNOT_RRTYPE_AAAA, pick_ttl())->rrs, 16);
	}
	if (what & WITH_MX) {
		node_rrset_t *rrset = add_rrset(filled, pick_ttl() < 60 ? KNOT_RRTYPE_HTTPS : KNOT_RRTYPE_MX, 300);
		world_add(&rrset->rrs, "\0\1\1m\7example", 13);
		world_add(&rrset->rrs, "\0\2\1n\7example", 13);
	}
	if (filled != &world.apex && (what & AT_CUT)) {
		filled->node.flags = input_below(&world.in, 4);
	}
}

static int compare_types(const void *a, const void *b)
{
	return ((const node_rrset_t *)a)->type - ((const node_rrset_t *)b)->type;
}

/*! Sorts the RRsets as Knot does. */
static void end_node(filled_node_t *filled)
{
	qsort(filled->rrs, filled->node.rrset_count, sizeof(filled->rrs[0]), compare_types);
}

/*! A name that other records lead to, with an ALIAS or not. */
static void make_named(unsigned i, knot_dname_t *name)
{
	enum {
		WITH_ALIAS = 0x01,
		WITH_A = 0x02,
		WITH_AAAA = 0x04,
	};
	filled_node_t *filled = &world.named[i];
	uint8_t what = input_u8(&world.in);
	begin_node(filled, name);
	if (what & WITH_ALIAS) {
		world_add(&add_rrset(filled, RRTYPE_ALIAS, 300)->rrs, targets[0], knot_dname_size(targets[0]));
	}
	if (what & WITH_A) {
		add_addresses(&add_rrset(filled, KNOT_RRTYPE_A, 300)->rrs, 4);
	}
	if (what & WITH_AAAA) {
		add_addresses(&add_rrset(filled, KNOT_RRTYPE_AAAA, 300)->rrs, 16);
	}
	if (is_signed()) {
		add_denial(filled, filled, KNOT_RRTYPE_NSEC);
		sign_node(filled);
	}
	end_node(filled);
	world.glues[i] = (node_glue_t){ .node = &filled->node, .rdata = i, .optional = true };
}

static void make_zone(void)
{
	static knot_dname_t *const owners[] = { NAME("\001a\007example"), NAME("\001*\007example"), NULL };
	knot_dname_t *owner = INPUT_PICK(&world.in, owners);
	static const uint8_t soa[2 + 5 * 4] = { [5] = 1, [21] = 60 };

	begin_node(&world.apex, WORLD_ZONE);
	begin_node(&world.node, owner);
	begin_node(&world.denial, NAME("\010hashhash\007example"));
	world.owner = (owner == NULL) ? &world.apex : &world.node;
	world_add(&add_rrset(&world.apex, KNOT_RRTYPE_SOA, 3600)->rrs, soa, sizeof(soa));
	fill_owner(world.owner);

	uint8_t how = input_u8(&world.in);
	world.who_signs = how % (SIGNED_ONLINE + 1);
	world.nsec3 = how & 0x80;
	world.layout_fails = (how & 0x70) == 0x70;
	if (is_signed()) {
		world_add(&add_rrset(&world.apex, KNOT_RRTYPE_DNSKEY, 300)->rrs, "\1\0\3\015key", 7);
		add_denial(world.nsec3 ? &world.denial : world.owner, world.owner,
		           world.nsec3 ? KNOT_RRTYPE_NSEC3 : KNOT_RRTYPE_NSEC);
		sign_node(&world.apex);
		sign_node(&world.node);
		sign_node(&world.denial);
	}
	make_named(0, NAME("\001m\007example"));
	make_named(1, NAME("\001n\007example"));
	world.names = (node_additional_t){ .glues = world.glues, .count = 2 };
	world.apex.node.flags = NODE_APEX;
	world.node.node.parent = &world.apex.node;
	end_node(&world.apex);
	end_node(&world.node);
	end_node(&world.denial);
	world.contents.apex = &world.apex.node;
}

/* --- options --- */

static void make_policy(void)
{
	policy_t *policy = &world.ctx.conf.policy;
	uint8_t how = input_u8(&world.in), more = input_u8(&world.in);
	policy->sibling = how % (SIBLING_OVERRIDE + 1);
	policy->nxdomain = (how >> 2) % (NXDOMAIN_HOLD + 1);
	policy->expose = (how & 0x70) == 0x70;
	policy->cold_wait = 1000;
	policy->ttl_min = (how & 0x80) ? pick_ttl() : 0;
	policy->ttl_max = (how & 0x80) ? pick_ttl() : 86400;
	if (policy->ttl_max < policy->ttl_min) {
		policy->ttl_max = policy->ttl_min;
	}
	policy->refresh = (refresh_options_t){ .negative_ttl_max = 300, .stale_max = (more & 0x01) ? 60 : 86400, .keep_warm = 86400, .hold = policy->nxdomain == NXDOMAIN_HOLD };

	world.denied_count = (more & 0x02) ? 1 + input_below(&world.in, WORLD_DENIED) : 0;
	for (unsigned i = 0; i < world.denied_count; i++) {
		network_t *net = &world.denied[i];
		net->len = input_below(&world.in, 2) ? 16 : 4;
		pick_address(net->addr, net->len);
		net->prefix = input_below(&world.in, net->len * 8 + 1);
		CHECK(address_set_add_network(&policy->deny_address, net->addr, net->len, net->prefix) == KNOT_EOK);
		if (net->prefix == 0) {
			policy->refresh.denied |= 1U << (net->len == 4 ? ADDR_A : ADDR_AAAA);
		}
	}
	address_set_seal(&policy->deny_address);
	if (more & 0x04) {
		CHECK(name_set_add(&policy->allow_target, NAME("\004tEst")) == KNOT_EOK);
	}
	if (more & 0x08) {
		CHECK(name_set_add(&policy->deny_target, NAME("\003sub\004test")) == KNOT_EOK);
	}
	name_set_seal(&policy->allow_target);
	name_set_seal(&policy->deny_target);

	world.ctx.conf.rotate = more & 0x10;
	world.ctx.conf.onlinesign = world.who_signs == SIGNED_ONLINE;
	world.ctx.conf.rrsig_len = 28 + 64;
	world.ctx.conf.signer = (signer_options_t){ .lifetime = 14 * 86400, .refresh = 7 * 86400, .workers = 1, .expose = world.ctx.conf.policy.expose, .automatic = world.who_signs != SIGNED_ELSEWHERE };
	world.tenant.delayed = more & 0x20;
	if (!world.ctx.conf.onlinesign) {
		world.ctx.signer = signer_acquire(WORLD_ZONE, &world.ctx.conf.keystores, &world.ctx.conf.signer);
		CHECK(world.ctx.signer != NULL);
	}
	if (more & 0x40) {
		log_queue_post(&world.engine.log, LOG_NOTICE, "news");
	}
}

/* --- the cache --- */

static void learn_slot(entry_t *entry, addr_type_t id, uint8_t how)
{
	static const unsigned ages[] = { 0, 1, 59, 61, 75, 3600, 86400, 8 * 86400 };
	enum {
		RESTORED = 0x08,
		FAILED = 0x10,
		WARM = 0x20,
		HELD = 0x40,
		SUPPRESSED = 0x80,
	};
	uint64_t received = WORLD_NOW - 1000ULL * INPUT_PICK(&world.in, ages);
	reply_t reply = { .kind = how % (REPLY_NXDOMAIN + 1), .ttl = pick_ttl(), .len = (id == ADDR_A) ? 4 : 16 };
	if (reply.kind == REPLY_ADDRESSES || (how & HELD)) {
		knot_rdataset_t rrs = { 0 };
		add_addresses(&rrs, reply.len);
		const knot_rdata_t *rr = rrs.rdata;
		for (; reply.count < rrs.count; rr = knot_rdataset_next((knot_rdata_t *)rr)) {
			memcpy(reply.addr[reply.count++], rr->data, reply.len);
		}
	}
	if (entry->answer == NULL && (how & RESTORED)) {
		reply.count = (reply.kind == REPLY_ADDRESSES) ? reply.count : 0;
		CHECK(cache_restore(entry, &reply, received) == KNOT_EOK);
	} else if (reply.kind != REPLY_ADDRESSES && reply.count > 0) {
		reply_t before = reply, after = reply;
		before.kind = REPLY_ADDRESSES;
		after.count = 0;
		CHECK(cache_publish(entry, &before, received) == KNOT_EOK);
		CHECK(cache_publish(entry, &after, received) == KNOT_EOK);
	} else {
		CHECK(cache_publish(entry, &reply, received) == KNOT_EOK);
	}
	if (how & FAILED) {
		cache_fail(entry, KNOT_EDNS_EDE_NETWORK, WORLD_NOW + ((how & SUPPRESSED) ? 1000 : 0), WORLD_NOW - 10);
	}
	entry->warm = how & WARM;
}

void world_learn(void)
{
	uint8_t known = input_u8(&world.in);
	for (unsigned i = 0; i < WORLD_TARGETS; i++) {
		if (!(known & 1 << i)) {
			continue;
		}
		target_t *target = cache_find(world.engine.cache, targets[i]);
		if (target == NULL) {
			target = cache_add(world.engine.cache, targets[i], WORLD_NOW - 2000);
		}
		CHECK(target != NULL);
		for (unsigned id = 0; id < ADDR_TYPES; id++) {
			uint8_t how = input_u8(&world.in);
			if (how == 0xff) {
				continue;
			} else if (how == 0xfe) {
				cache_fail(&target->entry[id], KNOT_EDNS_EDE_NREACH_AUTH, WORLD_NOW + 1000, WORLD_NOW - 10);
				continue;
			}
			learn_slot(&target->entry[id], id, how);
		}
		target->unclaimed = known & 0x80;
	}
}

static void make_engine(void)
{
	world.engine.cache = cache_new();
	CHECK(world.engine.cache != NULL);
	uint8_t how = input_u8(&world.in);
	world.engine.health.down = how & 0x01;
	if (how & 0x04) {
		world.engine.health.forgiven_at = WORLD_NOW - 5;
	}
	world_learn();
}

/* --- the query --- */

/*! A query as it comes off the wire. */
static knot_pkt_t *read_query(const knot_pkt_t *made)
{
	knot_pkt_t *query = knot_pkt_new(NULL, made->size, &world.mm);
	CHECK(knot_pkt_copy(query, made) == KNOT_EOK);
	return query;
}

static void make_query(void)
{
	static const uint16_t types[] = {
		KNOT_RRTYPE_A,
		KNOT_RRTYPE_AAAA,
		RRTYPE_ALIAS,
		KNOT_RRTYPE_ANY,
		KNOT_RRTYPE_NSEC,
		KNOT_RRTYPE_RRSIG,
		KNOT_RRTYPE_MX,
		KNOT_RRTYPE_DS,
		KNOT_RRTYPE_HTTPS,
	};
	static const knotd_query_proto_t protos[] = { KNOTD_QUERY_PROTO_UDP, KNOTD_QUERY_PROTO_TCP, KNOTD_QUERY_PROTO_QUIC };
	static knot_dname_t *const below[] = {
		NAME("\001x\007example"),
		NAME("\001*\007example"),
		NAME("\001y\001x\007example"),
	};
	world.qtype = INPUT_PICK(&world.in, types);
	world.params.proto = INPUT_PICK(&world.in, protos);
	uint8_t how = input_u8(&world.in);
	bool edns = how & 0x01;
	world.opt_len = 0;
	world.dnssec = edns && (how & 0x02);
	world.chained = how & 0x04;
	world.leads_out = world.chained && (how & 0x38) == 0x38;

	const knot_dname_t *name = world.owner->node.owner;
	if (knot_dname_is_wildcard(name)) {
		name = INPUT_PICK(&world.in, below);
	}
	world.qdata.name = world.leads_out ? NAME("\003out") :
	                                     name;

	world.query = knot_pkt_new(NULL, 512, &world.mm);
	CHECK(knot_pkt_put_question(world.query, world.chained ? NAME("\001c\007example") : name,
	                            KNOT_CLASS_IN,
	                            world.qtype) == KNOT_EOK);
	knot_wire_set_id(world.query->wire, input_u8(&world.in));
	if (edns) {
		knot_rrset_t opt;
		CHECK(knot_edns_init(&opt, 1232, 0, 0, &world.mm) == KNOT_EOK);
		if (world.dnssec) {
			knot_edns_set_do(&opt);
		}
		knot_pkt_begin(world.query, KNOT_ADDITIONAL);
		CHECK(knot_pkt_put(world.query, KNOT_COMPR_HINT_NONE, &opt, 0) == KNOT_EOK);
		world.opt_len = knot_edns_wire_size(&opt);
	}
	world.query = read_query(world.query);
	CHECK(knot_pkt_has_dnssec(world.query) == world.dnssec);

	/* Less than any client has room for, too: the same happens with more that has to be put. */
	bool udp = world.params.proto == KNOTD_QUERY_PROTO_UDP;
	size_t room = !udp ? KNOT_WIRE_MAX_PKTSIZE : !edns ? KNOT_WIRE_MIN_PKTSIZE :
	                                     (how & 0x40)  ? 1232 :
	                                                     KNOT_WIRE_MIN_PKTSIZE - 300U * (how >> 7);
	world.pkt = knot_pkt_new(NULL, room, &world.mm);
	CHECK(knot_pkt_init_response(world.pkt, world.query) == KNOT_EOK);
	CHECK(knot_pkt_reserve(world.pkt, world.opt_len) == KNOT_EOK);
}

void world_begin(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof(world));
	world.in = (input_t){ data, size };
	world.mm = (knot_mm_t){ .alloc = alloc };
	make_zone();
	make_policy();
	make_engine();
	world.ctx.engine = &world.engine;
	world.ctx.tenant = &world.tenant;
	world.extra.contents = world.layout_fails ? NULL : &world.contents;
	world.extra.node = &world.owner->node;
	bool expanded = knot_dname_is_wildcard(world.owner->node.owner);
	world.extra.encloser = expanded ? &world.apex.node : &world.owner->node;
	/* The next node at this place: the limit of a reply that was cut off belongs to the one before it. */
	world.qdata.extra = (void *)&world.extra;
	negative_limit(&world.qdata, UINT32_MAX);
}

bool world_query(void)
{
	if (world.queries == WORLD_QUERIES || (world.queries > 0 && world.in.len == 0)) {
		return false;
	}
	if (world.queries++ > 0) {
		world_learn();
	}
	memset(&world.qdata, 0, sizeof(world.qdata));
	make_query();
	world.qdata.query = world.query;
	world.qdata.params = &world.params;
	world.qdata.mm = &world.mm;
	world.qdata.rcode_ede = KNOT_EDNS_EDE_NONE;
	world.qdata.extra = (void *)&world.extra;
	world.sign_failed = world.optional_left = false;
	return true;
}

void world_end(void)
{
	signer_release(world.ctx.signer);
	address_set_free(&world.ctx.conf.policy.deny_address);
	name_set_free(&world.ctx.conf.policy.allow_target);
	name_set_free(&world.ctx.conf.policy.deny_target);
	log_queue_free(log_queue_take(&world.engine.log));
	cache_clear(world.engine.cache);
	cache_free(world.engine.cache);
	while (world.blocks != NULL) {
		void **block = world.blocks;
		world.blocks = *block;
		free(block);
	}
}
