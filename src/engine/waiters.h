/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Workers that wait for results of the engine's thread.
 */

#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	pthread_mutex_t lock; /*!< The engine's thread takes it only to signal, and only if somebody waits. */
	pthread_cond_t cond;
	atomic_uint count;    /*!< Threads that wait here. */
	atomic_uint *waiting; /*!< Threads of the process that wait in any waiters_t. */
} waiters_t;

/*! \brief Initializes. \param waiting  Counter of the waiting threads of all waiters_t; must outlive `waiters`. */
void waiters_init(waiters_t *waiters, atomic_uint *waiting);

/*! \brief Frees what waiters_init() made. */
void waiters_deinit(waiters_t *waiters);

/*! Says whether a waiter has its result. */
typedef bool (*waiters_done_f)(void *ctx);

/*!
 * \brief Waits until `done` is true. It is called before the wait and after each waiters_wake().
 *
 * \param waiters      Waiters.
 * \param wait_ms      Longest wait, ms; 0: none.
 * \param max_waiters  Most threads of the process that may wait at a time.
 * \param done         Called with the lock held, or without it if there is no wait.
 * \param ctx          Argument of `done`.
 *
 * \return The last result of `done`.
 */
bool waiters_wait(waiters_t *waiters, uint32_t wait_ms, unsigned max_waiters, waiters_done_f done, void *ctx);

/*! \brief Makes all waiters call `done` again. To be called after the result is in the cache. */
void waiters_wake(waiters_t *waiters);
