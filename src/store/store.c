/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "store/disk.h"

store_t *store_open(const char *dir, const char *resolvers, log_queue_t *log, void (*wake)(void *ctx), void *ctx)
{
	store_t *store = calloc(1, sizeof(*store) + strlen(resolvers) + 1);
	if (store == NULL) {
		return NULL;
	}
	strcpy(store->resolvers, resolvers);
	store->log = log;
	store->wake = wake;
	store->ctx = ctx;
	store->wanted = store->news.reading = true;

	pthread_mutex_lock(&disk_lock);
	disk_t *disk = disk_get(dir); /* A new thread waits for the lock, and then finds the store. */
	if (disk != NULL) {
		store->disk = disk;
		cds_list_add_tail(&store->node, &disk->stores);
		pthread_cond_signal(&disk->work);
	}
	pthread_mutex_unlock(&disk_lock);
	if (disk == NULL) {
		free(store);
		return NULL;
	}
	return store;
}

bool store_has_news(const store_t *store)
{
	return store != NULL && atomic_load_explicit(&store->has_news, memory_order_relaxed);
}

store_news_t store_take(store_t *store)
{
	if (store == NULL) {
		return (store_news_t){ .records = NULL };
	}
	pthread_mutex_lock(&disk_lock);
	store_news_t news = store->news;
	store->news = (store_news_t){ .reading = news.reading };
	store->has_news = false;
	pthread_cond_broadcast(&disk_done);
	pthread_mutex_unlock(&disk_lock);
	return news;
}

bool store_put(store_t *store, record_t *record)
{
	if (store == NULL || record == NULL) {
		free(record);
		return false;
	}
	store->has_put = true;
	return disk_enqueue(store, record);
}

void store_del(store_t *store, const knot_dname_t *name)
{
	if (store != NULL && store->has_put) {
		record_t *record = record_new(name, ADDR_A, RECORD_GONE, 0, NULL);
		if (record != NULL) {
			(void)disk_enqueue(store, record);
		}
	}
}

bool store_has(const store_t *store, uint64_t put_at)
{
	return store != NULL && put_at != 0 && put_at >= store->since;
}

const store_stats_t *store_stats(const store_t *store)
{
	static const store_stats_t none;
	return store != NULL ? &store->stats : &none;
}

void store_close(store_t *store)
{
	if (store != NULL) {
		disk_leave(store);
	}
}
