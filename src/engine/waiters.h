/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Workers that wait for results of the threads of engines.
 */

#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	pthread_mutex_t lock; /*!< An engine's thread takes it only to signal, and only if somebody waits. */
	pthread_cond_t cond;
	atomic_uint count; /*!< Threads that wait. */
} waiters_t;

/* clang-format off */
#define WAITERS_INITIALIZER { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER }
/* clang-format on */

/*! A wait that a worker would like to do for a client. */
typedef struct {
	uint32_t ms;          /*!< Longest time, ms; 0: none. */
	unsigned max_waiters; /*!< Most threads of the process that may wait at a time. */
} wait_t;

/*! What a waiter has. */
typedef enum {
	WAIT_PENDING,  /*!< No result yet. */
	WAIT_FAILED,   /*!< The resolution failed. */
	WAIT_ANSWERED, /*!< An answer, be it negative. */
} wait_result_t;

/*! Says what a waiter has by now. */
typedef wait_result_t (*waiters_look_f)(void *ctx);

/*!
 * \brief Waits until there is a result.
 *
 * \param waiters  Waiters.
 * \param wait     The wait. With too many waiting already, there is none.
 * \param look     Called before the wait and after each waiters_wake(); with the lock held, unless there is no wait.
 * \param ctx      Argument of `look`.
 *
 * \return The last result of `look`.
 */
wait_result_t waiters_wait(waiters_t *waiters, const wait_t *wait, waiters_look_f look, void *ctx);

/*! \brief Makes all waiters look again. To be called after the result is in the cache. */
void waiters_wake(waiters_t *waiters);
