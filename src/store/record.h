/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A record of the store: one good answer, or a target that is gone; and its row in the file, as text.
 *
 * Pure; any thread. A row is text that a person can read.
 */

#pragma once

#include <stdint.h>
#include <arpa/inet.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

#include "resolve/reply.h"

/*! Kind of a record by which both types of a target are deleted; the others are of reply_kind_t. */
#define RECORD_GONE UINT8_MAX

/*! Compact, as many of them may wait for the disk. */
typedef struct record {
	struct record *next; /*!< In a list of the store. */
	struct store *store; /*!< Set of resolvers that it belongs to; the store's. */
	uint64_t received;   /*!< When the reply came, seconds since 1970. */
	uint64_t used;       /*!< When a client last used it, seconds since 1970. */
	uint32_t ttl;        /*!< Seconds, as received. */
	uint8_t type;        /*!< addr_type_t. */
	uint8_t kind;        /*!< REPLY_ADDRESSES, REPLY_NODATA, REPLY_NXDOMAIN or RECORD_GONE. */
	uint8_t count;       /*!< Number of addresses. */
	uint8_t name_len;    /*!< Octets. */
	uint8_t data[];      /*!< Name in lower case, then the addresses. */
} record_t;

/*! A row of the file. */
typedef struct {
	const char *target;
	const char *type;
	const char *kind;
	const char *addresses; /*!< With one space in between. */
	uint64_t received;
	uint64_t used;
	uint64_t ttl;
} row_t;

/*! Memory for the text of a row. */
typedef struct {
	knot_dname_txt_storage_t target;
	char addresses[REPLY_ADDRESSES_MAX * INET6_ADDRSTRLEN];
} row_text_t;

/*!
 * \brief Makes a record, which free() frees. Its times are for the caller to set.
 *
 * \param name  Name in lower case.
 * \param rrs   The addresses, REPLY_ADDRESSES_MAX at most; NULL for none.
 *
 * \return NULL if out of memory.
 */
record_t *record_new(const knot_dname_t *name, addr_type_t type, uint8_t kind, uint32_t ttl,
                     const knot_rdataset_t *rrs);

/*! \brief Its length in memory, octets. */
size_t record_size(const record_t *record);

/*! \brief The reply that it was made of. */
void record_reply(reply_t *reply, const record_t *record);

/*! \brief A checksum of a record and its set of resolvers, by which no other one is taken for it. */
uint64_t record_checksum(const record_t *record, const char *resolvers);

/*! \brief Makes a row, which points into `text`. That of RECORD_GONE is only good for its target. */
void record_print(row_t *row, row_text_t *text, const record_t *record);

/*!
 * \brief Makes a record of a row, which free() frees.
 *
 * \param[out] record  Record; set if KNOT_EOK.
 * \param row          Row; any text may be NULL.
 *
 * \return KNOT_EMALF, KNOT_ENOMEM or KNOT_EOK.
 */
int record_parse(record_t **record, const row_t *row);
