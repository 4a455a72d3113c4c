/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Options of section mod-alias in knot.conf.
 */

#pragma once

#include <knot/module.h>

#include "cache/policy.h"
#include "engine/engine.h"
#include "module/signer.h"

/*! Section schema. */
extern const yp_item_t conf_schema[];

/*! \brief Checks a section as a whole; sets args->err_str to the rule that is broken. \return KNOT_E* */
int conf_check(knotd_conf_check_args_t *args);

/*! What else of knot.conf matters. */
typedef struct {
	policy_t policy;
	engine_key_t engine;
	limits_t limits;
	uint32_t zone_rate;   /*!< Queries/s to the resolvers that the zone may cause, 0: any. */
	unsigned max_waiters; /*!< Half of the TCP workers: how many may wait for a resolution. */
	bool rotate;          /*!< server.answer-rotation. */
	bool signing;         /*!< dnssec-signing is on, and mod-onlinesign does not sign instead. */
	signer_conf_t signer; /*!< For that. */
	bool onlinesign;      /*!< mod-onlinesign comes after this module. */
	uint16_t rrsig_len;   /*!< Its signatures, without owner and signer, in octets. */
} conf_alias_t;

/*!
 * \brief Reads the configuration of the module's zone; for the load callback.
 *
 * \return KNOT_E*; the reason has been logged. To be followed by conf_free() in any case.
 */
int conf_load(conf_alias_t *conf, knotd_mod_t *mod);

/*! \brief Frees what conf_load() allocated, also if it failed; all zeros are fine. */
void conf_free(conf_alias_t *conf);
