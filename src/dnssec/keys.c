/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finds the keys that sign a zone among its DNSKEYs, and reads their private parts. See keys.h. */

#include "dnssec/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "dnssec/rrsig.h"
#include "util/hash.h"

/*! Octets of DNSKEY RDATA before the key; libknot accepts shorter RDATA. */
#define DNSKEY_MIN 4

/*! Most DNSKEYs that a signature is tried with: verification is slow, and tags can be made to collide. */
#define CANDIDATES_MAX 8

/*! Whether an RRSIG may be by a DNSKEY (RFC 4035, section 5.3.1). */
static bool is_candidate(const knot_rdata_t *dnskey, const knot_rdata_t *rrsig)
{
	dnssec_binary_t rdata = { .size = dnskey->len, .data = (uint8_t *)dnskey->data };
	uint16_t tag;
	return dnskey->len >= DNSKEY_MIN && (knot_dnskey_flags(dnskey) & KNOT_DNSKEY_FLAG_ZONE) &&
	       knot_dnskey_alg(dnskey) == knot_rrsig_alg(rrsig) &&
	       dnssec_keytag(&rdata, &tag) == DNSSEC_EOK && tag == knot_rrsig_key_tag(rrsig);
}

/*! Finds the DNSKEY that has made an RRSIG. \return NULL if there is none. \param[out] count  Number of candidates. */
static const knot_rdata_t *find_signer(const knot_rrset_t *soa, const knot_rdata_t *rrsig,
                                       const knot_rdataset_t *dnskeys, unsigned *count)
{
	const knot_rdata_t *signer = NULL;
	knot_rdata_t *dnskey = dnskeys->rdata;
	*count = 0;
	for (uint16_t i = 0; i < dnskeys->count && *count < CANDIDATES_MAX; i++, dnskey = knot_rdataset_next(dnskey)) {
		if (is_candidate(dnskey, rrsig)) {
			++*count;
			if (signer == NULL && rrsig_verify(rrsig, soa, dnskey)) {
				signer = dnskey;
			}
		}
	}
	return signer;
}

/*! Sets `dnskeys`, `id` and `apex`. */
static int find_signers(keys_t *keys, const knot_dname_t *zone, const apex_t *apex)
{
	knot_rrset_t soa;
	knot_rrset_init(&soa, (knot_dname_t *)zone, KNOT_RRTYPE_SOA, KNOT_CLASS_IN, 0);
	soa.rrs = apex->soa;

	keys->apex = apex_id(apex);
	int ret = KNOT_EOK;
	knot_rdata_t *rrsig = apex->rrsigs.rdata;
	for (uint16_t i = 0; i < apex->rrsigs.count && !apex->too_many && ret == KNOT_EOK; i++, rrsig = knot_rdataset_next(rrsig)) {
		unsigned candidates;
		const knot_rdata_t *signer = find_signer(&soa, rrsig, &apex->dnskeys, &candidates);
		if (signer != NULL) {
			ret = knot_rdataset_add(&keys->dnskeys, signer, NULL);
		}
		if (candidates > 1) {
			keys->apex = 0;
		}
	}

	keys->id = keys->dnskeys.count;
	knot_rdata_t *dnskey = keys->dnskeys.rdata;
	for (uint16_t i = 0; i < keys->dnskeys.count; i++, dnskey = knot_rdataset_next(dnskey)) {
		keys->id = hash64(keys->id, dnskey->data, dnskey->len);
	}
	return ret;
}

/*! Reads a key. \param[out] key  The key, also after an error, or NULL. */
static int load_key(dnssec_key_t **key, const knot_rdata_t *dnskey, const keystores_t *stores, keys_error_t *error)
{
	dnssec_binary_t rdata = { .size = dnskey->len, .data = (uint8_t *)dnskey->data };
	int ret = dnssec_key_new(key);
	if (ret == DNSSEC_EOK) {
		ret = dnssec_key_set_rdata(*key, &rdata);
	}
	if (ret != DNSSEC_EOK) {
		return ret;
	}
	error->tag = dnssec_key_get_keytag(*key);
	error->algorithm = dnssec_key_get_algorithm(*key);

	char *id = NULL;
	ret = dnssec_key_get_keyid(*key, &id);
	if (ret != DNSSEC_EOK) {
		return ret;
	}
	(void)snprintf(error->id, sizeof(error->id), "%s", id);
	ret = keystores_read(stores, *key, id);
	free(id);
	return ret;
}

static void free_list(keys_t *keys)
{
	while (keys->count > 0) {
		dnssec_key_free(keys->key[--keys->count]);
	}
}

/*! Reads all keys, or none if one is missing. */
static void load_all(keys_t *keys, const keystores_t *stores)
{
	keys_error_t *error = &keys->error;
	knot_rdata_t *dnskey = keys->dnskeys.rdata;
	for (uint16_t i = 0; i < keys->dnskeys.count; i++, dnskey = knot_rdataset_next(dnskey)) {
		error->ret = load_key(&keys->key[keys->count++], dnskey, stores, error);
		if (error->ret != DNSSEC_EOK) {
			error->result = KEYS_LOST;
			free_list(keys);
			break;
		}
	}
}

keys_t *keys_load(const knot_dname_t *zone, const apex_t *apex, const keystores_t *stores, uint64_t known)
{
	keys_t *keys = calloc(1, sizeof(*keys));
	if (keys == NULL || find_signers(keys, zone, apex) != KNOT_EOK) {
		keys_free(keys);
		return NULL;
	}
	if (apex->too_many) {
		keys->error.result = KEYS_TOO_MANY;
	} else if (keys->dnskeys.count == 0) {
		keys->error.result = KEYS_NONE;
	} else if (keys->id == known) {
		keys->error.result = KEYS_KNOWN;
	} else {
		load_all(keys, stores);
	}
	return keys;
}

void keys_free(keys_t *keys)
{
	if (keys != NULL) {
		free_list(keys);
		knot_rdataset_clear(&keys->dnskeys, NULL);
		free(keys);
	}
}
