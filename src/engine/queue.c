/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine/queue.h"

#include <stdlib.h>
#include <string.h>

void queue_init(queue_t *queue)
{
	cds_wfcq_init(&queue->head, &queue->tail);
	atomic_init(&queue->count, 0);
}

void queue_deinit(queue_t *queue)
{
	request_t *request;
	while ((request = queue_pop(queue)) != NULL) {
		request_free(request);
	}
}

void request_free(request_t *request)
{
	tenant_unref(request->tenant);
	free(request);
}

bool queue_push(queue_t *queue, const request_t *request, const knot_dname_t *name)
{
	size_t len = knot_dname_size(name);
	request_t *copy = NULL;
	if (atomic_fetch_add(&queue->count, 1) < QUEUE_MAX) {
		copy = malloc(sizeof(*copy) + len);
	}
	if (copy == NULL) {
		atomic_fetch_sub(&queue->count, 1);
		return false;
	}

	*copy = *request;
	tenant_ref(copy->tenant);
	memcpy(copy->name, name, len);
	cds_wfcq_node_init(&copy->node);
	cds_wfcq_enqueue(&queue->head, &queue->tail, &copy->node);
	return true;
}

request_t *queue_pop(queue_t *queue)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_blocking(&queue->head, &queue->tail);
	if (node == NULL) {
		return NULL;
	}
	atomic_fetch_sub(&queue->count, 1);
	return caa_container_of(node, request_t, node);
}
