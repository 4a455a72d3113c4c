/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The accounts that the engine's thread knows, and a resolver for each set of options among them.
 *
 * c-ares has timeout and retransmissions per channel, so zones with the same options
 * share a lane with a resolver that goes by them. For the engine's thread only.
 */

#pragma once

#include <urcu/list.h>

#include "cache/cache.h"
#include "engine/account.h"
#include "resolve/resolver.h"

typedef struct lane {
	struct cds_list_head node;
	refresh_options_t options;
	resolver_t *resolver;
	uint32_t accounts; /*!< That have these options. */
	bool unsettled;    /*!< resolver_settle() is due. */
} lane_t;

/*! The lanes of an engine. */
typedef struct {
	struct cds_list_head list;
	struct cds_list_head accounts; /*!< All, with a reference to each. */
	struct cds_list_head changes;  /*!< Those that have something to publish. */
	uv_loop_t *loop;
	const resolvers_t *resolvers;
	counters_t *common; /*!< Counters of the engine as a whole. */
} lanes_t;

void lanes_init(lanes_t *lanes, uv_loop_t *loop, const resolvers_t *resolvers, counters_t *common);

/*! \brief Takes an account up, if it is a new one, as heir of its predecessor. \return false if out of memory. */
bool lanes_admit(lanes_t *lanes, account_t *account);

/*! \brief Settles the resolvers that have been asked. */
void lanes_settle(lanes_t *lanes);

/*! \brief Publishes what has changed; with `all`, for all accounts, as common counters may have. */
void lanes_publish(lanes_t *lanes, bool all);

/*! \brief Lets go of accounts whose zone is gone and that nothing refers to, and of lanes without accounts. */
void lanes_sweep(lanes_t *lanes);

/*! \brief Frees all lanes, which ends their queries. */
void lanes_close(lanes_t *lanes);

/*! \brief Lets go of all accounts, after that. */
void lanes_deinit(lanes_t *lanes);

/*! \brief Puts a target onto an account, or off any. */
void account_charge(account_t *account, target_t *target);

/*! \brief The account that a target is on, by now that of the heir. */
account_t *account_of(target_t *target);
