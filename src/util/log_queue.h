/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Log messages of the engine's thread.
 *
 * Knot logs messages of a zone's module only, and only a hook can be sure that
 * the zone is loaded. So the thread posts its messages here, and the next worker
 * that serves an ALIAS logs them.
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*! Messages that may wait to be logged; later ones are dropped. */
#define LOG_QUEUE_MAX 64

typedef struct log_message {
	struct log_message *next; /*!< The one posted before; of messages taken, the one after. */
	int priority;             /*!< LOG_* of syslog.h. */
	char *text;
} log_message_t;

/*! Zeroed before first use. */
typedef struct {
	_Atomic(log_message_t *) last;
	atomic_uint count;
} log_queue_t;

/*! \brief Posts a message, of printf()'s format; dropped if the queue is full or memory is out. Any thread. */
void log_queue_post(log_queue_t *queue, int priority, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*! \brief Whether there may be messages; one relaxed load. Any thread. */
static inline bool log_queue_pending(const log_queue_t *queue)
{
	return atomic_load_explicit(&queue->last, memory_order_relaxed) != NULL;
}

/*! \brief Takes all messages, oldest first; log_queue_free() frees them. Any thread. \return NULL if there are none. */
log_message_t *log_queue_take(log_queue_t *queue);

/*! \brief Frees messages that were taken. */
void log_queue_free(log_message_t *items);
