/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The options of a mod-alias section, as values.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cache/filter.h"
#include "util/rrtype.h"

/*! Longest stale-max and keep-warm, s: data older than a week is of no use (RFC 8767, section 4). */
#define POLICY_WEEK (7 * 86400)

/*! Options by which the engine's thread refreshes a target. There is no padding, so memcmp() compares two of them. */
typedef struct {
	uint32_t timeout;          /*!< Time for a resolution with all its retransmissions, ms. */
	uint32_t retry;            /*!< Retransmissions in that time. */
	uint32_t failure_ttl;      /*!< How long the first failure suppresses the next attempt, s. */
	uint32_t negative_ttl_max; /*!< Longest life of a negative answer, s. */
	uint32_t keep_warm;        /*!< Time after its last use in which a target is kept warm, s; 0: none. */
	uint32_t stale_max;        /*!< Time after expiry in which answers may be served, s. */
	uint32_t hold;             /*!< Addresses are served as stale ones after an NXDOMAIN. */
	uint32_t denied;           /*!< Types never asked for, as bits (1 << addr_type_t): deny_address has all their addresses. */
} refresh_options_t;

/*! \brief Whether a type is never asked for, and NODATA. */
static inline bool refresh_denies(const refresh_options_t *options, addr_type_t type)
{
	return options->denied & 1U << type;
}

/*! Most former engines that a zone remembers. */
#define FORMERS_MAX 4

/*!
 * IDs of the engines that a zone used before, the last one first, 0 for none. Of answers that engines hand over to each
 * other, a zone's clients get only those of these: another zone's former resolvers may say what they like.
 */
typedef struct {
	uint16_t id[FORMERS_MAX];
} formers_t;

static inline bool formers_have(const formers_t *formers, uint16_t id)
{
	bool found = false;
	for (unsigned i = 0; i < FORMERS_MAX; i++) {
		found |= (formers->id[i] == id);
	}
	return found;
}

/*! Use of the owner's own A and AAAA. */
typedef enum {
	SIBLING_FALLBACK, /*!< Served when the target gives nothing. */
	SIBLING_MERGE,    /*!< Served together with the target's. */
	SIBLING_OVERRIDE, /*!< Served instead of the target's. */
} sibling_t;

/*! Reply to clients if the target does not exist. */
typedef enum {
	NXDOMAIN_NODATA,   /*!< NODATA. */
	NXDOMAIN_SERVFAIL, /*!< SERVFAIL. */
	NXDOMAIN_HOLD,     /*!< The addresses from before, as stale ones; NODATA if there are none. */
} nxdomain_t;

typedef struct {
	refresh_options_t refresh;
	formers_t formers;  /*!< Set by the registry. */
	uint32_t cold_wait; /*!< Longest wait of a TCP client, ms. */
	uint32_t ttl_min;   /*!< Bounds of the TTL in answers, s. */
	uint32_t ttl_max;
	sibling_t sibling;
	nxdomain_t nxdomain;
	bool expose;                /*!< Show the ALIAS record to clients. */
	address_set_t deny_address; /*!< Never served, unless they are the owner's own A or AAAA. */
	name_set_t allow_target;    /*!< If not empty, only these names and names below them are used as targets. */
	name_set_t deny_target;     /*!< These names and names below them are never used as targets. */
} policy_t;
