/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Whether zones use the module's sections as its configuration looks.
 */

#pragma once

#include "kalias/control.h"

/*!
 * \brief Warns of sections of the module that no zone and no template has in its option `module`, and of zones with the
 *        module alone, which a section called "default" does not concern, while there is one.
 *
 * What can't be read is not warned of.
 */
void sections_warn(control_t *control);
