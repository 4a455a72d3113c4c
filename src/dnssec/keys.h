/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The keys that sign a zone, as the zone itself shows them.
 *
 * The signatures over the SOA name the signers, the DNSKEY set has their public parts, and the keystore of the zone's
 * policy has the private ones. So rollovers need no care: a key is used while Knot signs the zone with it and clients
 * can see it.
 */

#pragma once

#include <urcu.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <libdnssec/key.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

#include "dnssec/keystores.h"

/*! Most signers of a zone; the rollover of an algorithm needs two. With more the zone is not signed here. */
#define KEYS_MAX 8

/*! The keys of a zone; immutable once published, except for atomic fields. */
typedef struct {
	struct rcu_head rcu;
	_Atomic uint64_t version;  /*!< Hash of the zone's version that has these keys. */
	_Atomic uint64_t retry_at; /*!< clock_ms() of the next try, if there are no keys. */
	uint64_t id;               /*!< Hash of the signers' DNSKEYs. */
	unsigned count;            /*!< 0 if a key is missing: the zone then counts as signed elsewhere. */
	dnssec_key_t *key[KEYS_MAX];
} keys_t;

/*! Why there are no keys. */
typedef enum {
	KEYS_FOUND,
	KEYS_NONE,     /*!< No signer is in the DNSKEY set. */
	KEYS_TOO_MANY, /*!< More than KEYS_MAX. */
	KEYS_LOST,     /*!< A private key can't be read. */
} keys_result_t;

/*! Details; all but `result` only with KEYS_LOST. */
typedef struct {
	keys_result_t result;
	int ret;      /*!< DNSSEC_E*. */
	uint16_t tag; /*!< Key tag of the missing key. */
	uint8_t algorithm;
	char id[64]; /*!< Its name in the keystore. */
} keys_error_t;

/*!
 * \brief Hash of the keys that sign a zone, to notice a change of keys.
 *
 * \param rrsigs   RRSIGs at the apex.
 * \param dnskeys  DNSKEYs at the apex.
 */
uint64_t keys_id(const knot_rdataset_t *rrsigs, const knot_rdataset_t *dnskeys);

/*!
 * \brief Reads the private keys. Blocks on file I/O, or on the PKCS #11 library.
 *
 * \param[out] error  Why keys are missing.
 *
 * \return All keys, or an object with count 0 if one is missing; keys_free() frees it. NULL if out of memory.
 */
keys_t *keys_load(const knot_rdataset_t *rrsigs, const knot_rdataset_t *dnskeys,
                  const keystores_t *stores, keys_error_t *error);

/*! \brief Frees keys at once, without waiting for readers; NULL is fine. */
void keys_free(keys_t *keys);
