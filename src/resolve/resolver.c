/* SPDX-License-Identifier: GPL-2.0-or-later */

/* c-ares on a libuv loop: queries, sockets, the timer; channels alike for c-ares 1.18 to 1.34. See resolver.h. */

#include <urcu/list.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libknot/libknot.h>

/* The calls that 1.34 prefers do not exist in 1.18. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "resolve/query.h"
#include "resolve/resolver.h"
#include "util/alloc.h"
#include "util/clock.h"

/*! Socket buffer for replies to many queries at a time, octets; the kernel may limit it further. */
#define RCVBUF_SIZE (1 << 20)
/*! Queries from one source port (RFC 5452, section 9.2); c-ares 1.18 takes a new port only when idle. */
#define QUERIES_PER_PORT 64
/*! Shortest wait before a retransmission, ms: less would only double the load. */
#define WAIT_MIN_MS 50
/*! Shortest wait of c-ares versions that measure servers and adapt the wait, ms. */
#define ADAPTED_WAIT_MS 250

/*!
 * Channels, by bits. Queries without EDNS have their own: after a FORMERR c-ares 1.18 strips the OPT even off a query
 * without one. Queries over TCP have their own: c-ares 1.18 waits for their replies only as long as for a datagram, and keeps a
 * connection that has died.
 */
enum {
	CHANNEL_PLAIN = 1 << 0, /*!< Without EDNS. */
	CHANNEL_TCP = 1 << 1,
	CHANNELS = 1 << 2,
};

typedef struct {
	resolver_t *resolver;
	ares_channel ares;
} channel_t;

struct resolver {
	uv_loop_t *loop;
	uv_timer_t timer;
	channel_t channel[CHANNELS];
	uint32_t timeout;
	uint32_t retry;
	bool require_ad;
	bool closing;
	uint64_t *tcp;                /*!< Counter of TCP connections, or NULL. */
	struct cds_list_head socks;   /*!< Sockets that c-ares has open. */
	struct cds_list_head queries; /*!< All queries by deadline, as their timeout is the same. */
	struct cds_list_head again;   /*!< Queries to be sent again on another channel. */
};

typedef struct {
	uv_poll_t poll;
	struct cds_list_head node;
	channel_t *channel;
	ares_socket_t fd;
	uint64_t heard_at; /*!< clock_ms() when data last came. */
} sock_t;

typedef struct {
	struct cds_list_head node;
	struct cds_list_head again;
	resolver_t *resolver;
	const knot_dname_t *name;
	uint16_t type;
	unsigned channel;
	bool late;        /*!< Its deadline has passed. */
	uint64_t sent_at; /*!< clock_ms() when it was sent on this channel. */
	uint64_t deadline;
	resolver_cb cb;
	void *ctx;
} query_t;

static int set_servers(ares_channel channel, const resolvers_t *set)
{
	struct ares_addr_port_node nodes[RESOLVERS_MAX] = { 0 };
	for (unsigned i = 0; i < set->count; i++) {
		nodes[i].next = (i + 1 < set->count) ? &nodes[i + 1] : NULL;
		nodes[i].family = set->server[i].family;
		nodes[i].udp_port = nodes[i].tcp_port = set->server[i].port;
		memcpy(&nodes[i].addr, set->server[i].addr, sizeof(nodes[i].addr));
	}
	return ares_set_servers_ports(channel, nodes);
}

/* --- one query --- */

static void finish_query(query_t *query, const reply_t *reply, int16_t ede)
{
	cds_list_del(&query->node);
	query->cb(reply, ede, true, query->ctx);
	free(query);
}

/*! Marks a query for another channel. It is sent later: c-ares must not be called from its callbacks. */
static void ask_again(query_t *query, unsigned id)
{
	query->channel = id;
	cds_list_add_tail(&query->again, &query->resolver->again);
}

/*! Ends connections without data since a query without reply was sent, so that the next query gets a new connection. */
static void give_up_streams(const query_t *query)
{
	sock_t *sock;
	cds_list_for_each_entry(sock, &query->resolver->socks, node) {
		if (sock->channel == &query->resolver->channel[query->channel] && sock->heard_at < query->sent_at) {
			(void)shutdown(sock->fd, SHUT_RDWR); /* To c-ares the peer has closed it. */
		}
	}
}

/*! Why a reply is of no use, as Extended DNS Error, or KNOT_EDNS_EDE_NONE. */
static int16_t judge_reply(const reply_t *reply, int status, bool require_ad)
{
	switch (reply->kind) {
	case REPLY_ADDRESSES:
	case REPLY_NODATA:
	case REPLY_NXDOMAIN:
		return (require_ad && !reply->ad) ? KNOT_EDNS_EDE_DNSKEY_MISS : KNOT_EDNS_EDE_NONE;
	case REPLY_LOOP:
		return KNOT_EDNS_EDE_OTHER;
	default:
		return (status == ARES_ETIMEOUT) ? KNOT_EDNS_EDE_NREACH_AUTH : KNOT_EDNS_EDE_NETWORK;
	}
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

static void on_reply(void *arg, int status, int timeouts, unsigned char *wire, int len)
{
	query_t *query = arg;
	(void)timeouts;

	reply_t reply = { .kind = REPLY_BAD };
	bool truncated = false;
	if (status == ARES_SUCCESS && wire != NULL && len >= KNOT_WIRE_HEADER_SIZE) {
		truncated = knot_wire_get_tc(wire) && !(query->channel & CHANNEL_TCP);
		reply_parse(&reply, wire, len, query->name, query->type);
	} else if (status == ARES_ETIMEOUT && (query->channel & CHANNEL_TCP)) {
		give_up_streams(query);
	}

	int16_t ede = judge_reply(&reply, status, query->resolver->require_ad);
	if (truncated && !query->resolver->closing) {
		ask_again(query, query->channel | CHANNEL_TCP);
	} else if (reply.kind == REPLY_FORMERR && !(query->channel & CHANNEL_PLAIN) && !query->resolver->closing) {
		/* c-ares 1.18 retries without EDNS only once in the life of a channel. */
		ask_again(query, CHANNEL_PLAIN);
	} else {
		finish_query(query, ede == KNOT_EDNS_EDE_NONE ? &reply : NULL, ede);
	}
}

static void send_on_channel(query_t *query)
{
	unsigned flags = QUERY_RD | ((query->channel & CHANNEL_PLAIN) ? 0 : QUERY_EDNS) |
	                 (query->resolver->require_ad ? QUERY_AD : 0);
	query->sent_at = clock_ms();
	knot_pkt_t *pkt = query_new(query->name, query->type, flags);
	if (pkt != NULL) {
		/* c-ares 1.18 takes the ID as it is, later versions put their own. */
		ares_send(query->resolver->channel[query->channel].ares, pkt->wire, pkt->size, on_reply, query);
	} else {
		finish_query(query, NULL, KNOT_EDNS_EDE_NETWORK);
	}
	knot_pkt_free(pkt);
}

/* --- the loop --- */

/*!
 * Fails queries past their deadline. c-ares can't end a single query; its late reply is still taken.
 *
 * \return Time until the next deadline, ms, or UINT64_MAX.
 */
static uint64_t expire_queries(resolver_t *resolver, uint64_t now)
{
	query_t *query;
	cds_list_for_each_entry(query, &resolver->queries, node) {
		if (query->deadline > now) {
			return query->deadline - now;
		}
		if (!query->late) {
			query->late = true;
			query->cb(NULL, KNOT_EDNS_EDE_NREACH_AUTH, false, query->ctx);
		}
	}
	return UINT64_MAX;
}

static void on_timer(uv_timer_t *timer);

/*! Has to follow each call into c-ares, because callbacks of c-ares must not call it. */
void resolver_settle(resolver_t *resolver)
{
	while (!cds_list_empty(&resolver->again)) {
		query_t *query = cds_list_first_entry(&resolver->again, query_t, again);
		cds_list_del(&query->again);
		send_on_channel(query);
	}

	uint64_t wait = expire_queries(resolver, clock_ms());
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct timeval tv;
		if (ares_timeout(resolver->channel[i].ares, NULL, &tv) != NULL) {
			/* c-ares 1.18 rounds down to ms: a timer of 0 would make the loop spin during the last one. */
			wait = MIN(wait, tv.tv_sec * 1000ULL + tv.tv_usec / 1000 + 1);
		}
	}
	if (wait != UINT64_MAX) {
		uv_timer_start(&resolver->timer, on_timer, wait, 0);
	} else {
		uv_timer_stop(&resolver->timer);
	}
}

static void on_timer(uv_timer_t *timer)
{
	resolver_t *resolver = timer->data;
	for (unsigned i = 0; i < CHANNELS; i++) {
		ares_process_fd(resolver->channel[i].ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	}
	resolver_settle(resolver);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	sock_t *sock = (sock_t *)poll;
	channel_t *channel = sock->channel; /* The socket may be gone when c-ares returns. */
	ares_socket_t fd = sock->fd;
	sock->heard_at = (events & UV_READABLE) ? clock_ms() : sock->heard_at;

	/* After an error c-ares reads and writes, too, and so notices the error itself. */
	bool readable = status != 0 || (events & UV_READABLE);
	bool writable = status != 0 || (events & UV_WRITABLE);
	ares_process_fd(channel->ares, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
	resolver_settle(channel->resolver);
}

/*! Frees the owner of a handle. */
static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/*! Watches a new socket. On -1 c-ares fails the socket's queries, which would otherwise wait for ever. */
static int on_sock_created(ares_socket_t fd, int type, void *arg)
{
	channel_t *channel = arg;
	resolver_t *resolver = channel->resolver;
	/* libuv doubles its table of descriptors, and ends the process when there is no memory. */
	sock_t *sock = can_alloc(4 * sizeof(void *) * (size_t)fd) ? calloc(1, sizeof(*sock)) : NULL;
	if (sock == NULL || uv_poll_init_socket(resolver->loop, &sock->poll, fd) != 0) {
		free(sock);
		return -1;
	}
	sock->poll.data = sock;
	sock->channel = channel;
	sock->fd = fd;
	cds_list_add(&sock->node, &resolver->socks);
	if (type == SOCK_STREAM && resolver->tcp != NULL) {
		(*resolver->tcp)++;
	}
	return 0;
}

/*! After "neither readable nor writable" c-ares closes the socket at once, and may get the same number for the next. */
static void on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	channel_t *channel = arg;
	sock_t *sock, *next;
	/* A socket that on_sock_created() has refused is not in the list. */
	cds_list_for_each_entry_safe(sock, next, &channel->resolver->socks, node) {
		if (sock->fd == fd && (readable || writable)) {
			uv_poll_start(&sock->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
		} else if (sock->fd == fd) {
			cds_list_del(&sock->node);
			uv_close((uv_handle_t *)&sock->poll, on_closed);
		}
	}
}

/* --- life --- */

/*!
 * Sets the number of rounds and the first wait so that c-ares gives up at the timeout. A round asks each server once,
 * and c-ares doubles the wait with each round. If the wait gets shorter than WAIT_MIN_MS, there are fewer rounds.
 */
static void set_tries(struct ares_options *options, const resolver_t *resolver, unsigned servers)
{
	uint32_t rounds = resolver->retry + 1, wait;
	while ((wait = resolver->timeout / (servers * ((1U << rounds) - 1))) < WAIT_MIN_MS && rounds > 1) {
		rounds--;
	}
	options->tries = rounds;
	options->timeout = wait > 0 ? wait : 1;
}

#ifdef ARES_OPT_MAXTIMEOUTMS
/*!
 * Later versions adapt the wait to the time that a server took before: ADAPTED_WAIT_MS for a quick one, too long for a
 * slow one. So the wait gets a cap, and there are enough rounds to fill the timeout: jitter takes up to half of a wait,
 * but not below the wait of the first round.
 * An error reply would begin the next round at once, so with a single server it ends the query.
 */
static void set_adapted_tries(struct ares_options *options, const resolver_t *resolver, unsigned servers)
{
	uint32_t wait_max = resolver->timeout / (servers * options->tries);
	wait_max = wait_max > ADAPTED_WAIT_MS ? wait_max : ADAPTED_WAIT_MS;

	uint32_t rounds = 0, sum = 0;
	for (uint32_t wait = ADAPTED_WAIT_MS; sum < resolver->timeout; wait *= 2, rounds++) {
		uint32_t wait_least = (wait < wait_max ? wait : wait_max) / 2;
		sum += servers * (wait_least > ADAPTED_WAIT_MS ? wait_least : ADAPTED_WAIT_MS);
	}
	options->tries = rounds;
	options->maxtimeout = wait_max;
	options->flags |= (servers == 1) ? ARES_FLAG_NOCHECKRESP : 0;
}
#endif

static bool open_channel(channel_t *channel, unsigned id, const resolvers_t *set)
{
	const resolver_t *resolver = channel->resolver;
	static char no_file[] = "/dev/null", dns_only[] = "b";
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ((id & CHANNEL_PLAIN) ? 0 : ARES_FLAG_EDNS) |
		         ((id & CHANNEL_TCP) ? ARES_FLAG_USEVC : ARES_FLAG_IGNTC),
		.ednspsz = QUERY_EDNS_PAYLOAD,
		.socket_receive_buffer_size = RCVBUF_SIZE,
		.lookups = dns_only,
		.resolvconf_path = no_file,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = channel,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
	           ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF | ARES_OPT_NOROTATE |
	           ARES_OPT_SOCK_STATE_CB | ARES_OPT_SOCK_RCVBUF;
	if (id & CHANNEL_TCP) {
		/* The second try is for a connection that the server closes, which may happen at any time. */
		options.timeout = resolver->timeout / set->count;
		options.tries = 2;
	} else {
		set_tries(&options, resolver, set->count);
	}
#ifdef ARES_OPT_MAXTIMEOUTMS
	set_adapted_tries(&options, resolver, set->count);
	mask |= ARES_OPT_MAXTIMEOUTMS;
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
	options.udp_max_queries = QUERIES_PER_PORT;
	mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif
#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* The value 0 turns it off. */
#endif
	if (ares_init_options(&channel->ares, &options, mask) != ARES_SUCCESS) {
		return false;
	}
	ares_set_socket_callback(channel->ares, on_sock_created, channel);
	return set_servers(channel->ares, set) == ARES_SUCCESS;
}

/*! Ends the queries of all channels, also of those that could not be opened. */
static void close_channels(resolver_t *resolver)
{
	for (unsigned i = 0; i < CHANNELS; i++) {
		ares_destroy(resolver->channel[i].ares); /* Calls on_reply() for each query. */
	}
}

resolver_t *resolver_new(uv_loop_t *loop, const resolvers_t *set, uint32_t timeout, uint32_t retry)
{
	resolver_t *resolver = calloc(1, sizeof(*resolver));
	if (resolver == NULL) {
		return NULL;
	}
	resolver->loop = loop;
	resolver->timeout = timeout;
	resolver->retry = retry;
	resolver->require_ad = set->require_ad;
	CDS_INIT_LIST_HEAD(&resolver->socks);
	CDS_INIT_LIST_HEAD(&resolver->queries);
	CDS_INIT_LIST_HEAD(&resolver->again);

	for (unsigned i = 0; i < CHANNELS; i++) {
		resolver->channel[i].resolver = resolver;
		if (!open_channel(&resolver->channel[i], i, set)) {
			close_channels(resolver);
			free(resolver);
			return NULL;
		}
	}

	uv_timer_init(loop, &resolver->timer);
	resolver->timer.data = resolver;

	return resolver;
}

void resolver_count_tcp(resolver_t *resolver, uint64_t *count)
{
	resolver->tcp = count;
}

void resolver_free(resolver_t *resolver)
{
	resolver->closing = true;
	close_channels(resolver);
	uv_close((uv_handle_t *)&resolver->timer, on_closed);
}

void resolver_query(resolver_t *resolver, const knot_dname_t *name, uint16_t type,
                    resolver_cb cb, void *ctx)
{
	query_t *query = calloc(1, sizeof(*query));
	if (query == NULL) {
		cb(NULL, KNOT_EDNS_EDE_NETWORK, true, ctx);
		return;
	}
	query->resolver = resolver;
	query->name = name;
	query->type = type;
	query->deadline = clock_ms() + resolver->timeout;
	query->cb = cb;
	query->ctx = ctx;
	cds_list_add_tail(&query->node, &resolver->queries);

	send_on_channel(query);
}
