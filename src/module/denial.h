/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Telling the truth in NSEC and NSEC3 of ALIAS owners, in a zone with automatic signing.
 *
 * Knot's own say that there is an ALIAS and that there are no addresses. A resolver with aggressive use of them
 * (RFC 8198) would deny the addresses, once it has seen any denial at the owner or next to it.
 */

#pragma once

#include <knot/module.h>

#include "module/context.h"

/*!
 * \brief Hook of the stages KNOTD_STAGE_AUTHORITY and KNOTD_STAGE_ADDITIONAL, of a module with a signer.
 *
 * On a worker, inside rcu_read_lock().
 */
knotd_in_state_t denial_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Hook of the stage KNOTD_STAGE_END, of a module with or without a signer, likewise.
 *
 * A reply that Knot truncated on the way has not been seen by the others: it leaves without what it got.
 */
knotd_state_t denial_end_hook(knotd_state_t state, knot_pkt_t *pkt,
                              knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Puts the truth in place of what is in the current section.
 *
 * \param state  State of the reply.
 *
 * \return The new state: TRUNC or ERROR when that fails.
 */
knotd_in_state_t denial_correct(knotd_in_state_t state, knot_pkt_t *pkt,
                                knotd_qdata_t *qdata, knotd_mod_t *mod);
