/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Targets and their last good answers, shared by all zones of an engine.
 *
 * Terms. A target is a name that an ALIAS points to. It has one entry for A and one for AAAA. An entry has the last
 * good answer and the failures since. These are facts only (when, how long, how often it failed). The policy of a zone
 * decides what they mean to its clients (verdict.h), so zones with different options share one cache.
 *
 * Owners. The cache owns its targets, a target its answers. An answer is immutable and replaced as a whole. What is
 * replaced or removed is freed by call_rcu().
 *
 * Threads. Many readers, one writer. Readers are workers inside rcu_read_lock() of liburcu's default flavour, where
 * Knot runs its hooks. They take no lock and keep no pointer beyond the read section. The writer is the engine's
 * thread.
 *
 * Worst case. A look-up is one hash and a short chain. cache_add() may double the hash table, which holds up only the
 * writer. Without memory for more buckets the chains get longer.
 */

#pragma once

#include <urcu.h>
#include <urcu/list.h>
#include <urcu/rculfhash.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

#include "resolve/reply.h"
#include "util/heap.h"
#include "util/rrtype.h"

/*! How long a failure is remembered, and the longest back-off, ms (RFC 9520, section 3.2: at most 5 minutes). */
#define CACHE_FAILURE_MAX_MS (300 * 1000ULL)

/*! Precision of the time of an entry's last use, ms. It is coarse so that workers rarely write to it. */
#define CACHE_USED_GRAIN_MS 1000

/*! Value of answer_t.restored: read from the store. Higher ones are IDs of engines. */
#define ANSWER_STORED 1

/*! A good answer. Readers see no change once it is published; fields marked "writer only" may change. */
typedef struct answer {
	union {
		uint64_t stored;     /*!< clock_ms() when it was put into the store, or 0; writer only. */
		struct rcu_head rcu; /*!< Once it has been replaced. */
	};
	uint64_t received; /*!< clock_ms() of the reply. */
	uint32_t ttl;      /*!< Seconds, as received. */
	uint16_t restored; /*!< If not 0 it is stale, whatever its TTL: ANSWER_STORED, or the former engine that had it. */
	uint8_t kind;      /*!< REPLY_ADDRESSES, REPLY_NODATA or REPLY_NXDOMAIN. */
	uint8_t count;     /*!< Number of addresses; 0 in a negative answer. */
	union {
		knot_rdata_t rdata;  /*!< The first address, and the others after it; see answer_rrs(). */
		struct answer *held; /*!< With REPLY_NXDOMAIN: see answer_held(). */
	};
} answer_t;

/*! \brief The addresses of an answer, in libknot's layout, so that a hit copies nothing. They go with the answer. */
static inline knot_rdataset_t answer_rrs(const answer_t *answer)
{
	if (answer->count == 0) {
		return (knot_rdataset_t){ 0 };
	}
	return (knot_rdataset_t){
		.count = answer->count,
		.size = answer->count * knot_rdata_size(answer->rdata.len),
		.rdata = (knot_rdata_t *)&answer->rdata,
	};
}

/*! \brief What a REPLY_NXDOMAIN holds and owns: the addresses from before it; or NULL. */
static inline answer_t *answer_held(const answer_t *answer)
{
	return (answer->kind == REPLY_NXDOMAIN) ? answer->held : NULL;
}

/*! How urgently a resolution of an entry is wanted. */
typedef enum {
	ASKED_NOT,
	ASKED_REFRESH, /*!< Clients get an older answer meanwhile. */
	ASKED_COLD,    /*!< A client was told to come back for it. */
	ASKED_WAIT,    /*!< A client waits for it. */
} asked_t;

/*! What a client would like to have resolved of a target, by how urgently: entries as bits (1 << addr_type_t). */
typedef struct {
	uint8_t refresh; /*!< As ASKED_REFRESH. */
	uint8_t cold;    /*!< As ASKED_COLD. */
	uint8_t wait;    /*!< As ASKED_WAIT. */
} wishes_t;

/*! \brief All entries that are wished for, as bits. */
static inline unsigned wishes_all(const wishes_t *wishes)
{
	return wishes->refresh | wishes->cold | wishes->wait;
}

/*! What the cache has of one type of a target. Only the writer writes, but for `used`, `asked` and `told`. */
typedef struct {
	answer_t *answer;           /*!< RCU pointer to the last good answer, or NULL. */
	_Atomic uint64_t used;      /*!< clock_ms() of its last use, within CACHE_USED_GRAIN_MS; any thread. */
	_Atomic uint64_t failed_at; /*!< clock_ms() when the last attempt was sent, if it failed; else 0. */
	_Atomic uint64_t retry_at;  /*!< clock_ms() until which a failure suppresses the next attempt. */
	uint64_t settled;           /*!< clock_ms() when the last result had been stored; writer only. */
	_Atomic int16_t failed_ede; /*!< Why the last attempt failed, as Extended DNS Error (RFC 8914). */
	_Atomic uint8_t asked;      /*!< asked_t of the request that is queued or under way; any thread. */
	_Atomic uint8_t told;       /*!< The target_state_t logged last; workers only. */
	_Atomic bool warm;          /*!< The engine's thread keeps it warm, so clients need not wait for a refresh. */
	uint8_t failures;           /*!< Consecutive failed attempts, up to UINT8_MAX; writer only. */
	uint8_t want : 2;           /*!< asked_t of the planned query; writer only. */
	bool busy : 1;              /*!< A query to the resolver is under way; writer only. */
	bool cut_told : 1;          /*!< It is logged that there are more addresses than are kept; writer only. */
} entry_t;

typedef struct target {
	union {
		struct cds_list_head lru; /*!< In the order of cache_victim()'s last look; writer only. */
		struct rcu_head rcu;      /*!< Once it has been removed. */
	};
	struct tenant *_Atomic tenant; /*!< Tenant whose request for it came last; written by the writer only. */
	heap_node_t plan;              /*!< Node in a heap of the planner; writer only. */
	uint8_t agenda;                /*!< agenda_t of that heap; writer only. */

	/* What queries read. */
	_Atomic bool unclaimed; /*!< Charged to no zone; the next worker that uses it claims it by a request. */
	entry_t entry[ADDR_TYPES];
	struct cds_lfht_node node;
	uint8_t name_len; /*!< Octets. */
	uint8_t name[];   /*!< Lower case. */
} target_t;

typedef struct cache cache_t;

/*! \brief Creates an empty cache. Any thread. \return NULL if out of memory. */
cache_t *cache_new(void);

/*! \brief Removes and frees all targets. Writer, registered with RCU, outside of read sections. */
void cache_clear(cache_t *cache);

/*! \brief Frees an empty cache without readers; NULL is fine. Any thread. */
void cache_free(cache_t *cache);

/*! \brief Finds a target by its lower-case name of `len` octets, or NULL. Reader or writer, inside rcu_read_lock(). */
target_t *cache_lookup(cache_t *cache, const knot_dname_t *name, size_t len);

/*! \brief As cache_lookup(), for a name of unknown length. */
static inline target_t *cache_find(cache_t *cache, const knot_dname_t *name)
{
	return cache_lookup(cache, name, knot_dname_size(name));
}

/*! \brief Notes that a zone whose clients may get what an entry has uses it. Any thread, inside rcu_read_lock(). */
static inline void cache_touch(entry_t *entry, uint64_t now)
{
	uint64_t used = atomic_load_explicit(&entry->used, memory_order_relaxed);
	if (now >= used + CACHE_USED_GRAIN_MS) {
		atomic_store_explicit(&entry->used, now, memory_order_relaxed);
	}
}

/*! \brief When a target was last used, clock_ms(). */
static inline uint64_t cache_used(const target_t *target)
{
	uint64_t a = target->entry[ADDR_A].used, aaaa = target->entry[ADDR_AAAA].used;
	return a > aaaa ? a : aaaa;
}

/*! \brief Number of targets. Writer. */
uint32_t cache_count(const cache_t *cache);

/*! \brief Adds a target that is not in the cache, as used at `now`. Writer. \return NULL if out of memory. */
target_t *cache_add(cache_t *cache, const knot_dname_t *name, uint64_t now);

/*! \brief Removes a target. It is freed when no reader has it any more. Writer. */
void cache_remove(cache_t *cache, target_t *target);

/*!
 * \brief Picks the target to evict when there are too many. Writer.
 *
 * Compares the first few targets of the LRU list, moves them to its end, and picks the one used longest ago.
 *
 * \return NULL if all of these are busy.
 */
target_t *cache_victim(cache_t *cache);

/*!
 * \brief Makes a good reply the entry's answer and clears earlier failures. Writer.
 *
 * An NXDOMAIN holds the addresses that it replaces.
 *
 * \return KNOT_ENOMEM, and the old answer stays, or KNOT_EOK.
 */
int cache_publish(entry_t *entry, const reply_t *reply, uint64_t now);

/*!
 * \brief Gives an entry without an answer one from before the restart. Writer.
 *
 * \param received  When the answer was received, on the scale of clock_ms().
 *
 * \return KNOT_ENOMEM or KNOT_EOK.
 */
int cache_restore(entry_t *entry, const reply_t *reply, uint64_t received);

/*!
 * \brief Copies an answer of another cache. Any thread, inside rcu_read_lock().
 *
 * \param former  ID of the engine whose cache that is.
 *
 * \return The copy, for cache_adopt() or answer_free(); NULL if out of memory.
 */
answer_t *answer_copy(const answer_t *answer, uint16_t former);

/*! \brief Frees an answer that is in no cache; NULL is fine. */
void answer_free(answer_t *answer);

/*! \brief Makes an answer of answer_copy() the entry's answer. Writer. */
void cache_adopt(entry_t *entry, answer_t *answer);

/*! A place in a cache between two calls of cache_walk(). Zeroed before the first one. */
typedef struct {
	uint8_t len; /*!< Octets; 0: the start. */
	uint8_t name[KNOT_DNAME_MAXLEN];
} cache_place_t;

/*!
 * \brief Visits some targets. Any thread registered with RCU, outside of read sections.
 *
 * One after the other, the calls visit each target that is there all the time, some of them more than once. The walk
 * begins again if the target at its place was removed meanwhile.
 *
 * \param place  Where to go on.
 * \param max    Most targets to be visited, within one read section.
 * \param visit  Called inside rcu_read_lock().
 *
 * \return False after the last target.
 */
bool cache_walk(cache_t *cache, cache_place_t *place, unsigned max,
                void (*visit)(const target_t *target, void *ctx), void *ctx);

/*! \brief Notes a failed attempt, sent at `sent`; the next is due at `retry_at`. The last answer stays. Writer. */
void cache_fail(entry_t *entry, int16_t ede, uint64_t retry_at, uint64_t sent);
