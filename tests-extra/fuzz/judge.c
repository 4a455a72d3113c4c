/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What holds for each reply, from first principles: nothing of verdict.c, qctx.c, filter.c or signer.c is called here.
 */

#include "world.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dnssec/libdnssec.h"
#include "util/rrtype.h"
#include "cache/verdict.h"

/*! What the targets have for a type. */
typedef struct {
	knot_rdataset_t addresses; /*!< That may be served. */
	unsigned named;            /*!< RDATA that are names. */
	unsigned targets;          /*!< Of these, those that may be used. */
	unsigned unknown;          /*!< Of these, those that the cache does not have. */
	bool self;                 /*!< The owner is among the names. */
	bool fresh;                /*!< All is known, nothing fails: there is one right answer. */
	bool all_nxdomain;
	uint32_t ttl;          /*!< With that: of the addresses. */
	bool held;             /*!< Addresses from before an NXDOMAIN may stand for it. */
	bool open;             /*!< Of some target nothing good is known. */
	uint32_t negative_ttl; /*!< Longest TTL of NODATA; UINT32_MAX: no target says that there is none. */
} known_t;

/* --- targets --- */

static bool read_name(knot_dname_storage_t name, const knot_rdata_t *rdata)
{
	size_t pos = 0;
	while (pos < rdata->len && rdata->data[pos] != 0) {
		if (rdata->data[pos] > KNOT_DNAME_MAXLABELLEN) {
			return false;
		}
		pos += 1 + rdata->data[pos];
	}
	if (pos + 1 != rdata->len || rdata->len > KNOT_DNAME_MAXLEN) {
		return false;
	}
	for (size_t i = 0; i < rdata->len; i++) {
		name[i] = tolower(rdata->data[i]);
	}
	return true;
}

static bool is_below(const knot_dname_t *name, const name_set_t *set)
{
	bool below = false;
	for (size_t i = 0; i < set->count; i++) {
		below |= knot_dname_in_bailiwick(name, set->suffix[i].name) >= 0;
	}
	return below;
}

static bool is_allowed(const knot_dname_t *name)
{
	const policy_t *policy = &world.ctx.conf.policy;
	return (policy->allow_target.count == 0 || is_below(name, &policy->allow_target)) &&
	       !is_below(name, &policy->deny_target);
}

static bool is_in(const network_t *net, const uint8_t *addr, size_t len)
{
	bool in = net->len == len;
	for (unsigned bit = 0; in && bit < net->prefix; bit++) {
		in = ((addr[bit / 8] ^ net->addr[bit / 8]) & 0x80 >> bit % 8) == 0;
	}
	return in;
}

static bool is_denied(const uint8_t *addr, size_t len)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool denied = false;
	for (unsigned i = 0; i < world.denied_count; i++) {
		denied |= is_in(&world.denied[i], addr, len) ||
		          (len == 16 && memcmp(addr, mapped, 12) == 0 && is_in(&world.denied[i], addr + 12, 4));
	}
	return denied;
}

static uint64_t expiry(const answer_t *answer)
{
	uint64_t ttl = answer->ttl, most = world.ctx.conf.policy.refresh.negative_ttl_max;
	if (answer->kind != REPLY_ADDRESSES && ttl > most) {
		ttl = most;
	}
	return answer->received + 1000 * (ttl > 0 ? ttl : 1);
}

/*! Adds the addresses of an answer that is not too old. \return Whether there are some */
static bool add_addresses(known_t *known, const answer_t *answer)
{
	if (answer->kind != REPLY_ADDRESSES ||
	    WORLD_NOW >= expiry(answer) + 1000ULL * world.ctx.conf.policy.refresh.stale_max) {
		return false;
	}
	bool some = false;
	const knot_rdata_t *rdata = &answer->rdata;
	for (uint16_t i = 0; i < answer->count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		if (!is_denied(rdata->data, rdata->len)) {
			world_add(&known->addresses, rdata->data, rdata->len);
			some = true;
		}
	}
	return some;
}

static void lower(uint32_t *ttl, uint32_t to)
{
	*ttl = to < *ttl ? to : *ttl;
}

static void add_slot(known_t *known, const entry_t *entry)
{
	const answer_t *answer = entry->answer;
	if (answer == NULL) {
		known->fresh = false;
		known->open = true;
		return;
	}
	bool hold = world.ctx.conf.policy.nxdomain == NXDOMAIN_HOLD && answer_held(answer) != NULL;
	known->fresh &= !answer->restored && entry->failed_at == 0 && WORLD_NOW < expiry(answer) && !hold;
	known->all_nxdomain &= answer->kind == REPLY_NXDOMAIN;
	known->held |= hold;
	if (hold) {
		add_addresses(known, answer_held(answer));
	} else if (answer->kind != REPLY_ADDRESSES) {
		lower(&known->negative_ttl, answer->ttl);
		lower(&known->negative_ttl, world.ctx.conf.policy.refresh.negative_ttl_max);
		lower(&known->negative_ttl, world.ctx.conf.policy.ttl_max);
		bool expired = answer->restored || WORLD_NOW >= expiry(answer);
		lower(&known->negative_ttl, expired ? VERDICT_STALE_TTL : (expiry(answer) - WORLD_NOW + 999) / 1000);
	}
	if (add_addresses(known, answer) && WORLD_NOW < expiry(answer)) {
		uint32_t left = (expiry(answer) - WORLD_NOW + 999) / 1000;
		known->ttl = left < known->ttl ? left : known->ttl;
	}
}

static known_t find_known(uint16_t type)
{
	knot_rrset_t alias = world_rrset(world.owner, RRTYPE_ALIAS);
	if (world.ctx.conf.policy.refresh.denied & 1U << (type == KNOT_RRTYPE_A ? ADDR_A : ADDR_AAAA)) {
		return (known_t){ .fresh = true, .negative_ttl = UINT32_MAX }; /* There are none, whatever the targets are. */
	}
	known_t known = { .fresh = true, .all_nxdomain = true, .ttl = alias.ttl, .negative_ttl = UINT32_MAX };
	const knot_rdata_t *rdata = alias.rrs.rdata;
	for (uint16_t i = 0; i < alias.rrs.count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		knot_dname_storage_t name;
		if (!read_name(name, rdata)) {
			continue;
		}
		known.named++;
		bool self = knot_dname_is_equal(name, world.qdata.name);
		known.self |= self;
		if (self || !is_allowed(name)) {
			continue;
		}
		known.targets++;
		const target_t *target = cache_find(world.engine.cache, name);
		if (target == NULL) {
			known.unknown++;
			known.fresh = false;
			known.open = true;
		} else {
			add_slot(&known, &target->entry[type == KNOT_RRTYPE_A ? ADDR_A : ADDR_AAAA]);
		}
	}
	if (known.negative_ttl != UINT32_MAX) {
		lower(&known.negative_ttl, alias.ttl);
	}
	const policy_t *policy = &world.ctx.conf.policy;
	known.ttl = known.ttl < policy->ttl_max ? known.ttl : policy->ttl_max;
	known.ttl = known.ttl > policy->ttl_min ? known.ttl : policy->ttl_min;
	known.fresh &= known.named <= ALIAS_TARGETS_MAX && known.targets > 0 && !known.self;
	return known;
}

void judge_request(const knot_dname_t *name, const wishes_t *wishes)
{
	CHECK(wishes_all(wishes) < 1 << ADDR_TYPES);
	CHECK((wishes->refresh & (wishes->cold | wishes->wait)) == 0);
	CHECK(world.params.proto != KNOTD_QUERY_PROTO_UDP || wishes->wait == 0);
	CHECK(world.params.proto != KNOTD_QUERY_PROTO_TCP || wishes->cold == 0 || world.params.xdp_msg != NULL);
	CHECK((wishes_all(wishes) & world.ctx.conf.policy.refresh.denied) == 0);
	CHECK(is_allowed(name) && !knot_dname_is_equal(name, world.qdata.name));
	bool found = false;
	knot_rrset_t alias = world_rrset(world.owner, RRTYPE_ALIAS);
	const knot_rdata_t *rdata = alias.rrs.rdata;
	for (uint16_t i = 0; i < alias.rrs.count; i++, rdata = knot_rdataset_next((knot_rdata_t *)rdata)) {
		knot_dname_storage_t target;
		found |= read_name(target, rdata) && knot_dname_is_equal(target, name);
	}
	CHECK(found);
}

/* --- addresses --- */

/*! Whether the module does not see the ALIAS: without the layout it does so at the apex only. */
static bool is_missed(void)
{
	return world.layout_fails && world.owner != &world.apex;
}

/*! Whether the ALIAS has no part in the reply. */
static bool is_untouched(void)
{
	knot_rrset_t alias = world_rrset(world.owner, RRTYPE_ALIAS);
	bool lost = world.dnssec && (world.who_signs == SIGNED_LOST || world.who_signs == SIGNED_ELSEWHERE ||
	                             (world.who_signs == SIGNED_HERE && world.layout_fails));
	return knot_rrset_empty(&alias) || node_is_cut(&world.owner->node) || world.leads_out || lost || is_missed();
}

/*! The addresses at the name in the answer. */
static knot_rdataset_t collect(const knot_pkt_t *reply, uint16_t type, uint32_t *ttl)
{
	knot_rdataset_t got = { 0 };
	unsigned count = 0;
	const knot_pktsection_t *answer = knot_pkt_section(reply, KNOT_ANSWER);
	for (uint16_t i = 0; i < answer->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(answer, i);
		if (rr->type == type) {
			CHECK(knot_dname_is_equal(rr->owner, world.qdata.name) && rr->rclass == KNOT_CLASS_IN);
			CHECK(rr->rrs.rdata->len == (type == KNOT_RRTYPE_A ? 4 : 16));
			CHECK(count == 0 || rr->ttl == *ttl);
			world_add(&got, rr->rrs.rdata->data, rr->rrs.rdata->len);
			*ttl = rr->ttl;
			count++;
		}
	}
	CHECK(got.count == count); /* None twice. */
	return got;
}

static knot_rdataset_t join(const knot_rdataset_t *a, const knot_rdataset_t *b)
{
	knot_rdataset_t both;
	CHECK(knot_rdataset_copy(&both, a, &world.mm) == KNOT_EOK);
	CHECK(knot_rdataset_merge(&both, b, &world.mm) == KNOT_EOK);
	return both;
}

static void check_ttl(uint32_t ttl, const known_t *known)
{
	const policy_t *policy = &world.ctx.conf.policy;
	knot_rrset_t alias = world_rrset(world.owner, RRTYPE_ALIAS);
	CHECK(ttl <= policy->ttl_max && (ttl <= alias.ttl || ttl <= policy->ttl_min));
	CHECK(world.qdata.rcode_ede != KNOT_EDNS_EDE_STALE || ttl <= VERDICT_STALE_TTL);
	CHECK(!known->fresh || ttl == known->ttl);
}

/*! There is one right answer, as all is known and fresh. */
static void check_fresh(knotd_in_state_t state, const knot_rdataset_t *got, const knot_rdataset_t *own,
                        const known_t *known)
{
	const policy_t *policy = &world.ctx.conf.policy;
	bool has_own = own->count > 0, some = known->addresses.count > 0;
	if (state == KNOTD_IN_STATE_TRUNC) {
		return;
	} else if (has_own && (policy->sibling == SIBLING_OVERRIDE || !some)) {
		CHECK(state == KNOTD_IN_STATE_HIT && knot_rdataset_eq(got, own));
	} else if (some) {
		knot_rdataset_t all = join(&known->addresses, own);
		bool merge = has_own && policy->sibling == SIBLING_MERGE;
		CHECK(state == KNOTD_IN_STATE_HIT && knot_rdataset_eq(got, merge ? &all : &known->addresses));
	} else if (known->all_nxdomain && policy->nxdomain == NXDOMAIN_SERVFAIL) {
		CHECK(state == KNOTD_IN_STATE_ERROR && world.qdata.rcode == KNOT_RCODE_SERVFAIL);
	} else {
		CHECK(state == KNOTD_IN_STATE_NODATA && world.qdata.rcode == KNOT_RCODE_NOERROR);
	}
}

static void check_addresses(knotd_in_state_t state, const knot_pkt_t *reply, uint16_t type)
{
	uint32_t ttl = 0;
	knot_rdataset_t got = collect(reply, type, &ttl);
	knot_rrset_t own = world_rrset(world.owner, type);
	known_t known = find_known(type);
	knot_rdataset_t all = join(&known.addresses, &own.rrs);
	bool merge = world.ctx.conf.policy.sibling == SIBLING_MERGE;

	if (got.count > 0 && !knot_rdataset_eq(&got, &own.rrs)) {
		CHECK(!is_untouched());
		CHECK(knot_rdataset_subset(&got, merge ? &all : &known.addresses));
		if (own.rrs.count == 0) {
			check_ttl(ttl, &known);
		} else {
			CHECK(ttl <= own.ttl || !merge);
		}
	}
	if (world.qtype == KNOT_RRTYPE_ANY && !is_untouched() && !world.sign_failed && known.fresh && got.count > 0) {
		check_fresh(state, &got, &own.rrs, &known);
	}
	if (type != world.qtype || is_untouched() || world.sign_failed) {
		return;
	}
	CHECK((state == KNOTD_IN_STATE_HIT) == (got.count > 0) || state == KNOTD_IN_STATE_TRUNC);
	if (known.fresh) {
		check_fresh(state, &got, &own.rrs, &known);
	}
	if (known.unknown > 0 && known.unknown == known.targets && own.rrs.count == 0 && known.named <= ALIAS_TARGETS_MAX &&
	    state != KNOTD_IN_STATE_TRUNC) {
		CHECK(state == KNOTD_IN_STATE_ERROR);
		CHECK(world.qdata.err_truncated == (world.params.proto == KNOTD_QUERY_PROTO_UDP));
	}
}

/* --- signatures and denial --- */

/*! The owner that a signature is of: a wildcard where it has less labels (RFC 4034, section 3.1.3). */
static void signed_owner(knot_dname_storage_t name, const knot_dname_t *owner, unsigned labels)
{
	unsigned own = knot_dname_labels(owner, NULL);
	size_t prefix = 0;
	if (labels < own) {
		memcpy(name, "\x01*", 2);
		prefix = 2;
	}
	for (; own > labels; own--) {
		owner += 1 + owner[0];
	}
	memcpy(name + prefix, owner, knot_dname_size(owner));
}

/*! Whether a signature is of an RRset as it is in the reply. */
static bool covers(const knot_rrset_t *rrsig, const knot_rrset_t *rrset)
{
	const knot_rdata_t *rdata = rrsig->rrs.rdata;
	if (rrsig->type != KNOT_RRTYPE_RRSIG || !knot_dname_is_equal(rrsig->owner, rrset->owner) ||
	    knot_rrsig_type_covered(rdata) != rrset->type || knot_rrsig_original_ttl(rdata) < rrset->ttl) {
		return false;
	}
	knot_dname_storage_t owner;
	signed_owner(owner, rrset->owner, knot_rrsig_labels(rdata));
	knot_rrset_t covered;
	knot_rrset_init(&covered, owner, rrset->type, KNOT_CLASS_IN, knot_rrsig_original_ttl(rdata));
	covered.rrs = rrset->rrs;
	uint8_t expected[WORLD_RRSIG_MAX];
	size_t len = world_sign(expected, &covered);
	return rdata->len == len && memcmp(rdata->data + 18, expected + 18, len - 18) == 0;
}

/*! All RRs of the section that make an RRset with one of them. */
static knot_rrset_t whole_rrset(const knot_pktsection_t *section, const knot_rrset_t *of)
{
	knot_rrset_t whole = *of;
	knot_rdataset_init(&whole.rrs);
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);
		if (rr->type == of->type && knot_dname_is_equal(rr->owner, of->owner)) {
			world_add(&whole.rrs, rr->rrs.rdata->data, rr->rrs.rdata->len);
		}
	}
	return whole;
}

static void check_signatures(const knot_pktsection_t *section)
{
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);
		if (rr->type == KNOT_RRTYPE_RRSIG) {
			continue;
		}
		knot_rrset_t whole = whole_rrset(section, rr);
		bool covered = false;
		for (uint16_t j = 0; j < section->count; j++) {
			covered |= covers(knot_pkt_rr(section, j), &whole);
		}
		CHECK(covered);
	}
}

static bool lists(const knot_rrset_t *denial, uint16_t type)
{
	size_t head = denial->type == KNOT_RRTYPE_NSEC ? knot_dname_size(WORLD_ZONE) : 10;
	const knot_rdata_t *rdata = denial->rrs.rdata;
	CHECK(rdata != NULL);
	return dnssec_nsec_bitmap_contains(rdata->data + head, rdata->len - head, type);
}

/*! Denials tell the truth, if the zone's own are well-formed: there are addresses, and no ALIAS. */
static void check_denial(knotd_in_state_t state, const knot_rrset_t *rr)
{
	const filled_node_t *from = world.nsec3 ? &world.denial : world.owner;
	knot_rrset_t own = world_rrset(from, rr->type);
	if (!lists(&own, RRTYPE_ALIAS)) {
		return;
	}
	CHECK(lists(rr, RRTYPE_ALIAS) == world.ctx.conf.policy.expose);
	bool denies = state == KNOTD_IN_STATE_NODATA && !is_untouched();
	CHECK(lists(rr, KNOT_RRTYPE_A) == !(denies && world.qtype == KNOT_RRTYPE_A));
	CHECK(lists(rr, KNOT_RRTYPE_AAAA) == !(denies && world.qtype == KNOT_RRTYPE_AAAA));
}

static void check_section(knotd_in_state_t state, const knot_pktsection_t *section)
{
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);
		bool shows = rr->type == RRTYPE_ALIAS ||
		             (rr->type == KNOT_RRTYPE_RRSIG && knot_rrsig_type_covered(rr->rrs.rdata) == RRTYPE_ALIAS);
		CHECK(!shows || world.ctx.conf.policy.expose || is_missed());
		bool denies = rr->type == KNOT_RRTYPE_NSEC || rr->type == KNOT_RRTYPE_NSEC3;
		if (denies && world.who_signs == SIGNED_HERE && !world.layout_fails) {
			check_denial(state, rr);
		}
	}
}

/* --- negative replies --- */

/*! NODATA that comes of targets: all is known, and no resolver holds it for longer than the target's own answer. */
static void check_negative(knotd_in_state_t state, const knot_pktsection_t *authority)
{
	if (state != KNOTD_IN_STATE_NODATA) {
		return;
	}
	uint32_t most = UINT32_MAX;
	bool held = false;
	for (addr_type_t id = 0; id < ADDR_TYPES && !is_untouched(); id++) {
		uint16_t type = id == ADDR_A ? KNOT_RRTYPE_A : KNOT_RRTYPE_AAAA;
		if (world.qtype != type && world.qtype != KNOT_RRTYPE_ANY) {
			continue;
		}
		known_t known = find_known(type);
		CHECK(!known.open || known.named > ALIAS_TARGETS_MAX);
		held |= known.held || known.named > ALIAS_TARGETS_MAX;
		if (known.named <= ALIAS_TARGETS_MAX) {
			lower(&most, known.negative_ttl);
		}
	}
	for (uint16_t i = 0; i < authority->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(authority, i);
		bool soa = rr->type == KNOT_RRTYPE_SOA ||
		           (rr->type == KNOT_RRTYPE_RRSIG && knot_rrsig_type_covered(rr->rrs.rdata) == KNOT_RRTYPE_SOA);
		uint32_t own = soa ? 3600 : 300;
		CHECK(rr->ttl <= most && rr->ttl <= own);
		CHECK(rr->ttl == own || most < own || held);
	}
}

/* --- the additional section --- */

/*! Nothing of names with ALIAS but their own addresses where these override the targets'. */
static void check_additional(const knot_pktsection_t *additional)
{
	for (uint16_t i = 0; i < additional->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(additional, i);
		for (unsigned k = 0; k < 2; k++) {
			knot_rrset_t alias = world_rrset(&world.named[k], RRTYPE_ALIAS);
			bool of_alias = !knot_rrset_empty(&alias) && knot_dname_is_equal(rr->owner, world.named[k].node.owner);
			CHECK(!of_alias || world.ctx.conf.policy.sibling == SIBLING_OVERRIDE);
			CHECK(!of_alias || rr->type != KNOT_RRTYPE_NSEC);
		}
	}
}

/* --- the reply --- */

static void check_state(knotd_in_state_t state)
{
	uint16_t rcode = world.qdata.rcode;
	switch (state) {
	case KNOTD_IN_STATE_HIT:
	case KNOTD_IN_STATE_NODATA:
		CHECK(rcode == KNOT_RCODE_NOERROR && !world.qdata.err_truncated);
		break;
	case KNOTD_IN_STATE_TRUNC:
		CHECK(rcode == KNOT_RCODE_NOERROR);
		break;
	case KNOTD_IN_STATE_ERROR:
		if (world.qdata.err_truncated) {
			CHECK(rcode == KNOT_RCODE_NOERROR && world.params.proto == KNOTD_QUERY_PROTO_UDP);
		} else {
			bool address = world.qtype == KNOT_RRTYPE_A || world.qtype == KNOT_RRTYPE_AAAA;
			CHECK(rcode == KNOT_RCODE_SERVFAIL || (rcode == KNOT_RCODE_REFUSED && !address));
		}
		break;
	default:
		CHECK(state == KNOTD_IN_STATE_DELEG && node_is_cut(&world.owner->node));
	}
}

void judge(knotd_in_state_t state)
{
	check_state(state);
	CHECK(world.pkt->size <= world.pkt->max_size);

	knot_pkt_t *reply = knot_pkt_new(NULL, world.pkt->size, &world.mm);
	memcpy(reply->wire, world.pkt->wire, world.pkt->size);
	reply->size = world.pkt->size;
	CHECK(knot_pkt_parse(reply, 0) == KNOT_EOK && reply->parsed == reply->size);
	unsigned count = 0;
	for (uint16_t i = 0; i < world.pkt->rrset_count; i++) {
		count += world.pkt->rr[i].rrs.count;
	}
	CHECK(reply->rrset_count == count);
	CHECK(state != KNOTD_IN_STATE_TRUNC || knot_wire_get_tc(reply->wire) || world.optional_left);

	bool is_signed = world.who_signs != SIGNED_NOT && world.who_signs != SIGNED_ONLINE;
	for (knot_section_t id = KNOT_ANSWER; id <= KNOT_AUTHORITY; id++) {
		const knot_pktsection_t *section = knot_pkt_section(reply, id);
		check_section(state, section);
		if (world.dnssec && is_signed && state != KNOTD_IN_STATE_TRUNC) {
			check_signatures(section);
		}
		CHECK(state != KNOTD_IN_STATE_ERROR || section->count == 0);
	}
	check_negative(state, knot_pkt_section(reply, KNOT_AUTHORITY));
	check_additional(knot_pkt_section(reply, KNOT_ADDITIONAL));
	check_addresses(state, reply, KNOT_RRTYPE_A);
	check_addresses(state, reply, KNOT_RRTYPE_AAAA);
}
