/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What all fuzz targets need: checks, octets in memory of their very length, an input read bit by bit.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*! Ends the process if it does not hold. */
#define CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

/*! \brief Reports a check that failed, and aborts. */
_Noreturn void fuzz_fail(const char *condition, const char *file, int line);

/*! \brief A copy in memory of its very length, to be freed: sanitizers see each octet beyond. */
uint8_t *fuzz_copy(const void *data, size_t len);

/*! \brief Runs what call_rcu() has put off; at the end of an input. */
void fuzz_settle(void);

/* The interface of libFuzzer. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*! What is left of an input; at its end all is zero. */
typedef struct {
	const uint8_t *data;
	size_t len;
} input_t;

uint8_t input_u8(input_t *in);
uint16_t input_u16(input_t *in);
uint32_t input_u32(input_t *in);

/*! \brief A number below a limit of 256 at most. */
static inline unsigned input_below(input_t *in, unsigned limit)
{
	return input_u8(in) % limit;
}

/*! \brief Takes octets, no more than there are. \return Their number. */
size_t input_take(input_t *in, size_t len, const uint8_t **data);

/*! \brief One of an array's elements. */
#define INPUT_PICK(in, array) ((array)[input_below(in, sizeof(array) / sizeof((array)[0]))])
