/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What all unit tests need: cmocka, with the headers it asks for.
 */

#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#ifdef assert_uint_in_range
/* cmocka 2 has this name for it and warns of the one that cmocka 1 has. */
#undef assert_in_range
#define assert_in_range assert_uint_in_range
#endif

/*! Domain names of the tests, in wire format. */
#define NAME_A ((const uint8_t *)"\001a\007example")
#define NAME_B ((const uint8_t *)"\001b\007example")
#define NAME_APEX ((const uint8_t *)"\007example")
