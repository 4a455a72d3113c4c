/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A budget of time for expensive work: a share of each second, for all threads together.
 *
 * Work is paid for afterwards, with the time that it took. After a pause the share of 0.2 s may be spent at once; work
 * that can be put off may spend only half of that, so that some is left for what is more urgent. Times are clock_ns().
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/param.h>

/*! Time whose share may be spent at once, ns: with a quarter a thread is busy for 50 ms at most. */
#define BUDGET_BURST_NS 200000000ULL

/*! Zeroed before first use. */
typedef struct {
	_Atomic uint64_t paid_until; /*!< When what was spent so far will have been earned. */
} budget_t;

/*! \brief Whether work may be done now. Any thread. */
static inline bool budget_allows(const budget_t *budget, bool urgent, uint64_t now)
{
	return budget->paid_until + (urgent ? 0 : BUDGET_BURST_NS / 2) <= now;
}

/*! \brief Pays for work. Any thread. \param cost  Time in which its cost is earned, ns. \param now  Its end. */
static inline void budget_spend(budget_t *budget, uint64_t cost, uint64_t now)
{
	uint64_t before = budget->paid_until;
	while (!atomic_compare_exchange_weak(&budget->paid_until, &before, MAX(before, now - BUDGET_BURST_NS) + cost)) {
	}
}
