/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Signing in a zone that Knot signs automatically (`dnssec-signing: on`), or that comes with its signatures, such
 *        as that of a secondary, if its keystore has copies of the keys.
 *
 * Terms. A signer has the current keys of one zone (keyring.h) and a table of signatures made with them (signatures.h).
 *
 * Owners. Module instances of the same zone and options share a signer: a reload loads the new instance before it unloads
 * the old one, so that keys and signatures survive it. The signer owns its keyring and its table. Keys and signatures are
 * immutable; replaced ones are freed by call_rcu().
 *
 * Threads. Workers inside rcu_read_lock(). Results are valid until the reply is written, which Knot does in the same
 * read section. The first worker that needs a signature makes it, without holding up others; two may make the same one.
 *
 * Worst case. A keystore may hang. Then clients have to ask again for what needs a signature of ours, and for nothing
 * else. Some TCP workers wait for 50 ms, once for each read. With RSA a signature takes milliseconds, and clients choose
 * which of the zone's names are signed when: signing may take a quarter of the time of the UDP workers for each zone.
 * Beyond that clients have to ask again. For names that have no signature yet they have to do so earlier over UDP, so that
 * others have theirs renewed, and those who come back over TCP have theirs made.
 */

#pragma once

#include <knot/module.h>

#include "dnssec/keyring.h"
#include "dnssec/signatures.h"

/*! How a zone is signed. */
typedef struct {
	uint32_t lifetime;    /*!< Lifetime of signatures, s. */
	uint32_t refresh;     /*!< How long before their end they are made again, s. */
	unsigned workers;     /*!< UDP workers, at least 1. */
	unsigned max_waiters; /*!< Most threads of the process that may wait for keys. */
	bool refresh_by_ttl;  /*!< The TTL is added to `refresh`. */
	bool automatic;       /*!< Knot signs the zone. */
	bool reproducible;
	bool expose; /*!< Clients may see the ALIAS. */
} signer_options_t;

typedef struct signer signer_t;

/*! Whether a version of the zone, or an RRset, can be signed. */
typedef enum {
	SIGNER_READY = 0,
	SIGNER_UNSIGNED, /*!< The zone is not signed at all. */
	SIGNER_LOST,     /*!< Keys are missing, or signing fails. */
	SIGNER_BUSY,     /*!< The keys are still being read, or signing is over its limit: clients have to ask again. */
} signer_state_t;

/*!
 * \brief Gets the signer of a zone, a new one if there is none with these options. For the load callback.
 *
 * \param zone     Name of the zone, lower case.
 * \param stores   Keystores of its policy; copied.
 * \param options  Zeroed before they were set, as they are compared octet by octet.
 *
 * \return NULL if out of memory.
 */
signer_t *signer_acquire(const knot_dname_t *zone, const keystores_t *stores, const signer_options_t *options);

/*! \brief Gives a signer back that no worker of this module instance uses any more; NULL is fine. Any thread. */
void signer_release(signer_t *signer);

/*!
 * \brief Gets the keys that sign this version of the zone. Worker, inside rcu_read_lock(). Does not wait.
 *
 * Has them read if they have changed. Missing keys are logged, and looked for again with the next version of the zone or
 * after ten seconds.
 *
 * \param[out] keys  Set with SIGNER_READY.
 */
signer_state_t signer_keys(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata, const keys_t **keys);

/*! \brief Like signer_keys(), after SIGNER_BUSY and where something has to be signed: a TCP worker waits up to 50 ms. */
signer_state_t signer_wait(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata, const keys_t **keys);

/*!
 * \brief Has the keys read if this version of the zone is new, for queries that will need them. As signer_keys().
 */
void signer_prepare(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata);

/*!
 * \brief Finds or makes the signatures of addresses, or of a corrected NSEC or NSEC3. Worker, inside rcu_read_lock().
 *
 * A corrected record lists A and AAAA, except the type that the reply denies, and lists ALIAS only if the zone exposes
 * it. A failure to sign is logged once until the next load.
 *
 * \param keys            Keys of this version of the zone.
 * \param rrset           RRset with the owner in the zone, the original TTL, and RDATA in canonical order; NSEC and NSEC3
 *                        as in the zone, of one record.
 * \param denied          With NSEC and NSEC3: A or AAAA if the reply denies that type at this owner; else 0.
 * \param[out] signature  With SIGNER_READY: the signatures, with the corrected record, valid in the read section.
 */
signer_state_t signer_sign(signer_t *signer, knotd_mod_t *mod, const knotd_qdata_t *qdata, const keys_t *keys,
                           const knot_rrset_t *rrset, uint16_t denied, const signature_t **signature);
