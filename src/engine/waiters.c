/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/waiters.h"

#include "util/clock.h"

void waiters_init(waiters_t *waiters, atomic_uint *waiting)
{
	waiters->waiting = waiting;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&waiters->cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&waiters->lock, NULL);
	atomic_init(&waiters->count, 0);
}

void waiters_deinit(waiters_t *waiters)
{
	pthread_cond_destroy(&waiters->cond);
	pthread_mutex_destroy(&waiters->lock);
}

bool waiters_wait(waiters_t *waiters, uint32_t wait_ms, unsigned max_waiters, waiters_done_f done, void *ctx)
{
	if (wait_ms == 0) {
		return done(ctx);
	}
	if (atomic_fetch_add(waiters->waiting, 1) >= max_waiters) {
		atomic_fetch_sub(waiters->waiting, 1);
		return done(ctx);
	}

	struct timespec deadline = clock_in(wait_ms);
	bool is_done;
	int ret = 0;

	atomic_fetch_add(&waiters->count, 1);
	/* With the fence of waiters_wake(), either `done` sees the result, or waiters_wake() sees the waiter. */
	atomic_thread_fence(memory_order_seq_cst);
	pthread_mutex_lock(&waiters->lock);
	while (!(is_done = done(ctx)) && ret == 0) {
		ret = pthread_cond_timedwait(&waiters->cond, &waiters->lock, &deadline);
	}
	pthread_mutex_unlock(&waiters->lock);
	atomic_fetch_sub(&waiters->count, 1);
	atomic_fetch_sub(waiters->waiting, 1);

	return is_done;
}

void waiters_wake(waiters_t *waiters)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&waiters->count) > 0) {
		pthread_mutex_lock(&waiters->lock);
		pthread_cond_broadcast(&waiters->cond);
		pthread_mutex_unlock(&waiters->lock);
	}
}
