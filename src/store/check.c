/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/check.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libknot/errcode.h>

#include "store/record.h"

static check_t map_and_check(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		return CHECK_FAILED;
	}
	if (fstat(fd, &st) != 0) {
		close(fd);
		return CHECK_FAILED;
	}
	uint8_t *base = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (base == MAP_FAILED) {
		return CHECK_FAILED;
	}
	check_t result = check_pages(base, st.st_size);
	munmap(base, st.st_size);
	return result;
}

static check_t check_format(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_val key = { RECORD_META_KEY_LEN, RECORD_META_KEY }, value;
	if (mdb_get(txn, dbi, &key, &value) != 0) {
		return CHECK_FOREIGN;
	}
	switch (record_read_meta(value.mv_data, value.mv_size)) {
	case KNOT_EOK:
		return CHECK_SOUND;
	case KNOT_ENOTSUP:
		return CHECK_NEWER;
	default:
		return CHECK_DAMAGED;
	}
}

static check_t check_records(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_stat stat;
	if (mdb_stat(txn, dbi, &stat) != 0) {
		return CHECK_DAMAGED;
	}
	if (stat.ms_entries == 0) {
		/* LMDB made the file, and nothing was written since. */
		return CHECK_SOUND;
	}
	check_t result = check_format(txn, dbi);
	MDB_cursor *cursor = NULL;
	if (result != CHECK_SOUND || mdb_cursor_open(txn, dbi, &cursor) != 0) {
		return result == CHECK_SOUND ? CHECK_DAMAGED : result;
	}

	record_t record;
	knot_dname_storage_t name;
	MDB_val key, value;
	size_t count = 1; /* The record of the format. */
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0 &&
	       record_read(&record, name, key.mv_data, key.mv_size,
	                   value.mv_data, value.mv_size) == KNOT_EOK) {
		count++;
	}
	mdb_cursor_close(cursor);
	/* The loop ends at the record of the format, which is the last one, or at a bad one. */
	return count == stat.ms_entries ? CHECK_SOUND : CHECK_DAMAGED;
}

static check_t read_all(const char *path)
{
	check_t result = CHECK_DAMAGED;
	MDB_env *env = NULL;
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	if (mdb_env_create(&env) != 0) {
		return result;
	}
	/* For a map size of 1, LMDB takes the size of the file. */
	if (mdb_env_set_mapsize(env, 1) == 0 &&
	    mdb_env_open(env, path, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0) == 0 &&
	    mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0) {
		if (mdb_dbi_open(txn, NULL, 0, &dbi) == 0) {
			result = check_records(txn, dbi);
		}
		mdb_txn_abort(txn);
	}
	mdb_env_close(env);
	return result;
}

check_t check_file(const char *path)
{
	check_t result = map_and_check(path);
	return result == CHECK_SOUND ? read_all(path) : result;
}
