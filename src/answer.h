/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The answer hook: what a client gets at a name that has an ALIAS.
 */

#pragma once

#include <knot/module.h>

#include "conf.h"
#include "upstream.h"

/*! Type of the record: private use, as PowerDNS and newer libknot have it. */
#define RRTYPE_ALIAS	65401

/*! Targets of one name; what is beyond is left out. */
#define ALIAS_TARGETS_MAX	8

/*! What has been logged, a bit for each owner (by hash): every complaint once. */
#define LOGGED_BITS	1024

/*! The module's context of one zone; constant but for what is atomic. */
typedef struct {
	conf_alias_t conf;
	upstream_t *upstream;
	_Atomic int layout;  /*!< layout_t of answer.c. */
	_Atomic uint64_t logged[LOGGED_BITS / 64];
} alias_ctx_t;

/*!
 * \brief Hook of stage KNOTD_STAGE_ANSWER.
 *
 * On a worker, inside rcu_read_lock(). Waits only over TCP, at most `cold-wait`.
 */
knotd_in_state_t answer_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                             knotd_qdata_t *qdata, knotd_mod_t *mod);

/*! \brief Logs what the upstream's thread has to tell. For a hook, or the load callback. */
void answer_log_news(alias_ctx_t *ctx, knotd_mod_t *mod);
