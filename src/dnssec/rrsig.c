/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dnssec/rrsig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libknot/libknot.h>

/*! Octets of RRSIG RDATA before the signer's name. */
#define FIXED_LEN 18
/*! Octets of the longest signature: that of an RSA key of 4096 bits, with room to spare. */
#define SIGNATURE_MAX 1024

/*! Writes the RDATA before the signature. */
static void write_head(uint8_t *out, const knot_dname_t *zone, const dnssec_key_t *key,
                       const knot_rrset_t *covered, uint64_t inception, uint64_t expiration)
{
	knot_wire_write_u16(out, covered->type);
	out[2] = dnssec_key_get_algorithm(key);
	out[3] = knot_dname_labels(covered->owner, NULL) - (knot_dname_is_wildcard(covered->owner) ? 1 : 0);
	knot_wire_write_u32(out + 4, covered->ttl);
	knot_wire_write_u32(out + 8, (uint32_t)expiration);
	knot_wire_write_u32(out + 12, (uint32_t)inception);
	knot_wire_write_u16(out + 16, dnssec_key_get_keytag(key));
	memcpy(out + FIXED_LEN, zone, knot_dname_size(zone));
}

static int sign(dnssec_binary_t *signature, const dnssec_key_t *key, const dnssec_binary_t *message, bool reproducible)
{
	dnssec_sign_ctx_t *ctx = NULL;
	int ret = dnssec_sign_new(&ctx, key);
	if (ret == KNOT_EOK) {
		ret = dnssec_sign_add(ctx, message);
	}
	if (ret == KNOT_EOK) {
		ret = dnssec_sign_write(ctx, reproducible ? DNSSEC_SIGN_REPRODUCIBLE : DNSSEC_SIGN_NORMAL, signature);
	}
	dnssec_sign_free(ctx);
	return ret;
}

/*!
 * Writes the records that are signed, behind the RDATA before the signature (RFC 4034, section 3.1.8.1).
 *
 * \param message  Of which `size` octets are written, and room for KNOT_WIRE_MAX_PKTSIZE follows.
 */
static int add_records(dnssec_binary_t *message, const knot_rrset_t *covered)
{
	int ret = knot_rrset_to_wire(covered, message->data + message->size, KNOT_WIRE_MAX_PKTSIZE, NULL);
	message->size += MAX(ret, 0);
	return (ret == 0) ? KNOT_EINVAL : MIN(ret, KNOT_EOK);
}

int rrsig_make(knot_rdataset_t *rrsigs, const knot_dname_t *zone, const keys_t *keys, const knot_rrset_t *covered,
               uint64_t inception, uint64_t expiration, bool reproducible)
{
	size_t head_len = FIXED_LEN + knot_dname_size(zone);
	dnssec_binary_t message = { .size = head_len, .data = malloc(head_len + KNOT_WIRE_MAX_PKTSIZE) };
	knot_rdata_t *rdata = malloc(knot_rdata_size(head_len + SIGNATURE_MAX));
	int ret = KNOT_ENOMEM;
	if (message.data != NULL && rdata != NULL) {
		ret = add_records(&message, covered);
	}

	for (unsigned i = 0; i < keys->count && ret == KNOT_EOK; i++) {
		write_head(message.data, zone, keys->key[i], covered, inception, expiration);
		dnssec_binary_t signature = { 0 };
		ret = sign(&signature, keys->key[i], &message, reproducible);
		if (ret == KNOT_EOK && signature.size > SIGNATURE_MAX) {
			ret = KNOT_ERANGE;
		}
		if (ret == KNOT_EOK) {
			knot_rdata_init(rdata, head_len, message.data);
			memcpy(rdata->data + head_len, signature.data, signature.size);
			rdata->len += signature.size;
			ret = knot_rdataset_add(rrsigs, rdata, NULL);
		}
		dnssec_binary_free(&signature);
	}

	free(message.data);
	free(rdata);
	return ret;
}

static bool verify(const dnssec_key_t *key, const dnssec_binary_t *message, const dnssec_binary_t *signature)
{
	dnssec_sign_ctx_t *ctx = NULL;
	int ret = dnssec_sign_new(&ctx, key);
	if (ret == KNOT_EOK) {
		ret = dnssec_sign_add(ctx, message);
	}
	if (ret == KNOT_EOK) {
		ret = dnssec_sign_verify(ctx, false, signature);
	}
	dnssec_sign_free(ctx);
	return ret == KNOT_EOK;
}

bool rrsig_verify(const knot_rdata_t *rrsig, const knot_rrset_t *covered, const knot_rdata_t *dnskey)
{
	const uint8_t *zone = rrsig->data + FIXED_LEN, *end = rrsig->data + rrsig->len;
	int zone_len = (zone < end) ? knot_dname_wire_check(zone, end, NULL) : 0;
	if (zone_len <= 0) {
		return false;
	}
	size_t head_len = FIXED_LEN + zone_len;
	dnssec_binary_t signature = { .size = rrsig->len - head_len, .data = (uint8_t *)rrsig->data + head_len };
	dnssec_binary_t public = { .size = dnskey->len, .data = (uint8_t *)dnskey->data };
	knot_rrset_t records = *covered;
	records.ttl = knot_rrsig_original_ttl(rrsig);

	dnssec_key_t *key = NULL;
	dnssec_binary_t message = { .size = head_len, .data = malloc(head_len + KNOT_WIRE_MAX_PKTSIZE) };
	bool valid = false;
	if (message.data != NULL && dnssec_key_new(&key) == DNSSEC_EOK &&
	    dnssec_key_set_rdata(key, &public) == DNSSEC_EOK) {
		memcpy(message.data, rrsig->data, head_len);
		valid = add_records(&message, &records) == KNOT_EOK && verify(key, &message, &signature);
	}
	dnssec_key_free(key);
	free(message.data);
	return valid;
}
