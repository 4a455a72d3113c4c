/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Signatures of a zone's answers, kept for the next answers.
 *
 * Any thread may look up and put. Readers are inside rcu_read_lock() of liburcu's default flavour, take no lock and
 * keep no pointer beyond the read section. A put holds a lock for some 100 ns only, as the signature was made before.
 * A concurrent put may make a look-up miss; that costs one more signature, nothing else.
 *
 * A table grows one bucket at a time (linear hashing), so nobody waits for a move of the whole table.
 *
 * Tables of all zones share a limit of memory, as nobody knows beforehand which zone will need how much. Where it is
 * reached, entries that were not used for a minute leave, those of other tables as well; each table has its first entries
 * in any case. The worst case is a limit's worth of entries that are all in use: a new one is then made with each query.
 */

#pragma once

#include <urcu.h>
#include <urcu/list.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

/*! A signed RRset with its signatures; immutable once put, except for `used`, `next` and `lru`. */
typedef struct signature {
	struct rcu_head rcu;
	struct signature *next;   /*!< Next in its bucket; RCU. */
	struct cds_list_head lru; /*!< All entries, the oldest first; under the table's lock. */
	uint64_t hash;
	uint64_t keys;         /*!< keys_t.id of the signers. */
	uint64_t from;         /*!< Start of use, wall clock, s. */
	uint64_t renew_at;     /*!< End of use, wall clock, s. */
	uint32_t variant;      /*!< Which set of the owner, see signature_variant(). */
	uint32_t ttl;          /*!< Original TTL. */
	knot_rdataset_t base;  /*!< RDATA from the zone or the targets. */
	knot_rdataset_t truth; /*!< RDATA sent instead of `base`, or empty: `base` is sent. */
	knot_rdataset_t rrsigs;
	_Atomic uint64_t used; /*!< Last use, wall clock, s; any reader writes it. */
	uint8_t *owner;
	uint8_t data[]; /*!< Storage of the sets and the owner: one allocation. */
} signature_t;

typedef struct signatures signatures_t;

/*! A limit of memory, and the tables that share it. */
typedef struct {
	size_t max;          /*!< Octets. */
	_Atomic size_t used; /*!< Octets of entries, those that a table has in any case included. */
	pthread_mutex_t lock;
	struct cds_list_head tables; /*!< The next one to look for unused entries first; under the lock. */
} signatures_memory_t;

#define SIGNATURES_MEMORY_INIT(memory, octets) \
	{ \
		.max = (octets), \
		.lock = PTHREAD_MUTEX_INITIALIZER, \
		.tables = CDS_LIST_HEAD_INIT((memory).tables), \
	}

/*! \brief Number of a set: its type, and the type whose absence an NSEC or NSEC3 has to prove, or 0. */
static inline uint32_t signature_variant(uint16_t type, uint16_t denied)
{
	return (uint32_t)type << 16 | denied;
}

/*!
 * \brief Creates an empty table. Any thread.
 *
 * \param memory   Limit; must outlive the table.
 * \param reserve  Entries that the table may have in any case.
 *
 * \return NULL if out of memory.
 */
signatures_t *signatures_new(signatures_memory_t *memory, uint32_t reserve);

/*! \brief Frees a table with its entries; NULL is fine. Any thread, while no other uses the table. */
void signatures_free(signatures_t *table);

/*! \brief Number of entries. Any thread. */
uint32_t signatures_count(const signatures_t *table);

/*! \brief Makes an entry with copies of the arguments. Any thread. \return NULL if out of memory. */
signature_t *signature_new(const knot_dname_t *owner, uint32_t variant, const knot_rdataset_t *base,
                           const knot_rdataset_t *truth, const knot_rdataset_t *rrsigs);

/*! \brief Finds the entry of an owner (lower case) and variant, or NULL. Inside rcu_read_lock(). */
signature_t *signatures_find(signatures_t *table, const knot_dname_t *owner, uint32_t variant);

/*! \brief Whether an entry is valid now for these keys, TTL and RDATA; if so, notes its use. Inside rcu_read_lock(). */
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
 * \brief Puts an entry, in place of one of the same owner and variant. Any thread, inside rcu_read_lock().
 *
 * The table owns the entry from then on. Old entries past their time are dropped, and where there is no room those not
 * used for a minute. If all are in use, they stay, and the new entry is freed after the read section.
 *
 * \return False if the entry is not kept.
 */
bool signatures_put(signatures_t *table, signature_t *signature, uint64_t now);
