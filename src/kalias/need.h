/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Memory of a program that ends when there is none.
 */

#pragma once

#include <stdlib.h>

#include "kalias/kalias.h"

/*! \brief Ends the program if the memory that was asked for is not there. \return It. */
static inline void *need(void *memory)
{
	if (memory == NULL) {
		exit(fail("not enough memory"));
	}
	return memory;
}
