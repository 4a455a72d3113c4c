/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finds the current keys of a zone, and makes or finds signatures with them. See signer.h. */

#include "module/signer.h"

#include <urcu.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <libdnssec/error.h>

#include "dnssec/nsec.h"
#include "dnssec/rrsig.h"
#include "module/node.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/rrtype.h"

/*! Signatures begin this long before now, as Knot's do, because clocks of validators may be slow, s. */
#define INCEPTION_BACK 5400

/*! Longest wait of a worker for another that reads keys, ms; reading files takes less than 1 ms. */
#define BUSY_MS 50

/*! Time until missing keys are looked for again, ms. */
#define RETRY_MS 60000

struct signer {
	const signer_conf_t *conf;
	signatures_t *table;
	keys_t *keys;         /*!< RCU pointer, or NULL. */
	pthread_mutex_t lock; /*!< Held to change `keys`. */
	_Atomic bool slow;    /*!< The holder of the lock takes long: others don't wait. */
	bool complained;      /*!< It is logged that keys are missing; under the lock. */
	_Atomic bool failed;  /*!< A failure to sign is logged. */
	_Atomic bool full;    /*!< It is logged that the table is full. */
};

signer_t *signer_new(const signer_conf_t *conf, uint32_t max)
{
	signer_t *signer = calloc(1, sizeof(*signer));
	if (signer == NULL) {
		return NULL;
	}
	signer->conf = conf;
	signer->table = signatures_new(max);
	if (signer->table == NULL || pthread_mutex_init(&signer->lock, NULL) != 0) {
		signatures_free(signer->table);
		free(signer);
		return NULL;
	}
	return signer;
}

void signer_free(signer_t *signer)
{
	if (signer != NULL) {
		keys_free(signer->keys);
		signatures_free(signer->table);
		pthread_mutex_destroy(&signer->lock);
		free(signer);
	}
}

/* --- keys --- */

/*!
 * Number of the zone's version: a hash of its place in memory, which is new with each version, and of its serial, as
 * memory is used again.
 */
static uint64_t version_of(const knotd_qdata_t *qdata)
{
	const node_contents_t *contents = ((const node_extra_t *)qdata->extra)->contents;
	knot_rrset_t soa = node_rrset(contents->apex, KNOT_RRTYPE_SOA);
	knot_rrset_t rrsigs = node_rrset(contents->apex, KNOT_RRTYPE_RRSIG);
	const void *places[] = { contents, soa.rrs.rdata, rrsigs.rrs.rdata };
	return hash64(knot_soa_serial(soa.rrs.rdata), places, sizeof(places));
}

static bool is_current(const keys_t *keys, uint64_t version)
{
	return keys != NULL && atomic_load_explicit(&keys->version, memory_order_relaxed) == version &&
	       (keys->count > 0 || clock_ms() < atomic_load_explicit(&keys->retry_at, memory_order_relaxed));
}

static void log_lost(knotd_mod_t *mod, const keys_error_t *error)
{
	static const char *const effect = "ALIAS is not served to clients that ask for DNSSEC";

	switch (error->result) {
	case KEYS_NONE:
		knotd_mod_log(mod, LOG_ERR, "%s: none of the keys that sign the zone is in its DNSKEY set", effect);
		break;
	case KEYS_TOO_MANY:
		knotd_mod_log(mod, LOG_ERR, "%s: more than %u keys sign the zone, or it has more than %u DNSKEYs",
		              effect, APEX_SIGNERS_MAX, APEX_DNSKEYS_MAX);
		break;
	default:
		knotd_mod_log(mod, LOG_ERR,
		              "%s: no private key with tag %u, algorithm %u, ID %s (%s), "
		              "make it readable for knotd in the keystore of the zone's policy",
		              effect, error->tag, error->algorithm, error->id, dnssec_strerror(error->ret));
	}
}

static void free_keys_rcu(struct rcu_head *head)
{
	keys_free(caa_container_of(head, keys_t, rcu));
}

/*! Finds the keys of this version, mostly those of the last version. The lock is held. */
static keys_t *renew_keys(signer_t *signer, knotd_mod_t *mod, knotd_qdata_t *qdata, uint64_t version)
{
	const apex_t apex = {
		.soa = knotd_qdata_zone_apex_rrset(qdata, KNOT_RRTYPE_SOA).rrs,
		.rrsigs = knotd_qdata_zone_apex_rrset(qdata, KNOT_RRTYPE_RRSIG).rrs,
		.dnskeys = knotd_qdata_zone_apex_rrset(qdata, KNOT_RRTYPE_DNSKEY).rrs,
	};
	keys_t *old = signer->keys;
	if (old != NULL && old->count > 0 && old->apex == apex_id(&apex)) {
		old->version = version;
		return old;
	}

	apex_t copy = { 0 };
	keys_error_t error;
	keys_t *keys = NULL;
	if (apex_copy(&copy, &apex) == KNOT_EOK) {
		keys = keys_load(knotd_mod_zone(mod), &copy, &signer->conf->stores, &error);
	}
	apex_clear(&copy);
	if (keys == NULL) {
		return NULL;
	}
	if (keys->count == 0 && !signer->complained) {
		log_lost(mod, &error);
	}
	signer->complained = (keys->count == 0);
	keys->retry_at = clock_ms() + RETRY_MS;
	keys->version = version;
	rcu_assign_pointer(signer->keys, keys);
	if (old != NULL) {
		call_rcu(&old->rcu, free_keys_rcu);
	}
	return keys;
}

/*! Takes the lock, unless another thread holds it for long. */
static bool try_lock(signer_t *signer)
{
	struct timespec until = clock_in(BUSY_MS);
	if (pthread_mutex_trylock(&signer->lock) == 0 ||
	    (!signer->slow && pthread_mutex_clocklock(&signer->lock, CLOCK_MONOTONIC, &until) == 0)) {
		return true;
	}
	signer->slow = true;
	return false;
}

signer_state_t signer_keys(signer_t *signer, knotd_mod_t *mod, knotd_qdata_t *qdata, const keys_t **keys)
{
	uint64_t version = version_of(qdata);
	keys_t *found = rcu_dereference(signer->keys);
	if (!is_current(found, version)) {
		knot_rrset_t rrsigs = knotd_qdata_zone_apex_rrset(qdata, KNOT_RRTYPE_RRSIG);
		if (knot_rrset_empty(&rrsigs)) {
			return SIGNER_UNSIGNED;
		}
		if (!try_lock(signer)) {
			return SIGNER_BUSY;
		}
		found = signer->keys;
		if (!is_current(found, version)) {
			found = renew_keys(signer, mod, qdata, version);
		}
		signer->slow = false;
		pthread_mutex_unlock(&signer->lock);
	}
	if (found == NULL || found->count == 0) {
		return SIGNER_LOST;
	}
	*keys = found;
	return SIGNER_READY;
}

/* --- signatures --- */

/*! Signs `rrset` and puts the signature into the table, to be found by `base`, the RDATA before a correction. */
static const signature_t *make(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                               uint32_t variant, const knot_rdataset_t *base, const knot_rdataset_t *truth, uint64_t now)
{
	const signer_conf_t *conf = signer->conf;
	uint64_t expiration = now + conf->lifetime, inception = now - INCEPTION_BACK;
	uint64_t refresh = conf->refresh + (conf->refresh_by_ttl ? rrset->ttl : 0);
	if (refresh >= conf->lifetime) {
		refresh = conf->lifetime / 2;
	}

	knot_rdataset_t rrsigs;
	knot_rdataset_init(&rrsigs);
	signature_t *signature = NULL;
	int ret = rrsig_make(&rrsigs, knotd_mod_zone(mod), keys, rrset, inception, expiration, conf->reproducible);
	if (ret == KNOT_EOK) {
		signature = signature_new(rrset->owner, variant, base, truth, &rrsigs);
		ret = (signature != NULL) ? KNOT_EOK : KNOT_ENOMEM;
	}
	knot_rdataset_clear(&rrsigs, NULL);
	if (ret != KNOT_EOK) {
		if (!atomic_exchange(&signer->failed, true)) {
			knotd_mod_log(mod, LOG_ERR, "failed to sign (%s), clients that ask for DNSSEC get SERVFAIL",
			              dnssec_strerror(ret));
		}
		return NULL;
	}

	signature->keys = keys->id;
	signature->ttl = rrset->ttl;
	signature->from = inception;
	signature->renew_at = expiration - refresh;
	if (!signatures_put(signer->table, signature, now) && !atomic_exchange(&signer->full, true)) {
		knotd_mod_log(mod, LOG_WARNING,
		              "%u signatures are in use, as many as 'max-targets' allows, others are made with each query",
		              signatures_count(signer->table));
	}
	return signature;
}

/*! Corrects an NSEC or NSEC3, and signs it. */
static const signature_t *make_true(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                                    uint32_t variant, uint16_t denied, bool expose, uint64_t now)
{
	const nsec_change_t changes[] = {
		{ KNOT_RRTYPE_A, denied != KNOT_RRTYPE_A },
		{ KNOT_RRTYPE_AAAA, denied != KNOT_RRTYPE_AAAA },
		{ RRTYPE_ALIAS, expose },
	};
	const unsigned count = sizeof(changes) / sizeof(*changes);
	const knot_rdata_t *rdata = rrset->rrs.rdata;
	knot_rdata_t *truth = malloc(knot_rdata_size(rdata->len + count * NSEC_CHANGE_MAX));
	int len = (truth != NULL) ? nsec_rewrite(truth->data, rdata, rrset->type, changes, count) : KNOT_ENOMEM;
	const signature_t *made = NULL;
	if (len >= 0) {
		truth->len = len;
		knot_rrset_t signed_rrset = *rrset;
		signed_rrset.rrs = (knot_rdataset_t){ .count = 1, .size = knot_rdata_size(len), .rdata = truth };
		made = make(signer, mod, keys, &signed_rrset, variant, &rrset->rrs, &signed_rrset.rrs, now);
	}
	free(truth);
	return made;
}

const signature_t *signer_sign(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                               uint16_t denied, bool expose)
{
	uint64_t now = time(NULL);
	uint32_t variant = signature_variant(rrset->type, denied);
	signature_t *kept = signatures_find(signer->table, rrset->owner, variant);
	if (kept != NULL && signature_holds(kept, keys->id, rrset->ttl, &rrset->rrs, now)) {
		return kept;
	}
	if (!addr_is_rrtype(rrset->type)) {
		return make_true(signer, mod, keys, rrset, variant, denied, expose, now);
	}
	static const knot_rdataset_t none = { 0 };
	return make(signer, mod, keys, rrset, variant, &rrset->rrs, &none, now);
}
