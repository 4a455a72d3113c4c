/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/turns.h"

#include <sys/param.h>
#include <libknot/errcode.h>

/*! An empty queue keeps space for this many targets. */
#define QUEUE_KEEP 64

void turns_deinit(turns_t *turns)
{
	heap_deinit(&turns->tenants);
}

static tenant_queue_t *queue_of(const turns_t *turns, const target_t *target)
{
	return &target->tenant->queue[turns->kind];
}

/*! The queue of the tenant whose turn it is; there must be one. */
static tenant_queue_t *current_queue(const turns_t *turns)
{
	return caa_container_of(turns->tenants.item[0].node, tenant_queue_t, node);
}

/*! Lets a queue take turns. There is space for all that are not empty. */
static void join(turns_t *turns, tenant_queue_t *queue)
{
	queue->turn = MAX(queue->turn, turns->turn + 1);
	(void)heap_insert(&turns->tenants, &queue->node, queue->turn);
}

static void leave(turns_t *turns, tenant_queue_t *queue)
{
	if (queue->node.pos != 0) {
		heap_remove(&turns->tenants, &queue->node);
	}
	turns->paused -= queue->paused;
	queue->paused = false;
}

int turns_insert(turns_t *turns, target_t *target, uint64_t key)
{
	tenant_queue_t *queue = queue_of(turns, target);
	int ret = heap_reserve(&turns->tenants, turns->queues + 1);
	if (ret == KNOT_EOK) {
		ret = heap_insert(&queue->targets, &target->plan, key);
	}
	if (ret != KNOT_EOK) {
		return ret;
	}
	turns->queues += (queue->targets.count == 1);
	if (!tenant_is_held(target->tenant)) {
		turns->count++;
		if (queue->targets.count == 1) {
			join(turns, queue);
		}
	}
	return KNOT_EOK;
}

void turns_remove(turns_t *turns, target_t *target)
{
	tenant_queue_t *queue = queue_of(turns, target);
	heap_remove(&queue->targets, &target->plan);
	turns->count -= !tenant_is_held(target->tenant);
	if (queue->targets.count > 0) {
		return;
	}
	turns->queues--;
	leave(turns, queue);
	if (queue->targets.capacity > QUEUE_KEEP) {
		heap_deinit(&queue->targets);
		queue->targets = (heap_t){ 0 };
	}
}

target_t *turns_first(const turns_t *turns, const tenant_t *tenant)
{
	return caa_container_of(tenant->queue[turns->kind].targets.item[0].node, target_t, plan);
}

target_t *turns_top(const turns_t *turns)
{
	return (turns->tenants.count > 0) ?
	               caa_container_of(current_queue(turns)->targets.item[0].node, target_t, plan) :
	               NULL;
}

uint64_t turns_key(const turns_t *turns, const target_t *target)
{
	return heap_key(&queue_of(turns, target)->targets, &target->plan);
}

void turns_next(turns_t *turns)
{
	tenant_queue_t *queue = current_queue(turns);
	turns->turn = queue->turn++;
	heap_remove(&turns->tenants, &queue->node);
	(void)heap_insert(&turns->tenants, &queue->node, queue->turn); /* There is space for it. */
}

void turns_pause(turns_t *turns)
{
	tenant_queue_t *queue = current_queue(turns);
	leave(turns, queue);
	queue->paused = true;
	turns->paused++;
}

void turns_resume(turns_t *turns, tenant_t *tenant)
{
	tenant_queue_t *queue = &tenant->queue[turns->kind];
	if (queue->paused) {
		leave(turns, queue);
		join(turns, queue);
	}
}

void turns_hold(turns_t *turns, tenant_t *tenant)
{
	tenant_queue_t *queue = &tenant->queue[turns->kind];
	turns->count -= queue->targets.count;
	leave(turns, queue);
}

void turns_release(turns_t *turns, tenant_t *tenant)
{
	tenant_queue_t *queue = &tenant->queue[turns->kind];
	turns->count += queue->targets.count;
	if (queue->targets.count > 0) {
		join(turns, queue);
	}
}
