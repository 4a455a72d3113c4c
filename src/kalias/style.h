/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Which form ALIAS records are to have, and which of them don't have it yet.
 */

#pragma once

#include <stdbool.h>

#include "kalias/zonefile.h"

/*! Form of ALIAS records. */
typedef struct {
	bool to_alias; /*!< The target is a name, also where it was generic RDATA. */
	bool mnemonic; /*!< The type is written as ALIAS, not as a number. */
} style_t;

/*! What has to be changed in the current entry, a record. */
typedef struct {
	size_t type; /*!< Index of its type. */
	bool change_type;
	bool change_rdata;
	bool generic; /*!< RDATA is in generic form. */
} change_t;

/*! \brief Whether a word is the type of ALIAS records, or ANAME. */
bool style_is_alias(const zonefile_t *file, size_t index);

/*! \brief Whether the entry is a directive. */
bool style_is_directive(const zonefile_t *file);

/*! \brief Whether it includes another file. */
bool style_is_include(const zonefile_t *file);

/*! \brief Whether the entry is a record that has to be changed, and how. */
bool style_find_change(change_t *change, const style_t *style, const zonefile_t *file);
