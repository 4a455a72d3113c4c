/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The result of a check, for people and for machines.
 *
 * kalias.rst says what the keys of JSON mean. All keys are always there, but for a_dnssec and aaaa_dnssec, which only
 * owners in signed zones have.
 */

#pragma once

#include "kalias/inventory.h"

/*! \brief Prints the table: owners without problems, then those with problems, and the numbers. */
void report_table(const inventory_t *inventory);

/*! \brief Prints JSON. An inventory that could not be read may be empty. */
void report_json(const inventory_t *inventory, bool complete);
