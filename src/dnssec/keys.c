/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finds the keys that sign a zone among its DNSKEYs, and reads their private parts. See keys.h. */

#include "dnssec/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libdnssec/error.h>
#include <libdnssec/keytag.h>
#include <libknot/libknot.h>

#include "util/hash.h"

/*! Octets of DNSKEY RDATA before the key; libknot accepts shorter RDATA. */
#define DNSKEY_MIN 4

/*! DNSKEYs of the keys that sign the zone. */
typedef struct {
	unsigned count; /*!< One more than KEYS_MAX: there are too many. */
	const knot_rdata_t *dnskey[KEYS_MAX + 1];
} signers_t;

/*! Whether a DNSKEY is the one that an RRSIG names (RFC 4035, section 5.3.1). */
static bool is_signer(const knot_rdata_t *dnskey, const knot_rdata_t *rrsig)
{
	dnssec_binary_t rdata = { .size = dnskey->len, .data = (uint8_t *)dnskey->data };
	uint16_t tag;
	return dnskey->len >= DNSKEY_MIN && (knot_dnskey_flags(dnskey) & KNOT_DNSKEY_FLAG_ZONE) &&
	       knot_dnskey_alg(dnskey) == knot_rrsig_alg(rrsig) &&
	       dnssec_keytag(&rdata, &tag) == DNSSEC_EOK && tag == knot_rrsig_key_tag(rrsig);
}

/*! Finds the signers, in the order of the DNSKEYs, which is the same in all versions of the zone. */
static signers_t find_signers(const knot_rdataset_t *rrsigs, const knot_rdataset_t *dnskeys)
{
	signers_t signers = { 0 };
	knot_rdata_t *dnskey = dnskeys->rdata;
	for (uint16_t i = 0; i < dnskeys->count && signers.count <= KEYS_MAX; i++, dnskey = knot_rdataset_next(dnskey)) {
		bool signs = false;
		knot_rdata_t *rrsig = rrsigs->rdata;
		for (uint16_t j = 0; j < rrsigs->count && !signs; j++, rrsig = knot_rdataset_next(rrsig)) {
			signs = knot_rrsig_type_covered(rrsig) == KNOT_RRTYPE_SOA && is_signer(dnskey, rrsig);
		}
		if (signs) {
			signers.dnskey[signers.count++] = dnskey;
		}
	}
	return signers;
}

static uint64_t id_of(const signers_t *signers)
{
	uint64_t id = signers->count;
	for (unsigned i = 0; i < signers->count; i++) {
		id = hash64(id, signers->dnskey[i]->data, signers->dnskey[i]->len);
	}
	return id;
}

uint64_t keys_id(const knot_rdataset_t *rrsigs, const knot_rdataset_t *dnskeys)
{
	signers_t signers = find_signers(rrsigs, dnskeys);
	return id_of(&signers);
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

keys_t *keys_load(const knot_rdataset_t *rrsigs, const knot_rdataset_t *dnskeys,
                  const keystores_t *stores, keys_error_t *error)
{
	memset(error, 0, sizeof(*error));
	keys_t *keys = calloc(1, sizeof(*keys));
	if (keys == NULL) {
		return NULL;
	}

	signers_t signers = find_signers(rrsigs, dnskeys);
	keys->id = id_of(&signers);
	if (signers.count == 0 || signers.count > KEYS_MAX) {
		error->result = (signers.count == 0) ? KEYS_NONE : KEYS_TOO_MANY;
		return keys;
	}

	for (unsigned i = 0; i < signers.count; i++) {
		error->ret = load_key(&keys->key[keys->count++], signers.dnskey[i], stores, error);
		if (error->ret != DNSSEC_EOK) {
			error->result = KEYS_LOST;
			free_list(keys);
			break;
		}
	}
	return keys;
}

void keys_free(keys_t *keys)
{
	if (keys != NULL) {
		free_list(keys);
		free(keys);
	}
}
