/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The terms of some zones, the resolver that goes by them, and the targets that these zones asked for last.
 *
 * A resolver for each, as c-ares has timeout and retransmissions per channel. For
 * the upstream's thread only.
 */

#pragma once

#include <urcu/list.h>

#include "cache.h"
#include "resolver.h"
#include "terms.h"

typedef struct lane {
	struct cds_list_head node;
	terms_t terms;
	resolver_t *resolver;
	uint32_t targets; /*!< That have these terms. */
	uint32_t flights; /*!< Queries under way. */
	bool unsettled;   /*!< resolver_settle() is due. */
} lane_t;

/*! The lanes of an upstream. */
typedef struct {
	struct cds_list_head list;
	uv_loop_t *loop;
	const resolvers_t *resolvers;
} lanes_t;

void lanes_init(lanes_t *lanes, uv_loop_t *loop, const resolvers_t *resolvers);

/*! \brief Finds or makes the lane for some terms. \return NULL if out of memory. */
lane_t *lanes_get(lanes_t *lanes, const terms_t *terms);

/*! \brief Settles the resolvers that have been asked. */
void lanes_settle(lanes_t *lanes);

/*! \brief Frees lanes that nothing refers to but for `keep`: a change of options leaves them behind. */
void lanes_sweep(lanes_t *lanes, const lane_t *keep);

/*! \brief Frees all, which ends their queries. */
void lanes_close(lanes_t *lanes);

/*! \brief Puts a target onto a lane, or off any: sets its terms. */
void lane_set(target_t *target, lane_t *lane);

/*! \brief The lane that a target is on. */
lane_t *lane_of(const target_t *target);
