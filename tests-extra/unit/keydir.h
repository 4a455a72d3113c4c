/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A keystore in a directory with keys of two algorithms, and a zone's apex to go with them.
 */

#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <libknot/libknot.h>

#include "dnssec/keys.h"
#include "dnssec/rrsig.h"
#include "test.h"

#define EC DNSSEC_KEY_ALGORITHM_ECDSA_P256_SHA256
#define ED DNSSEC_KEY_ALGORITHM_ED25519

/*! A directory with keys of two algorithms, and the apex that goes with them. */
typedef struct {
	char dir[32];
	keystores_t stores;
	dnssec_key_t *key[2];
	char *id[2];
	apex_t apex;
} store_t;

static inline void add(knot_rdataset_t *set, const void *data, size_t len)
{
	knot_rdata_t *rdata = malloc(knot_rdata_size(len));
	assert_non_null(rdata);
	knot_rdata_init(rdata, len, data);
	assert_int_equal(knot_rdataset_add(set, rdata, NULL), KNOT_EOK);
	free(rdata);
}

/*! Adds what a key signs: the SOA, or something else under the same name. */
static inline void add_rrsig(store_t *store, unsigned key, uint16_t covered)
{
	keys_t keys = { .count = 1, .key = { store->key[key] } };
	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)NAME_APEX, covered, KNOT_CLASS_IN, 3600);
	rrset.rrs = store->apex.soa;
	knot_rdataset_t rrsigs = { 0 };
	assert_int_equal(rrsig_make(&rrsigs, NAME_APEX, &keys, &rrset, 1000, 5000, false), KNOT_EOK);
	assert_int_equal(knot_rdataset_merge(&store->apex.rrsigs, &rrsigs, NULL), KNOT_EOK);
	knot_rdataset_clear(&rrsigs, NULL);
}

static inline void add_dnskey(store_t *store, const dnssec_key_t *key)
{
	dnssec_binary_t rdata = { 0 };
	assert_int_equal(dnssec_key_get_rdata(key, &rdata), DNSSEC_EOK);
	add(&store->apex.dnskeys, rdata.data, rdata.size);
}

static inline dnssec_key_t *generate(dnssec_keystore_t *keystore, uint8_t algorithm, char **id)
{
	dnssec_key_t *key = NULL;
	assert_int_equal(dnssec_keystore_generate(keystore, algorithm, 256, NULL, id), DNSSEC_EOK);
	assert_int_equal(dnssec_key_new(&key), DNSSEC_EOK);
	assert_int_equal(dnssec_key_set_algorithm(key, algorithm), DNSSEC_EOK);
	assert_int_equal(dnssec_key_set_flags(key, KNOT_DNSKEY_FLAG_ZONE), DNSSEC_EOK);
	assert_int_equal(dnssec_keystore_get_private(keystore, *id, key), DNSSEC_EOK);
	return key;
}

static inline dnssec_keystore_t *open_keystore(const store_t *store)
{
	dnssec_keystore_t *keystore;
	assert_int_equal(dnssec_keystore_init_pkcs8(&keystore), DNSSEC_EOK);
	assert_int_equal(dnssec_keystore_open(keystore, store->dir), DNSSEC_EOK);
	return keystore;
}

static inline int setup(void **state)
{
	store_t *store = calloc(1, sizeof(*store));
	assert_non_null(store);
	(void)snprintf(store->dir, sizeof(store->dir), "/tmp/keys.XXXXXX");
	assert_non_null(mkdtemp(store->dir));
	assert_int_equal(keystores_add(&store->stores, false, "/nonexistent"), KNOT_EOK);
	assert_int_equal(keystores_add(&store->stores, false, store->dir), KNOT_EOK);

	dnssec_keystore_t *keystore = open_keystore(store);
	for (unsigned i = 0; i < 2; i++) {
		store->key[i] = generate(keystore, (i == 0) ? EC : ED, &store->id[i]);
	}
	dnssec_keystore_deinit(keystore);
	static const uint8_t soa[] = "\002ns\007example\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	add(&store->apex.soa, soa, sizeof(soa) - 1);
	*state = store;
	return 0;
}

static inline void lose_key(const store_t *store, const char *id)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s.pem", store->dir, id);
	(void)unlink(path);
}

static inline int teardown(void **state)
{
	store_t *store = *state;
	for (unsigned i = 0; i < 2; i++) {
		lose_key(store, store->id[i]);
		dnssec_key_free(store->key[i]);
		free(store->id[i]);
	}
	rmdir(store->dir);
	apex_clear(&store->apex);
	keystores_free(&store->stores);
	free(store);
	return 0;
}
