/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Asks recursive resolvers: c-ares on a libuv loop.
 *
 * All calls on the loop's thread. c-ares does the transport: failover between
 * the servers, retransmissions, and it drops what does not match by ID, question
 * or source. What is truncated is asked for again over TCP. What a reply says is
 * read by reply_parse().
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
 * \param reply  What the resolver said, or NULL if nothing of use.
 * \param ede    With a NULL reply: why, as Extended DNS Error.
 * \param final  No more results of this query follow. A query that runs out of time
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

/*! \brief Has the TCP connections counted that are made to servers. */
void resolver_count_tcp(resolver_t *resolver, uint64_t *count);

/*!
 * \brief Ends all queries, each with its final result, and closes.
 *
 * Memory is freed when the loop has run the close callbacks.
 */
void resolver_free(resolver_t *resolver);

/*!
 * \brief Asks for (name, type, IN). The callback may come before this returns.
 *
 * After one or more of these resolver_settle() has to be called.
 *
 * \param name  Lower case; stays valid until the final result.
 */
void resolver_query(resolver_t *resolver, const knot_dname_t *name, uint16_t type,
                    resolver_cb cb, void *ctx);

/*! \brief Does what is left to do after queries were started: retries over TCP or without EDNS, the timer. */
void resolver_settle(resolver_t *resolver);
