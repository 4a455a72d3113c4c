/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The options of a mod-alias section, as values.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cache/filter.h"

/*! Longest stale-max and keep-warm, s: what is older than a week is of no use to anybody (RFC 8767, section 4). */
#define POLICY_WEEK (7 * 86400)

/*! What the engine's thread goes by when it refreshes a target. No padding, so that two compare by memcmp(). */
typedef struct {
	uint32_t timeout;          /*!< Whole try of a resolution, ms. */
	uint32_t retry;            /*!< Retransmissions within it. */
	uint32_t failure_ttl;      /*!< Suppression after the first failure, s. */
	uint32_t negative_ttl_max; /*!< Longest life of a negative answer, s. */
	uint32_t keep_warm;        /*!< How long after its last use a target is kept warm, s; 0: not at all. */
	uint32_t stale_max;        /*!< How long after their expiry answers may serve, s. */
	uint32_t hold;             /*!< Addresses outlive an NXDOMAIN as stale. */
} refresh_options_t;

/*! What an owner's own A and AAAA are for. */
typedef enum {
	SIBLING_FALLBACK, /*!< Served when the target gives nothing. */
	SIBLING_MERGE,    /*!< Served together with the target's. */
	SIBLING_OVERRIDE, /*!< Served instead of the target's. */
} sibling_t;

/*! What a target that does not exist makes of the owner. */
typedef enum {
	NXDOMAIN_NODATA,   /*!< NODATA. */
	NXDOMAIN_SERVFAIL, /*!< SERVFAIL. */
	NXDOMAIN_HOLD,     /*!< The addresses before it, as stale ones; NODATA when there are none. */
} nxdomain_t;

typedef struct {
	refresh_options_t refresh;
	uint32_t cold_wait; /*!< Longest wait of a TCP client, ms. */
	uint32_t ttl_min;   /*!< Bounds of the TTL in answers, s. */
	uint32_t ttl_max;
	sibling_t sibling;
	nxdomain_t nxdomain;
	bool expose;                /*!< Show the ALIAS record to clients. */
	address_set_t deny_address; /*!< Never served, unless they are the owner's own. */
	name_set_t allow_target;    /*!< With any, only these names and those below are used as targets ... */
	name_set_t deny_target;     /*!< ... and never these. */
} policy_t;
