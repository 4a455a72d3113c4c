/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "util/news.h"

#include <stdlib.h>
#include <string.h>

void news_post(news_t *news, int priority, const char *text)
{
	size_t size = strlen(text) + 1;
	news_item_t *item = NULL;
	if (atomic_fetch_add(&news->count, 1) < NEWS_MAX) {
		item = malloc(sizeof(*item) + size);
	}
	if (item == NULL) {
		atomic_fetch_sub(&news->count, 1);
		return;
	}
	item->priority = priority;
	memcpy(item->text, text, size);

	item->next = atomic_load(&news->last);
	while (!atomic_compare_exchange_weak(&news->last, &item->next, item)) {
	}
}

news_item_t *news_take(news_t *news)
{
	/* All at once, so that there is no ABA. */
	news_item_t *item = atomic_exchange(&news->last, NULL);

	news_item_t *first = NULL;
	while (item != NULL) {
		news_item_t *before = item->next;
		item->next = first;
		first = item;
		item = before;
		atomic_fetch_sub(&news->count, 1);
	}
	return first;
}

void news_free(news_item_t *items)
{
	while (items != NULL) {
		news_item_t *next = items->next;
		free(items);
		items = next;
	}
}
