/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "util/log_queue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void log_queue_post(log_queue_t *queue, int priority, const char *format, ...)
{
	log_message_t *item = NULL;
	if (atomic_fetch_add(&queue->count, 1) < LOG_QUEUE_MAX) {
		item = malloc(sizeof(*item));
	}
	va_list args;
	va_start(args, format);
	if (item != NULL && vasprintf(&item->text, format, args) < 0) {
		free(item);
		item = NULL;
	}
	va_end(args);
	if (item == NULL) {
		atomic_fetch_sub(&queue->count, 1);
		return;
	}
	item->priority = priority;

	item->next = atomic_load(&queue->last);
	while (!atomic_compare_exchange_weak(&queue->last, &item->next, item)) {
	}
}

log_message_t *log_queue_take(log_queue_t *queue)
{
	/* Taking the whole list at once avoids the ABA problem. */
	log_message_t *item = atomic_exchange(&queue->last, NULL);

	log_message_t *first = NULL;
	while (item != NULL) {
		log_message_t *before = item->next;
		item->next = first;
		first = item;
		item = before;
		atomic_fetch_sub(&queue->count, 1);
	}
	return first;
}

void log_queue_free(log_message_t *items)
{
	while (items != NULL) {
		log_message_t *next = items->next;
		free(items->text);
		free(items);
		items = next;
	}
}
