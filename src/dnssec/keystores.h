/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The keystores of a signing policy: where private keys are.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dnssec/libdnssec.h"

/*! Most keystores of a policy. */
#define KEYSTORES_MAX 8

typedef struct {
	unsigned count;
	struct {
		bool pkcs11;
		char *config; /*!< Directory, or URI of the token. */
	} store[KEYSTORES_MAX];
} keystores_t;

/*! \brief Adds a keystore; the config is copied. \return KNOT_E* */
int keystores_add(keystores_t *stores, bool pkcs11, const char *config);

/*! \brief Copies a set to a zeroed one, which keystores_free() frees also after an error. \return KNOT_E* */
int keystores_copy(keystores_t *copy, const keystores_t *stores);

/*! \brief Hash of a set, to tell it from others. */
uint64_t keystores_id(const keystores_t *stores);

/*! \brief Frees what keystores_add() allocated; a zeroed set is fine. */
void keystores_free(keystores_t *stores);

/*!
 * \brief Reads the private part of a key from the first keystore that has it.
 *
 * Blocks on file I/O, or on the PKCS #11 library, and may never return.
 *
 * \param key  Key with its public part.
 * \param id   Its name in a keystore.
 *
 * \return DNSSEC_E*, that of the last keystore.
 */
int keystores_read(const keystores_t *stores, dnssec_key_t *key, const char *id);
