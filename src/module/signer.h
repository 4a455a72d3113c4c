/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Signing in a zone with automatic signing (`dnssec-signing: on`).
 *
 * Terms. A signer has the current keys of one zone (keys.h) and a table of signatures made with them (signatures.h).
 * Keys are those of one version of the zone; a worker that finds another version looks for them again.
 *
 * Owners. The context of the zone owns the signer. The signer owns its keys and its table. Keys and signatures are
 * immutable; replaced ones are freed by call_rcu().
 *
 * Threads. Workers inside rcu_read_lock(). Results are valid until the reply is written, which Knot does in the same
 * read section. The first worker that needs a signature makes it, without holding up others; two may make the same one.
 *
 * Worst case. A keystore may hang. That holds up the one worker that reads it; others wait at most 50 ms, then make
 * their clients ask again.
 */

#pragma once

#include <knot/module.h>

#include "dnssec/keys.h"
#include "dnssec/signatures.h"

/*! Signing options of the zone's policy. */
typedef struct {
	keystores_t stores;
	uint32_t lifetime;   /*!< Lifetime of signatures, s. */
	uint32_t refresh;    /*!< How long before their end they are made again, s. */
	bool refresh_by_ttl; /*!< The TTL is added to `refresh`. */
	bool reproducible;
} signer_conf_t;

typedef struct signer signer_t;

/*! Whether a version of the zone can be signed. */
typedef enum {
	SIGNER_READY,
	SIGNER_UNSIGNED, /*!< The zone is not signed at all. */
	SIGNER_LOST,     /*!< Keys are missing. */
	SIGNER_BUSY,     /*!< Another worker is still reading the keys. */
} signer_state_t;

/*!
 * \brief Creates a signer for the zone of a module. For the load callback.
 *
 * \param conf  Options; must live as long as the signer.
 * \param max   Most signatures to keep.
 *
 * \return NULL if out of memory.
 */
signer_t *signer_new(const signer_conf_t *conf, uint32_t max);

/*! \brief Frees a signer that no worker uses any more; NULL is fine. Any thread. */
void signer_free(signer_t *signer);

/*!
 * \brief Gets the keys that sign this version of the zone. Worker, inside rcu_read_lock().
 *
 * Reads them from the keystore if they have changed; other workers wait up to 50 ms for that. Missing keys are logged,
 * and looked for again with the next version of the zone or after a minute.
 *
 * \param[out] keys  Set with SIGNER_READY.
 */
signer_state_t signer_keys(signer_t *signer, knotd_mod_t *mod, knotd_qdata_t *qdata, const keys_t **keys);

/*!
 * \brief Finds or makes the signatures of addresses, or of a corrected NSEC or NSEC3. Worker, inside rcu_read_lock().
 *
 * A corrected record lists A and AAAA, except the type that the reply denies, and lists ALIAS only if the zone exposes
 * it. A failure to sign is logged once.
 *
 * \param rrset   RRset with the owner in the zone, the original TTL, and RDATA in canonical order; NSEC and NSEC3 as in
 *                the zone, of one record.
 * \param denied  With NSEC and NSEC3: A or AAAA if the reply denies that type at this owner; else 0.
 * \param expose  With NSEC and NSEC3: whether clients may see the ALIAS.
 *
 * \return The signatures, with the corrected record, valid in the read section; NULL after an error.
 */
const signature_t *signer_sign(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                               uint16_t denied, bool expose);
