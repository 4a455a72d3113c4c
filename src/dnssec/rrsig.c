/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dnssec/rrsig.h"

#include <stdlib.h>
#include <string.h>
#include <libdnssec/sign.h>
#include <libknot/libknot.h>

/*! Octets of RRSIG RDATA before the signer's name. */
#define FIXED_LEN 18

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

static int add_rrsig(knot_rdataset_t *rrsigs, const uint8_t *head, size_t head_len, const dnssec_binary_t *signature)
{
	size_t len = head_len + signature->size;
	knot_rdata_t *rdata = malloc(knot_rdata_size(len));
	if (rdata == NULL) {
		return KNOT_ENOMEM;
	}
	knot_rdata_init(rdata, head_len, head);
	memcpy(rdata->data + head_len, signature->data, signature->size);
	rdata->len = len;
	int ret = knot_rdataset_add(rrsigs, rdata, NULL);
	free(rdata);
	return ret;
}

int rrsig_make(knot_rdataset_t *rrsigs, const knot_dname_t *zone, const keys_t *keys, const knot_rrset_t *covered,
               uint64_t inception, uint64_t expiration, bool reproducible)
{
	/* What is signed: the RDATA before the signature, then the records (RFC 4034, section 3.1.8.1). */
	size_t head_len = FIXED_LEN + knot_dname_size(zone);
	dnssec_binary_t message = { .data = malloc(head_len + KNOT_WIRE_MAX_PKTSIZE) };
	if (message.data == NULL) {
		return KNOT_ENOMEM;
	}
	int ret = knot_rrset_to_wire(covered, message.data + head_len, KNOT_WIRE_MAX_PKTSIZE, NULL);
	if (ret > 0) {
		message.size = head_len + ret;
		ret = KNOT_EOK;
	} else if (ret == 0) {
		ret = KNOT_EINVAL;
	}

	for (unsigned i = 0; i < keys->count && ret == KNOT_EOK; i++) {
		write_head(message.data, zone, keys->key[i], covered, inception, expiration);
		dnssec_binary_t signature = { 0 };
		ret = sign(&signature, keys->key[i], &message, reproducible);
		if (ret == KNOT_EOK) {
			ret = add_rrsig(rrsigs, message.data, head_len, &signature);
		}
		dnssec_binary_free(&signature);
	}

	free(message.data);
	return ret;
}
