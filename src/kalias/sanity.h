/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What is most likely a mistake in an ALIAS, for all commands that write one.
 *
 * Texts are as they were given, and names already; what is no name at all is refused before. A rule is a constant.
 */

#pragma once

#include <stdbool.h>
#include <libknot/dname.h>

#include "kalias/kalias.h"

/*!
 * \brief Finds a mistake in an owner.
 *
 * \param owner    Owner, in presentation form.
 * \param zone     Zone or origin that a relative owner is completed with, NULL: not known.
 * \param has_ttl  A TTL stands behind the owner.
 *
 * \return NULL, or the rule that it breaks.
 */
const char *sanity_owner(const char *owner, const knot_dname_t *zone, bool has_ttl);

/*!
 * \brief Finds a mistake in a target.
 *
 * \param[out] refused  It can't be meant; else it is only odd.
 * \param text          Target, in presentation form.
 * \param target        The same, completed.
 * \param relative      A target without a final dot is relative to something.
 *
 * \return NULL, or the rule that it breaks.
 */
const char *sanity_target(bool *refused, const char *text, const knot_dname_t *target, bool relative);

/*!
 * \brief Checks the arguments of a command by both, and prints what is wrong.
 *
 * \param command  The command, for its usage.
 * \param text     Target, in presentation form; NULL: there is none.
 *
 * \return EXIT_FINE, also after a warning, or EXIT_USAGE.
 */
exit_t sanity_arguments(const char *command, const char *owner, const knot_dname_t *zone, bool has_ttl,
                        const char *text, const knot_dname_t *target);
