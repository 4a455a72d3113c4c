/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The resolvers of an engine: one for each timeout and retry that its zones have.
 *
 * c-ares has timeout and retransmissions per channel, so zones with the same ones share a resolver: few, or one. For the
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
	uint64_t *tcp; /*!< Counts TCP connections. */
} pool_t;

void pool_init(pool_t *pool, uv_loop_t *loop, const resolvers_t *resolvers, uint64_t *tcp);

/*! \brief The resolver for these options, for a query that pool_done() ends. \return NULL if out of memory. */
pooled_t *pool_get(pool_t *pool, const refresh_options_t *options);

/*! \brief Ends a query. */
void pool_done(pooled_t *pooled);

/*! \brief Settles the resolvers that have been asked. */
void pool_settle(pool_t *pool);

/*! \brief Frees the resolvers that were not used since the last sweep. */
void pool_sweep(pool_t *pool);

/*! \brief Frees all resolvers, which ends their queries. */
void pool_close(pool_t *pool);
