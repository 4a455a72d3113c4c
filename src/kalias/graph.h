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
 * From an owner the way goes to its targets, and along their CNAMEs as far as these are known. Where a name on the
 * way is an owner itself, its targets follow.
 */
void graph_find_loops(inventory_t *inventory);
