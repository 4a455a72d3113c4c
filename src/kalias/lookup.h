/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Asks resolvers for targets.
 */

#pragma once

#include <uv.h>

#include "kalias/inventory.h"

typedef struct lookup lookup_t;

/*! \brief Is called when `observed` of a target is complete. Must not start others. */
typedef void (*lookup_cb)(void *ctx);

/*! \brief Sets up a resolver for each set of the inventory. */
lookup_t *lookup_new(uv_loop_t *loop, inventory_t *inventory);

/*!
 * \brief Resolves a target, A and AAAA.
 *
 * Resolvers that have been silent for long are not asked. After one or more of these
 * lookup_settle() has to be called.
 */
void lookup_start(lookup_t *lookup, check_target_t *target, lookup_cb cb, void *ctx);

/*! \brief Does what is left to do after lookups were started, see resolver_settle(). */
void lookup_settle(lookup_t *lookup);

/*!
 * \brief Follows the CNAMEs of a target that fails, as far as the server and the resolver know them.
 *
 * \param server  The server under test, NULL if it is silent.
 */
void lookup_trace(lookup_t *lookup, check_target_t *target, const struct sockaddr_storage *server,
                  lookup_cb cb, void *ctx);

/*! \brief Frees the lookup, and runs the loop until nothing is left on it. */
void lookup_free(lookup_t *lookup);
