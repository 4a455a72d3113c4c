/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The store's file as an SQLite database with one table of answers.
 *
 * One thread at a time. SQLite reports damage and I/O errors as results, whatever happens to the file: nothing of it is
 * mapped to memory. All settings are those of the connection, as others in the process may use SQLite, too. Memory is
 * bounded by the connection's cache, 16 MiB.
 *
 * A commit waits for the disk. After kill -9 all of a transaction is in the file, or nothing.
 *
 * After a call that fails, only database_close() is allowed.
 */

#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "store/record.h"

/*! Version of the table; each change of what is in it needs a new one. */
#define DATABASE_VERSION 2

/*! Zeroed before first use. */
typedef struct {
	sqlite3 *handle; /*!< NULL if it is closed. */
	sqlite3_stmt *read;
	sqlite3_stmt *put;
	sqlite3_stmt *del;
	size_t rows_max;  /*!< More rows than this can't be in the file. */
	char reason[256]; /*!< Why the last call failed, for the log. */
} database_t;

/*! Results of all calls. */
enum {
	DATABASE_OK,
	DATABASE_END,     /*!< There are no more rows. */
	DATABASE_DAMAGED, /*!< For this and the next two the file is of no use. */
	DATABASE_FOREIGN, /*!< Not a store; maybe a file that somebody else needs. */
	DATABASE_NEWER,   /*!< Written by a newer version. */
	DATABASE_BUSY,    /*!< Another process has the file. */
	DATABASE_FAILED,  /*!< An error of the system, maybe for a while; `reason` says which. */
};

/*! \brief Opens a file, and makes the table if the file is empty. Reads little of it. */
int database_open(database_t *database, const char *path);

/*! \brief Checks the structure of the whole file, about 0.2 s for a million rows. */
int database_check(database_t *database);

/*!
 * \brief Starts to read the rows of a set of resolvers.
 *
 * \param resolvers  Text of the set; must live until all are read.
 * \param size       Size of the file, octets.
 */
int database_select(database_t *database, const char *resolvers, size_t size);

/*!
 * \brief Reads the next row of that set.
 *
 * \param[out] record  Record that free() frees; NULL for a row that is damaged.
 *
 * \return DATABASE_OK, DATABASE_END, DATABASE_DAMAGED if there are more rows than can be, or DATABASE_FAILED.
 */
int database_next(database_t *database, const char *resolvers, record_t **record);

/*! \brief Begins a transaction. */
int database_begin(database_t *database);

/*! \brief Writes a record into the transaction, in place of that of the same set, name and type. */
int database_put(database_t *database, const record_t *record, const char *resolvers);

/*! \brief Deletes all rows that were too old for any zone at a time, seconds since 1970, in the transaction. */
int database_expire(database_t *database, uint64_t now);

/*! \brief Commits the transaction. */
int database_commit(database_t *database);

/*! \brief Whether the file has the size that it should have after a commit, octets. */
bool database_has_size(database_t *database, size_t size);

/*! \brief Closes the file without the transaction. Does nothing if it is closed. */
void database_close(database_t *database);
