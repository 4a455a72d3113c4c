/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/probe.h"

#include <string.h>
#include <sys/random.h>

#include "kalias/need.h"

/*! EDNS payload size that is not fragmented (DNS Flag Day 2020). */
#define UDP_PAYLOAD 1232
/*! Room for any query: header, the longest name, type, class, OPT. */
#define QUERY_SIZE (KNOT_WIRE_HEADER_SIZE + KNOT_DNAME_MAXLEN + 4 + 11)
#define FRAME_SIZE 2 /* The length before a message over TCP (RFC 1035, section 4.2.2). */

#define UDP_TRIES 3
#define UDP_WAIT_MS 2000
/*! The module may let a TCP client wait for 10 s. */
#define TCP_WAIT_MS 15000
/*! A server that is still resolving is asked again that often, with a pause. */
#define READY_TRIES 20
#define READY_WAIT_MS 500

typedef struct probe probe_t;

/*! A socket; it outlives its use by a probe until libuv has closed it. */
typedef struct {
	union {
		uv_handle_t handle;
		uv_udp_t udp;
		uv_tcp_t tcp;
		uv_stream_t stream;
	};
	uv_connect_t connect;
	uv_write_t write;
	probe_t *probe; /*!< NULL: no longer in use. */
	uint8_t query[FRAME_SIZE + QUERY_SIZE];
	size_t size, got; /*!< Of `in`. */
	uint8_t in[];
} link_t;

struct probe {
	uv_timer_t timer;
	struct sockaddr_storage server;
	const knot_dname_t *name;
	uint16_t type;
	uint16_t id;
	unsigned udp_tries, ready_tries; /*!< Left. */
	link_t *link;                    /*!< NULL: pausing. */
	bool tcp;
	size_t query_len;
	uint8_t query[FRAME_SIZE + QUERY_SIZE]; /*!< With its length in front. */
	probe_cb cb;
	void *ctx;
};

static void start_udp(probe_t *probe);
static void start_tcp(probe_t *probe);

/* --- the end --- */

static void on_link_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop_link(probe_t *probe)
{
	link_t *link = probe->link;
	probe->link = NULL;
	if (link != NULL) {
		link->probe = NULL;
		uv_close(&link->handle, on_link_closed);
	}
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void finish(probe_t *probe, const knot_pkt_t *pkt, const char *why)
{
	drop_link(probe);
	probe->cb(pkt, why, probe->ctx);
	uv_close((uv_handle_t *)&probe->timer, on_timer_closed);
}

/* --- replies --- */

static bool is_reply(const probe_t *probe, const knot_pkt_t *pkt)
{
	return knot_wire_get_id(pkt->wire) == probe->id && knot_wire_get_qr(pkt->wire) &&
	       knot_wire_get_qdcount(pkt->wire) == 1 && knot_pkt_qtype(pkt) == probe->type &&
	       knot_pkt_qclass(pkt) == KNOT_CLASS_IN &&
	       knot_dname_is_case_equal(knot_pkt_qname(pkt), probe->name);
}

static bool is_not_ready(const knot_pkt_t *pkt)
{
	uint8_t *ede = knot_pkt_edns_option(pkt, KNOT_EDNS_OPTION_EDE);
	return knot_pkt_ext_rcode(pkt) == KNOT_RCODE_SERVFAIL && ede != NULL &&
	       knot_edns_opt_get_length(ede) >= sizeof(uint16_t) &&
	       knot_wire_read_u16(knot_edns_opt_get_data(ede)) == KNOT_EDNS_EDE_NOT_READY;
}

static void on_pause_over(uv_timer_t *timer)
{
	start_udp(timer->data);
}

/*! \return false if it is no reply to the query. */
static bool take_message(probe_t *probe, uint8_t *wire, size_t len)
{
	knot_pkt_t *pkt = need(knot_pkt_new(wire, len, NULL));
	bool valid = knot_pkt_parse(pkt, KNOT_PF_KEEPWIRE) == KNOT_EOK && is_reply(probe, pkt);
	if (valid && knot_wire_get_tc(wire) && !probe->tcp) {
		start_tcp(probe);
	} else if (valid && is_not_ready(pkt) && probe->ready_tries > 0) {
		probe->ready_tries--;
		drop_link(probe);
		uv_timer_start(&probe->timer, on_pause_over, READY_WAIT_MS, 0);
	} else if (valid) {
		/* The buffer goes with the link, and that only when libuv has closed it. */
		finish(probe, pkt, NULL);
	}
	knot_pkt_free(pkt);
	return valid;
}

/* --- sockets --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	link_t *link = handle->data;
	*buf = uv_buf_init((char *)link->in + link->got, link->size - link->got);
}

static link_t *new_link(probe_t *probe, size_t size)
{
	drop_link(probe);
	link_t *link = need(malloc(sizeof(*link) + size));
	memset(link, 0, sizeof(*link));
	link->size = size;
	link->probe = probe;
	memcpy(link->query, probe->query, sizeof(link->query));
	probe->link = link;
	return link;
}

/* --- UDP --- */

static void on_datagram(uv_udp_t *udp, ssize_t nread, const uv_buf_t *buf, const struct sockaddr *from,
                        unsigned flags)
{
	link_t *link = udp->data;
	(void)flags;
	if (link->probe == NULL) {
		return;
	}
	if (nread < 0) {
		finish(link->probe, NULL, uv_strerror(nread));
	} else if (from != NULL && nread >= KNOT_WIRE_HEADER_SIZE) {
		(void)take_message(link->probe, (uint8_t *)buf->base, nread); /* Another's message: go on waiting. */
	}
}

static void on_udp_timeout(uv_timer_t *timer);

static void send_datagram(probe_t *probe)
{
	probe->udp_tries--;
	uv_buf_t buf = uv_buf_init((char *)probe->query + FRAME_SIZE, probe->query_len);
	int ret = uv_udp_try_send(&probe->link->udp, &buf, 1, NULL);
	if (ret < 0 && ret != UV_EAGAIN) {
		finish(probe, NULL, uv_strerror(ret));
		return;
	}
	uv_timer_start(&probe->timer, on_udp_timeout, UDP_WAIT_MS, 0);
}

static void on_udp_timeout(uv_timer_t *timer)
{
	probe_t *probe = timer->data;
	if (probe->udp_tries > 0) {
		send_datagram(probe);
	} else {
		finish(probe, NULL, "no reply over UDP");
	}
}

/*! A socket, and so a random port, for each query. */
static void start_udp(probe_t *probe)
{
	probe->tcp = false;
	probe->udp_tries = UDP_TRIES;

	link_t *link = new_link(probe, UDP_PAYLOAD);
	(void)uv_udp_init(probe->timer.loop, &link->udp);
	link->handle.data = link;
	int ret = uv_udp_connect(&link->udp, (struct sockaddr *)&probe->server);
	if (ret == 0) {
		ret = uv_udp_recv_start(&link->udp, on_alloc, on_datagram);
	}
	if (ret == 0) {
		send_datagram(probe);
	} else {
		finish(probe, NULL, uv_strerror(ret));
	}
}

/* --- TCP --- */

static void on_stream(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
	link_t *link = stream->data;
	(void)buf;
	probe_t *probe = link->probe;
	if (probe == NULL) {
		return;
	}
	if (nread < 0) {
		finish(probe, NULL, nread == UV_EOF ? "connection closed over TCP" : uv_strerror(nread));
		return;
	}

	link->got += nread;
	size_t len = link->got >= FRAME_SIZE ? knot_wire_read_u16(link->in) : 0;
	if (link->got < FRAME_SIZE + len || link->got < FRAME_SIZE) {
		return;
	}
	if (len < KNOT_WIRE_HEADER_SIZE || !take_message(probe, link->in + FRAME_SIZE, len)) {
		finish(probe, NULL, "another reply over TCP than asked for");
	}
}

static void on_written(uv_write_t *write, int status)
{
	link_t *link = write->data;
	if (status != 0 && link->probe != NULL) {
		finish(link->probe, NULL, uv_strerror(status));
	}
}

static void on_connected(uv_connect_t *connect, int status)
{
	link_t *link = connect->data;
	probe_t *probe = link->probe;
	if (probe == NULL) {
		return;
	}
	uv_buf_t buf = uv_buf_init((char *)link->query, FRAME_SIZE + probe->query_len);
	link->write.data = link;
	int ret = status;
	if (ret == 0) {
		ret = uv_read_start(&link->stream, on_alloc, on_stream);
	}
	if (ret == 0) {
		ret = uv_write(&link->write, &link->stream, &buf, 1, on_written);
	}
	if (ret != 0) {
		finish(probe, NULL, ret == UV_ECONNREFUSED ? "connection refused over TCP" : uv_strerror(ret));
	}
}

static void on_tcp_timeout(uv_timer_t *timer)
{
	finish(timer->data, NULL, "no reply over TCP");
}

static void start_tcp(probe_t *probe)
{
	probe->tcp = true;
	link_t *link = new_link(probe, FRAME_SIZE + KNOT_WIRE_MAX_PKTSIZE);
	(void)uv_tcp_init(probe->timer.loop, &link->tcp);
	link->handle.data = link;
	link->connect.data = link;
	uv_timer_start(&probe->timer, on_tcp_timeout, TCP_WAIT_MS, 0);
	int ret = uv_tcp_connect(&link->connect, &link->tcp, (struct sockaddr *)&probe->server, on_connected);
	if (ret != 0) {
		finish(probe, NULL, uv_strerror(ret));
	}
}

/* --- the query --- */

static int write_query(probe_t *probe, unsigned flags)
{
	knot_pkt_t *pkt = need(knot_pkt_new(NULL, QUERY_SIZE, NULL));
	knot_wire_set_id(pkt->wire, probe->id);
	if (flags & PROBE_RD) {
		knot_wire_set_rd(pkt->wire);
	}
	int ret = knot_pkt_put_question(pkt, probe->name, KNOT_CLASS_IN, probe->type);

	knot_rrset_t opt;
	if (ret == KNOT_EOK) {
		ret = knot_edns_init(&opt, UDP_PAYLOAD, 0, KNOT_EDNS_VERSION, NULL);
	}
	if (ret == KNOT_EOK) {
		if (flags & PROBE_DO) {
			knot_edns_set_do(&opt);
		}
		knot_pkt_begin(pkt, KNOT_ADDITIONAL);
		ret = knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, 0);
		knot_rrset_clear(&opt, NULL);
	}
	probe->query_len = pkt->size;
	knot_wire_write_u16(probe->query, pkt->size);
	memcpy(probe->query + FRAME_SIZE, pkt->wire, pkt->size);
	knot_pkt_free(pkt);

	return ret;
}

void probe_start(uv_loop_t *loop, const struct sockaddr_storage *server, const knot_dname_t *name,
                 uint16_t type, unsigned flags, probe_cb cb, void *ctx)
{
	probe_t *probe = need(calloc(1, sizeof(*probe)));
	probe->server = *server;
	probe->name = name;
	probe->type = type;
	probe->ready_tries = READY_TRIES;
	probe->cb = cb;
	probe->ctx = ctx;
	(void)uv_timer_init(loop, &probe->timer);
	probe->timer.data = probe;

	if (getrandom(&probe->id, sizeof(probe->id), 0) == sizeof(probe->id) &&
	    write_query(probe, flags) == KNOT_EOK) {
		start_udp(probe);
	} else {
		finish(probe, NULL, "the query can't be written");
	}
}
