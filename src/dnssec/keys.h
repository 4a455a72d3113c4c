/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The keys that sign a zone, as the zone itself shows them.
 *
 * The signatures over the SOA name the signers, the DNSKEY set has their public parts, and the keystore
 * of the zone's policy the private ones. So nothing has to be known of rollovers: a key is in use as soon, and as
 * long, as Knot signs the zone with it and clients can see it.
 */

#pragma once

#include <urcu.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <libdnssec/key.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

/*! Signers of a zone: two in a rollover of an algorithm; further ones are refused. */
#define KEYS_MAX 8

/*! Keystores of a policy. */
#define KEYSTORES_MAX 8

/*! Where private keys are. */
typedef struct {
	unsigned count;
	struct {
		bool pkcs11;
		char *config; /*!< Directory, or URI of the token. */
	} store[KEYSTORES_MAX];
} keystores_t;

/*! The keys of a zone; immutable once published, but for what is atomic. */
typedef struct {
	struct rcu_head rcu;
	_Atomic uint64_t version;  /*!< Hash of the zone's version that these are the keys of. */
	_Atomic uint64_t retry_at; /*!< clock_ms() of the next try, without keys. */
	uint64_t id;               /*!< Hash of the signers' DNSKEYs. */
	unsigned count;            /*!< 0: not to be had, the zone is as good as signed elsewhere. */
	dnssec_key_t *key[KEYS_MAX];
} keys_t;

/*! Why there are no keys. */
typedef enum {
	KEYS_FOUND,
	KEYS_NONE,     /*!< No signer is in the DNSKEY set. */
	KEYS_TOO_MANY, /*!< More than KEYS_MAX. */
	KEYS_LOST,     /*!< A private key can't be read. */
} keys_result_t;

/*! More about that, with KEYS_LOST. */
typedef struct {
	keys_result_t result;
	int ret;      /*!< DNSSEC_E*. */
	uint16_t tag; /*!< Of the key that is missing. */
	uint8_t algorithm;
	char id[64]; /*!< Its name in the keystore. */
} keys_error_t;

/*! \brief Adds a keystore; the config is copied. \return KNOT_E* */
int keystores_add(keystores_t *stores, bool pkcs11, const char *config);

/*! \brief Frees what keystores_add() allocated; all zeros are fine. */
void keystores_free(keystores_t *stores);

/*!
 * \brief Hash of the keys that sign a zone, to see whether they are others by now.
 *
 * \param rrsigs   RRSIGs at the apex.
 * \param dnskeys  DNSKEYs at the apex.
 */
uint64_t keys_id(const knot_rdataset_t *rrsigs, const knot_rdataset_t *dnskeys);

/*!
 * \brief Reads the private keys; file I/O, or whatever a PKCS #11 library does.
 *
 * \param[out] error  Why there are none.
 *
 * \return Keys, without any if they are not all to be had; keys_free() frees them. NULL if out of memory.
 */
keys_t *keys_load(const knot_rdataset_t *rrsigs, const knot_rdataset_t *dnskeys,
                  const keystores_t *stores, keys_error_t *error);

/*! \brief Frees keys, or NULL, at once. */
void keys_free(keys_t *keys);
