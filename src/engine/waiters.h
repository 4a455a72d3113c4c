/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Workers that wait for results of the threads of engines.
 *
 * A worker that waits serves nobody else, and waits inside rcu_read_lock(), so that a grace period waits with it. So there
 * are bounds besides the longest time of a wait and the number of threads that wait at a time:
 *
 * The budget. A worker may wait for 1/WAITERS_SHARE of its time, and pays for a wait afterwards. Only the time really spent
 * waiting is charged. A worker that owes more than the longest wait of a zone begins none for that zone. So a rare cold
 * name has the whole wait, also a second one soon after it, and a resolver that answers in 20 ms has a burst of names. At
 * worst these are two of the longest waits in a row, and then a tenth of the time.
 *
 * The stretch, for all workers together: how long somebody has been waiting. A pause makes it shorter by WAITERS_PAUSE
 * times its length. A stretch lasts for one of the longest waits at most, and no wait begins in its last quarter. So a
 * sequence of grace periods, as a reload has, is held up by one wait, and the next ones find a pause.
 *
 * The hold. Nobody waits during a reload, from when the module hears of it.
 *
 * Threads. Workers wait, engines' threads wake them, any thread may hold them. The lock is for the condition variable and
 * the stretch; where nobody waits, nobody takes it. A budget is written by its worker only.
 */

#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/budget.h"

/*! Share of its time that a worker may spend waiting: a tenth. */
#define WAITERS_SHARE 10
/*! A pause of this part of a stretch ends it. */
#define WAITERS_PAUSE 4
/*! Workers with a budget of their own; of more than that some share one. Knot has at most 256 for UDP and 256 for TCP. */
#define WAITERS_BUDGETS 512
/*! How long nobody waits from waiters_hold() on, ms, unless waiters_release() comes before. */
#define WAITERS_HOLD_MS 2000

typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	atomic_uint count;                /*!< Threads that wait; written under the lock. */
	_Atomic uint64_t began;           /*!< clock_ms() at which the stretch began; written under the lock. */
	_Atomic uint64_t ended;           /*!< clock_ms() at which the last wait ended; written under the lock. */
	atomic_bool used;                 /*!< A thread has waited. */
	_Atomic uint64_t held_until;      /*!< clock_ms() up to which nobody waits. */
	budget_t budget[WAITERS_BUDGETS]; /*!< Of the workers, in ms. */
} waiters_t;

/* clang-format off */
#define WAITERS_INITIALIZER { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER }
/* clang-format on */

/*! A wait that a worker would like to do for a client. */
typedef struct {
	uint32_t ms;          /*!< Longest time, ms; 0: none. */
	unsigned max_waiters; /*!< Most threads of the process that may wait at a time. */
	unsigned worker;      /*!< Number of the worker. */
} wait_t;

/*! What a waiter has. */
typedef enum {
	WAIT_PENDING,   /*!< No result yet. */
	WAIT_TIMED_OUT, /*!< No result in time. */
	WAIT_FAILED,    /*!< The resolution failed. */
	WAIT_ANSWERED,  /*!< An answer, be it negative. */
} wait_result_t;

/*! Says what a waiter has by now, other than WAIT_TIMED_OUT. */
typedef wait_result_t (*waiters_look_f)(void *ctx);

/*! \brief Whether a wait may begin. Takes no lock. \param now  clock_ms(). */
bool waiters_may_wait(const waiters_t *waiters, const wait_t *wait, uint64_t now);

/*!
 * \brief Waits until there is a result, and charges the worker for the time.
 *
 * \param waiters  Waiters.
 * \param wait     What waiters_may_wait() allowed. Where others were quicker, there is no wait.
 * \param look     Called before the wait and after each waiters_wake(); with the lock held, unless there is no wait.
 * \param ctx      Argument of `look`.
 *
 * \return The last result of `look`, or WAIT_TIMED_OUT. WAIT_PENDING if the wait did not begin, or was ended by a hold.
 */
wait_result_t waiters_wait(waiters_t *waiters, const wait_t *wait, waiters_look_f look, void *ctx);

/*! \brief Makes all waiters look again. To be called after the result is in the cache. */
void waiters_wake(waiters_t *waiters);

/*!
 * \brief Ends all waits and lets nobody wait for WAITERS_HOLD_MS.
 *
 * Before the first wait it has no effect: a server that starts need not turn away its first clients.
 */
void waiters_hold(waiters_t *waiters);

/*! \brief Ends a hold. */
void waiters_release(waiters_t *waiters);
