/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Workers that wait for the engine's thread to learn something.
 */

#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	pthread_mutex_t lock; /*!< The thread takes it to signal only, and only if somebody waits. */
	pthread_cond_t cond;
	atomic_uint count;    /*!< Threads that wait. */
	atomic_uint *waiting; /*!< Those of the whole process: Knot's TCP workers, whatever they wait for. */
} waiters_t;

/*! \brief Prepares. \param waiting  Counts the waiting threads of all waiters_t together. */
void waiters_init(waiters_t *waiters, atomic_uint *waiting);

/*! \brief Frees what waiters_init() made. */
void waiters_deinit(waiters_t *waiters);

/*! Says whether a waiter has what it waits for. */
typedef bool (*waiters_done_f)(void *ctx);

/*!
 * \brief Waits until `done` is true, asking it before and after each waiters_wake().
 *
 * \param waiters  Waiters.
 * \param wait_ms  Longest wait, ms; 0: none.
 * \param max_waiters    How many threads of the process may wait at a time.
 * \param done     Called with the lock held, or without if there is no wait.
 * \param ctx      Its argument.
 *
 * \return What `done` said last.
 */
bool waiters_wait(waiters_t *waiters, uint32_t wait_ms, unsigned max_waiters, waiters_done_f done, void *ctx);

/*! \brief Has all waiters ask again; after what they wait for has been stored. */
void waiters_wake(waiters_t *waiters);
