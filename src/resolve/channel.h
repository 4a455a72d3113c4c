/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The wire: c-ares on a libuv loop, for single tries that nothing is repeated of.
 *
 * Terms. A channel is one of c-ares, to one server, over UDP or TCP. It takes CHANNEL_TRIES_MAX tries within
 * CHANNEL_AGE_MS, then a new one is opened, with a new port (RFC 5452, section 9.2). It closes its socket when nobody
 * waits for a reply any more.
 *
 * c-ares writes queries, has the sockets, and splits streams into messages. All its datagrams pass hooks of this file:
 * each is counted, and c-ares gets to know of a good reply only that its query has ended. So it never repeats, parses or
 * gives up anything by itself, which 1.18 and 1.34 do in different ways: on FORMERR 1.18 takes EDNS from the whole
 * channel; on a reply that it can't parse 1.34 ends the channel's other queries.
 *
 * Owners. The channels own the tries and free them. Threads: all on the loop's.
 */

#pragma once

#include <urcu/list.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include <libknot/libknot.h>

#include "resolve/resolvers.h"

/*! Queries from one port, and on one TCP connection. */
#define CHANNEL_TRIES_MAX 64
/*! How long a port or a connection is used for new queries, ms. A connection that has died is found out by that. */
#define CHANNEL_AGE_MS 2000
/*! Connections to a server for a single query each: a server may break the shared one on purpose. */
#define CHANNELS_ALONE_MAX 64
/*! Channels at a time: room for two tries of each of the most queries that may be under way. They take up to 120 MiB. */
#define CHANNELS_MAX 1024

typedef struct channel channel_t;
typedef struct channels channels_t;

/*! A query to one server. */
typedef struct {
	struct cds_list_head node;  /*!< In the channel. */
	struct cds_list_head owned; /*!< In the owner's list. */
	channel_t *channel;
	void *owner; /*!< Who waits for the reply; NULL: nobody does any more. */
	uint64_t sent_at;
	uint16_t id; /*!< Over UDP. */
	uint8_t server;
	bool tcp;
	bool edns;
	bool mixed;         /*!< The name has letters in upper and in lower case. */
	bool broken;        /*!< channels_broken_f has been called. */
	uint16_t len;       /*!< Length of the question. */
	uint8_t question[]; /*!< As it is on the wire: name, type, class. */
} try_t;

/*!
 * \brief Takes a reply with the ID and the question of a try that somebody waits for, or FORMERR without a question.
 *
 * \param same  The letters of the name are as sent.
 *
 * \return False if it is none after all; over UDP the try then waits on. Else the try is over.
 */
typedef bool (*channels_reply_f)(try_t *try, const uint8_t *wire, size_t len, bool same);

/*! \brief Says that a try could not be sent, that its connection broke, or that the network returns an error for it. */
typedef void (*channels_broken_f)(try_t *try);

/*! What was counted since the start. */
typedef struct {
	uint64_t sent;    /*!< Queries: datagrams, and queries over TCP. */
	uint64_t dropped; /*!< Datagrams that were no reply to any query. */
	uint64_t streams; /*!< TCP connections. */
} channels_stats_t;

/*! \brief Prepares channels. Both callbacks come from inside of c-ares, so they must not call channels_*(). */
channels_t *channels_new(uv_loop_t *loop, const resolvers_t *set, channels_reply_f reply, channels_broken_f broken);

/*! \brief Frees the channels. All tries have been forgotten or are over. The loop frees the handles when it runs. */
void channels_free(channels_t *channels);

/*!
 * \brief Sends a query, on another port than the owner's other tries without reply.
 *
 * \param query   Query with a question; c-ares may change its ID.
 * \param server  Index of the server.
 * \param tcp     Over TCP.
 * \param alone   On a connection of its own.
 * \param owned   List of the owner's tries.
 *
 * \return The try, or NULL if it can't be sent.
 */
try_t *channels_send(channels_t *channels, const knot_pkt_t *query, unsigned server, bool tcp, bool alone,
                     struct cds_list_head *owned, void *owner, uint64_t now);

/*! \brief Says that nobody waits for the reply to a try any more. */
void channels_forget(try_t *try);

/*! \brief Closes what nobody waits for. Has to follow callbacks and channels_forget(), outside of c-ares' callbacks. */
void channels_settle(channels_t *channels);

const channels_stats_t *channels_stats(const channels_t *channels);
