/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The hooks, for a module with an alias_ctx_t: the answer (answer.c), correct NSEC and NSEC3 of ALIAS owners, in a
 *        zone with automatic signing (denial.c), the TTLs of negative replies (negative.c), and what goes into the additional
 *        section (additional.c).
 *
 * Knot's own NSEC and NSEC3 list the ALIAS, but no addresses. A resolver with aggressive use of NSEC (RFC 8198) that has
 * seen any denial at the owner or next to it would deny the addresses.
 */

#pragma once

#include <knot/module.h>

/*!
 * \brief Hook of stage KNOTD_STAGE_ANSWER: what a client gets at a name that has an ALIAS.
 *
 * On a worker, inside rcu_read_lock(). Waits only over TCP, at most `cold-wait`.
 */
knotd_in_state_t answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Keeps the addresses of names with ALIAS out of the additional section, and any NSEC or NSEC3 of them.
 *
 * Hook of the stage KNOTD_STAGE_AUTHORITY: Knot fills the additional section only after it, and calls no hook of a
 * section that has no room. These records are optional. On a worker, inside rcu_read_lock().
 */
knotd_in_state_t additional_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                                 knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Corrects the NSEC and NSEC3 records of the current section, of a module with a signer.
 *
 * Hook of the stage KNOTD_STAGE_AUTHORITY, where only a query with DO gets such records. The answer hook calls it for its
 * section. On a worker, inside rcu_read_lock().
 *
 * \return The new state: TRUNC or ERROR if that fails.
 */
knotd_in_state_t denial_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod);

/*!
 * \brief Notes the longest TTL, s, of the reply if it becomes NODATA: a resolver must not hold it for longer than the
 *        target's own negative answer (RFC 2308, section 5). Worker, in the stage KNOTD_STAGE_ANSWER.
 */
void negative_limit(const knotd_qdata_t *qdata, uint32_t ttl);

/*! \brief Lowers the TTLs of such a reply. Hook of the stage KNOTD_STAGE_ADDITIONAL: mod-onlinesign has signed by then. */
knotd_in_state_t negative_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                               knotd_qdata_t *qdata, knotd_mod_t *mod);

/*! \brief Forgets the limit. In the stage KNOTD_STAGE_END of each query. \return Whether there was one. */
bool negative_end(const knotd_qdata_t *qdata);

/*!
 * \brief Hook of the stage KNOTD_STAGE_END, of a module with or without a signer. On a worker.
 *
 * Knot calls no hook of a section in which it truncates the reply. Such a reply is emptied if it has records to hide or
 * correct, or TTLs to lower.
 */
knotd_state_t denial_end_hook(knotd_state_t state, knot_pkt_t *pkt,
                              knotd_qdata_t *qdata, knotd_mod_t *mod);
