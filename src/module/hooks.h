/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The hooks and their parts, for a module with an alias_ctx_t.
 *
 * The answer is answer.c's. After the authority section (authority.c) come correct NSEC and NSEC3 of ALIAS owners, in a
 * zone whose keys the module has (denial.c), the TTLs of negative replies (negative.c), and what Knot may add in the
 * additional section (additional.c).
 *
 * Knot's own NSEC and NSEC3 list the ALIAS, but no addresses. A resolver with aggressive use of NSEC (RFC 8198) that has
 * seen any denial at the owner or next to it would deny the addresses.
 *
 * All are for workers, inside rcu_read_lock().
 */

#pragma once

#include <knot/module.h>

/*!
 * \brief Hook of stage KNOTD_STAGE_ANSWER: what a client gets at a name that has an ALIAS.
 *
 * Waits only over TCP, at most `cold-wait`.
 */
knotd_in_state_t answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod);

/*! \brief Hook of stage KNOTD_STAGE_AUTHORITY: corrects that section, and prepares the additional section. */
knotd_in_state_t authority_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                                knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Hook of the stage KNOTD_STAGE_END, of a module with or without a signer.
 *
 * Knot calls no hook of a section in which it truncates the reply. Such a reply is emptied if it has records to hide or
 * correct, or TTLs to lower.
 */
knotd_state_t end_hook(knotd_state_t state, knot_pkt_t *pkt,
                       knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Corrects the NSEC and NSEC3 records of the current section, answer or authority, of a module with a signer.
 *
 * In the authority section only a query with DO gets such records.
 *
 * \return The new state: TRUNC or ERROR if that fails.
 */
knotd_in_state_t denial_correct(knotd_in_state_t state, knot_pkt_t *pkt,
                                knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Keeps the addresses of names with ALIAS out of the additional section, and any NSEC or NSEC3 of them.
 *
 * In the stage KNOTD_STAGE_AUTHORITY: Knot fills the additional section only after it, and calls no hook of a section that
 * has no room. These records are optional.
 */
void additional_filter(knotd_in_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Notes the longest TTL, s, of a NODATA at a name with ALIAS; UINT32_MAX: as the zone says. In stage KNOTD_STAGE_ANSWER.
 *
 * A resolver must not hold it for longer than the target's own negative answer (RFC 2308, section 5).
 */
void negative_limit(const knotd_qdata_t *qdata, uint32_t ttl);

/*! \brief Whether the authority section is of a reply with such a limit. In later stages. */
bool negative_is_limited(const knot_pkt_t *pkt, const knotd_qdata_t *qdata);

/*!
 * \brief Lowers the TTLs of a negative reply. With mod-onlinesign, which signs the authority section after this module,
 *        a hook of the stage KNOTD_STAGE_ADDITIONAL.
 */
knotd_in_state_t negative_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                               knotd_qdata_t *qdata, knotd_mod_t *mod);
