/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What of the running knotd's configuration concerns ALIAS.
 */

#pragma once

#include "cache/policy.h"
#include "kalias/control.h"
#include "resolve/resolvers.h"

typedef enum {
	MODULE_UNKNOWN, /*!< Members of catalog zones can't be told. */
	MODULE_ABSENT,
	MODULE_PRESENT,
} module_state_t;

/*! What a zone's configuration says of the module. */
typedef struct {
	module_state_t state;
	sibling_t sibling;
	resolvers_t resolvers; /*!< Empty: the system's. */
} section_t;

/*!
 * \brief Reads `ADDR[@PORT]`.
 *
 * \return false if it is none.
 */
bool knotconf_read_address(struct sockaddr_storage *addr, const char *text);

/*!
 * \brief Finds an address at which the server can be asked.
 *
 * \return false if there is none; an error has been printed.
 */
bool knotconf_find_server(struct sockaddr_storage *addr, control_t *control);

/*!
 * \brief Finds what goes for a zone, by its own or its template's `module`.
 *
 * The resolvers of a zone that does not have the module, as far as can be told, are those of the first section.
 */
void knotconf_find_section(section_t *section, control_t *control, const char *zone);

/*! \brief Whether the module answers for a zone: false if it certainly does not. Members of catalog zones can't be told. */
bool knotconf_has_module(control_t *control, const char *zone);
