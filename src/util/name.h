/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The module's names in knot.conf.
 */

#pragma once

#define MODULE_STR_(name) #name
#define MODULE_STR(name) MODULE_STR_(name)

/*! The name to write. MODULE_NAME comes from configure, option --with-module-name. */
#define MODULE_NAME_STR "mod-" MODULE_STR(MODULE_NAME)

/*! The name that is free in all versions of Knot DNS. */
#define MODULE_NAME_FREE "mod-xalias"
/*! The name of a module of Knot's own since 3.5.5, and another one of this module before. */
#define MODULE_NAME_SHARED "mod-alias"
