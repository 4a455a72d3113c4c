/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Channels of c-ares alike from 1.18 to 1.34, and the hooks between c-ares and its sockets. See channel.h. */

#include "resolve/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The calls that 1.34 prefers do not exist in 1.18. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "resolve/query.h"
#include "util/alloc.h"

/*! The timeout of c-ares, ms: later than any of ours. */
#define NEVER_MS 3600000
/*! Datagrams read from a socket at a time: more than there are replies to come. */
#define READS_MAX 256

typedef struct {
	uv_poll_t poll;
	channel_t *channel;
	ares_socket_t fd;
	int events; /*!< Watched for. */
} sock_t;

struct channel {
	struct cds_list_head node; /*!< In one of the lists of channels_t. */
	channels_t *channels;
	ares_channel ares;
	sock_t *sock;               /*!< c-ares has one at a time, or none. */
	struct cds_list_head tries; /*!< All that c-ares knows. */
	try_t *sending;             /*!< Within channels_send(), unless it has failed. */
	uint64_t since;             /*!< When it was opened. */
	unsigned taken;             /*!< Tries since then. */
	unsigned live;              /*!< Tries that somebody waits for. */
	unsigned reads;             /*!< Left in this turn. */
	uint8_t server;
	bool tcp;
	bool alone;   /*!< For a single try. */
	bool more;    /*!< There may be more to read. */
	bool spoiled; /*!< c-ares has met an error, and is not used again. */
};

/*! Channels to a server over UDP or TCP. */
typedef struct {
	channel_t *current; /*!< The one that takes new tries, or NULL. */
	unsigned alone;     /*!< Connections for a single query that are open. */
} wire_t;

struct channels {
	uv_loop_t *loop;
	resolvers_t set;
	channels_reply_f reply;
	channels_broken_f broken;
	channels_stats_t stats;
	unsigned count;               /*!< Open and drained ones. */
	struct cds_list_head open;    /*!< The one that sent last comes first. */
	struct cds_list_head drained; /*!< Without live tries: to be closed by channels_settle(). */
	wire_t wire[RESOLVERS_MAX][2];
};

/* --- tries --- */

void channels_forget(try_t *try)
{
	channel_t *channel = try->channel;
	if (try->owner == NULL) {
		return;
	}
	try->owner = NULL;
	cds_list_del(&try->owned);
	if (--channel->live == 0) {
		cds_list_move(&channel->node, &channel->channels->drained);
	}
}

static void break_try(try_t *try)
{
	if (try->owner != NULL && !try->broken) {
		try->broken = true;
		try->channel->channels->broken(try);
	}
}

/*! The network has returned an error, and does not say for which try. Replies to the others are still taken. */
static void break_tries(channel_t *channel)
{
	try_t *try;
	cds_list_for_each_entry(try, &channel->tries, node) {
		break_try(try);
	}
}

/*! c-ares is done with a try. It gives replies over TCP only, see on_recv(). */
static void on_done(void *arg, int status, int timeouts, unsigned char *wire, int len)
{
	try_t *try = arg;
	channel_t *channel = try->channel;
	(void)timeouts;

	bool failed = (status != ARES_SUCCESS && status != ARES_ECANCELLED && status != ARES_EDESTRUCTION);
	/* 1.34 refuses names that hosts can't have, before it touches a socket. */
	channel->spoiled |= failed && (channel->sending != try || status == ARES_ECONNREFUSED);
	if (channel->sending == try) {
		channel->sending = NULL;
	} else if (status != ARES_SUCCESS || wire == NULL) {
		break_try(try);
	} else if (try->owner != NULL) {
		(void)channel->channels->reply(try, wire, len, true);
	}
	channels_forget(try);
	cds_list_del(&try->node);
	free(try);
}

/*! Lower case; the octets that are lengths of labels stay as they are, too. */
static uint8_t lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
}

static bool same_question(const try_t *try, const uint8_t *question, bool *same)
{
	*same = true;
	for (unsigned i = 0; i < try->len; i++) {
		if (lower(question[i]) != lower(try->question[i])) {
			return false;
		}
		*same &= question[i] == try->question[i];
	}
	return true;
}

/*! The try whose ID and question a datagram has, or NULL. */
static try_t *find_try(const channel_t *channel, const uint8_t *wire, size_t len, bool *same)
{
	if (len < KNOT_WIRE_HEADER_SIZE || !knot_wire_get_qr(wire) || knot_wire_get_opcode(wire) != KNOT_OPCODE_QUERY) {
		return NULL;
	}
	uint16_t id = knot_wire_get_id(wire), questions = knot_wire_get_qdcount(wire);
	try_t *try;
	cds_list_for_each_entry(try, &channel->tries, node) {
		if (try->id != id) {
			continue;
		}
		if (questions == 0 && knot_wire_get_rcode(wire) == KNOT_RCODE_FORMERR) {
			*same = true;
			return try;
		}
		if (questions == 1 && len >= KNOT_WIRE_HEADER_SIZE + (size_t)try->len &&
		    same_question(try, wire + KNOT_WIRE_HEADER_SIZE, same)) {
			return try;
		}
	}
	return NULL;
}

/* --- hooks of c-ares --- */

/*! Frees the owner of a handle. */
static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/*! What c-ares gets of a good reply: its query has ended. */
static ares_ssize_t end_query(uint8_t *wire, const try_t *try)
{
	memset(wire, 0, KNOT_WIRE_HEADER_SIZE);
	knot_wire_set_id(wire, try->id);
	knot_wire_set_qr(wire);
	knot_wire_set_qdcount(wire, 1);
	memcpy(wire + KNOT_WIRE_HEADER_SIZE, try->question, try->len);
	return KNOT_WIRE_HEADER_SIZE + try->len;
}

static ares_ssize_t on_recv(ares_socket_t fd, void *buf, size_t size, int flags, struct sockaddr *from,
                            ares_socklen_t *from_len, void *arg)
{
	channel_t *channel = arg;
	channels_t *channels = channel->channels;
	if (channel->tcp) {
		return recv(fd, buf, size, flags);
	}
	for (; channel->reads > 0; channel->reads--) {
		ares_ssize_t len = recvfrom(fd, buf, size, flags, from, from_len);
		if (len < 0 && errno == EAGAIN) {
			break;
		} else if (len < 0) {
			break_tries(channel);
			continue;
		}
		bool same;
		try_t *try = find_try(channel, buf, len, &same);
		if (try == NULL || (try->owner != NULL && !channels->reply(try, buf, len, same))) {
			channels->stats.dropped++;
			continue;
		}
		channels_forget(try);
		channel->more = true;
		return end_query(buf, try);
	}
	channel->more = false;
	errno = EAGAIN;
	return -1;
}

/*! Says about a datagram that it was sent, even if not: c-ares would end all other queries. */
static ares_ssize_t on_send(ares_socket_t fd, const struct iovec *iov, int count, void *arg)
{
	channel_t *channel = arg;
	const struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ares_ssize_t len = sendmsg(fd, &msg, MSG_NOSIGNAL);
	if (channel->tcp) {
		return len;
	}
	if (len < 0 && errno == ECONNREFUSED) { /* That is about an earlier one. */
		break_tries(channel);
		len = sendmsg(fd, &msg, MSG_NOSIGNAL);
	}
	channel->channels->stats.sent++;
	if (len < 0) {
		channel->sending = NULL;
	} else if (channel->sending != NULL) {
		channel->sending->id = knot_wire_get_id(iov->iov_base);
	}
	return iov->iov_len;
}

static ares_socket_t on_open(int family, int type, int protocol, void *arg)
{
	channel_t *channel = arg;
	int fd = (channel->sock == NULL) ? socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol) : -1;
	if (fd < 0) {
		return ARES_SOCKET_BAD;
	}
	/* libuv doubles its table of descriptors, and ends the process when there is no memory. */
	sock_t *sock = can_alloc(4 * sizeof(void *) * (size_t)fd) ? calloc(1, sizeof(*sock)) : NULL;
	if (sock == NULL || uv_poll_init_socket(channel->channels->loop, &sock->poll, fd) != 0) {
		free(sock);
		close(fd);
		return ARES_SOCKET_BAD;
	}
	sock->poll.data = sock;
	sock->channel = channel;
	sock->fd = fd;
	channel->sock = sock;
	channel->channels->stats.streams += channel->tcp;
	return fd;
}

static int on_close(ares_socket_t fd, void *arg)
{
	channel_t *channel = arg;
	if (channel->sock != NULL) {
		uv_close((uv_handle_t *)&channel->sock->poll, on_closed);
		channel->sock = NULL;
	}
	return close(fd);
}

static int on_connect(ares_socket_t fd, const struct sockaddr *addr, ares_socklen_t len, void *arg)
{
	(void)arg;
	return connect(fd, addr, len);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(sock_t *sock)
{
	uv_poll_start(&sock->poll, sock->events, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	const sock_t *sock = (sock_t *)poll;
	channel_t *channel = sock->channel; /* The socket may be gone when c-ares returns. */
	ares_socket_t fd = sock->fd;
	/* After an error c-ares reads and writes, too, and so notices the error itself. */
	bool readable = status != 0 || (events & UV_READABLE);
	bool writable = status != 0 || (events & UV_WRITABLE);

	channel->reads = READS_MAX;
	do {
		channel->more = false;
#if ARES_VERSION >= 0x012200
		/* It does not look at its timeouts, which it has adapted to the times of the server. */
		ares_fd_events_t event = { fd, (readable ? ARES_FD_EVENT_READ : 0) | (writable ? ARES_FD_EVENT_WRITE : 0) };
		ares_process_fds(channel->ares, &event, 1, ARES_PROCESS_FLAG_SKIP_NON_FD);
#else
		ares_process_fd(channel->ares, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
#endif
	} while (channel->more && channel->sock == sock); /* 1.34 reads one datagram at a time. */
	if (status != 0 && channel->sock == sock) {
		watch(channel->sock); /* libuv does not watch a socket any more that has had an error, such as an ICMP message. */
	}
}

/*! Before on_close() c-ares says "neither readable nor writable". */
static void on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	channel_t *channel = arg;
	(void)fd;
	if (channel->sock != NULL && (readable || writable)) {
		channel->sock->events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
		watch(channel->sock);
	}
}

/* --- channels --- */

static bool init_ares(channel_t *channel)
{
	static const struct ares_socket_functions hooks = { on_open, on_close, on_connect, on_recv, on_send };
	static char no_file[] = "/dev/null", dns_only[] = "b";
	/* The flag EDNS is for 1.18, which else cuts datagrams. With it, it strips OPT after FORMERR over TCP. */
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP |
		         (channel->tcp ? ARES_FLAG_USEVC : ARES_FLAG_IGNTC | ARES_FLAG_EDNS),
		.timeout = NEVER_MS,
		.tries = 1,
		.ednspsz = QUERY_EDNS_PAYLOAD,
		.lookups = dns_only,
		.resolvconf_path = no_file,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = channel,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
	           ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF | ARES_OPT_NOROTATE | ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* The value 0 turns it off. */
#endif
	if (ares_init_options(&channel->ares, &options, mask) != ARES_SUCCESS) {
		return false;
	}
	const resolvers_t *set = &channel->channels->set;
	struct ares_addr_port_node node = { .family = set->server[channel->server].family };
	node.udp_port = node.tcp_port = set->server[channel->server].port;
	memcpy(&node.addr, set->server[channel->server].addr, sizeof(node.addr));
	ares_set_socket_functions(channel->ares, &hooks, channel);
	if (ares_set_servers_ports(channel->ares, &node) != ARES_SUCCESS) {
		ares_destroy(channel->ares);
		return false;
	}
	return true;
}

static channel_t *open_channel(channels_t *channels, unsigned server, bool tcp)
{
	channel_t *channel = calloc(1, sizeof(*channel));
	if (channel == NULL) {
		return NULL;
	}
	channel->channels = channels;
	channel->server = server;
	channel->tcp = tcp;
	CDS_INIT_LIST_HEAD(&channel->tries);
	CDS_INIT_LIST_HEAD(&channel->node);
	if (!init_ares(channel)) {
		free(channel);
		return NULL;
	}
	return channel;
}

/*! Makes room for a channel. Where there is none, the tries that have waited longest are given up. */
static void make_room(channels_t *channels)
{
	channels_settle(channels);
	while (channels->count >= CHANNELS_MAX) {
		channel_t *channel = cds_list_entry(channels->open.prev, channel_t, node);
		try_t *try, *next;
		cds_list_for_each_entry_safe(try, next, &channel->tries, node) {
			break_try(try);
			channels_forget(try);
		}
		channels_settle(channels);
	}
}

/*! The channel for a try: another one than the owner's other tries have. */
static channel_t *get_channel(channels_t *channels, unsigned server, bool tcp, bool alone,
                              struct cds_list_head *owned, uint64_t now)
{
	wire_t *wire = &channels->wire[server][tcp];
	channel_t *channel = wire->current;
	bool fits = channel != NULL && !alone && !channel->spoiled && channel->taken < CHANNEL_TRIES_MAX &&
	            now - channel->since < CHANNEL_AGE_MS;
	try_t *try;
	cds_list_for_each_entry(try, owned, owned) {
		fits &= try->channel != channel;
	}
	if (fits) {
		return channel;
	}

	if (alone && wire->alone >= CHANNELS_ALONE_MAX) {
		return NULL;
	}
	make_room(channels);
	channel = open_channel(channels, server, tcp);
	if (channel == NULL) {
		return NULL;
	}
	channels->count++;
	channel->since = now;
	cds_list_move(&channel->node, &channels->drained); /* Until it has a live try. */
	channel->alone = alone;
	wire->alone += alone;
	wire->current = alone ? wire->current : channel;
	return channel;
}

try_t *channels_send(channels_t *channels, const knot_pkt_t *query, unsigned server, bool tcp, bool alone,
                     struct cds_list_head *owned, void *owner, uint64_t now)
{
	uint16_t len = knot_pkt_question_size(query);
	channel_t *channel = get_channel(channels, server, tcp, alone, owned, now);
	try_t *try = (channel != NULL) ? calloc(1, sizeof(*try) + len) : NULL;
	if (try == NULL) {
		return NULL;
	}
	try->channel = channel;
	try->sent_at = now;
	try->server = server;
	try->tcp = tcp;
	try->len = len;
	memcpy(try->question, query->wire + KNOT_WIRE_HEADER_SIZE, len);
	cds_list_add_tail(&try->node, &channel->tries);

	channel->taken++;
	channel->sending = try;
	ares_send(channel->ares, query->wire, query->size, on_done, try);
	if (channel->sending == NULL) {
		return NULL;
	}
	channel->sending = NULL;
	channels->stats.sent += tcp;
	channel->live++;
	cds_list_move(&channel->node, &channels->open);
	try->owner = owner;
	cds_list_add_tail(&try->owned, owned);
	return try;
}

void channels_settle(channels_t *channels)
{
	while (!cds_list_empty(&channels->drained)) {
		channel_t *channel = cds_list_first_entry(&channels->drained, channel_t, node);
		wire_t *wire = &channels->wire[channel->server][channel->tcp];
		wire->current = (wire->current == channel) ? NULL : wire->current;
		wire->alone -= channel->alone;
		channels->count--;
		cds_list_del(&channel->node);
		ares_destroy(channel->ares);
		free(channel);
	}
}

channels_t *channels_new(uv_loop_t *loop, const resolvers_t *set, channels_reply_f reply, channels_broken_f broken)
{
	channels_t *channels = calloc(1, sizeof(*channels));
	if (channels == NULL) {
		return NULL;
	}
	channels->loop = loop;
	channels->set = *set;
	channels->reply = reply;
	channels->broken = broken;
	CDS_INIT_LIST_HEAD(&channels->open);
	CDS_INIT_LIST_HEAD(&channels->drained);
	return channels;
}

void channels_free(channels_t *channels)
{
	channels_settle(channels);
	free(channels);
}

const channels_stats_t *channels_stats(const channels_t *channels)
{
	return &channels->stats;
}
