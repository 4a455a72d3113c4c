/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A budget of time for expensive work, which is paid for afterwards, with the time that it took.
 *
 * Work that took t and may take one nth of the time costs n * t. Whoever begins more decides how much may be owed by
 * then. Times are clock_ns() or clock_ms(), always the same for a budget.
 */

#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/param.h>

/*! Zeroed before first use. */
typedef struct {
	_Atomic uint64_t paid_at; /*!< When what was spent so far will have been earned. */
} budget_t;

/*! \brief Time until all is paid for, 0 if it is. Any thread. */
static inline uint64_t budget_debt(const budget_t *budget, uint64_t now)
{
	uint64_t paid_at = atomic_load_explicit(&budget->paid_at, memory_order_relaxed);
	return (paid_at > now) ? paid_at - now : 0;
}

/*! \brief Pays for work. Any thread. \param cost  Time in which its cost is earned, from `now` on. */
static inline void budget_spend(budget_t *budget, uint64_t cost, uint64_t now)
{
	uint64_t before = atomic_load_explicit(&budget->paid_at, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&budget->paid_at, &before, MAX(before, now) + cost,
	                                              memory_order_relaxed, memory_order_relaxed)) {
	}
}
