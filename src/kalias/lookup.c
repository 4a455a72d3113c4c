/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A lookup owns a resolver_t for each set of resolvers. Its queries belong to it, what they find belongs to the
 * targets. A trace follows the CNAMEs of a target by probes, and ends with its callback.
 */

#include "kalias/lookup.h"

#include <arpa/inet.h>

#include "kalias/kalias.h"
#include "kalias/probe.h"
#include "resolve/resolver.h"

/*! Time for a resolution, in ms, and its retransmissions. */
#define RESOLVE_MS 5000
#define RESOLVE_RETRY 2
/*! After that many time-outs in a row pings tell whether the resolvers are down, or only the servers of these targets. */
#define SILENT_MAX 64

typedef struct {
	resolver_t *resolver;
	unsigned count;
	struct sockaddr_storage server[RESOLVERS_MAX];
	unsigned silent; /*!< Queries in a row without reply. */
	unsigned pings;  /*!< Under way. */
	bool down;       /*!< It is not asked any more. */
} resolver_set_t;

struct lookup {
	uv_loop_t *loop;
	unsigned count;
	resolver_set_t set[];
};

/* Why there is no reply. */
static const char why_silent[] = "does not answer";
static const char why_failed[] = "fails or can't be reached";
static const char why_down[] = "is down, no longer asked";

/*! A query for one type. A late reply may come when the callback has been called. */
typedef struct {
	lookup_t *lookup;
	resolver_set_t *set;
	check_target_t *target;
	observed_t *observed; /*!< A part of the target, for the reply. */
	bool told;
	lookup_cb cb;
	void *ctx;
} lookup_query_t;

/*! Gets the address of a resolver, by way of its text. */
static void get_address(struct sockaddr_storage *addr, const resolvers_t *set, unsigned i)
{
	char text[INET6_ADDRSTRLEN];
	(void)inet_ntop(set->server[i].family, set->server[i].addr, text, sizeof(text));
	if (uv_ip4_addr(text, set->server[i].port, (struct sockaddr_in *)addr) != 0) {
		(void)uv_ip6_addr(text, set->server[i].port, (struct sockaddr_in6 *)addr);
	}
}

lookup_t *lookup_new(uv_loop_t *loop, inventory_t *inventory)
{
	lookup_t *lookup = not_null(calloc(1, sizeof(*lookup) + inventory->set_count * sizeof(lookup->set[0])));
	lookup->loop = loop;
	lookup->count = inventory->set_count;
	for (unsigned i = 0; i < lookup->count; i++) {
		resolver_set_t *set = &lookup->set[i];
		set->count = inventory->sets[i].count;
		set->down = (set->count == 0);
		if (set->count > 0) {
			set->resolver = not_null(resolver_new(loop, &inventory->sets[i], RESOLVE_MS, RESOLVE_RETRY));
		}
		for (unsigned k = 0; k < set->count; k++) {
			get_address(&set->server[k], &inventory->sets[i], k);
		}
	}
	return lookup;
}

void lookup_free(lookup_t *lookup)
{
	for (unsigned i = 0; i < lookup->count; i++) {
		if (lookup->set[i].resolver != NULL) {
			resolver_free(lookup->set[i].resolver);
		}
	}
	uv_run(lookup->loop, UV_RUN_DEFAULT);
	free(lookup);
}

/* --- is anybody there? --- */

static void on_pong(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	resolver_set_t *set = ctx;
	if (pkt != NULL) {
		set->silent = 0;
	}
	if (--set->pings == 0) {
		set->down = set->silent >= SILENT_MAX;
	}
}

/*! Asks all resolvers of a set without RD: whoever is there answers or refuses at once. */
static void ping_set(lookup_t *lookup, resolver_set_t *set)
{
	static const knot_dname_t root[] = "";
	set->pings = set->count;
	for (unsigned i = 0; i < set->count; i++) {
		probe_start(lookup->loop, &set->server[i], root, KNOT_RRTYPE_NS, 0, on_pong, set);
	}
}

static void count_silence(lookup_t *lookup, resolver_set_t *set)
{
	if (++set->silent >= SILENT_MAX && set->pings == 0 && !set->down) {
		ping_set(lookup, set);
	}
}

/* --- addresses --- */

static void on_resolved(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	lookup_query_t *query = ctx;
	bool silent = (reply == NULL && ede == KNOT_EDNS_EDE_NREACH_AUTH);
	if (reply != NULL) {
		observed_set_reply(query->observed, reply);
	} else if (!query->told) {
		observed_set_nothing(query->observed, silent ? why_silent : why_failed);
	}
	if (reply != NULL || (!query->told && !silent)) {
		query->set->silent = 0;
	} else if (!query->told) {
		count_silence(query->lookup, query->set);
	}

	if (!query->told && --query->target->pending == 0) {
		query->cb(query->ctx);
	}
	query->told = true;
	if (final) {
		free(query);
	}
}

void lookup_start(lookup_t *lookup, check_target_t *target, lookup_cb cb, void *ctx)
{
	resolver_set_t *set = &lookup->set[target->set];
	if (set->down) {
		for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
			observed_set_nothing(&target->observed[type], why_down);
		}
		cb(ctx);
		return;
	}

	target->pending = ADDR_TYPES;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		lookup_query_t *query = not_null(calloc(1, sizeof(*query)));
		query->lookup = lookup;
		query->set = set;
		query->target = target;
		query->observed = &target->observed[type];
		query->cb = cb;
		query->ctx = ctx;
		resolver_query(set->resolver, target->name, addr_rrtype(type), on_resolved, query);
	}
}

void lookup_settle(lookup_t *lookup)
{
	for (unsigned i = 0; i < lookup->count; i++) {
		if (lookup->set[i].resolver != NULL) {
			resolver_settle(lookup->set[i].resolver);
		}
	}
}

/* --- the chain of CNAMEs --- */

typedef struct {
	lookup_t *lookup;
	check_target_t *target;
	const struct sockaddr_storage *server;
	lookup_cb cb;
	void *ctx;
} trace_t;

static void trace_on_server(trace_t *trace);

static void end_trace(trace_t *trace)
{
	trace->cb(trace->ctx);
	free(trace);
}

/*! The last name of the chain, or the target. */
static const knot_dname_t *chain_end(const check_target_t *target)
{
	return target->chain_len > 0 ? target->chain[target->chain_len - 1] : target->name;
}

static bool in_chain(const check_target_t *target, const knot_dname_t *name)
{
	bool found = knot_dname_is_equal(target->name, name);
	for (unsigned i = 0; i < target->chain_len && !found; i++) {
		found = knot_dname_is_equal(target->chain[i], name);
	}
	return found;
}

/*! Appends the next CNAME to the chain. \return false if the reply has none, or one that is in the chain already. */
static bool take_cname(check_target_t *target, const knot_pkt_t *pkt)
{
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
	for (uint16_t i = 0; i < answer->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(answer, i);
		if (rr->type != KNOT_RRTYPE_CNAME || rr->rclass != KNOT_CLASS_IN ||
		    !knot_dname_is_case_equal(rr->owner, chain_end(target))) {
			continue;
		}
		knot_dname_storage_t name;
		knot_dname_copy_lower(name, knot_cname_name(rr->rrs.rdata));
		target->cname_loop = in_chain(target, name);
		if (target->cname_loop || target->chain_len == CHAIN_MAX) {
			return false;
		}
		target->chain[target->chain_len++] = not_null(knot_dname_copy(name, NULL));
		return true;
	}
	return false;
}

static void on_resolver_cname(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	trace_t *trace = ctx;
	if (pkt != NULL && take_cname(trace->target, pkt)) {
		trace_on_server(trace);
	} else {
		end_trace(trace);
	}
}

static void trace_on_resolver(trace_t *trace)
{
	const resolver_set_t *set = &trace->lookup->set[trace->target->set];
	const observed_t *observed = trace->target->observed;
	if (set->down || observed[ADDR_A].why == why_silent || observed[ADDR_AAAA].why == why_silent) {
		end_trace(trace);
		return;
	}
	probe_start(trace->lookup->loop, &set->server[0], chain_end(trace->target), KNOT_RRTYPE_CNAME, QUERY_RD,
	            on_resolver_cname, trace);
}

/*! The server has the target itself: it fails here if the server has no address, as with a wildcard ALIAS that loops. */
static void on_server_address(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	trace_t *trace = ctx;
	trace->target->fails_here = pkt != NULL && knot_wire_get_ancount(pkt->wire) == 0 &&
	                            knot_pkt_ext_rcode(pkt) != KNOT_RCODE_NXDOMAIN;
	end_trace(trace);
}

static void on_server_cname(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)why;
	trace_t *trace = ctx;
	if (pkt == NULL || !knot_wire_get_aa(pkt->wire)) {
		trace_on_resolver(trace);
	} else if (take_cname(trace->target, pkt)) {
		trace_on_server(trace);
	} else if (trace->target->chain_len == 0) {
		probe_start(trace->lookup->loop, trace->server, trace->target->name, KNOT_RRTYPE_A, 0,
		            on_server_address, trace);
	} else {
		end_trace(trace);
	}
}

/*! Asks the server first: a loop may be in its zones, which the resolver may not reach. */
static void trace_on_server(trace_t *trace)
{
	if (trace->server == NULL) {
		trace_on_resolver(trace);
		return;
	}
	/* A query for another type would fail if the CNAME leads nowhere. */
	probe_start(trace->lookup->loop, trace->server, chain_end(trace->target), KNOT_RRTYPE_CNAME, 0,
	            on_server_cname, trace);
}

void lookup_trace(lookup_t *lookup, check_target_t *target, const struct sockaddr_storage *server,
                  lookup_cb cb, void *ctx)
{
	trace_t *trace = not_null(calloc(1, sizeof(*trace)));
	trace->lookup = lookup;
	trace->target = target;
	trace->server = server;
	trace->cb = cb;
	trace->ctx = ctx;
	trace_on_server(trace);
}
