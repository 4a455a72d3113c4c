/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Asks resolvers and server for all of an inventory, many at a time, and judges.
 */

#pragma once

#include "kalias/inventory.h"

/*!
 * \brief Fills in what resolvers and server say, and what is wrong.
 *
 * What looks wrong is asked for once more, after a pause, before it counts. Progress is shown on standard error if
 * that is a terminal.
 */
void survey_run(inventory_t *inventory);
