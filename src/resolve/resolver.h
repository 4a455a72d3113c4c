/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Queries to recursive resolvers: c-ares on a libuv loop.
 *
 * Terms. A resolver_t is one set of servers with one timeout and number of retransmissions. c-ares does the transport:
 * failover between the servers, retransmissions, and dropping replies whose ID, question or source does not match.
 * Truncated replies are asked for again over TCP. reply_parse() reads the replies.
 *
 * Owners. The caller of resolver_new() owns the resolver. The resolver owns its queries, c-ares' channels and the
 * handles on the loop, and frees the handles in their close callbacks.
 *
 * Threads. All calls and callbacks are on the loop's thread. No call blocks.
 *
 * Worst case. A query fails after its timeout, but a late reply of it may still come. When sockets or memory run out,
 * the query fails at once.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include <libknot/dname.h>

#include "resolve/reply.h"
#include "resolve/resolvers.h"

typedef struct resolver resolver_t;

/*!
 * \brief Takes a result.
 *
 * \param reply  Good reply, or NULL after a failure.
 * \param ede    With a NULL reply: the reason, as Extended DNS Error.
 * \param final  No more results of this query follow. A query that times out
 *               gives a failure first, and a late good reply may still come.
 * \param ctx    As given to resolver_query().
 *
 * Must neither start a query nor free the resolver.
 */
typedef void (*resolver_cb)(const reply_t *reply, int16_t ede, bool final, void *ctx);

/*!
 * \brief Creates a resolver.
 *
 * \param loop     Loop to run on.
 * \param set      Servers to ask.
 * \param timeout  Time for a query with all its retransmissions, ms.
 * \param retry    Retransmissions.
 *
 * \return NULL if c-ares can't be set up.
 */
resolver_t *resolver_new(uv_loop_t *loop, const resolvers_t *set, uint32_t timeout, uint32_t retry);

/*! \brief Sets a counter of TCP connections to servers, which must live as long. The loop's thread. */
void resolver_count_tcp(resolver_t *resolver, uint64_t *count);

/*!
 * \brief Ends all queries, each with its final result, and closes the handles.
 *
 * Memory is freed when the loop has run the close callbacks.
 */
void resolver_free(resolver_t *resolver);

/*!
 * \brief Sends a query for (name, type, IN). The callback may be called before this returns.
 *
 * After one or more of these calls resolver_settle() has to be called.
 *
 * \param name  Lower case; must stay valid until the final result.
 */
void resolver_query(resolver_t *resolver, const knot_dname_t *name, uint16_t type,
                    resolver_cb cb, void *ctx);

/*! \brief Why a query failed, for the log. \param ede  As given to resolver_cb. */
const char *resolver_reason(int16_t ede);

/*! \brief Finishes the start of queries: retries over TCP or without EDNS, deadlines, the timer. */
void resolver_settle(resolver_t *resolver);
