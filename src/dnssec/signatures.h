/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Signatures that a zone's answers were given, kept for the next ones.
 *
 * Any thread may look up and put. Readers are inside rcu_read_lock() of liburcu's default flavour, take no lock and
 * keep no pointer beyond it. Putting links an entry under a lock that is held for some 100 ns: the signature has been
 * made before. A look-up that a concurrent put makes miss costs another signature, nothing else.
 *
 * A table grows a bucket at a time (linear hashing), so that nobody ever waits for all of it to be moved.
 */

#pragma once

#include <urcu.h>
#include <urcu/list.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

/*! What has been signed, and for how long; immutable once put, but for what is atomic. */
typedef struct signature {
	struct rcu_head rcu;
	struct signature *next;   /*!< In its bucket; RCU. */
	struct cds_list_head lru; /*!< Of all, the oldest first; of who puts. */
	uint64_t hash;
	uint64_t keys;         /*!< keys_t.id of the signers. */
	uint64_t from;         /*!< Wall clock, s: not to be used before ... */
	uint64_t renew_at;     /*!< ... nor from then on. */
	uint32_t variant;      /*!< Which of the owner's; see signature_variant(). */
	uint32_t ttl;          /*!< Original TTL. */
	knot_rdataset_t base;  /*!< What the zone or the targets had. */
	knot_rdataset_t truth; /*!< What is sent in its place, or empty: the base itself. */
	knot_rdataset_t rrsigs;
	_Atomic uint64_t used; /*!< Wall clock, s, of its last use; any reader. */
	uint8_t *owner;
	uint8_t data[]; /*!< Storage of all that: one allocation. */
} signature_t;

typedef struct signatures signatures_t;

/*! \brief Which set of an owner: its type, and the type whose absence an NSEC or NSEC3 has to prove, or 0. */
static inline uint32_t signature_variant(uint16_t type, uint16_t denied)
{
	return (uint32_t)type << 16 | denied;
}

/*! \brief Creates an empty table; any thread. \param max Entries at most. \return NULL if out of memory. */
signatures_t *signatures_new(uint32_t max);

/*! \brief Frees a table with all that is in it, or NULL. No thread may be using it; any thread. */
void signatures_free(signatures_t *table);

/*! \brief Number of entries. Any thread. */
uint32_t signatures_count(const signatures_t *table);

/*! \brief Makes an entry of copies of everything. \return NULL if out of memory. */
signature_t *signature_new(const knot_dname_t *owner, uint32_t variant, const knot_rdataset_t *base,
                           const knot_rdataset_t *truth, const knot_rdataset_t *rrsigs);

/*! \brief Finds the entry of an owner (lower case) and variant, or NULL. Inside rcu_read_lock(). */
signature_t *signatures_find(signatures_t *table, const knot_dname_t *owner, uint32_t variant);

/*! \brief Whether an entry is what would be made now; then it is used. */
static inline bool signature_holds(signature_t *signature, uint64_t keys, uint32_t ttl,
                                   const knot_rdataset_t *base, uint64_t now)
{
	bool holds = signature->keys == keys && signature->ttl == ttl &&
	             now >= signature->from && now < signature->renew_at &&
	             knot_rdataset_eq(&signature->base, base);
	if (holds && atomic_load_explicit(&signature->used, memory_order_relaxed) != now) {
		atomic_store_explicit(&signature->used, now, memory_order_relaxed);
	}
	return holds;
}

/*!
 * \brief Puts an entry, in place of an earlier one; the table owns it from then on. Inside rcu_read_lock().
 *
 * Drops old ones that are past their time, and, when the table is full, those not used for a minute. Where all are in use
 * they stay, so that they at least go on being found, and the new one is freed when no reader can have it.
 *
 * \return False if it is not kept.
 */
bool signatures_put(signatures_t *table, signature_t *signature, uint64_t now);
