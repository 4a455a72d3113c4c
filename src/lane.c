/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lane.h"

#include <stdlib.h>
#include <string.h>

void lanes_init(lanes_t *lanes, uv_loop_t *loop, const resolvers_t *resolvers)
{
	CDS_INIT_LIST_HEAD(&lanes->list);
	lanes->loop = loop;
	lanes->resolvers = resolvers;
}

lane_t *lanes_get(lanes_t *lanes, const terms_t *terms)
{
	lane_t *lane;
	cds_list_for_each_entry(lane, &lanes->list, node) {
		if (memcmp(&lane->terms, terms, sizeof(*terms)) == 0) {
			return lane;
		}
	}

	lane = calloc(1, sizeof(*lane));
	if (lane == NULL) {
		return NULL;
	}
	lane->terms = *terms;
	lane->resolver = resolver_new(lanes->loop, lanes->resolvers, terms->timeout, terms->retry);
	if (lane->resolver == NULL) {
		free(lane);
		return NULL;
	}
	cds_list_add(&lane->node, &lanes->list);
	return lane;
}

void lanes_settle(lanes_t *lanes)
{
	lane_t *lane;
	cds_list_for_each_entry(lane, &lanes->list, node) {
		if (lane->unsettled) {
			lane->unsettled = false;
			resolver_settle(lane->resolver);
		}
	}
}

static void free_lane(lane_t *lane)
{
	cds_list_del(&lane->node);
	resolver_free(lane->resolver);
	free(lane);
}

void lanes_sweep(lanes_t *lanes, const lane_t *keep)
{
	lane_t *lane, *next;
	cds_list_for_each_entry_safe(lane, next, &lanes->list, node) {
		if (lane != keep && lane->targets == 0 && lane->flights == 0) {
			free_lane(lane);
		}
	}
}

void lanes_close(lanes_t *lanes)
{
	lane_t *lane, *next;
	cds_list_for_each_entry_safe(lane, next, &lanes->list, node) {
		free_lane(lane);
	}
}

void lane_set(target_t *target, lane_t *lane)
{
	if (target->terms != NULL) {
		lane_of(target)->targets--;
	}
	target->terms = (lane != NULL) ? &lane->terms : NULL;
	if (lane != NULL) {
		lane->targets++;
	}
}

lane_t *lane_of(const target_t *target)
{
	return caa_container_of(target->terms, lane_t, terms);
}
