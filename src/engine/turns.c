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

/*! Lets a queue take turns. \return KNOT_ENOMEM, only if it does so for the first time; space for paused ones is kept. */
static int join(turns_t *turns, tenant_queue_t *queue)
{
	int ret = heap_reserve(&turns->tenants, turns->tenants.count + turns->paused + 1);
	if (ret == KNOT_EOK) {
		queue->turn = MAX(queue->turn, turns->turn + 1);
		(void)heap_insert(&turns->tenants, &queue->node, queue->turn);
	}
	return ret;
}

static void set_paused(turns_t *turns, tenant_queue_t *queue, bool paused)
{
	turns->paused += paused - queue->paused;
	queue->paused = paused;
}

int turns_insert(turns_t *turns, target_t *target, uint64_t key)
{
	tenant_queue_t *queue = queue_of(turns, target);
	int ret = heap_insert(&queue->targets, &target->plan, key);
	if (ret == KNOT_EOK && queue->node.pos == 0 && !queue->paused) {
		ret = join(turns, queue);
		if (ret != KNOT_EOK) {
			heap_remove(&queue->targets, &target->plan);
		}
	}
	turns->count += (ret == KNOT_EOK);
	return ret;
}

void turns_remove(turns_t *turns, target_t *target)
{
	tenant_queue_t *queue = queue_of(turns, target);
	heap_remove(&queue->targets, &target->plan);
	turns->count--;
	if (queue->targets.count > 0) {
		return;
	}
	if (queue->node.pos != 0) {
		heap_remove(&turns->tenants, &queue->node);
	}
	set_paused(turns, queue, false);
	if (queue->targets.capacity > QUEUE_KEEP) {
		heap_deinit(&queue->targets);
		queue->targets = (heap_t){ 0 };
	}
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
	heap_remove(&turns->tenants, &queue->node);
	set_paused(turns, queue, true);
}

void turns_resume(turns_t *turns, tenant_t *tenant)
{
	tenant_queue_t *queue = &tenant->queue[turns->kind];
	if (queue->paused) {
		set_paused(turns, queue, false);
		(void)join(turns, queue);
	}
}
