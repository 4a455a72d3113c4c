/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "resolve/channel.h"

#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <libknot/libknot.h>

#include "util/alloc.h"
#include "util/clock.h"

/*! Room for any query: header, the longest name, type, class, OPT. */
#define QUERY_SIZE (KNOT_WIRE_HEADER_SIZE + KNOT_DNAME_MAXLEN + 4 + 11)
/*! Socket buffer for replies to many queries at a time, in octets; the kernel has its own limit. */
#define RCVBUF_SIZE (1 << 20)
/*! Queries from one source port (RFC 5452, section 9.2); c-ares 1.18 takes a new one when idle only. */
#define QUERIES_PER_PORT 64

typedef struct {
	uv_poll_t poll;
	struct cds_list_head node;
	channel_t *channel;
	ares_socket_t fd;
	uint64_t heard_at; /*!< clock_ms() of the last that came. */
} sock_t;

/* --- sockets --- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
	sock_t *sock = (sock_t *)poll;
	channel_t *channel = sock->channel; /* The socket may be gone by the time c-ares returns. */
	ares_socket_t fd = sock->fd;
	sock->heard_at = (events & UV_READABLE) ? clock_ms() : sock->heard_at;

	/* On an error c-ares reads and writes too, and so finds out by itself. */
	bool readable = status != 0 || (events & UV_READABLE);
	bool writable = status != 0 || (events & UV_WRITABLE);
	ares_process_fd(channel->ares, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
	channel->settle(channel->owner);
}

static void on_sock_closed(uv_handle_t *handle)
{
	free(handle);
}

static sock_t *find_sock(const channel_t *channel, ares_socket_t fd)
{
	sock_t *sock;
	cds_list_for_each_entry(sock, &channel->socks, node) {
		if (sock->fd == fd) {
			return sock;
		}
	}
	return NULL;
}

/*! c-ares has a new socket. With -1 it does without, and its queries fail: they would wait for an event that never comes. */
static int on_sock_created(ares_socket_t fd, int type, void *arg)
{
	channel_t *channel = arg;
	/* libuv doubles its table of descriptors, and ends the process when it can't. */
	sock_t *sock = can_alloc(4 * sizeof(void *) * (size_t)fd) ? calloc(1, sizeof(*sock)) : NULL;
	if (sock == NULL) {
		return -1;
	}
	if (uv_poll_init_socket(channel->loop, &sock->poll, fd) != 0) {
		free(sock);
		return -1;
	}
	sock->channel = channel;
	sock->fd = fd;
	cds_list_add(&sock->node, &channel->socks);
	if (type == SOCK_STREAM && channel->tcp != NULL) {
		(*channel->tcp)++;
	}
	return 0;
}

/*! c-ares closes the socket right after this says "neither", and may get its number back at once. */
static void on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	sock_t *sock = find_sock(arg, fd);
	if (sock == NULL) {
		return; /* It was refused by on_sock_created(). */
	}

	if (readable || writable) {
		uv_poll_start(&sock->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
	} else {
		cds_list_del(&sock->node);
		uv_close((uv_handle_t *)&sock->poll, on_sock_closed);
	}
}

void channel_drop_silent(channel_t *channel, uint64_t since)
{
	sock_t *sock;
	cds_list_for_each_entry(sock, &channel->socks, node) {
		if (sock->heard_at < since) {
			(void)shutdown(sock->fd, SHUT_RDWR); /* As if the other side had closed it. */
		}
	}
}

/* --- time --- */

uint64_t channel_wait(const channel_t *channel)
{
	struct timeval tv;
	if (ares_timeout(channel->ares, NULL, &tv) == NULL) {
		return UINT64_MAX;
	}
	/* c-ares 1.18 cuts to whole ms: with 0 in the last one, libuv would run the timer until it is over. */
	return tv.tv_sec * 1000ULL + tv.tv_usec / 1000 + 1;
}

void channel_expire(channel_t *channel)
{
	ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* --- queries --- */

/*! Writes the query; c-ares 1.18 takes the ID as it is, later versions put their own. */
static int write_query(knot_pkt_t *pkt, const knot_dname_t *name, uint16_t type, unsigned flags)
{
	uint16_t id;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
		return KNOT_ERROR;
	}
	knot_wire_set_id(pkt->wire, id);
	if (flags & QUERY_RD) {
		knot_wire_set_rd(pkt->wire);
	}
	if (flags & QUERY_AD) {
		knot_wire_set_ad(pkt->wire);
	}

	int ret = knot_pkt_put_question(pkt, name, KNOT_CLASS_IN, type);
	if (ret != KNOT_EOK || !(flags & QUERY_EDNS)) {
		return ret;
	}

	knot_rrset_t opt;
	ret = knot_edns_init(&opt, CHANNEL_EDNS_PAYLOAD, 0, KNOT_EDNS_VERSION, NULL);
	if (ret != KNOT_EOK) {
		return ret;
	}
	if (flags & QUERY_DO) {
		knot_edns_set_do(&opt);
	}
	knot_pkt_begin(pkt, KNOT_ADDITIONAL);
	ret = knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, 0);
	knot_rrset_clear(&opt, NULL);

	return ret;
}

int channel_query(channel_t *channel, const knot_dname_t *name, uint16_t type, unsigned flags, ares_callback cb,
                  void *ctx)
{
	knot_pkt_t *pkt = knot_pkt_new(NULL, QUERY_SIZE, NULL);
	int ret = (pkt != NULL) ? write_query(pkt, name, type, flags) : KNOT_ENOMEM;
	if (ret == KNOT_EOK) {
		ares_send(channel->ares, pkt->wire, pkt->size, cb, ctx);
	}
	knot_pkt_free(pkt);
	return ret;
}

/* --- life --- */

int channel_open(channel_t *channel, uv_loop_t *loop, const channel_options_t *options, void (*settle)(void *owner),
                 void *owner)
{
	*channel = (channel_t){ .loop = loop, .settle = settle, .owner = owner };
	CDS_INIT_LIST_HEAD(&channel->socks);

	static char no_file[] = "/dev/null", dns_only[] = "b";
	struct ares_options ares = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | options->flags,
		.timeout = options->timeout,
		.tries = options->tries,
		.ednspsz = CHANNEL_EDNS_PAYLOAD,
		.socket_receive_buffer_size = RCVBUF_SIZE,
		.lookups = dns_only,
		.resolvconf_path = no_file,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = channel,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
	           ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF | ARES_OPT_NOROTATE |
	           ARES_OPT_SOCK_STATE_CB | ARES_OPT_SOCK_RCVBUF;
#ifdef ARES_OPT_MAXTIMEOUTMS
	ares.maxtimeout = options->timeout_max;
	mask |= ARES_OPT_MAXTIMEOUTMS;
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
	ares.udp_max_queries = QUERIES_PER_PORT;
	mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif
#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* Left at 0: off. */
#endif
	if (ares_init_options(&channel->ares, &ares, mask) != ARES_SUCCESS) {
		return KNOT_ENOMEM;
	}
	if (ares_set_servers_ports(channel->ares, options->servers) != ARES_SUCCESS) {
		ares_destroy(channel->ares);
		return KNOT_ENOMEM;
	}
	ares_set_socket_callback(channel->ares, on_sock_created, channel);
	return KNOT_EOK;
}

void channel_close(channel_t *channel)
{
	ares_destroy(channel->ares);
}

void channel_count_tcp(channel_t *channel, uint64_t *count)
{
	channel->tcp = count;
}
