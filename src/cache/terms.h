/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The part of a zone's options that the engine's thread goes by.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

/*! Longest stale-max and keep-warm, s: what is older than a week is of no use to anybody (RFC 8767, section 4). */
#define TERMS_WEEK (7 * 86400)

/*! No padding, so that terms compare by memcmp(). */
typedef struct {
	uint32_t timeout;          /*!< Whole try of a resolution, ms. */
	uint32_t retry;            /*!< Retransmissions within it. */
	uint32_t failure_ttl;      /*!< Suppression after the first failure, s. */
	uint32_t negative_ttl_max; /*!< Longest life of a negative answer, s. */
	uint32_t keep_warm;        /*!< How long after its last use a target is kept warm, s; 0: not at all. */
	uint32_t stale_max;        /*!< How long after their expiry answers may serve, s. */
	uint32_t hold;             /*!< Addresses outlive an NXDOMAIN as stale. */
} terms_t;
