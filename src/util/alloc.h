/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A check before calls of libraries that end the process when memory is out.
 */

#pragma once

#include <stdbool.h>
#include <stdlib.h>

/*!
 * \brief Whether `size` octets can be allocated.
 *
 * Any thread. Another thread may take the memory first: ask for more than the call needs.
 */
static inline bool can_alloc(size_t size)
{
	void *volatile room = malloc(size); /* Without volatile, compilers remove both calls. */
	free(room);
	return room != NULL;
}
