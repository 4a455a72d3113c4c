/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <libdnssec/crypto.h>
#include <libdnssec/error.h>
#include <libdnssec/keystore.h>
#include <libdnssec/sign.h>
#include <libknot/libknot.h>

#include "dnssec/keys.h"
#include "dnssec/rrsig.h"

#define EC DNSSEC_KEY_ALGORITHM_ECDSA_P256_SHA256
#define ED DNSSEC_KEY_ALGORITHM_ED25519

/*! A directory with keys of two algorithms, and the zone's sets that go with them. */
typedef struct {
	char dir[32];
	keystores_t stores;
	dnssec_key_t *key[2];
	char *id[2];
	knot_rdataset_t dnskeys;
	knot_rdataset_t rrsigs;
} store_t;

static void add(knot_rdataset_t *set, const void *data, size_t len)
{
	knot_rdata_t *rdata = malloc(knot_rdata_size(len));
	assert_non_null(rdata);
	knot_rdata_init(rdata, len, data);
	assert_int_equal(knot_rdataset_add(set, rdata, NULL), KNOT_EOK);
	free(rdata);
}

/*! Adds the RRSIG of a key over a type, as far as anybody reads it here. */
static void add_rrsig(store_t *store, unsigned key, uint16_t covered)
{
	uint8_t data[18 + 1 + 4] = { covered >> 8, covered, dnssec_key_get_algorithm(store->key[key]) };
	knot_wire_write_u16(data + 16, dnssec_key_get_keytag(store->key[key]));
	add(&store->rrsigs, data, sizeof(data));
}

static void add_dnskey(store_t *store, unsigned key)
{
	dnssec_binary_t rdata = { 0 };
	assert_int_equal(dnssec_key_get_rdata(store->key[key], &rdata), DNSSEC_EOK);
	add(&store->dnskeys, rdata.data, rdata.size);
}

static int setup(void **state)
{
	store_t *store = calloc(1, sizeof(*store));
	assert_non_null(store);
	(void)snprintf(store->dir, sizeof(store->dir), "/tmp/keys.XXXXXX");
	assert_non_null(mkdtemp(store->dir));
	assert_int_equal(keystores_add(&store->stores, false, "/nonexistent"), KNOT_EOK);
	assert_int_equal(keystores_add(&store->stores, false, store->dir), KNOT_EOK);

	dnssec_keystore_t *keystore;
	assert_int_equal(dnssec_keystore_init_pkcs8(&keystore), DNSSEC_EOK);
	assert_int_equal(dnssec_keystore_open(keystore, store->dir), DNSSEC_EOK);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t algorithm = (i == 0) ? EC : ED;
		assert_int_equal(dnssec_keystore_generate(keystore, algorithm, 256, NULL, &store->id[i]), DNSSEC_EOK);
		assert_int_equal(dnssec_key_new(&store->key[i]), DNSSEC_EOK);
		assert_int_equal(dnssec_key_set_algorithm(store->key[i], algorithm), DNSSEC_EOK);
		assert_int_equal(dnssec_key_set_flags(store->key[i], KNOT_DNSKEY_FLAG_ZONE), DNSSEC_EOK);
		assert_int_equal(dnssec_keystore_get_private(keystore, store->id[i], store->key[i]), DNSSEC_EOK);
	}
	dnssec_keystore_deinit(keystore);
	*state = store;
	return 0;
}

static void lose_key(store_t *store, unsigned i)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s.pem", store->dir, store->id[i]);
	(void)unlink(path);
}

static int teardown(void **state)
{
	store_t *store = *state;
	for (unsigned i = 0; i < 2; i++) {
		lose_key(store, i);
		dnssec_key_free(store->key[i]);
		free(store->id[i]);
	}
	rmdir(store->dir);
	knot_rdataset_clear(&store->dnskeys, NULL);
	knot_rdataset_clear(&store->rrsigs, NULL);
	keystores_free(&store->stores);
	free(store);
	return 0;
}

/* Who signs the SOA and is published is a signer; who signs but the DNSKEYs, and who only is published, is not. */
static void test_signers(void **state)
{
	store_t *store = *state;
	add_dnskey(store, 0);
	add_dnskey(store, 1);
	add_rrsig(store, 0, KNOT_RRTYPE_SOA);
	add_rrsig(store, 1, KNOT_RRTYPE_DNSKEY);

	keys_error_t error;
	keys_t *keys = keys_load(&store->rrsigs, &store->dnskeys, &store->stores, &error);
	assert_non_null(keys);
	assert_int_equal(keys->count, 1);
	assert_int_equal(dnssec_key_get_keytag(keys->key[0]), dnssec_key_get_keytag(store->key[0]));
	assert_true(keys->id == keys_id(&store->rrsigs, &store->dnskeys));

	add_rrsig(store, 1, KNOT_RRTYPE_SOA);
	assert_true(keys->id != keys_id(&store->rrsigs, &store->dnskeys));
	keys_free(keys);
	keys = keys_load(&store->rrsigs, &store->dnskeys, &store->stores, &error);
	assert_int_equal(keys->count, 2);
	keys_free(keys);
}

/* A signer that is not published is none; without any there are no keys. */
static void test_unpublished(void **state)
{
	store_t *store = *state;
	add_dnskey(store, 0);
	add_rrsig(store, 1, KNOT_RRTYPE_SOA);

	keys_error_t error;
	keys_t *keys = keys_load(&store->rrsigs, &store->dnskeys, &store->stores, &error);
	assert_int_equal(keys->count, 0);
	assert_int_equal(error.result, KEYS_NONE);
	keys_free(keys);

	add_rrsig(store, 0, KNOT_RRTYPE_SOA);
	keys = keys_load(&store->rrsigs, &store->dnskeys, &store->stores, &error);
	assert_int_equal(keys->count, 1);
	keys_free(keys);
}

/* All or nothing: one key that is lost makes all of no use, and is named. */
static void test_lost(void **state)
{
	store_t *store = *state;
	for (unsigned i = 0; i < 2; i++) {
		add_dnskey(store, i);
		add_rrsig(store, i, KNOT_RRTYPE_SOA);
	}
	lose_key(store, 1);

	keys_error_t error;
	keys_t *keys = keys_load(&store->rrsigs, &store->dnskeys, &store->stores, &error);
	assert_int_equal(keys->count, 0);
	assert_int_equal(error.result, KEYS_LOST);
	assert_int_not_equal(error.ret, DNSSEC_EOK);
	assert_int_equal(error.tag, dnssec_key_get_keytag(store->key[1]));
	assert_int_equal(error.algorithm, ED);
	assert_string_equal(error.id, store->id[1]);
	keys_free(keys);
}

static void verify(const knot_rdata_t *rrsig, const dnssec_key_t *key, const uint8_t *records, size_t len, bool valid)
{
	dnssec_sign_ctx_t *ctx;
	assert_int_equal(dnssec_sign_new(&ctx, key), DNSSEC_EOK);
	size_t head = 18 + knot_dname_size(rrsig->data + 18);
	dnssec_binary_t parts[] = {
		{ .size = head, .data = (uint8_t *)rrsig->data },
		{ .size = len, .data = (uint8_t *)records },
	};
	assert_int_equal(dnssec_sign_add(ctx, &parts[0]), DNSSEC_EOK);
	assert_int_equal(dnssec_sign_add(ctx, &parts[1]), DNSSEC_EOK);
	dnssec_binary_t signature = { .size = rrsig->len - head, .data = (uint8_t *)rrsig->data + head };
	assert_int_equal(dnssec_sign_verify(ctx, false, &signature) == DNSSEC_EOK, valid);
	dnssec_sign_free(ctx);
}

/* Each key makes a signature of the records as RFC 4034, section 3.1.8.1 has them; a wildcard counts a label less. */
static void test_rrsig(void **state)
{
	store_t *store = *state;
	static const uint8_t records[] = "\x01*\001a\007example\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"
					 "\x01*\001a\007example\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x02";
	for (unsigned i = 0; i < 2; i++) {
		add_dnskey(store, i);
		add_rrsig(store, i, KNOT_RRTYPE_SOA);
	}
	keys_error_t error;
	keys_t *keys = keys_load(&store->rrsigs, &store->dnskeys, &store->stores, &error);
	assert_int_equal(keys->count, 2);

	knot_rrset_t rrset;
	knot_rrset_init(&rrset, (knot_dname_t *)"\001*\001a\007example", KNOT_RRTYPE_A, KNOT_CLASS_IN, 60);
	add(&rrset.rrs, "\xc0\x00\x02\x02", 4);
	add(&rrset.rrs, "\xc0\x00\x02\x01", 4);
	knot_rdataset_t rrsigs = { 0 };
	assert_int_equal(rrsig_make(&rrsigs, NAME_APEX, keys, &rrset, 1000, 5000, false), KNOT_EOK);
	assert_int_equal(rrsigs.count, 2);

	knot_rdata_t *rrsig = rrsigs.rdata;
	for (unsigned i = 0; i < 2; i++, rrsig = knot_rdataset_next(rrsig)) {
		unsigned of = knot_rrsig_alg(rrsig) == EC ? 0 : 1;
		assert_int_equal(knot_rrsig_type_covered(rrsig), KNOT_RRTYPE_A);
		assert_int_equal(knot_rrsig_labels(rrsig), 2);
		assert_int_equal(knot_rrsig_original_ttl(rrsig), 60);
		assert_int_equal(knot_rrsig_sig_inception(rrsig), 1000);
		assert_int_equal(knot_rrsig_sig_expiration(rrsig), 5000);
		assert_int_equal(knot_rrsig_key_tag(rrsig), dnssec_key_get_keytag(store->key[of]));
		assert_true(knot_dname_is_equal(knot_rrsig_signer_name(rrsig), NAME_APEX));
		verify(rrsig, store->key[of], records, sizeof(records) - 1, true);
		verify(rrsig, store->key[of], records, sizeof(records) - 2, false);
	}

	knot_rdataset_clear(&rrsigs, NULL);
	knot_rdataset_clear(&rrset.rrs, NULL);
	keys_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_signers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unpublished, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rrsig, setup, teardown),
	};
	dnssec_crypto_init();
	int ret = cmocka_run_group_tests(tests, NULL, NULL);
	dnssec_crypto_cleanup();
	return ret;
}
