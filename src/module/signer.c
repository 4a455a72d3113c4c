/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finds the current keys of a zone, and makes or finds signatures with them. See signer.h. */

#include "module/signer.h"

#include <urcu.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dnssec/nsec.h"
#include "dnssec/rrsig.h"
#include "module/log.h"
#include "module/node.h"
#include "util/budget.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/rrtype.h"

/*! Signatures begin this long before now, as Knot's do, because clocks of validators may be slow, s. */
#define INCEPTION_BACK 5400

/*! Shortest time between two lines about the same, ms. */
#define LOG_PAUSE_MS 60000

/*!
 * Octets that signatures of all zones may take: those of a million names. Knot itself has at least as many for each
 * signed name with addresses in a zone.
 */
#define MEMORY_MAX (1ULL << 30)

/*! Signatures that a zone may keep in any case: those of a hundred names. */
#define RESERVE 500

/*! What signing may take of the time of the UDP workers, for each zone: 1 / SHARE. */
#define SHARE 4
/*! What may be spent at once after a pause, ns: a worker then signs for 50 ms. Half of it is for what is urgent. */
#define BURST_NS 200000000ULL

/*! Buckets of the table of signers. */
#define BUCKETS 1024

struct signer {
	signer_t *next; /*!< In its bucket; under the lock of the table. */
	unsigned refs;  /*!< Module instances; under the lock of the table. */

	/* Constant. */
	uint64_t stores_id;
	signer_options_t options;
	keyring_t *ring;
	signatures_t *table;

	budget_t budget;                  /*!< Of workers' time for signing. */
	_Atomic(const void *) prepared;   /*!< Version of the zone for which signer_prepare() has looked for keys: its contents. */
	_Atomic uint64_t hangs_logged_at; /*!< clock_ms() of the last line about a keystore that hangs. */
	_Atomic bool failed;              /*!< A failure to sign is logged. */
	_Atomic uint64_t full_logged_at;  /*!< The same about memory that is used up, */
	_Atomic uint64_t spent_logged_at; /*!< and about a budget that is spent. */
	uint8_t zone[];
};

/*! All signers, so that a reload finds them. */
static struct {
	pthread_mutex_t lock;
	signer_t *bucket[BUCKETS];
} signers = { .lock = PTHREAD_MUTEX_INITIALIZER };

static signatures_memory_t memory = SIGNATURES_MEMORY_INIT(memory, MEMORY_MAX);

static void free_signer(signer_t *signer)
{
	keyring_free(signer->ring);
	signatures_free(signer->table);
	free(signer);
}

static signer_t *new_signer(const knot_dname_t *zone, const keystores_t *stores, const signer_options_t *options)
{
	signer_t *signer = calloc(1, sizeof(*signer) + knot_dname_size(zone));
	if (signer == NULL) {
		return NULL;
	}
	signer->stores_id = keystores_id(stores);
	memcpy(&signer->options, options, sizeof(*options));
	memcpy(signer->zone, zone, knot_dname_size(zone));
	signer->ring = keyring_new(zone, stores);
	signer->table = signatures_new(&memory, RESERVE);
	if (signer->ring == NULL || signer->table == NULL) {
		free_signer(signer);
		return NULL;
	}
	return signer;
}

static signer_t **bucket_of(const knot_dname_t *zone)
{
	return &signers.bucket[hash64(0, zone, knot_dname_size(zone)) % BUCKETS];
}

static signer_t *find_signer(const knot_dname_t *zone, uint64_t stores_id, const signer_options_t *options)
{
	signer_t *signer = *bucket_of(zone);
	while (signer != NULL && !(knot_dname_is_equal(signer->zone, zone) && signer->stores_id == stores_id &&
	                           memcmp(&signer->options, options, sizeof(*options)) == 0)) {
		signer = signer->next;
	}
	return signer;
}

signer_t *signer_acquire(const knot_dname_t *zone, const keystores_t *stores, const signer_options_t *options)
{
	pthread_mutex_lock(&signers.lock);
	signer_t *signer = find_signer(zone, keystores_id(stores), options);
	if (signer != NULL) {
		signer->refs++;
		keyring_retry(signer->ring);
		signer->failed = false;
	} else if ((signer = new_signer(zone, stores, options)) != NULL) {
		signer->refs = 1;
		signer->next = *bucket_of(zone);
		*bucket_of(zone) = signer;
	}
	pthread_mutex_unlock(&signers.lock);
	return signer;
}

void signer_release(signer_t *signer)
{
	if (signer == NULL) {
		return;
	}
	pthread_mutex_lock(&signers.lock);
	bool is_last = (--signer->refs == 0);
	if (is_last) {
		signer_t **link = bucket_of(signer->zone);
		while (*link != signer) {
			link = &(*link)->next;
		}
		*link = signer->next;
	}
	pthread_mutex_unlock(&signers.lock);
	if (is_last) {
		free_signer(signer);
	}
}

/* --- keys --- */

/*!
 * Number of the zone's version: a hash of its place in memory, which is new with each version, and of its serial, as
 * memory is used again.
 */
static uint64_t version_of(const knotd_qdata_t *qdata, const knot_rrset_t *rrsigs)
{
	const node_contents_t *contents = ((const node_extra_t *)qdata->extra)->contents;
	knot_rrset_t soa = node_rrset(contents->apex, KNOT_RRTYPE_SOA);
	const void *places[] = { contents, soa.rrs.rdata, rrsigs->rrs.rdata };
	return hash64(knot_soa_serial(soa.rrs.rdata), places, sizeof(places)) & ~1ULL;
}

static apex_t apex_of(const knotd_qdata_t *qdata)
{
	const node_t *apex = ((const node_extra_t *)qdata->extra)->contents->apex;
	return (apex_t){
		.soa = node_rrset(apex, KNOT_RRTYPE_SOA).rrs,
		.rrsigs = node_rrset(apex, KNOT_RRTYPE_RRSIG).rrs,
		.dnskeys = node_rrset(apex, KNOT_RRTYPE_DNSKEY).rrs,
	};
}

static void log_lost(knotd_mod_t *mod, const keys_error_t *error, bool automatic)
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
		knotd_mod_log(mod, LOG_ERR, "%s: %sno private key with tag %u, algorithm %u, ID %s (%s), %s", effect,
		              automatic ? "" : "the zone is signed elsewhere, and there is ", error->tag,
		              error->algorithm, error->id, dnssec_strerror(error->ret),
		              automatic ? "make it readable for knotd in the keystore of the zone's policy" :
		                          "copy it to the keystore of the zone's policy");
	}
}

/*! What keys mean to the caller. */
static signer_state_t state_of(signer_t *signer, knotd_mod_t *mod, keys_t *found, const keys_t **keys)
{
	if (found == NULL) {
		if (keyring_hangs(signer->ring) && log_is_time(&signer->hangs_logged_at, LOG_PAUSE_MS, clock_ms())) {
			knotd_mod_log(mod, LOG_ERR,
			              "the keystore of the zone's policy does not answer, "
			              "clients that ask for DNSSEC have to ask for ALIAS again");
		}
		return SIGNER_BUSY;
	}
	if (found->count == 0) {
		if (!found->logged && !atomic_exchange(&found->logged, true)) {
			log_lost(mod, &found->error, signer->options.automatic);
		}
		return SIGNER_LOST;
	}
	*keys = found;
	return SIGNER_READY;
}

signer_state_t signer_keys(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata, const keys_t **keys)
{
	knot_rrset_t rrsigs = node_rrset(node_apex(qdata), KNOT_RRTYPE_RRSIG);
	if (knot_rrset_empty(&rrsigs)) {
		return SIGNER_UNSIGNED;
	}
	uint64_t version = version_of(qdata, &rrsigs);
	keys_t *found = keyring_find(signer->ring, version);
	if (found == NULL) {
		apex_t apex = apex_of(qdata);
		found = keyring_renew(signer->ring, version, &apex);
	}
	return state_of(signer, mod, found, keys);
}

void signer_prepare(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata)
{
	const void *contents = ((const node_extra_t *)qdata->extra)->contents;
	if (atomic_load_explicit(&signer->prepared, memory_order_relaxed) != contents) {
		atomic_store_explicit(&signer->prepared, contents, memory_order_relaxed);
		const keys_t *keys;
		(void)signer_keys(signer, mod, qdata, &keys);
	}
}

signer_state_t signer_wait(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata, const keys_t **keys)
{
	/* A worker that serves UDP, QUIC or XDP would hold up other clients. */
	knotd_query_proto_t proto = qdata->params->proto;
	if (proto == KNOTD_QUERY_PROTO_UDP || proto == KNOTD_QUERY_PROTO_QUIC || qdata->params->xdp_msg != NULL) {
		return SIGNER_BUSY;
	}
	apex_t apex = apex_of(qdata);
	knot_rrset_t rrsigs = node_rrset(node_apex(qdata), KNOT_RRTYPE_RRSIG);
	keys_t *found = keyring_wait(signer->ring, version_of(qdata, &rrsigs), &apex, signer->options.max_waiters);
	return state_of(signer, mod, found, keys);
}

/* --- signatures --- */

/*! Signs `rrset` and puts the signature into the table, to be found by `base`, the RDATA before a correction. */
static const signature_t *make(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                               uint32_t variant, const knot_rdataset_t *base, const knot_rdataset_t *truth, uint64_t now)
{
	const signer_options_t *options = &signer->options;
	uint64_t expiration = now + options->lifetime, inception = now - INCEPTION_BACK;
	uint64_t refresh = options->refresh + (options->refresh_by_ttl ? rrset->ttl : 0);
	if (refresh >= options->lifetime) {
		refresh = options->lifetime / 2;
	}

	knot_rdataset_t rrsigs;
	knot_rdataset_init(&rrsigs);
	signature_t *signature = NULL;
	int ret = rrsig_make(&rrsigs, knotd_mod_zone(mod), keys, rrset, inception, expiration, options->reproducible);
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
	if (!signatures_put(signer->table, signature, now) &&
	    log_is_time(&signer->full_logged_at, LOG_PAUSE_MS, clock_ms())) {
		knotd_mod_log(mod, LOG_WARNING, "signatures of all zones take %llu MiB, others are made with each query",
		              MEMORY_MAX >> 20);
	}
	return signature;
}

/*! Corrects an NSEC or NSEC3, and signs it. */
static const signature_t *make_true(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                                    uint32_t variant, uint16_t denied, uint64_t now)
{
	const nsec_change_t changes[] = {
		{ KNOT_RRTYPE_A, denied != KNOT_RRTYPE_A },
		{ KNOT_RRTYPE_AAAA, denied != KNOT_RRTYPE_AAAA },
		{ RRTYPE_ALIAS, signer->options.expose },
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

static void log_spent(signer_t *signer, knotd_mod_t *mod)
{
	if (log_is_time(&signer->spent_logged_at, LOG_PAUSE_MS, clock_ms())) {
		knotd_mod_log(mod, LOG_WARNING,
		              "signing takes more than a quarter of the time of the UDP workers, "
		              "clients that ask for DNSSEC have to ask for ALIAS again");
	}
}

/*! Makes signatures if that is within the budget. \param urgent  Also if half of the burst is spent. */
static signer_state_t spend(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                            uint16_t denied, bool urgent, const signature_t **signature)
{
	uint64_t start = clock_ns(), now = time(NULL);
	if (budget_debt(&signer->budget, start) > (urgent ? BURST_NS : BURST_NS / 2)) {
		log_spent(signer, mod);
		return SIGNER_BUSY;
	}
	uint32_t variant = signature_variant(rrset->type, denied);
	if (addr_is_rrtype(rrset->type)) {
		static const knot_rdataset_t none = { 0 };
		*signature = make(signer, mod, keys, rrset, variant, &rrset->rrs, &none, now);
	} else {
		*signature = make_true(signer, mod, keys, rrset, variant, denied, now);
	}
	uint64_t end = clock_ns();
	budget_spend(&signer->budget, (end - start) * SHARE / signer->options.workers, end);
	return (*signature != NULL) ? SIGNER_READY : SIGNER_LOST;
}

signer_state_t signer_sign(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata, const keys_t *keys,
                           const knot_rrset_t *rrset, uint16_t denied, const signature_t **signature)
{
	signature_t *kept = signatures_find(signer->table, rrset->owner, signature_variant(rrset->type, denied));
	if (kept != NULL && signature_holds(kept, keys->id, rrset->ttl, &rrset->rrs, time(NULL))) {
		*signature = kept;
		return SIGNER_READY;
	}
	bool urgent = kept != NULL || qdata->params->proto != KNOTD_QUERY_PROTO_UDP;
	return spend(signer, mod, keys, rrset, denied, urgent, signature);
}
