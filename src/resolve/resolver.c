/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lookups on a libuv loop: what they send, what comes back, and their timer. See resolver.h. */

#include <urcu/list.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libknot/libknot.h>

#include "resolve/lookup.h"
#include "resolve/query.h"
#include "resolve/resolver.h"
#include "resolve/server.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/heap.h"

struct resolver {
	uv_timer_t timer; /*!< Wakes the loop for what is due. */
	uv_idle_t idle;   /*!< Active: the loop goes round without waiting. */
	uv_check_t check; /*!< Does what is due, after replies have been read. */
	unsigned handles; /*!< Of these three, those that are not closed yet. */
	uint64_t timer_at;
	channels_t *channels;
	unsigned servers;
	server_t server[RESOLVERS_MAX];
	bool require_ad;
	resolver_pace_f may_send;
	void *pace_ctx;
	heap_t queries;             /*!< All, by the time of their next step. */
	struct cds_list_head ready; /*!< Queries whose next step may be due at once. */
	struct cds_list_head held;  /*!< Queries that wait for leave to send, in turn. */
	uint64_t held_until;        /*!< When the first one asks again. */
};

typedef struct {
	heap_node_t node;
	struct cds_list_head ready; /*!< In one of the resolver's lists, or alone. */
	struct cds_list_head tries; /*!< Those that may still get a reply. */
	resolver_t *resolver;
	lookup_t lookup;
	const knot_dname_t *name;
	uint16_t type;
	bool late; /*!< It has failed. */
	resolver_cb cb;
	void *ctx;
} query_t;

#define QUERY_OF(heap_node) caa_container_of(heap_node, query_t, node)

/* --- the end of a query --- */

static void finish_query(query_t *query, const reply_t *reply, int16_t ede)
{
	try_t *try, *next;
	cds_list_for_each_entry_safe(try, next, &query->tries, owned) {
		channels_forget(try);
	}
	heap_remove(&query->resolver->queries, &query->node);
	cds_list_del(&query->ready);
	query->cb(reply, ede, true, query->ctx);
	free(query);
}

const char *resolver_reason(int16_t ede)
{
	switch (ede) {
	case KNOT_EDNS_EDE_NREACH_AUTH: return "no reply in time";
	case KNOT_EDNS_EDE_NETWORK: return "the resolver fails, refuses or can't be reached";
	case KNOT_EDNS_EDE_DNSKEY_MISS: return "not validated, but 'require-ad' is on";
	default: return "CNAMEs in a loop, or more than 16";
	}
}

/* --- what comes back --- */

static void make_ready(query_t *query)
{
	cds_list_del(&query->ready);
	cds_list_add_tail(&query->ready, &query->resolver->ready);
}

/*! What a reply means for the lookup. \return False if it is a good one, which `reply` has then. */
static bool find_event(lookup_event_t *event, const reply_t *reply, const try_t *try, const uint8_t *wire)
{
	if (knot_wire_get_tc(wire) && !try->tcp) {
		*event = LOOKUP_TRUNCATED;
		return true;
	}
	switch (reply->kind) {
	case REPLY_BADCOOKIE: *event = try->tcp ? LOOKUP_ERROR : LOOKUP_TRUNCATED; return true;
	case REPLY_FORMERR: *event = LOOKUP_FORMERR; return true;
	case REPLY_BAD:
	case REPLY_NONE: *event = LOOKUP_ERROR; return true;
	default: return false;
	}
}

static bool on_reply(try_t *try, const uint8_t *wire, size_t len, bool same)
{
	query_t *query = try->owner;
	resolver_t *resolver = query->resolver;
	server_t *server = &resolver->server[try->server];
	uint64_t now = clock_ms();

	reply_t reply;
	bool asked = (knot_wire_get_qdcount(wire) > 0);
	if (asked) {
		reply_parse(&reply, wire, len, query->name, query->type);
	} else {
		reply.kind = REPLY_FORMERR; /* Such a server did not read as far as the question. */
	}
	if (!try->tcp) {
		bool whole = reply.kind != REPLY_NONE || knot_wire_get_tc(wire);
		if (!whole || (asked && !server_letters(server, same, try->mixed, now))) {
			return false;
		}
		server_heard(server, now - try->sent_at, now);
	}

	lookup_event_t event;
	if (find_event(&event, &reply, try, wire)) {
		query->lookup.live += try->broken; /* It was not lost after all. */
		lookup_event(&query->lookup, try->server, try->tcp, try->edns, event, now);
		make_ready(query);
	} else if (reply.kind == REPLY_LOOP) {
		finish_query(query, NULL, KNOT_EDNS_EDE_OTHER);
	} else if (resolver->require_ad && !reply.ad) {
		finish_query(query, NULL, KNOT_EDNS_EDE_DNSKEY_MISS);
	} else {
		finish_query(query, &reply, KNOT_EDNS_EDE_NONE);
	}
	return true;
}

static void note_missed(query_t *query, unsigned server, uint64_t now)
{
	uint64_t hash = hash64(0, query->name, knot_dname_size(query->name));
	server_missed(&query->resolver->server[server], hash, now);
}

static void on_broken(try_t *try)
{
	query_t *query = try->owner;
	uint64_t now = clock_ms();
	lookup_event(&query->lookup, try->server, try->tcp, try->edns, LOOKUP_BROKEN, now);
	if (!try->tcp) {
		note_missed(query, try->server, now);
	}
	make_ready(query);
}

/* --- steps --- */

static void send_try(query_t *query, const lookup_next_t *next, uint64_t now)
{
	resolver_t *resolver = query->resolver;
	server_t *server = &resolver->server[next->server];
	lookup_sent(&query->lookup, next, server_wait(server), now);

	knot_dname_storage_t name;
	memcpy(name, query->name, knot_dname_size(query->name));
	bool mixed = !next->tcp && server_mixes(server, now) && query_mix_letters(name);
	unsigned flags = QUERY_RD | (next->edns ? QUERY_EDNS : 0) | (resolver->require_ad ? QUERY_AD : 0);
	knot_pkt_t *pkt = query_new(name, query->type, flags);
	try_t *try = NULL;
	if (pkt != NULL) {
		try = channels_send(resolver->channels, pkt, next->server, next->tcp, next->alone, &query->tries, query, now);
	}
	if (try != NULL) {
		try->edns = next->edns;
		try->mixed = mixed;
	} else {
		lookup_event(&query->lookup, next->server, next->tcp, next->edns, LOOKUP_BROKEN, now);
	}
	knot_pkt_free(pkt);
}

/*! The lookup has failed, but after a timeout a late reply is still taken for some time. */
static void fail_query(query_t *query, lookup_step_t how)
{
	int16_t ede = (how == LOOKUP_TIMEOUT) ? KNOT_EDNS_EDE_NREACH_AUTH : KNOT_EDNS_EDE_NETWORK;
	if (how == LOOKUP_FAILED || query->lookup.live == 0 || query->late) {
		finish_query(query, NULL, ede);
		return;
	}
	query->late = true;
	heap_remove(&query->resolver->queries, &query->node);
	(void)heap_insert(&query->resolver->queries, &query->node, query->lookup.deadline + RESOLVER_LATE_MS);
	query->cb(NULL, ede, false, query->ctx);
}

/*! Whether the next try may leave now; else the query is held. */
static bool may_leave(query_t *query, const lookup_next_t *next, uint64_t now)
{
	resolver_t *resolver = query->resolver;
	if (next->first || resolver->may_send == NULL) {
		return true;
	}
	/* What a server has just asked for, such as TCP, comes before all retransmissions. */
	struct cds_list_head *before = query->lookup.again != 0 ? &resolver->held : resolver->held.prev;
	if (now >= resolver->held_until) { /* Those that stood before it have left, see settle(). */
		uint64_t wait = resolver->may_send(resolver->pace_ctx, now);
		if (wait == 0) {
			return true;
		}
		resolver->held_until = now + wait;
		before = &resolver->held;
	}
	cds_list_move(&query->ready, before);
	return false;
}

static void run_query(query_t *query, uint64_t now)
{
	resolver_t *resolver = query->resolver;
	cds_list_del(&query->ready);
	CDS_INIT_LIST_HEAD(&query->ready);
	if (query->late && query->lookup.live > 0 && now < query->lookup.deadline + RESOLVER_LATE_MS) {
		return;
	}
	int missed = lookup_missed(&query->lookup, now);
	if (missed >= 0) {
		note_missed(query, missed, now);
	}

	lookup_next_t next;
	while ((next = lookup_next(&query->lookup, now)).step == LOOKUP_SEND && may_leave(query, &next, now)) {
		send_try(query, &next, now);
	}
	if (next.step == LOOKUP_WAIT || next.step == LOOKUP_SEND) {
		heap_remove(&resolver->queries, &query->node); /* There is room for it. */
		(void)heap_insert(&resolver->queries, &query->node,
		                  next.step == LOOKUP_WAIT ? next.until : query->lookup.deadline);
	} else {
		fail_query(query, next.step);
	}
}

/* --- the loop --- */

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* It only keeps the loop from waiting. */
}

/*!
 * Something is due, but the loop may be late, with replies in the sockets: they are read before on_check(). Not so before
 * each on_check(): libuv does not look at sockets if a signal, such as SIGCONT, interrupts its wait beyond the end.
 */
static void on_timer(uv_timer_t *timer)
{
	resolver_t *resolver = timer->data;
	resolver->timer_at = 0;
	uv_idle_start(&resolver->idle, on_idle);
}

/*! Runs the queries that are held, due, or ready, closes what is not used any more, and sets the timer. */
static void settle(resolver_t *resolver, bool due, uint64_t now)
{
	while (now >= resolver->held_until && !cds_list_empty(&resolver->held)) {
		query_t *query = cds_list_first_entry(&resolver->held, query_t, ready);
		if (!due && now >= query->lookup.deadline) {
			break; /* Its reply may have come, so nothing is given up yet. */
		}
		run_query(query, now);
	}
	const heap_item_t *top;
	while (due && (top = heap_top(&resolver->queries)) != NULL && top->key <= now) {
		run_query(QUERY_OF(top->node), now);
	}
	while (!cds_list_empty(&resolver->ready)) {
		run_query(cds_list_first_entry(&resolver->ready, query_t, ready), now);
	}
	channels_settle(resolver->channels);

	top = heap_top(&resolver->queries);
	uint64_t at = (top != NULL) ? top->key : 0;
	if (!cds_list_empty(&resolver->held)) {
		at = MIN(at, resolver->held_until);
	}
	if (at == 0) {
		uv_timer_stop(&resolver->timer);
	} else if (at != resolver->timer_at) {
		uv_timer_start(&resolver->timer, on_timer, at > now ? at - now : 0, 0);
	}
	resolver->timer_at = at;
}

static void on_check(uv_check_t *check)
{
	resolver_t *resolver = check->data;
	bool due = uv_is_active((uv_handle_t *)&resolver->idle);
	uv_idle_stop(&resolver->idle);
	settle(resolver, due, clock_ms());
}

/* --- life --- */

resolver_t *resolver_new(uv_loop_t *loop, const resolvers_t *set)
{
	resolver_t *resolver = calloc(1, sizeof(*resolver));
	if (resolver == NULL) {
		return NULL;
	}
	resolver->channels = channels_new(loop, set, on_reply, on_broken);
	if (resolver->channels == NULL) {
		free(resolver);
		return NULL;
	}
	resolver->servers = set->count;
	resolver->require_ad = set->require_ad;
	CDS_INIT_LIST_HEAD(&resolver->ready);
	CDS_INIT_LIST_HEAD(&resolver->held);

	uv_timer_init(loop, &resolver->timer);
	uv_idle_init(loop, &resolver->idle);
	uv_check_init(loop, &resolver->check);
	resolver->timer.data = resolver->idle.data = resolver->check.data = resolver;
	uv_check_start(&resolver->check, on_check);
	resolver->handles = 3;

	return resolver;
}

void resolver_pace(resolver_t *resolver, resolver_pace_f may_send, void *ctx)
{
	resolver->may_send = may_send;
	resolver->pace_ctx = ctx;
}

static void on_closed(uv_handle_t *handle)
{
	resolver_t *resolver = handle->data;
	if (--resolver->handles == 0) {
		free(resolver);
	}
}

void resolver_free(resolver_t *resolver)
{
	const heap_item_t *top;
	while ((top = heap_top(&resolver->queries)) != NULL) {
		finish_query(QUERY_OF(top->node), NULL, KNOT_EDNS_EDE_NETWORK);
	}
	heap_deinit(&resolver->queries);
	channels_free(resolver->channels);
	uv_close((uv_handle_t *)&resolver->timer, on_closed);
	uv_close((uv_handle_t *)&resolver->idle, on_closed);
	uv_close((uv_handle_t *)&resolver->check, on_closed);
}

void resolver_query(resolver_t *resolver, const knot_dname_t *name, uint16_t type, uint32_t timeout, uint32_t retry,
                    resolver_cb cb, void *ctx)
{
	uint64_t now = clock_ms();
	query_t *query = calloc(1, sizeof(*query));
	if (query == NULL || heap_insert(&resolver->queries, &query->node, now) != KNOT_EOK) {
		free(query);
		cb(NULL, KNOT_EDNS_EDE_NETWORK, true, ctx);
		return;
	}
	query->resolver = resolver;
	query->name = name;
	query->type = type;
	query->cb = cb;
	query->ctx = ctx;
	CDS_INIT_LIST_HEAD(&query->ready);
	CDS_INIT_LIST_HEAD(&query->tries);

	uint8_t order[RESOLVERS_MAX];
	servers_order(resolver->server, resolver->servers, order, now);
	lookup_start(&query->lookup, order, resolver->servers, timeout, retry, now);
	make_ready(query);
	settle(resolver, false, now);
}

const channels_stats_t *resolver_stats(const resolver_t *resolver)
{
	return channels_stats(resolver->channels);
}
