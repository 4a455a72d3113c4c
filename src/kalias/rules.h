/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Which targets and which of their addresses a section of the module rules out. Pure.
 */

#pragma once

#include "cache/filter.h"

/*! Zeroed: nothing is ruled out. To be filled, sealed, and then read. */
typedef struct {
	address_set_t deny_address;
	name_set_t allow_target;
	name_set_t deny_target;
} rules_t;

/*! \brief Adds to a set a network, range or address as knotd prints it; others are left out. */
void rules_deny_network(address_set_t *set, const char *text);

void rules_seal(rules_t *rules);

void rules_free(rules_t *rules);

/*! \brief Whether allow-target or deny-target rules out a lower-case name. */
bool rules_deny_target(const rules_t *rules, const knot_dname_t *name);
