/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Queries to recursive resolvers on a libuv loop.
 *
 * Terms. A resolver_t is one set of servers. lookup.h says which server is asked when, and how often; server.h has what is
 * known about each; channel.h sends single tries by c-ares; reply_parse() reads the replies.
 *
 * Owners. The caller of resolver_new() owns the resolver. The resolver owns its queries, the channels and the handles on
 * the loop, and frees the handles in their close callbacks.
 *
 * Threads. All calls and callbacks are on the loop's thread. No call blocks.
 *
 * Worst case. A query fails after its timeout, but a late reply of it may still come. When sockets or memory run out,
 * that is as if the network lost the query. While the loop was late, replies that have come are read before anything is
 * given up.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include <libknot/dname.h>

#include "resolve/channel.h"
#include "resolve/reply.h"
#include "resolve/resolvers.h"

/*! How long after its timeout the late reply to a query is still taken, ms: until its target is due to be asked again. */
#define RESOLVER_LATE_MS 1000

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
 * \brief Asks for leave to send a query to a server, other than the first one of a lookup.
 *
 * \return 0 if it is sent now, and charged; else how long to wait, ms.
 */
typedef uint64_t (*resolver_pace_f)(void *ctx, uint64_t now);

/*!
 * \brief Creates a resolver.
 *
 * \param loop  Loop to run on.
 * \param set   Servers to ask, at least one.
 *
 * \return NULL if memory is out.
 */
resolver_t *resolver_new(uv_loop_t *loop, const resolvers_t *set);

/*! \brief Sets a limit of what is sent, or NULL: none. */
void resolver_pace(resolver_t *resolver, resolver_pace_f may_send, void *ctx);

/*!
 * \brief Ends all queries, each with its final result, and closes the handles.
 *
 * Memory is freed when the loop has run the close callbacks.
 */
void resolver_free(resolver_t *resolver);

/*!
 * \brief Sends a query for (name, type, IN). The callback may be called before this returns.
 *
 * \param name     Lower case; must stay valid until the final result.
 * \param timeout  Time for the query with all its retransmissions, ms.
 * \param retry    How often each server is asked again.
 */
void resolver_query(resolver_t *resolver, const knot_dname_t *name, uint16_t type, uint32_t timeout, uint32_t retry,
                    resolver_cb cb, void *ctx);

/*! \brief Why a query failed, for the log. \param ede  As given to resolver_cb. */
const char *resolver_reason(int16_t ede);

/*! \brief What was sent and received since the start. */
const channels_stats_t *resolver_stats(const resolver_t *resolver);
