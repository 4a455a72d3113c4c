/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A resolver that costs next to nothing, and that can be told to fail.
 *
 * It serves UDP and TCP on 127.0.0.1. The addresses of a name are those of the number in its first label, and of the
 * generation: n258.example.net in generation 7 has 7.0.1.2 and 2001:db8:7::102. A name can have a TTL of its own in
 * its second label: n258.t60.example.net.
 *
 * A control datagram has words: a key and its value, any number of them. The reply has the number of queries so far,
 * over UDP and TCP. Keys: mode, share (per cent of queries that the mode is for), delay (ms), ttl, generation, spread
 * (1: any TTL from a second up, as if a cache had the answer already).
 *
 * Ends with the process that started it.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER 12
#define MESSAGE_MAX 512
#define BURST 64
#define STREAMS 32
#define DELAYED_MAX 65536
#define RCVBUF (4 << 20)
#define TYPE_A 1
#define TYPE_AAAA 28
#define SERVFAIL 2
#define REFUSED 5

typedef enum {
	MODE_NORMAL,
	MODE_SILENT,
	MODE_SERVFAIL,
	MODE_REFUSED,
	MODE_TRUNCATE, /*!< TC over UDP, the whole reply over TCP. */
	MODE_WRONG_ID,
	MODE_CLOSED, /*!< No sockets. */
	MODES,
} answer_mode_t;

static const char *const mode_names[MODES] = {
	"normal",
	"silent",
	"servfail",
	"refused",
	"truncate",
	"wrongid",
	"closed",
};

/*! A query as the log has it, in host order. */
typedef struct {
	uint64_t ms; /*!< CLOCK_MONOTONIC. */
	uint32_t number;
	uint32_t type;
} seen_t;

/*! What a query asks for, in host order. */
typedef struct {
	size_t end; /*!< Length of header and question, 0 if there is not exactly one. */
	uint16_t type;
	uint32_t number;
	uint32_t ttl;
} question_t;

typedef struct {
	struct sockaddr_in peer;
	uint64_t due;
	uint16_t len;
	uint8_t wire[MESSAGE_MAX];
} message_t;

typedef struct {
	int fd;
	size_t len;
	uint8_t data[4096];
} stream_t;

static struct sockaddr_in address = { .sin_family = AF_INET };
static int udp = -1, tcp = -1, control = -1;
static stream_t streams[STREAMS];
static message_t delayed[DELAYED_MAX]; /* In order of time, as long as the delay stays. */
static unsigned delayed_first, delayed_count;
static FILE *seen_log;

static answer_mode_t mode;
static unsigned share = 100, delay, generation = 1, spread;
static uint32_t ttl = 60;
static uint64_t count_udp, count_tcp;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static uint8_t *put16(uint8_t *pos, unsigned value)
{
	*pos++ = value >> 8;
	*pos++ = value;
	return pos;
}

static uint8_t *put32(uint8_t *pos, uint32_t value)
{
	return put16(put16(pos, value >> 16), value & 0xffff);
}

/* --- replies --- */

/*! The number that the digits of a label are. */
static uint32_t number_of(const uint8_t *label)
{
	uint32_t number = 0;
	for (unsigned i = 1; i <= label[0]; i++) {
		number = (label[i] >= '0' && label[i] <= '9') ? 10 * number + label[i] - '0' : number;
	}
	return number;
}

static question_t read_question(const uint8_t *wire, size_t len)
{
	question_t question = { .ttl = ttl };
	if (len < HEADER || wire[4] != 0 || wire[5] != 1) {
		return question;
	}
	size_t pos = HEADER;
	for (unsigned i = 0; pos < len && wire[pos] != 0; i++) {
		const uint8_t *label = wire + pos;
		pos += 1 + label[0];
		if (pos >= len) {
			return question;
		}
		if (i == 0) {
			question.number = number_of(label);
		} else if (i == 1 && (label[1] | 0x20) == 't' && number_of(label) > 0) {
			question.ttl = number_of(label);
		}
	}
	pos += 5;
	if (pos > len) {
		return question;
	}
	question.type = wire[pos - 4] << 8 | wire[pos - 3];
	question.end = pos;
	return question;
}

static uint8_t *put_address(uint8_t *pos, const question_t *question)
{
	uint32_t most = question->ttl;
	pos = put16(pos, 0xc000 | HEADER);
	pos = put16(pos, question->type);
	pos = put16(pos, 1);
	pos = put32(pos, spread && most > 0 ? 1 + (uint32_t)rand() % most : most);
	if (question->type == TYPE_A) {
		pos = put16(pos, 4);
		return put32(pos, generation << 24 | (question->number & 0xffffff));
	}
	pos = put16(pos, 16);
	pos = put32(pos, 0x20010db8);
	pos = put32(pos, generation << 16);
	pos = put32(pos, 0);
	return put32(pos, question->number);
}

/*! Turns a query into its reply. \return its length, 0 for none. */
static size_t answer(uint8_t wire[MESSAGE_MAX], size_t len, bool stream)
{
	question_t question = read_question(wire, len);
	size_t end = question.end;
	*(stream ? &count_tcp : &count_udp) += 1;
	if (end == 0 || end > MESSAGE_MAX - 64) {
		return 0;
	}
	if (seen_log != NULL && wire[HEADER] != 0) { /* Those for the root are not about a name. */
		seen_t seen = { now_ms(), question.number, question.type };
		fwrite(&seen, sizeof(seen), 1, seen_log);
	}

	answer_mode_t now = (share >= 100 || (unsigned)rand() % 100 < share) ? mode : MODE_NORMAL;
	if (now == MODE_SILENT) {
		return 0;
	}
	wire[0] ^= (now == MODE_WRONG_ID) ? 0x55 : 0;
	wire[2] = 0x81; /* QR, RD */
	wire[3] = 0x80 | (now == MODE_SERVFAIL ? SERVFAIL : (now == MODE_REFUSED ? REFUSED : 0));
	memset(wire + 6, 0, 6);
	if (now == MODE_TRUNCATE && !stream) {
		wire[2] |= 2;
	} else if ((wire[3] & 15) == 0 && (question.type == TYPE_A || question.type == TYPE_AAAA)) {
		wire[7] = 1;
		return put_address(wire + end, &question) - wire;
	}
	return end;
}

/* --- UDP --- */

static void send_all(struct mmsghdr *out, unsigned count)
{
	while (count > 0) {
		int sent = sendmmsg(udp, out, count, 0);
		if (sent < 0) {
			return; /* Lost, as it happens to datagrams. */
		}
		out += sent;
		count -= sent;
	}
}

static void send_delayed(void)
{
	uint64_t now = now_ms();
	while (delayed_count > 0 && delayed[delayed_first].due <= now) {
		const message_t *message = &delayed[delayed_first];
		(void)sendto(udp, message->wire, message->len, 0,
		             (const struct sockaddr *)&message->peer, sizeof(message->peer));
		delayed_first = (delayed_first + 1) % DELAYED_MAX;
		delayed_count--;
	}
}

static void keep(const struct mmsghdr *header)
{
	if (delayed_count < DELAYED_MAX) {
		message_t *message = &delayed[(delayed_first + delayed_count++) % DELAYED_MAX];
		message->due = now_ms() + delay;
		message->peer = *(struct sockaddr_in *)header->msg_hdr.msg_name;
		message->len = header->msg_hdr.msg_iov->iov_len;
		memcpy(message->wire, header->msg_hdr.msg_iov->iov_base, message->len);
	}
}

static void serve_udp(void)
{
	static uint8_t wires[BURST][MESSAGE_MAX];
	static struct sockaddr_in peers[BURST];
	static struct iovec iovs[BURST];
	struct mmsghdr in[BURST] = { 0 }, out[BURST] = { 0 };
	for (unsigned i = 0; i < BURST; i++) {
		iovs[i] = (struct iovec){ wires[i], MESSAGE_MAX };
		in[i].msg_hdr = (struct msghdr){
			.msg_name = &peers[i],
			.msg_namelen = sizeof(peers[i]),
			.msg_iov = &iovs[i],
			.msg_iovlen = 1,
		};
	}

	int count = recvmmsg(udp, in, BURST, MSG_DONTWAIT, NULL);
	unsigned replies = 0;
	for (int i = 0; i < count; i++) {
		iovs[i].iov_len = answer(wires[i], in[i].msg_len, false);
		if (iovs[i].iov_len == 0) {
			continue;
		}
		if (delay > 0) {
			keep(&in[i]);
		} else {
			out[replies++].msg_hdr = in[i].msg_hdr;
		}
	}
	send_all(out, replies);
}

/* --- TCP --- */

static void close_stream(stream_t *stream)
{
	close(stream->fd);
	stream->fd = -1;
}

static void accept_stream(void)
{
	int fd = accept(tcp, NULL, NULL);
	for (unsigned i = 0; i < STREAMS && fd >= 0; i++) {
		if (streams[i].fd < 0) {
			streams[i].fd = fd;
			streams[i].len = 0;
			return;
		}
	}
	if (fd >= 0) {
		close(fd);
	}
}

static void serve_stream(stream_t *stream)
{
	ssize_t got = recv(stream->fd, stream->data + stream->len, sizeof(stream->data) - stream->len, MSG_DONTWAIT);
	if (got <= 0) {
		close_stream(stream);
		return;
	}
	stream->len += got;

	size_t size;
	while (stream->len >= 2 && stream->len >= 2 + (size = stream->data[0] << 8 | stream->data[1])) {
		uint8_t reply[2 + MESSAGE_MAX];
		if (size > MESSAGE_MAX) {
			close_stream(stream);
			return;
		}
		memcpy(reply + 2, stream->data + 2, size);
		size_t len = answer(reply + 2, size, true);
		put16(reply, len);
		if (len > 0) {
			(void)!send(stream->fd, reply, 2 + len, MSG_DONTWAIT | MSG_NOSIGNAL);
		}
		stream->len -= 2 + size;
		memmove(stream->data, stream->data + 2 + size, stream->len);
	}
}

/* --- sockets and control --- */

static int open_socket(int type, const struct sockaddr_in *where)
{
	int fd = socket(AF_INET, type, 0), on = 1, size = RCVBUF;
	if (fd < 0) {
		die("socket");
	}
	if (type == SOCK_STREAM) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)where, sizeof(*where)) != 0) {
		die("bind");
	}
	if (type == SOCK_STREAM && listen(fd, STREAMS) != 0) {
		die("listen");
	}
	return fd;
}

static void open_all(void)
{
	udp = open_socket(SOCK_DGRAM, &address);
	tcp = open_socket(SOCK_STREAM, &address);
}

static void close_all(void)
{
	close(udp);
	close(tcp);
	udp = tcp = -1;
	for (unsigned i = 0; i < STREAMS; i++) {
		if (streams[i].fd >= 0) {
			close_stream(&streams[i]);
		}
	}
	delayed_count = 0;
}

static void set_mode(const char *name)
{
	for (unsigned i = 0; i < MODES; i++) {
		if (strcmp(name, mode_names[i]) == 0) {
			mode = i;
		}
	}
	if (mode == MODE_CLOSED && udp >= 0) {
		close_all();
	} else if (mode != MODE_CLOSED && udp < 0) {
		open_all();
	}
}

static void obey(void)
{
	char text[256], *rest = text, *key, *value;
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	ssize_t got = recvfrom(control, text, sizeof(text) - 1, 0, (struct sockaddr *)&peer, &len);
	text[got > 0 ? got : 0] = '\0';
	while ((key = strsep(&rest, " ")) != NULL && (value = strsep(&rest, " ")) != NULL) {
		if (strcmp(key, "mode") == 0) {
			set_mode(value);
		} else if (strcmp(key, "share") == 0) {
			share = atoi(value);
		} else if (strcmp(key, "delay") == 0) {
			delay = atoi(value);
		} else if (strcmp(key, "ttl") == 0) {
			ttl = atoi(value);
		} else if (strcmp(key, "generation") == 0) {
			generation = atoi(value);
		} else if (strcmp(key, "spread") == 0) {
			spread = atoi(value);
		}
	}

	if (seen_log != NULL) {
		fflush(seen_log);
	}
	int size = snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)count_udp,
	                    (unsigned long long)count_tcp);
	(void)sendto(control, text, size, 0, (const struct sockaddr *)&peer, len);
}

static int next_wait(void)
{
	if (delayed_count == 0) {
		return -1;
	}
	uint64_t now = now_ms(), due = delayed[delayed_first].due;
	return due > now ? due - now : 0;
}

/*! usage: stub PORT CONTROL-PORT [LOG-OF-QUERIES] */
int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc < 3) {
		return 2;
	}
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(atoi(argv[2]));
	control = open_socket(SOCK_DGRAM, &address);
	address.sin_port = htons(atoi(argv[1]));
	for (unsigned i = 0; i < STREAMS; i++) {
		streams[i].fd = -1;
	}
	open_all();
	if (argc > 3 && (seen_log = fopen(argv[3], "wb")) == NULL) {
		die(argv[3]);
	}

	while (true) {
		/* poll() passes over descriptors below 0. */
		struct pollfd fds[3 + STREAMS] = { { control, POLLIN, 0 }, { udp, POLLIN, 0 }, { tcp, POLLIN, 0 } };
		for (unsigned i = 0; i < STREAMS; i++) {
			fds[3 + i] = (struct pollfd){ streams[i].fd, POLLIN, 0 };
		}
		if (poll(fds, 3 + STREAMS, next_wait()) < 0 && errno != EINTR) {
			die("poll");
		}
		for (unsigned i = 0; i < STREAMS; i++) {
			if (fds[3 + i].revents != 0) {
				serve_stream(&streams[i]);
			}
		}
		if (fds[1].revents != 0) {
			serve_udp();
		}
		if (fds[2].revents != 0) {
			accept_stream();
		}
		send_delayed();
		if (fds[0].revents != 0) {
			obey();
		}
	}
}
