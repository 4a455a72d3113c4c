/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Batches of records in LMDB: the size of the map, failures and retries. storefile.c has the file. See store.h. */

#include "store/store.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <syslog.h>
#include <unistd.h>
#include <libknot/errcode.h>

#include "store/storefile.h"

/*! Address space kept free for a batch, octets, a power of 2: each of STORE_BATCH_MAX records
 *  changes hardly more than a path of 4 pages. Tests make it smaller. */
#ifndef STORE_ROOM
#define STORE_ROOM (64 << 20)
#endif

/*! Pause after the first failure, and the longest pause, ms. */
#define RETRY_MIN_MS 5000
#define RETRY_MAX_MS 60000

/*! A failure that lasts is logged again after this time, ms. */
#define LOG_AGAIN_MS 60000

#define ENV_FLAGS (MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NOMETASYNC)

struct store {
	storefile_t file;
	MDB_env *env; /*!< NULL if it must be opened again. */
	MDB_dbi dbi;
	MDB_txn *txn;       /*!< The batch. */
	unsigned ops;       /*!< Records written or deleted in the batch. */
	unsigned puts;      /*!< Records written in the batch. */
	uint64_t put_first; /*!< Time of the first of these. */
	bool full;          /*!< The last batch did not fit into the map. */

	uint64_t now;       /*!< Time of the last call. */
	uint64_t lost_from; /*!< Records put from this time ... */
	uint64_t lost_to;   /*!< ... to this time are lost; 0 if none are. */
	bool failing;
	uint64_t delay;    /*!< Length of the pause. */
	uint64_t retry_at; /*!< Its end. */
	uint64_t logged_at;

	bool read_all;
	uint8_t at[RECORD_KEY_MAX]; /*!< Key of the record read last. */
	size_t at_len;              /*!< Its length, octets; 0 if none was read. */

	store_stats_t stats;
};

/*! Opens the database of the records. A new file gets the record of the format. */
static int open_records(store_t *store)
{
	MDB_txn *txn;
	int ret = mdb_txn_begin(store->env, NULL, 0, &txn);
	if (ret != 0) {
		return ret;
	}
	ret = mdb_dbi_open(txn, NULL, 0, &store->dbi);
	if (ret == 0) {
		uint8_t format[RECORD_META_LEN];
		record_write_meta(format);
		MDB_val key = { RECORD_META_KEY_LEN, RECORD_META_KEY };
		MDB_val value = { sizeof(format), format };
		ret = mdb_put(txn, store->dbi, &key, &value, MDB_NOOVERWRITE);
	}
	if (ret == 0) {
		return mdb_txn_commit(txn);
	}
	mdb_txn_abort(txn);
	return ret == MDB_KEYEXIST ? 0 : ret;
}

static void close_env(store_t *store)
{
	if (store->env != NULL) {
		mdb_env_close(store->env);
		store->env = NULL;
	}
}

static int open_env(store_t *store)
{
	size_t size;
	int ret = storefile_prepare(&store->file, &size);
	if (ret != KNOT_EOK) {
		return ret;
	}
	if (size == 0) {
		store->lost_from = 1;
		store->lost_to = store->now;
	}

	size_t map = 2 * size + STORE_ROOM - 1;
	ret = mdb_env_create(&store->env);
	if (ret == 0) {
		ret = mdb_env_set_mapsize(store->env, map - map % STORE_ROOM);
	}
	if (ret == 0) {
		ret = mdb_env_open(store->env, store->file.path, ENV_FLAGS, 0600);
	}
	if (ret == 0) {
		/* LMDB does not set close-on-exec. */
		int fd;
		(void)mdb_env_get_fd(store->env, &fd);
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		ret = open_records(store);
	}
	if (ret != 0) {
		close_env(store);
		if (size == 0) {
			/* The next start must not take the incomplete new file for a damaged one. */
			(void)!truncate(store->file.path, 0);
		}
		return storefile_fault(&store->file, ret);
	}
	return KNOT_EOK;
}

int store_open(store_t **store_ptr, const char *dir, const char *file, log_queue_t *log)
{
	*store_ptr = NULL;
	store_t *store = calloc(1, sizeof(*store));
	if (store == NULL) {
		return KNOT_ENOMEM;
	}

	int ret = storefile_open(&store->file, dir, file, log);
	if (ret == KNOT_EOK) {
		ret = open_env(store);
	}
	if (ret == KNOT_EBUSY) {
		storefile_log(&store->file, LOG_ERR, "in use by another process, running without it");
	} else if (ret != KNOT_EOK && store->file.path != NULL) {
		storefile_log(&store->file, LOG_ERR, "can't be opened, running without it (%s)", store->file.reason);
	}
	if (ret != KNOT_EOK) {
		store_close(store);
		return ret;
	}

	*store_ptr = store;
	return KNOT_EOK;
}

/*! Drops the batch, or notes that none could be begun; then the store pauses. */
static void lose_batch(store_t *store)
{
	mdb_txn_abort(store->txn);
	store->txn = NULL;
	if (store->puts > 0) {
		store->lost_from = (store->lost_to == 0) ? store->put_first : store->lost_from;
		store->lost_to = store->now;
	}
	store->ops = store->puts = 0;
	store->stats.errors++;

	store->delay = !store->failing ? RETRY_MIN_MS : MIN(2 * store->delay, RETRY_MAX_MS);
	/* A larger map may be enough: then there is no pause. */
	store->retry_at = store->now + (store->full && !store->failing ? 0 : store->delay);
	if (!store->failing || store->now - store->logged_at >= LOG_AGAIN_MS) {
		storefile_log(&store->file, LOG_ERR,
		              "not written, what was stored before stays, trying again (%s)",
		              store->file.reason);
		store->logged_at = store->now;
	}
	store->failing = true;
}

/*! Grows the map so that the next batch fits. No transaction may be open. */
static int grow_map(store_t *store)
{
	MDB_envinfo info;
	MDB_stat stat;
	(void)mdb_env_info(store->env, &info);
	(void)mdb_env_stat(store->env, &stat);
	size_t map = info.me_mapsize;
	size_t used = (info.me_last_pgno + 1) * stat.ms_psize;
	size_t room = MIN(map / 2, STORE_ROOM);
	if (store->full) {
		map *= 2;
	} else if (map < used || map - used < room) {
		map = 2 * used + STORE_ROOM;
	} else {
		return 0;
	}
	store->full = false;
	return mdb_env_set_mapsize(store->env, map);
}

/*! Begins a batch if none is open. */
static int begin(store_t *store)
{
	if (store->txn != NULL) {
		return KNOT_EOK;
	}

	int ret = KNOT_EOK;
	/* After a failed write of a meta page LMDB requires that the file is opened again. */
	for (unsigned tries = 0; tries < 2; tries++) {
		if (store->env == NULL && (ret = open_env(store)) != KNOT_EOK) {
			break;
		}
		ret = grow_map(store);
		if (ret == 0) {
			ret = mdb_txn_begin(store->env, NULL, 0, &store->txn);
		}
		if (ret == 0) {
			return KNOT_EOK;
		}
		/* The environment is also unusable without its map. */
		store->txn = NULL;
		close_env(store);
		ret = storefile_fault(&store->file, ret);
	}
	lose_batch(store);
	return ret;
}

/*! Loses the batch by an error of LMDB. \return KNOT_E* */
static int lose(store_t *store, int error)
{
	store->full = (error == MDB_MAP_FULL);
	int ret = storefile_fault(&store->file, error);
	lose_batch(store);
	return ret;
}

/*! Counts a change, or loses the batch if the change failed. \return Whether the batch goes on. */
static bool note(store_t *store, int ret)
{
	if (ret != 0) {
		(void)lose(store, ret);
		return false;
	}
	store->ops++;
	return true;
}

bool store_settle(store_t *store)
{
	if (store == NULL || store->txn == NULL) {
		return true;
	}
	if (store->ops == 0) {
		/* Committing nothing would not show whether the disk is writable. */
		mdb_txn_abort(store->txn);
		store->txn = NULL;
	} else if (store->ops >= STORE_BATCH_MAX) {
		return store_commit(store, store->now) == KNOT_EOK;
	}
	return true;
}

static bool may_write(store_t *store, uint64_t now)
{
	if (store == NULL) {
		return false;
	}
	store->now = now;
	return (!store->failing || now >= store->retry_at) && begin(store) == KNOT_EOK;
}

/*! Moves to the record after the last one read. */
static int seek(const store_t *store, MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
	if (store->at_len == 0) {
		return mdb_cursor_get(cursor, key, value, MDB_FIRST);
	}
	*key = (MDB_val){ store->at_len, (void *)store->at };
	int ret = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
	if (ret == 0 && key->mv_size == store->at_len && memcmp(key->mv_data, store->at, store->at_len) == 0) {
		ret = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	}
	return ret;
}

/*! Reads the record after the last one read. Damaged records are deleted and skipped. */
static int read_next(store_t *store, MDB_cursor *cursor, record_t *record, knot_dname_storage_t name)
{
	while (true) {
		MDB_val key, value;
		int ret = seek(store, cursor, &key, &value);
		if (ret != 0) {
			return ret;
		}
		if (((const uint8_t *)key.mv_data)[0] == (uint8_t)RECORD_META_KEY[0]) {
			return MDB_NOTFOUND;
		}
		store->at_len = MIN(key.mv_size, sizeof(store->at));
		memcpy(store->at, key.mv_data, store->at_len);
		if (record_read(record, name, key.mv_data, key.mv_size, value.mv_data, value.mv_size) == KNOT_EOK) {
			return 0;
		}
		ret = mdb_cursor_del(cursor, 0);
		if (ret != 0) {
			return ret;
		}
		store->ops++;
	}
}

int store_next(store_t *store, record_t *record, knot_dname_storage_t name)
{
	if (store == NULL || store->read_all) {
		return KNOT_ENOENT;
	}

	/* Reads in the batch's transaction. A separate one would not see the batch, nor be safe from its commit:
	 * without LMDB's lock file, pages that are still being read are used again. */
	int ret = begin(store);
	if (ret != KNOT_EOK) {
		return ret;
	}
	MDB_cursor *cursor;
	ret = mdb_cursor_open(store->txn, store->dbi, &cursor);
	if (ret == 0) {
		ret = read_next(store, cursor, record, name);
		mdb_cursor_close(cursor);
	}
	if (ret == MDB_NOTFOUND) {
		store->read_all = true;
		return KNOT_ENOENT;
	}
	return ret == 0 ? KNOT_EOK : lose(store, ret);
}

void store_drop(store_t *store)
{
	MDB_val key = { store->at_len, store->at };
	if (store->txn != NULL) {
		(void)note(store, mdb_del(store->txn, store->dbi, &key, NULL));
	}
}

bool store_put(store_t *store, const knot_dname_t *name, const record_t *record, uint64_t now)
{
	uint8_t key[RECORD_KEY_MAX], value[RECORD_VALUE_MAX];
	size_t key_len = record_key(key, name, record->type);
	size_t len = record_write(value, key, key_len, record);
	if (len == 0 || !may_write(store, now)) {
		return false;
	}

	if (store->puts++ == 0) {
		store->put_first = now;
	}
	MDB_val k = { key_len, key }, v = { len, value };
	return note(store, mdb_put(store->txn, store->dbi, &k, &v, 0)) && store_settle(store);
}

void store_del(store_t *store, const knot_dname_t *name, uint64_t now)
{
	if (!may_write(store, now)) {
		return;
	}
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		uint8_t key[RECORD_KEY_MAX];
		MDB_val k = { record_key(key, name, type), key };
		int ret = mdb_del(store->txn, store->dbi, &k, NULL);
		if (ret != MDB_NOTFOUND && !note(store, ret)) {
			return;
		}
	}
	(void)store_settle(store);
}

bool store_has(const store_t *store, uint64_t put_at)
{
	return store != NULL && put_at != 0 && (store->lost_to == 0 || put_at < store->lost_from || put_at > store->lost_to);
}

bool store_pending(const store_t *store)
{
	return store != NULL && store->txn != NULL;
}

int store_commit(store_t *store, uint64_t now)
{
	if (!store_pending(store)) {
		return KNOT_EOK;
	}
	store->now = now;

	int ret = mdb_txn_commit(store->txn);
	store->txn = NULL;
	if (ret != 0) {
		return lose(store, ret);
	}
	store->stats.puts += store->puts;
	store->stats.batches++;
	store->ops = store->puts = 0;
	if (store->failing) {
		store->failing = false;
		storefile_log(&store->file, LOG_NOTICE, "written again");
	}
	return KNOT_EOK;
}

const store_stats_t *store_stats(const store_t *store)
{
	static const store_stats_t none = { 0 };
	return store != NULL ? &store->stats : &none;
}

void store_close(store_t *store)
{
	if (store == NULL) {
		return;
	}
	(void)store_commit(store, store->now);
	close_env(store);
	storefile_close(&store->file);
	free(store);
}
