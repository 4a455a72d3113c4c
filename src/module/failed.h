/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What clients of a zone get whose module could not be loaded.
 *
 * Without the module, Knot would say of names with ALIAS that they have no addresses, and resolvers would believe it for
 * hours. So the module stays, without a context, and has knotd answer SERVFAIL where the zone alone would be wrong.
 */

#pragma once

#include <stdbool.h>
#include <knot/module.h>

/*! The end of each message about a load that failed. */
#define FAILED_EFFECT ", names with ALIAS get SERVFAIL until this is corrected"
/*! The same if nodes can't be read. */
#define FAILED_EFFECT_APEX ", only at the apex ALIAS gets SERVFAIL until then, other names have no addresses"

/*!
 * \brief Ends a load that failed, after a message in the log.
 *
 * Takes little memory, which the caller had before. Hooks added before stay, and a context that they need, too.
 *
 * \param own_version  Knot is of the version that the module was built for. Else its nodes are not looked at.
 *
 * \return What the load callback has to return: an error only if Knot may free the module.
 */
int failed_load(knotd_mod_t *mod, bool own_version);
