/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/waiters.h"

#include "util/clock.h"

wait_result_t waiters_wait(waiters_t *waiters, const wait_t *wait, waiters_look_f look, void *ctx)
{
	if (wait->ms == 0) {
		return look(ctx);
	}
	if (atomic_fetch_add(&waiters->count, 1) >= wait->max_waiters) {
		atomic_fetch_sub(&waiters->count, 1);
		return look(ctx);
	}

	struct timespec deadline = clock_in(wait->ms);
	wait_result_t result;
	int ret = 0;

	/* With the fence of waiters_wake(), either `look` sees the result, or waiters_wake() sees the waiter. */
	atomic_thread_fence(memory_order_seq_cst);
	pthread_mutex_lock(&waiters->lock);
	while ((result = look(ctx)) == WAIT_PENDING && ret == 0) {
		ret = pthread_cond_clockwait(&waiters->cond, &waiters->lock, CLOCK_MONOTONIC, &deadline);
	}
	pthread_mutex_unlock(&waiters->lock);
	atomic_fetch_sub(&waiters->count, 1);

	return result;
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
