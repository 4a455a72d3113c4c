/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The pool of resolver_t of an engine: one for each pair of `timeout` and `retry` of its zones.
 *
 * c-ares sets timeout and retransmissions per channel, so zones with the same values share a resolver_t. For the
 * engine's thread only.
 */

#pragma once

#include <urcu/list.h>

#include "cache/policy.h"
#include "resolve/resolver.h"

/*! A resolver of the pool. */
typedef struct {
	struct cds_list_head node;
	uint32_t timeout;
	uint32_t retry;
	resolver_t *resolver;
	uint32_t queries; /*!< Under way. */
	bool used;        /*!< Since the last pool_sweep(). */
	bool unsettled;   /*!< resolver_settle() is due. */
} pooled_t;

typedef struct {
	struct cds_list_head list;
	uv_loop_t *loop;
	const resolvers_t *resolvers;
	uint64_t *tcp; /*!< Counter of TCP connections. */
} pool_t;

void pool_init(pool_t *pool, uv_loop_t *loop, const resolvers_t *resolvers, uint64_t *tcp);

/*! \brief Gets the resolver for these options, for a query that pool_done() ends. \return NULL if out of memory. */
pooled_t *pool_get(pool_t *pool, const refresh_options_t *options);

/*! \brief Ends a query of pool_get(). */
void pool_done(pooled_t *pooled);

/*! \brief Calls resolver_settle() where queries were started. */
void pool_settle(pool_t *pool);

/*! \brief Frees the resolvers not used since the last sweep. */
void pool_sweep(pool_t *pool);

/*! \brief Frees all resolvers, which ends their queries. */
void pool_close(pool_t *pool);
