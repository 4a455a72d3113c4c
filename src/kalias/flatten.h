/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief CNAMEs of an export that were flattened at the provider, and so have to become ALIAS.
 */

#pragma once

#include <stdbool.h>

#include "kalias/rewrite.h"

/*! \brief Whether the current record is a CNAME that is to be flattened; then the map has no CNAME there any more. */
bool flatten_wants(rewrite_t *rewrite);

/*! \brief Warns of a CNAME that Knot DNS refuses, as there is something beside it. The current record is one. */
void flatten_warn(const rewrite_t *rewrite);

/*! \brief Warns of what was to be flattened and is not there. */
void flatten_warn_unused(const rewrite_t *rewrite);

/*! \brief Whether a text is in the comment behind the current record. */
bool flatten_has_tag(const entries_t *in, const char *tag);
