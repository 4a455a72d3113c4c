/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Configuration: the options of section mod-alias in knot.conf, and what matters of other sections.
 */

#pragma once

#include <knot/module.h>

#include "cache/policy.h"
#include "engine/engine.h"
#include "module/signer.h"

/*! Section schema. */
extern const yp_item_t conf_schema[];

/*! \brief Checks a section as a whole; sets args->err_str to the broken rule. \return KNOT_E* */
int conf_check(knotd_conf_check_args_t *args);

/*! The configuration of a zone. */
typedef struct {
	policy_t policy;
	engine_key_t engine;
	limits_t limits;
	bool system;             /*!< The resolvers are those of the system's resolv.conf. */
	uint32_t zone_rate;      /*!< Limit of the zone's queries to the resolvers, queries/s; 0: none. */
	unsigned max_waiters;    /*!< Most threads that may wait for a resolution: half of the TCP workers. */
	bool rotate;             /*!< server.answer-rotation. */
	bool onlinesign;         /*!< mod-onlinesign comes after this module, and signs. */
	keystores_t keystores;   /*!< Set without mod-onlinesign. */
	signer_options_t signer; /*!< Set without mod-onlinesign. */
	uint16_t rrsig_len;      /*!< Length of its RRSIGs without owner and signer, octets. */
} conf_alias_t;

/*!
 * \brief Reads the configuration of the module's zone; for the load callback.
 *
 * \return KNOT_E*, after a message in the log. conf_free() has to follow also after an error.
 */
int conf_load(conf_alias_t *conf, knotd_mod_t *mod);

/*! \brief Frees what conf_load() allocated, also if it failed; a zeroed structure is fine. */
void conf_free(conf_alias_t *conf);
