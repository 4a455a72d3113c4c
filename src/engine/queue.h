/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Requests on their way from the workers to the engine's thread.
 *
 * Many producers, one consumer, wait-free for producers. Bounded: what does not
 * fit is refused, never waited for.
 */

#pragma once

#include <urcu/wfcqueue.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <libknot/dname.h>

#include "engine/tenant.h"

/*! Requests that may wait for the thread; each takes some 100 octets. */
#define QUEUE_MAX 65536

/*! "Resolve this target". Without entries: "it is charged to this tenant", or without a name: "renew this tenant". */
typedef struct {
	struct cds_wfcq_node node;
	tenant_t *tenant; /*!< Of the zone that asks, with a reference. */
	uint64_t made;    /*!< clock_ms() of what the worker knew. */
	uint8_t refresh;  /*!< Entries to be refreshed, as bits (1 << addr_type_t). */
	uint8_t wait;     /*!< Entries that a client waits for. */
	uint8_t name[];   /*!< Lower case. */
} request_t;

typedef struct {
	struct cds_wfcq_head head;
	struct cds_wfcq_tail tail;
	atomic_uint count;
} queue_t;

void queue_init(queue_t *queue);

/*! \brief Drops what is queued. Consumer. */
void queue_deinit(queue_t *queue);

/*!
 * \brief Queues a copy of the request, with a name and a reference to its tenant. Any thread.
 *
 * \return false if the queue is full or memory is out.
 */
bool queue_push(queue_t *queue, const request_t *request, const knot_dname_t *name);

/*! \brief Frees a request that was taken. */
void request_free(request_t *request);

/*! \brief Takes the oldest request, to be freed by request_free(), or NULL. Consumer. */
request_t *queue_pop(queue_t *queue);
