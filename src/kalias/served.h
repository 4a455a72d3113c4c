/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Whether the configuration of knotd has the module for a zone.
 */

#pragma once

#include <stdbool.h>

#include "kalias/control.h"

/*!
 * \brief Whether the module answers for a zone.
 *
 * \param control  Connection.
 * \param zone     Name of the zone.
 *
 * \return false if it certainly does not; members of catalog zones can't be told.
 */
bool served_by_module(control_t *control, const char *zone);
