/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What the engine's thread has to tell the operator.
 *
 * Knot's log takes messages of a zone's module only, and only while that zone
 * is loaded for sure: in a hook. So the thread posts its messages here and the
 * next worker that meets an ALIAS logs them.
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*! Messages that may wait to be logged; later ones are dropped. */
#define NEWS_MAX 64

typedef struct news_item {
	struct news_item *next; /*!< The one posted before. */
	int priority;           /*!< LOG_* of syslog.h. */
	char text[];
} news_item_t;

/*! Zeroed before first use. */
typedef struct {
	_Atomic(news_item_t *) last;
	atomic_uint count;
} news_t;

/*! \brief Posts a message. Any thread. */
void news_post(news_t *news, int priority, const char *text);

/*! \brief Whether there may be something to take; one relaxed load. Any thread. */
static inline bool news_pending(const news_t *news)
{
	return atomic_load_explicit(&news->last, memory_order_relaxed) != NULL;
}

/*! \brief Takes all messages, the oldest first, to be freed by news_free(). Any thread. \return NULL if there are none. */
news_item_t *news_take(news_t *news);

/*! \brief Frees messages that were taken. */
void news_free(news_item_t *items);
