/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/waiters.h"

#include <errno.h>

#include "util/clock.h"

static uint64_t get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void set(_Atomic uint64_t *value, uint64_t to)
{
	atomic_store_explicit(value, to, memory_order_relaxed);
}

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

/*! Length of the stretch, ms. Exact under the lock. */
static uint64_t stretch(const waiters_t *waiters, uint64_t now)
{
	uint64_t began = get(&waiters->began), ended = get(&waiters->ended);
	return atomic_load(&waiters->count) > 0 ? less(now, began) :
	                                          less(less(ended, began), WAITERS_PAUSE * less(now, ended));
}

static bool has_place(const waiters_t *waiters, const wait_t *wait, uint64_t now)
{
	return atomic_load(&waiters->count) < wait->max_waiters && stretch(waiters, now) <= (uint64_t)wait->ms * 3 / 4;
}

static bool is_held(const waiters_t *waiters, uint64_t now)
{
	return now < get(&waiters->held_until);
}

bool waiters_may_wait(const waiters_t *waiters, const wait_t *wait, uint64_t now)
{
	uint64_t debt = budget_debt(&waiters->budget[wait->worker % WAITERS_BUDGETS], now);
	return wait->ms > 0 && debt <= (uint64_t)wait->ms * WAITERS_SHARE && !is_held(waiters, now) &&
	       has_place(waiters, wait, now);
}

/*! Waits with the lock held. */
static wait_result_t wait_locked(waiters_t *waiters, uint32_t ms, uint64_t start, waiters_look_f look, void *ctx)
{
	struct timespec deadline = clock_in(ms);
	wait_result_t result;
	int ret = 0;

	/* With the fence of waiters_wake(), either `look` sees the result, or waiters_wake() sees the waiter. */
	atomic_thread_fence(memory_order_seq_cst);
	while ((result = look(ctx)) == WAIT_PENDING && ret == 0 && !is_held(waiters, start)) {
		ret = pthread_cond_clockwait(&waiters->cond, &waiters->lock, CLOCK_MONOTONIC, &deadline);
	}
	return (result == WAIT_PENDING && ret == ETIMEDOUT) ? WAIT_TIMED_OUT : result;
}

wait_result_t waiters_wait(waiters_t *waiters, const wait_t *wait, waiters_look_f look, void *ctx)
{
	uint64_t start = clock_ms();
	pthread_mutex_lock(&waiters->lock);
	if (!has_place(waiters, wait, start)) {
		pthread_mutex_unlock(&waiters->lock);
		return look(ctx);
	}

	atomic_store_explicit(&waiters->used, true, memory_order_relaxed);
	uint64_t before = stretch(waiters, start);
	if (atomic_fetch_add(&waiters->count, 1) == 0) {
		set(&waiters->began, start - before);
	}
	wait_result_t result = wait_locked(waiters, wait->ms - before, start, look, ctx);
	uint64_t end = clock_ms();
	if (atomic_fetch_sub(&waiters->count, 1) == 1) {
		set(&waiters->ended, end);
	}
	pthread_mutex_unlock(&waiters->lock);

	budget_spend(&waiters->budget[wait->worker % WAITERS_BUDGETS], (end - start) * WAITERS_SHARE, start);
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

void waiters_hold(waiters_t *waiters)
{
	if (atomic_load_explicit(&waiters->used, memory_order_relaxed)) {
		set(&waiters->held_until, clock_ms() + WAITERS_HOLD_MS);
		waiters_wake(waiters);
	}
}

void waiters_release(waiters_t *waiters)
{
	set(&waiters->held_until, 0);
}
