/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Targets and their last good answers, shared by all zones of an engine.
 *
 * Many readers, one writer. Readers (workers) are inside rcu_read_lock() of
 * liburcu's default flavour, where Knot runs its hooks; they take no lock and
 * keep no pointer beyond it. The writer is the engine's thread.
 *
 * A target has an entry each for A and AAAA. An entry points to an immutable answer,
 * which is replaced as a whole and freed by call_rcu(). The cache keeps facts
 * (when, how long, how often it failed); what they mean to a client is up to
 * the policy of its zone (verdict.h), so that zones with different options
 * share one cache.
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

/*! How long a failure is remembered, and longest back-off, ms (RFC 9520, section 3.2: at most 5 minutes). */
#define CACHE_FAILURE_MAX_MS (300 * 1000ULL)

/*! The time of a target's last use is exact to that, ms: so that workers rarely write to it. */
#define CACHE_USED_GRAIN_MS 1000

/*! A good answer; immutable once published, but for what is the writer's own. */
typedef struct answer {
	struct rcu_head rcu;
	uint64_t received;   /*!< clock_ms() of the reply. */
	uint32_t ttl;        /*!< Seconds, as received. */
	uint8_t kind;        /*!< REPLY_ADDRESSES, REPLY_NODATA or REPLY_NXDOMAIN. */
	bool restored;       /*!< Out of the store: stale, whatever its TTL says. */
	bool owns_held;      /*!< `held` goes when this goes; writer only. */
	knot_rdataset_t rrs; /*!< The addresses; empty when negative. */
	struct answer *held; /*!< With REPLY_NXDOMAIN: the addresses before it, or NULL. */
	uint64_t stored;     /*!< clock_ms() of when it went into the store, or 0; writer only. */
	uint8_t rdata[];     /*!< Storage of rrs, in libknot's layout: a hit copies nothing. */
} answer_t;

/*! How urgently an entry has been asked for. */
typedef enum {
	ASKED_NOT,
	ASKED_REFRESH, /*!< There is something to serve meanwhile. */
	ASKED_WAIT,    /*!< A client waits for it. */
	ASKED_PROBE,   /*!< It will show whether the resolver is back. */
} asked_t;

/*! What is known of one type of a target. Written by the writer; `asked` by any thread. */
typedef struct {
	answer_t *answer;           /*!< RCU pointer to the last good answer, or NULL. */
	_Atomic uint64_t failed_at; /*!< clock_ms() of when the last attempt left if it failed, else 0. */
	_Atomic uint64_t retry_at;  /*!< clock_ms() until when a failure suppresses the next attempt. */
	_Atomic int16_t failed_ede; /*!< Why the last one failed, as Extended DNS Error (RFC 8914). */
	_Atomic uint8_t asked;      /*!< asked_t of the request that is queued or under way; any thread sets it. */
	_Atomic bool warm;          /*!< The thread refreshes it by itself: clients need not wait for that. */
	uint8_t want;               /*!< asked_t of the query that is planned; writer only. */
	bool busy;                  /*!< A query to the resolver is under way; writer only. */
	uint8_t failures;           /*!< Consecutive failed attempts, as far as they count; writer only. */
	_Atomic uint8_t told;       /*!< The state that was logged last, for workers. */
	uint64_t settled;           /*!< clock_ms() after the result of the last one was stored; writer only. */
} entry_t;

typedef struct target {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	_Atomic uint64_t used; /*!< clock_ms() of its last use, within CACHE_USED_GRAIN_MS; any thread. */
	entry_t entry[ADDR_TYPES];
	struct cds_list_head lru; /*!< By the last look for one to evict; writer only. */
	struct tenant *tenant;    /*!< Of the zone that asked for it last; writer only. */
	uint64_t rate_slot;       /*!< clock_ms() of its turn within zone-rate, 0 if it has none; writer only. */
	heap_node_t plan;         /*!< Of the planner. */
	uint8_t agenda;           /*!< Which of its heaps that is in. */
	_Atomic bool unclaimed;   /*!< It is charged to no zone: the next worker that uses it is to ask for it. */
	uint8_t name_len;         /*!< Octets. */
	uint8_t name[];           /*!< Lower case. */
} target_t;

typedef struct cache cache_t;

/*! \brief Creates an empty cache; any thread. \return NULL if out of memory. */
cache_t *cache_new(void);

/*! \brief Removes and frees all targets. Writer, registered with RCU, outside of read sections. */
void cache_clear(cache_t *cache);

/*! \brief Frees an empty cache that has no readers left, or NULL. Any thread. */
void cache_free(cache_t *cache);

/*! \brief Finds a target by lower-case name of that length, or NULL. Reader or writer, inside rcu_read_lock(). */
target_t *cache_lookup(cache_t *cache, const knot_dname_t *name, size_t len);

/*! \brief The same, where the length is not known. */
static inline target_t *cache_find(cache_t *cache, const knot_dname_t *name)
{
	return cache_lookup(cache, name, knot_dname_size(name));
}

/*! \brief Notes that a target is used. Any thread, inside rcu_read_lock(). */
static inline void cache_touch(target_t *target, uint64_t now)
{
	uint64_t used = atomic_load_explicit(&target->used, memory_order_relaxed);
	if (now >= used + CACHE_USED_GRAIN_MS) {
		atomic_store_explicit(&target->used, now, memory_order_relaxed);
	}
}

/*! \brief Number of targets. Writer. */
uint32_t cache_count(const cache_t *cache);

/*! \brief Adds a target that is not there yet, as used now. Writer. \return NULL if out of memory. */
target_t *cache_add(cache_t *cache, const knot_dname_t *name, uint64_t now);

/*! \brief Removes a target; it is freed when no reader has it any more. Writer. */
void cache_remove(cache_t *cache, target_t *target);

/*!
 * \brief Picks the target to leave when there are too many. Writer.
 *
 * The one used longest ago of those that were last looked at longest ago: some are compared at a time, and the others
 * go to the end of the list.
 *
 * \return NULL if all of them are busy.
 */
target_t *cache_victim(cache_t *cache);

/*!
 * \brief Makes a good reply the entry's answer and forgets earlier failures. Writer.
 *
 * Addresses that an NXDOMAIN replaces are held with it.
 *
 * \return KNOT_ENOMEM, and the old answer stays, or KNOT_EOK.
 */
int cache_publish(entry_t *entry, const reply_t *reply, uint64_t now);

/*!
 * \brief Gives an entry that knows nothing an answer from before the restart. Writer.
 *
 * \param received  When it was received, on the scale of clock_ms().
 *
 * \return KNOT_ENOMEM or KNOT_EOK.
 */
int cache_restore(entry_t *entry, const reply_t *reply, uint64_t received);

/*! \brief Notes a failed attempt that left at `sent`, not to be repeated before `retry_at`; the last good answer stays. Writer. */
void cache_fail(entry_t *entry, int16_t ede, uint64_t retry_at, uint64_t sent);
