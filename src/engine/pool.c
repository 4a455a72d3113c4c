/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/pool.h"

#include <stdlib.h>

void pool_init(pool_t *pool, uv_loop_t *loop, const resolvers_t *resolvers, uint64_t *tcp)
{
	CDS_INIT_LIST_HEAD(&pool->list);
	pool->loop = loop;
	pool->resolvers = resolvers;
	pool->tcp = tcp;
}

static pooled_t *add_pooled(pool_t *pool, const refresh_options_t *options)
{
	pooled_t *pooled = calloc(1, sizeof(*pooled));
	if (pooled == NULL) {
		return NULL;
	}
	pooled->timeout = options->timeout;
	pooled->retry = options->retry;
	pooled->resolver = resolver_new(pool->loop, pool->resolvers, options->timeout, options->retry);
	if (pooled->resolver == NULL) {
		free(pooled);
		return NULL;
	}
	resolver_count_tcp(pooled->resolver, pool->tcp);
	cds_list_add(&pooled->node, &pool->list);
	return pooled;
}

pooled_t *pool_get(pool_t *pool, const refresh_options_t *options)
{
	pooled_t *pooled, *found = NULL;
	cds_list_for_each_entry(pooled, &pool->list, node) {
		if (pooled->timeout == options->timeout && pooled->retry == options->retry) {
			found = pooled;
			break;
		}
	}
	if (found == NULL) {
		found = add_pooled(pool, options);
	}
	if (found != NULL) {
		found->queries++;
		found->used = true;
		found->unsettled = true;
	}
	return found;
}

void pool_done(pooled_t *pooled)
{
	pooled->queries--;
}

void pool_settle(pool_t *pool)
{
	pooled_t *pooled;
	cds_list_for_each_entry(pooled, &pool->list, node) {
		if (pooled->unsettled) {
			pooled->unsettled = false;
			resolver_settle(pooled->resolver);
		}
	}
}

static void free_pooled(pooled_t *pooled)
{
	cds_list_del(&pooled->node);
	resolver_free(pooled->resolver);
	free(pooled);
}

void pool_sweep(pool_t *pool)
{
	pooled_t *pooled, *next;
	cds_list_for_each_entry_safe(pooled, next, &pool->list, node) {
		if (!pooled->used && pooled->queries == 0) {
			free_pooled(pooled);
			continue;
		}
		pooled->used = false;
	}
}

void pool_close(pool_t *pool)
{
	pooled_t *pooled, *next;
	cds_list_for_each_entry_safe(pooled, next, &pool->list, node) {
		free_pooled(pooled);
	}
}
