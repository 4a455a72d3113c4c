/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The module's name. MODULE_NAME comes from configure, option --with-module-name.
 */

#pragma once

#define MODULE_STR_(name) #name
#define MODULE_STR(name) MODULE_STR_(name)

/*! The name in knot.conf. */
#define MODULE_NAME_STR "mod-" MODULE_STR(MODULE_NAME)
