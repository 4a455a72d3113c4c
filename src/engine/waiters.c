/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/waiters.h"

#include <sys/param.h>

#include "util/clock.h"

bool waiters_may_wait(const waiters_t *waiters, const wait_t *wait, uint64_t now)
{
	uint64_t paid_at = atomic_load_explicit(&waiters->paid_at[wait->worker % WAITERS_BUDGETS], memory_order_relaxed);
	return wait->ms > 0 && paid_at <= now + (uint64_t)wait->ms * WAITERS_SHARE;
}

static void charge(waiters_t *waiters, unsigned worker, uint64_t start, uint64_t end)
{
	_Atomic uint64_t *paid_at = &waiters->paid_at[worker % WAITERS_BUDGETS];
	uint64_t from = MAX(atomic_load_explicit(paid_at, memory_order_relaxed), start);
	atomic_store_explicit(paid_at, from + (end - start) * WAITERS_SHARE, memory_order_relaxed);
}

wait_result_t waiters_wait(waiters_t *waiters, const wait_t *wait, waiters_look_f look, void *ctx)
{
	if (atomic_fetch_add(&waiters->count, 1) >= wait->max_waiters) {
		atomic_fetch_sub(&waiters->count, 1);
		return look(ctx);
	}

	uint64_t start = clock_ms();
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
	charge(waiters, wait->worker, start, clock_ms());

	return (result == WAIT_PENDING) ? WAIT_TIMED_OUT : result;
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
