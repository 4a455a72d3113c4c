/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The steps of one lookup: which server is asked next, when and how, until an answer or the timeout. Pure.
 *
 * A try is one query to one server. Each server is tried once in a round, in the given order, and `retry` rounds follow
 * the first one. The waits double with each round, and get shorter where the tries would not fit in the timeout.
 *
 * - An error (SERVFAIL and the like) leads to the next server at once. That server is not asked again in this lookup.
 * - A truncated reply is asked for over TCP. If the connection breaks, it is tried once more on one of its own.
 * - FORMERR leads to one more try without EDNS.
 * - A reply to any try counts until the timeout.
 *
 * The caller asks lookup_next() what to do after each change, and does it. Times are of clock_ms().
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "resolve/resolvers.h"

/*! Shortest wait before another try, ms: less would only double the load. */
#define LOOKUP_WAIT_MIN_MS 50

/*! What became of a try. */
typedef enum {
	LOOKUP_TRUNCATED, /*!< A reply over UDP that has to be asked for over TCP. */
	LOOKUP_FORMERR,   /*!< The server could not read the query, maybe because of EDNS. */
	LOOKUP_ERROR,     /*!< SERVFAIL, REFUSED, NOTIMP, or a reply without sense. */
	LOOKUP_BROKEN,    /*!< It could not be sent, or the connection broke. */
} lookup_event_t;

typedef enum {
	LOOKUP_SEND,
	LOOKUP_WAIT,
	LOOKUP_FAILED,  /*!< Nothing more can come: all servers fail. */
	LOOKUP_TIMEOUT, /*!< No answer came in time. */
} lookup_step_t;

/*! The next step. */
typedef struct {
	lookup_step_t step;
	uint64_t until; /*!< LOOKUP_WAIT: when lookup_next() is due again. */
	/* Of LOOKUP_SEND. */
	uint8_t server;
	bool first; /*!< It is the first try of the lookup. */
	bool tcp;
	bool alone; /*!< Over TCP: on a connection of its own. */
	bool edns;
	uint8_t round; /*!< The lookup's then. */
	uint8_t pos;
} lookup_next_t;

typedef struct {
	uint64_t deadline;
	uint64_t next_at; /*!< When the server asked last has had its time. */
	uint32_t timeout;
	uint32_t live; /*!< Tries that may still get a reply. */
	uint8_t servers;
	uint8_t retry;
	uint8_t round;
	uint8_t pos; /*!< In the round. */
	uint8_t order[RESOLVERS_MAX];
	uint8_t asked; /*!< The server asked last. */
	bool waiting;  /*!< It has to reply over UDP, and has time until next_at. */
	bool started;
	/* Servers, as bits. */
	uint8_t dead;      /*!< Not asked again in this lookup. */
	uint8_t truncated; /*!< Asked over TCP. */
	uint8_t alone;     /*!< Asked over TCP a second time. */
	uint8_t plain;     /*!< Asked without EDNS. */
	uint8_t again;     /*!< To be asked again at once: over TCP, or without EDNS. */
} lookup_t;

/*!
 * \brief Starts a lookup.
 *
 * \param order    Servers in the order in which they are to be asked.
 * \param servers  Their number, at least 1.
 * \param timeout  Time for the lookup, ms.
 * \param retry    How often each server is asked again.
 */
void lookup_start(lookup_t *lookup, const uint8_t *order, unsigned servers, uint32_t timeout, uint32_t retry, uint64_t now);

/*! \brief The next step. Without lookup_sent() it stays the same. */
lookup_next_t lookup_next(const lookup_t *lookup, uint64_t now);

/*! \brief Notes that a try was sent. \param wait  The wait before the next one that its server suggests, ms. */
void lookup_sent(lookup_t *lookup, const lookup_next_t *next, uint32_t wait, uint64_t now);

/*! \brief Notes the end of a try, once for each. */
void lookup_event(lookup_t *lookup, uint8_t server, bool tcp, bool edns, lookup_event_t event, uint64_t now);

/*! \brief The server whose time is over without a reply, once for each try; -1: none. Call before lookup_next(). */
int lookup_missed(lookup_t *lookup, uint64_t now);
