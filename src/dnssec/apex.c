/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dnssec/apex.h"

#include <sys/param.h>
#include <libknot/libknot.h>

#include "util/hash.h"

/*!
 * Most RRSIGs at the apex that are looked at. RDATA is sorted, so that those over the SOA come after those over A, NS and
 * two obsolete types.
 */
#define RRSIGS_MAX ((4 + 1) * APEX_SIGNERS_MAX + 1)

/*! Most octets of RDATA of the DNSKEYs: as many as an RRset in a message may have. */
#define DNSKEYS_SIZE_MAX KNOT_WIRE_MAX_PKTSIZE

/*! Most octets of an RRSIG: those of an RSA key of 4096 bits have 791. */
#define RRSIG_LEN_MAX 1500

/*! RRSIGs over the SOA. */
typedef struct {
	unsigned count; /*!< One more than APEX_SIGNERS_MAX: there are too many. */
	const knot_rdata_t *rrsig[APEX_SIGNERS_MAX + 1];
} soa_rrsigs_t;

static soa_rrsigs_t find_rrsigs(const apex_t *apex)
{
	soa_rrsigs_t found = { 0 };
	knot_rdata_t *rrsig = apex->rrsigs.rdata;
	unsigned count = MIN(apex->rrsigs.count, RRSIGS_MAX);
	for (unsigned i = 0; i < count && found.count <= APEX_SIGNERS_MAX; i++, rrsig = knot_rdataset_next(rrsig)) {
		if (knot_rrsig_type_covered(rrsig) == KNOT_RRTYPE_SOA && rrsig->len <= RRSIG_LEN_MAX) {
			found.rrsig[found.count++] = rrsig;
		}
	}
	return found;
}

static bool has_few_dnskeys(const apex_t *apex)
{
	return apex->dnskeys.count <= APEX_DNSKEYS_MAX && apex->dnskeys.size <= DNSKEYS_SIZE_MAX;
}

uint64_t apex_id(const apex_t *apex)
{
	uint64_t id = apex->dnskeys.count;
	if (has_few_dnskeys(apex)) {
		knot_rdata_t *dnskey = apex->dnskeys.rdata;
		for (uint16_t i = 0; i < apex->dnskeys.count; i++, dnskey = knot_rdataset_next(dnskey)) {
			id = hash64(id, dnskey->data, dnskey->len);
		}
	}
	soa_rrsigs_t found = find_rrsigs(apex);
	for (unsigned i = 0; i < found.count; i++) {
		uint32_t signer = (uint32_t)knot_rrsig_alg(found.rrsig[i]) << 16 | knot_rrsig_key_tag(found.rrsig[i]);
		id = hash64(id, &signer, sizeof(signer));
	}
	return MAX(id, 1);
}

bool apex_has(const apex_t *apex, const knot_rdataset_t *dnskeys)
{
	return has_few_dnskeys(apex) && knot_rdataset_subset(dnskeys, &apex->dnskeys);
}

int apex_copy(apex_t *copy, const apex_t *apex)
{
	soa_rrsigs_t found = find_rrsigs(apex);
	copy->too_many = found.count > APEX_SIGNERS_MAX || !has_few_dnskeys(apex);
	int ret = knot_rdataset_copy(&copy->soa, &apex->soa, NULL);
	for (unsigned i = 0; i < found.count && ret == KNOT_EOK; i++) {
		ret = knot_rdataset_add(&copy->rrsigs, found.rrsig[i], NULL);
	}
	if (has_few_dnskeys(apex) && ret == KNOT_EOK) {
		ret = knot_rdataset_copy(&copy->dnskeys, &apex->dnskeys, NULL);
	}
	return ret;
}

void apex_clear(apex_t *copy)
{
	knot_rdataset_clear(&copy->soa, NULL);
	knot_rdataset_clear(&copy->rrsigs, NULL);
	knot_rdataset_clear(&copy->dnskeys, NULL);
}
