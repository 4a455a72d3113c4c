/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The configuration of the running knotd, as far as ALIAS records need it.
 */

#pragma once

#include "cache/policy.h"
#include "kalias/control.h"
#include "kalias/rules.h"
#include "resolve/resolvers.h"

typedef enum {
	MODULE_UNKNOWN, /*!< knotd does not tell about members of catalog zones. */
	MODULE_ABSENT,
	MODULE_BUILTIN, /*!< The zone has Knot's own module of one of the names, which resolves nothing. */
	MODULE_PRESENT,
} module_state_t;

/*! Room for a module as knot.conf has it, name and section. */
#define SECTION_NAME_MAX 288

/*! What a zone's configuration says of the module. Zeroed before it is filled, so that sections compare by memcmp(). */
typedef struct {
	module_state_t state;
	char name[SECTION_NAME_MAX]; /*!< With MODULE_PRESENT: such as "mod-xalias/default", or "mod-xalias". */
	sibling_t sibling;
	resolvers_t resolvers; /*!< Empty: the system's. */
} section_t;

/*!
 * How the configuration is read. With `whole`, all zones, templates or sections are asked for an item at once, in one
 * request, and what they have is kept: for those who want to know it of many zones.
 */
typedef struct {
	control_t *control;
	bool whole;
	struct conf_item *items; /*!< What is kept. */
} knotconf_t;

/*! \brief Frees what is kept, not the connection. */
void knotconf_clear(knotconf_t *conf);

/*! What becomes of a change to a zone that is made at the running knotd. */
typedef enum {
	CHANGE_STAYS,        /*!< Or that is not known. */
	CHANGE_UNTIL_EDITED, /*!< The zone file, which knotd does not write, undoes it when it has been edited and is loaded. */
	CHANGE_UNTIL_LOADED, /*!< It does so when it is loaded the next time. */
} change_fate_t;

/*!
 * \brief Reads `ADDR[@PORT]`.
 *
 * \return false if it is none.
 */
bool knotconf_read_address(struct sockaddr_storage *addr, const char *text);

/*! \brief Adds the argument of a command's option --resolver. */
exit_t knotconf_take_resolver(resolvers_t *resolvers, const char *command, const char *text);

/*!
 * \brief Finds an address at which the server can be asked.
 *
 * \return false if there is none; an error has been printed.
 */
bool knotconf_find_server(struct sockaddr_storage *addr, const knotconf_t *conf);

/*! \brief The same without an error. \return NULL, or what is wrong with server.listen, until the next request. */
const char *knotconf_get_server(struct sockaddr_storage *addr, const knotconf_t *conf);

/*!
 * \brief Finds the configuration of a zone, by its own `module` or that of its template.
 *
 * If the zone does not have the module, or that is not known, the resolvers are those of the module's first section.
 */
void knotconf_find_section(section_t *section, knotconf_t *conf, const char *zone);

/*!
 * \brief Reads which addresses and targets a section of the module rules out.
 *
 * \param rules  Zeroed; to be freed by rules_free().
 * \param name   As in section_t.
 */
void knotconf_read_rules(rules_t *rules, knotconf_t *conf, const char *name);

/*!
 * \brief Reads an option of a section of the module, as knotd prints it. Nothing is taken if it is not set.
 *
 * \param name  As in section_t.
 */
void knotconf_read_option(knotconf_t *conf, const char *name, const char *option, control_take_f take, void *ctx);

/*! \brief Finds out what becomes of changes to a zone, by `zonefile-sync` and `zonefile-load`. */
change_fate_t knotconf_fate_of_change(knotconf_t *conf, const char *zone);
