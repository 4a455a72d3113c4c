/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The answer hook: what a client gets at a name that has an ALIAS.
 */

#pragma once

#include <knot/module.h>

/*!
 * \brief Hook of stage KNOTD_STAGE_ANSWER, of a module with an alias_ctx_t.
 *
 * On a worker, inside rcu_read_lock(). Waits only over TCP, at most `cold-wait`.
 */
knotd_in_state_t answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod);
