/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What is said about an ALIAS record of a zone file: that it will not be served, or is most likely a mistake.
 */

#pragma once

#include <stdbool.h>
#include <libknot/dname.h>

#include "kalias/kalias.h"
#include "kalias/rewrite.h"

/*!
 * \brief Looks at the current record, an ALIAS, and prints warnings and errors.
 *
 * \param rewrite       The conversion.
 * \param target        Target of the record.
 * \param refuse        Mistakes that can't be meant are errors, else warnings.
 * \param[out] doubted  The target probably lacks its final dot.
 *
 * \return EXIT_FINE, or EXIT_WRONG after an error.
 */
exit_t advice_give(const rewrite_t *rewrite, const knot_dname_t *target, bool refuse, bool *doubted);
