/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Signing in a zone with automatic signing (`dnssec-signing: on`).
 *
 * On workers, inside rcu_read_lock(): what comes back is good until the reply has been written, which Knot does inside
 * the same read section. The first worker that needs a signature makes it, without holding up the others.
 */

#pragma once

#include <knot/module.h>

#include "dnssec/keys.h"
#include "dnssec/signatures.h"

/*! What the zone's policy says. */
typedef struct {
	keystores_t stores;
	uint32_t lifetime;   /*!< Of signatures, s. */
	uint32_t refresh;    /*!< How long before their end they are made anew, s ... */
	bool refresh_by_ttl; /*!< ... and that long is the TTL in addition. */
	bool reproducible;
} signer_conf_t;

typedef struct signer signer_t;

/*! Whether a version of the zone can be signed. */
typedef enum {
	SIGNER_READY,
	SIGNER_UNSIGNED, /*!< It need not be: it is not signed at all. */
	SIGNER_LOST,     /*!< Keys are not to be had. */
	SIGNER_BUSY,     /*!< They are still being read. */
} signer_state_t;

/*!
 * \brief Creates a signer for the zone of a module; for the load callback.
 *
 * \param conf  Must live as long.
 * \param max   Signatures to keep at most.
 *
 * \return NULL if out of memory.
 */
signer_t *signer_new(const signer_conf_t *conf, uint32_t max);

/*! \brief Frees a signer that no worker uses any more, or NULL; any thread. */
void signer_free(signer_t *signer);

/*!
 * \brief The keys that sign this version of the zone.
 *
 * Reads them from the keystore when they have changed; other workers wait a moment for that, but no longer, as a
 * keystore may hang. What is missing is logged, and tried again with the next version of the zone or after a minute.
 *
 * \param[out] keys  Set with SIGNER_READY.
 */
signer_state_t signer_keys(signer_t *signer, knotd_mod_t *mod, knotd_qdata_t *qdata, const keys_t **keys);

/*!
 * \brief Signatures of an RRset, which are made if there are none. A failure is logged, once.
 *
 * \param rrset  The owner in the zone, the original TTL, RDATA in canonical order.
 *
 * \return NULL if it can't be signed.
 */
const signature_t *signer_sign(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset);

/*!
 * \brief The truth in place of the zone's NSEC or NSEC3, with its signatures.
 *
 * It lists A and AAAA, but for the type that the reply denies, and the ALIAS only if that is shown.
 *
 * \param rrset   As in the zone: an RRset of one record.
 * \param denied  A or AAAA if the reply denies that at this owner, else 0.
 * \param expose  Whether the ALIAS is shown.
 *
 * \return NULL if that fails.
 */
const signature_t *signer_deny(signer_t *signer, knotd_mod_t *mod, const keys_t *keys, const knot_rrset_t *rrset,
                               uint16_t denied, bool expose);
