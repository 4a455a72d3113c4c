/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The format of records in the store's file: one good answer each.
 *
 * Pure; any thread. Reading checks everything. All numbers are big-endian.
 *
 *     key:    target name, lower-case wire | type (1)
 *     value:  checksum (8) | kind (1) | ttl (4) | received (8) | used (8) | count (1) | addresses
 *
 * The checksum covers the key and the rest of the value. One more key, which can't
 * be a name, has the format's name and version as value.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <libknot/dname.h>

#include "resolve/reply.h"

/*! Version of the format; any change of the format needs a new one. */
#define RECORD_VERSION 1

#define RECORD_KEY_MAX (KNOT_DNAME_MAXLEN + 1)
#define RECORD_HEADER_LEN (8 + 1 + 4 + 8 + 8 + 1)
#define RECORD_VALUE_MAX (RECORD_HEADER_LEN + REPLY_ADDRESSES_MAX * 16)

/*! Key of the format's name and version. It sorts after the keys of all names. */
#define RECORD_META_KEY "\377format"
#define RECORD_META_KEY_LEN (sizeof(RECORD_META_KEY) - 1)

/*! Length of the value of that key, octets. */
#define RECORD_META_LEN (sizeof("mod-alias") + 2)

typedef struct {
	addr_type_t type;
	reply_t reply;     /*!< Its kind is REPLY_ADDRESSES, REPLY_NODATA or REPLY_NXDOMAIN. */
	uint64_t received; /*!< When the reply came, seconds since 1970. */
	uint64_t used;     /*!< When a client last used it, seconds since 1970. */
} record_t;

/*!
 * \brief Writes the key of a name and type.
 *
 * \param name  In any case; the key has it in lower case.
 *
 * \return Length, octets.
 */
size_t record_key(uint8_t key[RECORD_KEY_MAX], const knot_dname_t *name, addr_type_t type);

/*!
 * \brief Writes the value of a key.
 *
 * \return Length, octets; 0 if record_read() would not accept the record.
 */
size_t record_write(uint8_t value[RECORD_VALUE_MAX], const uint8_t *key, size_t key_len,
                    const record_t *record);

/*!
 * \brief Reads a key and its value.
 *
 * \param[out] record  Set if KNOT_EOK; addresses beyond the count are zero.
 * \param[out] name    Its name; set if KNOT_EOK.
 *
 * \return KNOT_EMALF for anything that record_write() does not write, or KNOT_EOK.
 */
int record_read(record_t *record, knot_dname_storage_t name, const uint8_t *key, size_t key_len,
                const uint8_t *value, size_t len);

/*! \brief Writes the value under RECORD_META_KEY. */
void record_write_meta(uint8_t value[RECORD_META_LEN]);

/*!
 * \brief Reads the value under RECORD_META_KEY.
 *
 * \return KNOT_ENOTSUP for a newer version of the format, KNOT_EMALF for anything else that
 *         record_write_meta() does not write, or KNOT_EOK.
 */
int record_read_meta(const uint8_t *value, size_t len);
