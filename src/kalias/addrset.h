/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Which addresses of a name's targets `expand` keeps in the zone. Pure: what was seen and the time in, a wish out.
 *
 * A good set is not lost: a failure changes nothing, and negative answers count only if there are several, over a time. A
 * set that rotates is not chased: it is rewritten only when an address in it has not been seen for a while, one that it lacks
 * has been seen in all views for as long, or none of it is seen any more.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kalias/rules.h"

/*! Most addresses of a set in the zone. */
#define ADDRSET_WRITTEN_MAX 64
/*! Most addresses that are remembered, those in the zone and others that were seen. */
#define ADDRSET_KNOWN_MAX 256
/*! So often others come back in place of all until that counts as a rotation, and not as a target that moves back. */
#define ADDRSET_RETURNS 3
/*! So many times as long an address may be missing while what is seen varies, as a set may be large that rotates. */
#define ADDRSET_VARYING 2
/*! Negative answers count only over this time at least, s. */
#define ADDRSET_NEGATIVE_S 120

typedef struct {
	uint8_t addr[16]; /*!< As long as addrset_t says. */
	int64_t seen;     /*!< When a target had it last, Unix time, s. */
	int64_t since;    /*!< Since when it has been in each view with addresses, Unix time, s; 0: not in the last one. */
	bool written;     /*!< It is in the zone. */
	bool wanted;      /*!< It should be. */
} addrset_item_t;

/*! The addresses of one type at one name. Zeroed but for `len` in the beginning. */
typedef struct {
	size_t len;           /*!< Of an address, 4 or 16 octets. */
	addrset_item_t *item; /*!< Owned. */
	unsigned count;
	uint32_t ttl;           /*!< In the zone, s. */
	uint32_t ttl_wanted;    /*!< What it should be. */
	int64_t varied;         /*!< When a view was another one than that before, Unix time, s. */
	unsigned returns;       /*!< How often in a row others came back, that had been seen before, in place of all. */
	unsigned negatives;     /*!< Negative answers in a row. */
	int64_t negative_since; /*!< Unix time of the first of them, s. */
	bool differs;           /*!< Somebody else has changed what is in the zone: to be rewritten, by the next view. */
} addrset_t;

/*! What all targets of a name have now. */
typedef struct {
	const uint8_t (*addr)[16]; /*!< All that clients may have. */
	unsigned count;
	bool failed; /*!< Of some target that is not known. */
	bool hold;   /*!< A target does not exist, and the section says `nxdomain: hold`. */
	uint32_t ttl;
} addrset_view_t;

typedef struct {
	int64_t settle; /*!< How long an address stays in a set, or out of it, against what is seen while others meet, s. */
	unsigned keep;  /*!< How many negative answers there have to be. */
	const rules_t *rules;
} addrset_limits_t;

typedef enum {
	ADDRSET_KEEP,   /*!< The zone is as it should be, or nothing is known that is better. */
	ADDRSET_CHANGE, /*!< It should be changed when there is time. */
	ADDRSET_URGENT, /*!< Clients get addresses that are bad. */
} addrset_step_t;

/*! \brief Judges what was seen: sets `wanted` of each item, and `ttl_wanted`. */
addrset_step_t addrset_judge(addrset_t *set, const addrset_view_t *view, const addrset_limits_t *limits, int64_t now);

/*! \brief Adds an address if it is not known, and there is room. \return It, or NULL. */
addrset_item_t *addrset_add(addrset_t *set, const uint8_t *addr);

/*! \brief Whether an address is known. */
bool addrset_has(const addrset_t *set, const uint8_t *addr);

/*! \brief How many addresses are in the zone. */
unsigned addrset_count_written(const addrset_t *set);

/*! \brief Notes that the zone is as it should be now. */
void addrset_done(addrset_t *set);

/*! \brief Forgets all addresses. */
void addrset_clear(addrset_t *set);
