/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What one zone has to do with an engine: its options, its share of the resolver's time, what is counted for it.
 *
 * Made and closed with the load of the zone, by any thread; used by the engine's thread,
 * which keeps it for as long as a target was asked for by that zone last. When the zone is
 * loaded anew, the new account takes over what the one before has. The last reference
 * frees it.
 */

#pragma once

#include <urcu/list.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <libknot/dname.h>

#include "cache/policy.h"
#include "engine/counters.h"

struct lane;

/*!
 * \brief Takes all counters of a zone and of its engine.
 *
 * Called by the engine's thread with the account's lock held, never after
 * account_close().
 */
typedef void (*account_publish_f)(void *ctx, const counters_t own, const counters_t common);

typedef struct account {
	/* Constant. */
	knot_dname_t *zone;
	refresh_options_t options;
	uint32_t rate;             /*!< Queries/s that the zone may cause; 0: no limit of its own. */
	account_publish_f publish; /*!< NULL: no zone's account. */

	/* Any thread. */
	atomic_uint refs;
	atomic_bool delayed;  /*!< zone-rate has put a query off; set by the engine's thread. */
	pthread_mutex_t lock; /*!< Of `ctx`. */
	void *ctx;            /*!< Argument of `publish`, NULL after the close. */

	/* The registry, under its lock. */
	struct cds_list_head registered;

	/* Set before the engine's thread knows the account, then that thread's. */
	struct account *predecessor; /*!< Of the same zone, to be taken over; with a reference. */

	/* The engine's thread. */
	struct account *heir;          /*!< That has taken this one over, or NULL; with a reference. */
	struct cds_list_head node;     /*!< Among those it knows. */
	struct cds_list_head changed;  /*!< Among those that have something to publish. */
	struct cds_list_head *changes; /*!< Head of that list. */
	struct lane *lane;
	uint32_t targets; /*!< That it pays for. */
	uint32_t flights; /*!< Queries under way. */
	uint64_t next_us; /*!< When the next query may leave, in us of clock_ms(). */
	counters_t counters;
} account_t;

/*!
 * \brief Opens an account.
 *
 * \param zone     Name of the zone.
 * \param options    Options for the engine's thread.
 * \param rate     Queries/s, 0 for no limit.
 * \param publish  Takes counters; NULL for an account that is no zone's.
 * \param ctx      Its argument.
 *
 * \return NULL if out of memory.
 */
account_t *account_open(const knot_dname_t *zone, const refresh_options_t *options, uint32_t rate,
                        account_publish_f publish, void *ctx);

/*! \brief Ends publishing and gives back the reference of account_open(); NULL is fine. */
void account_close(account_t *account);

/*! \brief Gets a reference. Any thread that has one. */
account_t *account_ref(account_t *account);

/*! \brief Gives a reference back; NULL is fine. Any thread. */
void account_unref(account_t *account);

/*! \brief Whether its zone is gone. */
bool account_is_closed(account_t *account);

/*! \brief Hands the counters over, if the zone is still there. The engine's thread. */
void account_publish(account_t *account, const counters_t common);

/*! \brief Counts. The engine's thread. */
static inline void account_count(account_t *account, counter_t id)
{
	account->counters[id]++;
	if (cds_list_empty(&account->changed)) {
		cds_list_add(&account->changed, account->changes);
	}
}

/*! \brief Counts how long a resolution took, ms. The engine's thread. */
void account_count_latency(account_t *account, uint64_t latency);

/*!
 * \brief Takes a turn of the zone's own rate, of which a second's worth may be used at once. The engine's thread.
 *
 * \return clock_ms() of when it comes; `now` or earlier: at once.
 */
uint64_t account_take_turn(account_t *account, uint64_t now);

/*! \brief Gives a turn back that was not used. The engine's thread. */
void account_return_turn(account_t *account);
