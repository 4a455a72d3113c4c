/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The keys that sign a zone, as the zone itself shows them.
 *
 * The signatures over the SOA show the signers, the DNSKEY set has their public parts, and the keystore of the zone's
 * policy has the private ones. So rollovers need no care: a key is used while Knot signs the zone with it and clients
 * can see it.
 */

#pragma once

#include <urcu.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

#include "dnssec/apex.h"
#include "dnssec/keystores.h"

/*! Why there are no keys. */
typedef enum {
	KEYS_FOUND,
	KEYS_NONE,     /*!< No signer is in the DNSKEY set. */
	KEYS_TOO_MANY, /*!< More than APEX_SIGNERS_MAX signers, or more than APEX_DNSKEYS_MAX DNSKEYs. */
	KEYS_LOST,     /*!< A private key can't be read. */
	KEYS_KNOWN,    /*!< The signers are those that the caller knows; nothing was read. */
} keys_result_t;

/*! Details; all but `result` only with KEYS_LOST. */
typedef struct {
	keys_result_t result;
	int ret;      /*!< DNSSEC_E*. */
	uint16_t tag; /*!< Key tag of the missing key. */
	uint8_t algorithm;
	char id[64]; /*!< Its name in the keystore. */
} keys_error_t;

/*! The keys of a zone; immutable once published, except for atomic fields. */
typedef struct {
	struct rcu_head rcu;

	/* For the keyring. */
	_Atomic uint64_t version;  /*!< Version of the zone that has these keys. */
	_Atomic uint64_t interim;  /*!< Version whose own keys are being read; the lowest bit: it still has these. */
	_Atomic uint64_t retry_at; /*!< clock_ms() of the next try, if there are no keys. */
	_Atomic bool logged;       /*!< It is logged that there are no keys. */

	_Atomic uint64_t apex;   /*!< apex_id() of all apexes that have these keys; 0 if it does not tell: a tag is ambiguous. */
	uint64_t id;             /*!< Hash of `dnskeys`. */
	knot_rdataset_t dnskeys; /*!< DNSKEYs of the signers. */
	unsigned count;          /*!< 0 if a key is missing: then nothing can be signed. */
	dnssec_key_t *key[APEX_SIGNERS_MAX];
	keys_error_t error; /*!< Why there are no keys. */
} keys_t;

/*!
 * \brief Finds the signers of a zone and reads their private keys. Blocks on keystores_read().
 *
 * Key tags are hints (RFC 4034, appendix B): a signer is the key that a signature over the SOA can be verified with.
 *
 * \param zone   Name of the zone, lower case.
 * \param apex   A copy of its apex.
 * \param known  keys_t.id of keys that need not be read again, or 0.
 *
 * \return All keys, or an object with count 0 if one is missing; keys_free() frees it. NULL if out of memory.
 */
keys_t *keys_load(const knot_dname_t *zone, const apex_t *apex, const keystores_t *stores, uint64_t known);

/*! \brief Frees keys at once, without waiting for readers; NULL is fine. */
void keys_free(keys_t *keys);
