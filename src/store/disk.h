/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The private parts of stores: disk.c has the thread of a directory, store.c what engines' threads do.
 *
 * All stores of a directory share a disk_t with its thread, which ends with the last of them. One lock protects the list
 * of these and what is marked so in the structures; it is never held while the thread waits for the disk. Records in the
 * queue point to their stores, so the thread itself takes a closed store out of the list, when it has no records left.
 * With its last store the thread ends. Nobody waits for it before, as it may never come back from the disk.
 */

#pragma once

#include <urcu/list.h>
#include <pthread.h>
#include <sys/stat.h>

#include "store/database.h"
#include "store/store.h"
#include "store/storefile.h"

struct store {
	struct disk *disk;
	log_queue_t *log;
	void (*wake)(void *ctx);
	void *ctx;
	_Atomic bool has_news;
	_Atomic uint64_t since; /*!< Records put before this time are lost. */
	store_stats_t stats;

	/* Under the lock. */
	struct cds_list_head node; /*!< In the disk's list. */
	store_news_t news;         /*!< What store_take() has not taken yet. */
	bool wanted;               /*!< Its rows have to be read. */
	bool lacking;              /*!< Not all of its answers are in the queue or in the file. */
	bool closed;               /*!< store_close() waits, or has waited in vain. */
	bool leaving;              /*!< It was closed when the thread began its work. */
	bool detached;             /*!< The thread is done with it. */
	bool abandoned;            /*!< store_close() has waited in vain: the thread frees it, and the log may be gone. */

	bool has_put; /*!< The engine's thread only. */
	char resolvers[];
};

typedef struct disk {
	pthread_t thread;

	/* Under the lock. */
	struct cds_list_head node; /*!< In the list of disks, or of those that have ended. */
	struct cds_list_head stores;
	pthread_cond_t work; /*!< There may be something to do. */
	record_t *first;     /*!< The queue. */
	record_t **last;     /*!< Where its next record goes. */
	unsigned count;      /*!< Records in it. */
	size_t size;         /*!< Octets of these. */
	uint64_t due;        /*!< When the queue has to be written. */

	/* The thread only. */
	storefile_t file;
	database_t database;
	struct stat stamp;  /*!< As the thread has left the file. */
	const char *reason; /*!< Why the last attempt failed. */
	bool checked;       /*!< The file's structure is sound. */
	bool was_open;      /*!< The file has been open at some time. */
	bool changed;       /*!< Somebody else has changed the file. */
	bool failing;
	uint64_t delay;    /*!< Length of the pause, ms. */
	uint64_t retry_at; /*!< Its end. */
	uint64_t look_at;
	uint64_t expire_at;
	uint64_t logged_at;

	char dir[];
} disk_t;

/*! The lock of all disks. */
extern pthread_mutex_t disk_lock;

/*! Records of any store have been taken, or stores closed or detached. */
extern pthread_cond_t disk_done;

/*! \brief Finds the disk of a directory, or starts its thread. Under the lock. \return NULL if out of memory. */
disk_t *disk_get(const char *dir);

/*! \brief Queues a record, which is the disk's then. \return False if there is no room, and the record is freed. */
bool disk_enqueue(store_t *store, record_t *record);

/*! \brief Waits until the thread is done with a store that was added to its list, five seconds at most. Has it freed. */
void disk_leave(store_t *store);
