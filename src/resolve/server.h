/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What a resolver_t knows about one of its servers: its times, whether it keeps silent, and letters' case. Pure.
 *
 * All lookups share it. Times are of clock_ms().
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

/*! The wait before a retransmission, ms, unless the server's own times suggest a longer one. */
#define SERVER_WAIT_MS 500
/*! A server is silent once so many names have got no reply in a row... */
#define SERVER_SILENT_NAMES 3
/*! ... and none has come for so long, ms. It is tried once in this time, to see whether it is back. */
#define SERVER_SILENT_MS 1000
/*! After so many replies in a row with other letters than sent, the server is not thought to keep them any more. */
#define SERVER_MISMATCHES_MAX 16
/*! A server that changed letters is tried again with mixed ones after this time, ms: that reply may have been forged. */
#define SERVER_LETTERS_MS 300000

/*! Whether replies have the letters of the question as sent, upper or lower case (draft-vixie-dnsext-dns0x20). */
typedef enum {
	LETTERS_UNKNOWN,
	LETTERS_KEPT,    /*!< A reply with other letters is forged. */
	LETTERS_CHANGED, /*!< Names are sent in lower case. */
} letters_t;

/*! Zeroed before first use. */
typedef struct {
	uint32_t srtt;                        /*!< Smoothed round-trip time, in eighths of a ms; 0: no reply yet (RFC 6298). */
	uint32_t rttvar;                      /*!< Its variation, in quarters of a ms. */
	uint64_t heard_at;                    /*!< When the last reply came, or the first one did not; 0: not asked yet. */
	uint64_t probe_at;                    /*!< When it is tried again; 0: it is not silent. */
	uint64_t missed[SERVER_SILENT_NAMES]; /*!< Names without reply since the last one, as hashes. */
	unsigned misses;                      /*!< Number of these. */
	letters_t letters;
	uint64_t changed_at; /*!< When it last changed letters. */
	unsigned mismatches; /*!< Replies in a row with other letters than sent. */
} server_t;

/*! \brief The wait before a retransmission, ms. */
uint32_t server_wait(const server_t *server);

/*! \brief Notes a reply of any kind. \param rtt  Time since its query was sent, ms. */
void server_heard(server_t *server, uint64_t rtt, uint64_t now);

/*! \brief Notes that a query got no reply in time. \param name  Hash of its name: one dead name makes no server silent. */
void server_missed(server_t *server, uint64_t name, uint64_t now);

/*!
 * \brief Sorts servers: those that are silent stand behind the others, apart from one that is due to be tried.
 *
 * \param[out] order  Indices of the servers, in the order of preference.
 */
void servers_order(server_t *server, unsigned count, uint8_t order[], uint64_t now);

/*! \brief Whether the next name is sent with upper and lower case mixed. */
bool server_mixes(const server_t *server, uint64_t now);

/*!
 * \brief Notes the letters of the question in a reply.
 *
 * \param same   They are as sent.
 * \param mixed  Some were sent in upper case and some in lower case.
 *
 * \return Whether the reply is taken for one of the server.
 */
bool server_letters(server_t *server, bool same, bool mixed, uint64_t now);
