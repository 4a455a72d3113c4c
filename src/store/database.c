/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "cache/policy.h"

/*! "ALIA": says in the file's header whose it is. */
#define APPLICATION_ID 0x414c4941

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

/*! Size of a page, octets; in the settings, too. */
#define PAGE 4096
/*! Longest text or row, octets; no text of ours comes near it. */
#define LENGTH_MAX 16384
/*! Fewer octets than a row takes. */
#define ROW_MIN 32

static const char TABLE[] =
	"CREATE TABLE answers (resolvers TEXT NOT NULL, target TEXT NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL, "
	"addresses TEXT NOT NULL, ttl INTEGER NOT NULL, received INTEGER NOT NULL, used INTEGER NOT NULL, "
	"checksum INTEGER NOT NULL, PRIMARY KEY (resolvers, target, type)) WITHOUT ROWID";

/*
 * In this order: with exclusive locking from the start, there is no shared memory whatever the file's journal is. The
 * journal is truncated after each transaction, so that all is in the one file between them.
 */
static const char SETTINGS[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA page_size = 4096;"
	"PRAGMA mmap_size = 0;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA cache_size = -16384;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA secure_delete = OFF;"
	"PRAGMA auto_vacuum = NONE;"
	"PRAGMA journal_mode = TRUNCATE;"
	"PRAGMA synchronous = NORMAL;";

/*! Notes why a call failed. What neither the system nor others are to blame for is damage. \return DATABASE_* */
static int fault(database_t *database, int error)
{
	int number = 0, ret = DATABASE_FAILED;
	switch (error & 0xff) {
	case SQLITE_NOTADB:
		ret = DATABASE_FOREIGN;
		break;
	case SQLITE_FULL:
		number = ENOSPC;
		break;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		number = (database->handle != NULL) ? sqlite3_system_errno(database->handle) : 0;
		break;
	case SQLITE_BUSY:
		ret = DATABASE_BUSY;
		break;
	case SQLITE_INTERRUPT:
	case SQLITE_LOCKED:
	case SQLITE_MISUSE:
	case SQLITE_NOMEM:
	case SQLITE_PERM:
	case SQLITE_PROTOCOL:
		break;
	case SQLITE_READONLY:
		if (error != SQLITE_READONLY) {
			break;
		}
		/* fallthrough */
	default:
		ret = DATABASE_DAMAGED;
	}
	snprintf(database->reason, sizeof(database->reason), "%s",
	         number != 0 ? strerror(number) : sqlite3_errstr(error));
	return ret;
}

static int execute(database_t *database, const char *sql)
{
	int ret = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
	return ret == SQLITE_OK ? DATABASE_OK : fault(database, ret);
}

static int prepare(database_t *database, sqlite3_stmt **statement, const char *sql)
{
	int ret = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
	return ret == SQLITE_OK ? DATABASE_OK : fault(database, ret);
}

/*! Runs a statement without result, so that it can be run again. */
static int run(database_t *database, sqlite3_stmt *statement)
{
	(void)sqlite3_step(statement);
	int ret = sqlite3_reset(statement); /* Has the error of the step. */
	return ret == SQLITE_OK ? DATABASE_OK : fault(database, ret);
}

/*! Whether the only result of a query is an expected text. */
static int compare(database_t *database, const char *sql, const char *expected, bool *equal)
{
	sqlite3_stmt *statement = NULL;
	*equal = false;
	int ret = prepare(database, &statement, sql);
	if (ret != DATABASE_OK) {
		return ret;
	}
	if (sqlite3_step(statement) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);
		*equal = (text != NULL && strcmp(text, expected) == 0);
		*equal = sqlite3_step(statement) == SQLITE_DONE && *equal;
	}
	ret = sqlite3_finalize(statement);
	return ret == SQLITE_OK ? DATABASE_OK : fault(database, ret);
}

static int is_ours(database_t *database)
{
	static const struct {
		const char *query;
		const char *expected;
		int otherwise;
	} checks[] = {
		{ "PRAGMA application_id", TEXT(1095518529), DATABASE_FOREIGN },
		{ "SELECT user_version > " TEXT(DATABASE_VERSION) " FROM pragma_user_version", "0", DATABASE_NEWER },
		{ "PRAGMA user_version", TEXT(DATABASE_VERSION), DATABASE_DAMAGED },
		{ "SELECT sql FROM sqlite_master", TABLE, DATABASE_DAMAGED },
	};
	_Static_assert(APPLICATION_ID == 1095518529, "as in the check");
	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		bool equal;
		int ret = compare(database, checks[i].query, checks[i].expected, &equal);
		if (ret != DATABASE_OK || !equal) {
			return ret == DATABASE_OK ? checks[i].otherwise : ret;
		}
	}
	return DATABASE_OK;
}

static int make_table(database_t *database)
{
	int ret = execute(database, TABLE);
	if (ret == DATABASE_OK) {
		ret = execute(database, "PRAGMA application_id = " TEXT(APPLICATION_ID) ";"
		                                                                        "PRAGMA user_version = " TEXT(DATABASE_VERSION) ";");
	}
	return ret;
}

static int prepare_all(database_t *database)
{
	int ret = prepare(database, &database->read,
	                  "SELECT target, type, kind, addresses, ttl, received, used, checksum FROM answers WHERE resolvers = ?");
	if (ret == DATABASE_OK) {
		ret = prepare(database, &database->put,
		              "INSERT OR REPLACE INTO answers (resolvers, target, type, kind, addresses, ttl, received, used, "
		              "checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	}
	if (ret == DATABASE_OK) {
		ret = prepare(database, &database->del, "DELETE FROM answers WHERE resolvers = ? AND target = ?");
	}
	return ret;
}

/*! Has SQLite trust nothing in the file. */
static void harden(sqlite3 *handle)
{
	(void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	(void)sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	(void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL);
	(void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, (int *)NULL);
	(void)sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
	(void)sqlite3_extended_result_codes(handle, 1);
}

int database_open(database_t *database, const char *path)
{
	*database = (database_t){ .handle = NULL };
	int ret = sqlite3_open_v2(path, &database->handle,
	                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, "unix");
	if (ret != SQLITE_OK) {
		return fault(database, ret);
	}
	harden(database->handle);
	ret = execute(database, SETTINGS);
	bool is_empty = false;
	if (ret == DATABASE_OK) {
		ret = compare(database, "PRAGMA page_count", "0", &is_empty);
	}
	if (ret == DATABASE_OK) {
		ret = execute(database, "BEGIN EXCLUSIVE");
	}
	if (ret == DATABASE_OK) {
		ret = is_empty ? make_table(database) : is_ours(database);
	}
	if (ret == DATABASE_OK) {
		ret = execute(database, "COMMIT");
	}
	return ret == DATABASE_OK ? prepare_all(database) : ret;
}

int database_check(database_t *database)
{
	bool sound;
	/* A quick_check does not look at the order of rows, without which some are never found again. */
	int ret = compare(database, "PRAGMA integrity_check(1)", "ok", &sound);
	return ret == DATABASE_OK && !sound ? DATABASE_DAMAGED : ret;
}

int database_select(database_t *database, const char *resolvers, size_t size)
{
	database->rows_max = size / ROW_MIN;
	(void)sqlite3_reset(database->read); /* The last reader may have ended early. */
	int ret = sqlite3_bind_text(database->read, 1, resolvers, -1, SQLITE_STATIC);
	return ret == SQLITE_OK ? DATABASE_OK : fault(database, ret);
}

static const char *text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

int database_next(database_t *database, const char *resolvers, record_t **record)
{
	sqlite3_stmt *read = database->read;
	*record = NULL;
	int ret = sqlite3_step(read);
	if (ret == SQLITE_DONE) {
		(void)sqlite3_reset(read);
		return DATABASE_END;
	} else if (ret != SQLITE_ROW) {
		return fault(database, ret);
	}
	if (database->rows_max-- == 0) {
		return DATABASE_DAMAGED; /* Damaged pages may lead in circles. */
	}

	row_t row = {
		.target = text(read, 0),
		.type = text(read, 1),
		.kind = text(read, 2),
		.addresses = text(read, 3),
		.ttl = sqlite3_column_int64(read, 4),
		.received = sqlite3_column_int64(read, 5),
		.used = sqlite3_column_int64(read, 6),
	};
	ret = record_parse(record, &row);
	if (ret == KNOT_EOK && record_checksum(*record, resolvers) != (uint64_t)sqlite3_column_int64(read, 7)) {
		free(*record);
		*record = NULL;
	}
	return ret == KNOT_ENOMEM ? fault(database, SQLITE_NOMEM) : DATABASE_OK;
}

int database_begin(database_t *database)
{
	return execute(database, "BEGIN");
}

static int bind_text(sqlite3_stmt *statement, int index, const char *value)
{
	return sqlite3_bind_text(statement, index, value, -1, SQLITE_STATIC);
}

int database_put(database_t *database, const record_t *record, const char *resolvers)
{
	row_t row;
	row_text_t row_text;
	record_print(&row, &row_text, record);
	sqlite3_stmt *statement = (record->kind == RECORD_GONE) ? database->del : database->put;
	int error = bind_text(statement, 1, resolvers) | bind_text(statement, 2, row.target);
	if (statement == database->put) {
		error |= bind_text(statement, 3, row.type) | bind_text(statement, 4, row.kind) |
		         bind_text(statement, 5, row.addresses) | sqlite3_bind_int64(statement, 6, row.ttl) |
		         sqlite3_bind_int64(statement, 7, row.received) | sqlite3_bind_int64(statement, 8, row.used) |
		         sqlite3_bind_int64(statement, 9, record_checksum(record, resolvers));
	}
	return error == SQLITE_OK ? run(database, statement) : fault(database, SQLITE_NOMEM);
}

int database_expire(database_t *database, uint64_t now)
{
	sqlite3_stmt *statement = NULL;
	int ret = prepare(database, &statement, "DELETE FROM answers WHERE received + ttl <= ?");
	if (ret == DATABASE_OK) {
		(void)sqlite3_bind_int64(statement, 1, now - POLICY_WEEK);
		ret = run(database, statement);
	}
	(void)sqlite3_finalize(statement);
	return ret;
}

int database_commit(database_t *database)
{
	return execute(database, "COMMIT");
}

bool database_has_size(database_t *database, size_t size)
{
	char pages[24];
	bool equal;
	(void)snprintf(pages, sizeof(pages), "%zu", size / PAGE);
	return size % PAGE == 0 && compare(database, "PRAGMA page_count", pages, &equal) == DATABASE_OK && equal;
}

void database_close(database_t *database)
{
	(void)sqlite3_finalize(database->read);
	(void)sqlite3_finalize(database->put);
	(void)sqlite3_finalize(database->del);
	(void)sqlite3_close(database->handle);
	*database = (database_t){ .handle = NULL };
}
