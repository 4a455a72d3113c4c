/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Finds loops of ALIAS and CNAME.
 */

#pragma once

#include "kalias/inventory.h"

/*!
 * \brief Sets `findings.loop` of each owner whose targets lead into a loop.
 *
 * The way goes from an owner to its targets, along the CNAMEs that have been found
 * out, and on where these are owners themselves.
 */
void graph_find_loops(inventory_t *inventory);
