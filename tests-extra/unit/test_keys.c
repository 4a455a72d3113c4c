/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <libknot/libknot.h>

#include "keydir.h"

/*! The keys of a copy of the apex. */
static keys_t *load(store_t *store)
{
	apex_t copy = { 0 };
	assert_int_equal(apex_copy(&copy, &store->apex), KNOT_EOK);
	keys_t *keys = keys_load(NAME_APEX, &copy, &store->stores, 0);
	assert_non_null(keys);
	apex_clear(&copy);
	return keys;
}

static void check_key(const keys_t *keys, unsigned index, const dnssec_key_t *key)
{
	dnssec_binary_t has, wanted;
	assert_int_equal(dnssec_key_get_rdata(keys->key[index], &has), DNSSEC_EOK);
	assert_int_equal(dnssec_key_get_rdata(key, &wanted), DNSSEC_EOK);
	assert_int_equal(dnssec_binary_cmp(&has, &wanted), 0);
	assert_true(dnssec_key_can_sign(keys->key[index]));
}

/* A key that signs the SOA and is published is a signer; one that signs the DNSKEYs only, or is only published, is not. */
static void test_signers(void **state)
{
	store_t *store = *state;
	add_dnskey(store, store->key[0]);
	add_dnskey(store, store->key[1]);
	add_rrsig(store, 0, KNOT_RRTYPE_SOA);
	uint64_t id = apex_id(&store->apex);
	add_rrsig(store, 1, KNOT_RRTYPE_DNSKEY);
	assert_true(apex_id(&store->apex) == id);

	keys_t *keys = load(store);
	assert_int_equal(keys->count, 1);
	check_key(keys, 0, store->key[0]);
	assert_true(keys->apex == id);
	assert_true(apex_has(&store->apex, &keys->dnskeys));

	add_rrsig(store, 1, KNOT_RRTYPE_SOA);
	assert_true(apex_id(&store->apex) != id);
	apex_t copy = { 0 };
	assert_int_equal(apex_copy(&copy, &store->apex), KNOT_EOK);
	keys_t *both = load(store), *same = keys_load(NAME_APEX, &copy, &store->stores, both->id);
	assert_int_equal(same->error.result, KEYS_KNOWN);
	assert_int_equal(same->count, 0);
	assert_true(same->id == both->id && same->apex == both->apex);
	apex_clear(&copy);
	keys_free(same);
	assert_int_equal(both->count, 2);
	assert_true(both->id != keys->id);
	assert_false(apex_has(&(const apex_t){ .dnskeys = keys->dnskeys }, &both->dnskeys));
	keys_free(keys);
	keys_free(both);
}

/* A signer that is not published is none; without any there are no keys. */
static void test_unpublished(void **state)
{
	store_t *store = *state;
	add_dnskey(store, store->key[0]);
	add_rrsig(store, 1, KNOT_RRTYPE_SOA);

	keys_t *keys = load(store);
	assert_int_equal(keys->count, 0);
	assert_int_equal(keys->error.result, KEYS_NONE);
	keys_free(keys);

	add_rrsig(store, 0, KNOT_RRTYPE_SOA);
	keys = load(store);
	assert_int_equal(keys->count, 1);
	keys_free(keys);
}

/* All or nothing: one key that is lost makes all of no use, and is named. */
static void test_lost(void **state)
{
	store_t *store = *state;
	for (unsigned i = 0; i < 2; i++) {
		add_dnskey(store, store->key[i]);
		add_rrsig(store, i, KNOT_RRTYPE_SOA);
	}
	lose_key(store, store->id[1]);

	keys_t *keys = load(store);
	assert_int_equal(keys->count, 0);
	assert_int_equal(keys->error.result, KEYS_LOST);
	assert_int_not_equal(keys->error.ret, DNSSEC_EOK);
	assert_int_equal(keys->error.tag, dnssec_key_get_keytag(store->key[1]));
	assert_int_equal(keys->error.algorithm, ED);
	assert_string_equal(keys->error.id, store->id[1]);
	keys_free(keys);
}

/*!
 * Makes another key of the same tag. The flags are a term of the tag's sum, so that for every other key there are flags
 * with the bit of a zone key that give it the tag.
 */
static void add_twin(store_t *store, dnssec_keystore_t *keystore)
{
	uint16_t tag = dnssec_key_get_keytag(store->key[0]);
	for (bool found = false; !found;) {
		char *id = NULL;
		dnssec_key_t *key = generate(keystore, EC, &id);
		for (uint32_t flags = KNOT_DNSKEY_FLAG_ZONE; flags <= UINT16_MAX && !found; flags++) {
			if (flags & KNOT_DNSKEY_FLAG_ZONE) {
				assert_int_equal(dnssec_key_set_flags(key, flags), DNSSEC_EOK);
				found = dnssec_key_get_keytag(key) == tag;
			}
		}
		if (found) {
			add_dnskey(store, key);
		}
		lose_key(store, id);
		free(id);
		dnssec_key_free(key);
	}
}

/* Of keys of the same tag, the one that has signed the SOA is the signer. The tag does not tell when another one signs. */
static void test_same_tag(void **state)
{
	store_t *store = *state;
	add_dnskey(store, store->key[0]);
	add_rrsig(store, 0, KNOT_RRTYPE_SOA);
	dnssec_keystore_t *keystore = open_keystore(store);
	for (unsigned i = 0; i < 3; i++) {
		add_twin(store, keystore);
		keys_t *keys = load(store);
		assert_int_equal(keys->count, 1);
		check_key(keys, 0, store->key[0]);
		assert_true(keys->apex == 0);
		keys_free(keys);
	}
	dnssec_keystore_deinit(keystore);
}

/* A signature over other records, or a mutilated one, shows no signer. */
static void test_forged(void **state)
{
	store_t *store = *state;
	add_dnskey(store, store->key[0]);
	add_rrsig(store, 0, KNOT_RRTYPE_DNSKEY);
	uint8_t *rdata = store->apex.rrsigs.rdata->data;
	knot_wire_write_u16(rdata, KNOT_RRTYPE_SOA);
	for (uint16_t len = store->apex.rrsigs.rdata->len; len >= 18; len--) {
		store->apex.rrsigs.rdata->len = len;
		store->apex.rrsigs.size = knot_rdata_size(len);
		keys_t *keys = load(store);
		assert_int_equal(keys->count, 0);
		assert_int_equal(keys->error.result, KEYS_NONE);
		keys_free(keys);
	}
}

/* Too many records are neither copied nor hashed, and say so. */
static void test_too_many(void **state)
{
	store_t *store = *state;
	add_dnskey(store, store->key[0]);
	add_rrsig(store, 0, KNOT_RRTYPE_SOA);
	uint8_t dnskey[4 + 64] = { 1, 0, 3, EC };
	for (unsigned i = 1; i < APEX_DNSKEYS_MAX; i++) {
		dnskey[4] = i;
		add(&store->apex.dnskeys, dnskey, sizeof(dnskey));
	}
	keys_t *few = load(store);
	assert_int_equal(few->count, 1);
	add(&store->apex.dnskeys, "\1\0\3\15other", 9);
	keys_t *keys = load(store);
	assert_int_equal(keys->count, 0);
	assert_int_equal(keys->error.result, KEYS_TOO_MANY);
	assert_false(apex_has(&store->apex, &few->dnskeys));
	keys_free(few);
	keys_free(keys);
}

/* Nor are RRSIGs, whatever they cover. */
static void test_many_rrsigs(void **state)
{
	store_t *store = *state;
	add_dnskey(store, store->key[0]);
	add_rrsig(store, 0, KNOT_RRTYPE_SOA);
	uint8_t rrsig[19] = { 0, KNOT_RRTYPE_NSEC };
	for (unsigned i = 0; i < 1000; i++) {
		knot_wire_write_u16(rrsig + 16, i);
		add(&store->apex.rrsigs, rrsig, sizeof(rrsig));
	}
	keys_t *keys = load(store);
	assert_int_equal(keys->count, 1);
	keys_free(keys);

	rrsig[1] = KNOT_RRTYPE_SOA;
	for (unsigned i = 0; i < APEX_SIGNERS_MAX; i++) {
		knot_wire_write_u16(rrsig + 16, i);
		add(&store->apex.rrsigs, rrsig, sizeof(rrsig));
	}
	keys = load(store);
	assert_int_equal(keys->error.result, KEYS_TOO_MANY);
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
		add_dnskey(store, store->key[i]);
		add_rrsig(store, i, KNOT_RRTYPE_SOA);
	}
	keys_t *keys = load(store);
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
		cmocka_unit_test_setup_teardown(test_same_tag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_rrsigs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rrsig, setup, teardown),
	};
	dnssec_crypto_init();
	int ret = cmocka_run_group_tests(tests, NULL, NULL);
	dnssec_crypto_cleanup();
	return ret;
}
