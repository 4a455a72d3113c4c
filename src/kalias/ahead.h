/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What `set` and `warm` look up ahead of clients: a target at its resolvers, and owners at the server.
 *
 * The functions wait, each for some seconds at most for each name, and have no connection to knotd open.
 */

#pragma once

#include <sys/socket.h>
#include <libknot/dname.h>

#include "kalias/rules.h"
#include "resolve/resolvers.h"

/*!
 * \brief Has resolvers look for the addresses of a target.
 *
 * \param resolvers  Resolvers, at least one.
 * \param rules      What the zone's section rules out.
 * \param target     Target.
 *
 * \return NULL if it has any that clients get, else what is wrong with it, a constant.
 */
const char *ahead_target(const resolvers_t *resolvers, const rules_t *rules, const knot_dname_t *target);

/*! \brief Asks a server for a name once, over UDP, so that it resolves the name's targets. */
void ahead_owner(const struct sockaddr_storage *server, const knot_dname_t *owner);
