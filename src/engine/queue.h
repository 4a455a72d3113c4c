/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The queue of requests from workers to the engine's thread.
 *
 * Many producers, one consumer; wait-free for producers. A full queue refuses
 * requests.
 */

#pragma once

#include <urcu/wfcqueue.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <libknot/dname.h>

#include "engine/tenant.h"

/*! Most requests in the queue; each takes some 100 octets. */
#define QUEUE_MAX 65536

/*! A request to resolve a target. Without entries: to charge it to the tenant. */
typedef struct {
	struct cds_wfcq_node node;
	tenant_t *tenant; /*!< Tenant of the zone that asks; the request has a reference. */
	uint64_t made;    /*!< clock_ms() from before the worker's look-up in the cache. */
	wishes_t wishes;
	uint8_t name[]; /*!< Lower case. */
} request_t;

typedef struct {
	struct cds_wfcq_head head;
	struct cds_wfcq_tail tail;
	atomic_uint count;
} queue_t;

void queue_init(queue_t *queue);

/*! \brief Drops all requests. Consumer. */
void queue_deinit(queue_t *queue);

/*!
 * \brief Queues a copy of a request, with a name and a reference to its tenant. Any thread.
 *
 * \return false if the queue is full or memory is out.
 */
bool queue_push(queue_t *queue, const request_t *request, const knot_dname_t *name);

/*! \brief Frees a request of queue_pop(), with its reference. */
void request_free(request_t *request);

/*! \brief Takes the oldest request, which request_free() frees. Consumer. \return NULL if there is none. */
request_t *queue_pop(queue_t *queue);
