/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * c-ares does not do this: version 1.34 reads and writes each message anew, and can't write names that hosts can't
 * have, such as a\032b. c-ares also puts all queries to a server on one TCP connection, on which a knotd that waits
 * for one target lets the next query wait, too.
 *
 * A probe has one socket at a time, each with a handle of its own, which is freed when libuv has closed it. The probe
 * itself is freed when libuv has closed its timer.
 */

#include "kalias/probe.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kalias/kalias.h"

#define FRAME_SIZE 2 /* The length before a message over TCP (RFC 1035, section 4.2.2). */

#define UDP_TRIES 3
#define UDP_WAIT_MS 2000
/*! The module may let a TCP client wait for 10 s. */
#define TCP_WAIT_MS 15000
/*! A server that is still resolving is asked again that often, with a pause. */
#define READY_TRIES 20
#define READY_WAIT_MS 500

typedef struct {
	uv_timer_t timer;
	uv_poll_t *poll; /*!< Of the socket; NULL: there is none. */
	int fd;
	bool tcp;
	bool udp_only; /*!< A truncated reply will do. */
	struct sockaddr_storage server;
	knot_pkt_t *query;
	unsigned udp_tries, ready_tries; /*!< Left. */
	probe_cb cb;
	void *ctx;
	size_t got; /*!< Octets of `in`, over TCP. */
	uint8_t in[FRAME_SIZE + KNOT_WIRE_MAX_PKTSIZE];
} probe_t;

static void open_udp(uv_timer_t *timer);
static void open_tcp(probe_t *probe);

/* --- one socket after the other --- */

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static void close_socket(probe_t *probe)
{
	uv_timer_stop(&probe->timer);
	if (probe->poll != NULL) {
		uv_close((uv_handle_t *)probe->poll, on_poll_closed);
		close(probe->fd);
		probe->poll = NULL;
	}
}

static void on_timer_closed(uv_handle_t *handle)
{
	probe_t *probe = handle->data;
	knot_pkt_free(probe->query);
	free(probe);
}

static void finish_probe(probe_t *probe, const knot_pkt_t *pkt, const char *why)
{
	probe->cb(pkt, why, probe->ctx);
	close_socket(probe);
	uv_close((uv_handle_t *)&probe->timer, on_timer_closed);
}

/*! Ends with the error in errno. */
static void finish_errno(probe_t *probe)
{
	bool refused = (probe->tcp && errno == ECONNREFUSED);
	finish_probe(probe, NULL, refused ? "connection refused over TCP" : uv_strerror(-errno));
}

/*! Opens a socket, and so with a random port, for each query. \return false if that fails, and the probe has ended. */
static bool open_socket(probe_t *probe, int type, int events, uv_poll_cb on_event)
{
	probe->tcp = (type == SOCK_STREAM);
	probe->fd = socket(probe->server.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->fd < 0) {
		finish_errno(probe);
		return false;
	}
	probe->poll = not_null(malloc(sizeof(*probe->poll)));
	if (uv_poll_init_socket(probe->timer.loop, probe->poll, probe->fd) != 0) {
		exit(fail("not enough memory"));
	}
	probe->poll->data = probe;
	if (connect(probe->fd, (struct sockaddr *)&probe->server, sizeof(probe->server)) != 0 && errno != EINPROGRESS) {
		finish_errno(probe);
		return false;
	}
	uv_poll_start(probe->poll, events, on_event);
	return true;
}

/* --- replies --- */

static bool is_reply(const knot_pkt_t *query, const knot_pkt_t *pkt)
{
	return knot_wire_get_id(pkt->wire) == knot_wire_get_id(query->wire) && knot_wire_get_qr(pkt->wire) &&
	       knot_wire_get_qdcount(pkt->wire) == 1 && knot_pkt_qtype(pkt) == knot_pkt_qtype(query) &&
	       knot_pkt_qclass(pkt) == KNOT_CLASS_IN &&
	       knot_dname_is_case_equal(knot_pkt_qname(pkt), knot_pkt_qname(query));
}

static bool is_not_ready(const knot_pkt_t *pkt)
{
	uint8_t *ede = knot_pkt_edns_option(pkt, KNOT_EDNS_OPTION_EDE);
	return knot_pkt_ext_rcode(pkt) == KNOT_RCODE_SERVFAIL && ede != NULL &&
	       knot_edns_opt_get_length(ede) >= sizeof(uint16_t) &&
	       knot_wire_read_u16(knot_edns_opt_get_data(ede)) == KNOT_EDNS_EDE_NOT_READY;
}

/*! \return false if it is no reply to the query. */
static bool take_message(probe_t *probe, uint8_t *wire, size_t len)
{
	if (len < KNOT_WIRE_HEADER_SIZE) {
		return false;
	}
	knot_pkt_t *pkt = not_null(knot_pkt_new(wire, len, NULL));
	bool valid = knot_pkt_parse(pkt, KNOT_PF_KEEPWIRE) == KNOT_EOK && is_reply(probe->query, pkt);
	if (valid && knot_wire_get_tc(wire) && !probe->tcp && !probe->udp_only) {
		close_socket(probe);
		open_tcp(probe);
	} else if (valid && is_not_ready(pkt) && probe->ready_tries > 0) {
		probe->ready_tries--;
		close_socket(probe);
		uv_timer_start(&probe->timer, open_udp, READY_WAIT_MS, 0);
	} else if (valid) {
		finish_probe(probe, pkt, NULL);
	}
	knot_pkt_free(pkt);
	return valid;
}

/* --- UDP --- */

static void on_datagram(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events; /* On an error recv() says which. */
	probe_t *probe = poll->data;
	ssize_t len = recv(probe->fd, probe->in, sizeof(probe->in), 0);
	if (len >= 0) {
		(void)take_message(probe, probe->in, len); /* If it is no reply the probe goes on waiting. */
	} else if (errno != EAGAIN) {
		finish_errno(probe);
	}
}

static void send_datagram(uv_timer_t *timer)
{
	probe_t *probe = timer->data;
	if (probe->udp_tries == 0) {
		finish_probe(probe, NULL, "no reply over UDP");
	} else if (send(probe->fd, probe->query->wire, probe->query->size, 0) < 0 && errno != EAGAIN) {
		finish_errno(probe);
	} else {
		probe->udp_tries--;
		uv_timer_start(timer, send_datagram, UDP_WAIT_MS, 0);
	}
}

static void open_udp(uv_timer_t *timer)
{
	probe_t *probe = timer->data;
	probe->udp_tries = UDP_TRIES;
	if (open_socket(probe, SOCK_DGRAM, UV_READABLE, on_datagram)) {
		send_datagram(timer);
	}
}

/* --- TCP --- */

static void on_stream(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	probe_t *probe = poll->data;
	ssize_t got = recv(probe->fd, probe->in + probe->got, sizeof(probe->in) - probe->got, 0);
	if (got == 0) {
		finish_probe(probe, NULL, "connection closed over TCP");
		return;
	} else if (got < 0) {
		finish_errno(probe);
		return;
	}

	probe->got += got;
	size_t len = probe->got >= FRAME_SIZE ? knot_wire_read_u16(probe->in) : 0;
	if (probe->got >= FRAME_SIZE + len && probe->got >= FRAME_SIZE &&
	    !take_message(probe, probe->in + FRAME_SIZE, len)) {
		finish_probe(probe, NULL, "another reply over TCP than asked for");
	}
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	probe_t *probe = poll->data;
	uint8_t frame[FRAME_SIZE + QUERY_SIZE];
	knot_wire_write_u16(frame, probe->query->size);
	memcpy(frame + FRAME_SIZE, probe->query->wire, probe->query->size);
	/* The buffer of a new connection has room for all of it. */
	if (send(probe->fd, frame, FRAME_SIZE + probe->query->size, MSG_NOSIGNAL) < 0) {
		finish_errno(probe);
	} else {
		uv_poll_start(poll, UV_READABLE, on_stream);
	}
}

static void on_tcp_timeout(uv_timer_t *timer)
{
	finish_probe(timer->data, NULL, "no reply over TCP");
}

static void open_tcp(probe_t *probe)
{
	probe->got = 0;
	if (open_socket(probe, SOCK_STREAM, UV_WRITABLE, on_connected)) {
		uv_timer_start(&probe->timer, on_tcp_timeout, TCP_WAIT_MS, 0);
	}
}

void probe_start(uv_loop_t *loop, const struct sockaddr_storage *server, const knot_dname_t *name, uint16_t type,
                 unsigned flags, probe_cb cb, void *ctx)
{
	probe_t *probe = not_null(calloc(1, sizeof(*probe)));
	probe->server = *server;
	probe->query = query_new(name, type, (flags & ~(PROBE_PATIENT | PROBE_UDP)) | QUERY_EDNS);
	probe->udp_only = (flags & PROBE_UDP);
	probe->ready_tries = (flags & PROBE_PATIENT) ? READY_TRIES : 0;
	probe->cb = cb;
	probe->ctx = ctx;
	(void)uv_timer_init(loop, &probe->timer);
	probe->timer.data = probe;
	if (probe->query != NULL) {
		open_udp(&probe->timer);
	} else {
		finish_probe(probe, NULL, "the query can't be written");
	}
}
