/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Keeps out of calls that end the process when there is no memory.
 */

#pragma once

#include <stdbool.h>
#include <stdlib.h>

/*!
 * \brief Whether so many octets could be had a moment ago.
 *
 * Any thread. Others may be faster: ask for more than what is needed.
 */
static inline bool can_alloc(size_t size)
{
	void *volatile room = malloc(size); /* Compilers leave out what is freed unused. */
	free(room);
	return room != NULL;
}
