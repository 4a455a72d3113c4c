/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Targets and their last good answers, shared by all zones of an upstream.
 *
 * Many readers, one writer. Readers (workers) are inside rcu_read_lock() of
 * liburcu's default flavour, where Knot runs its hooks; they take no lock and
 * keep no pointer beyond it. The writer is the upstream's thread.
 *
 * A target has a slot each for A and AAAA. A slot points to an immutable answer,
 * which is replaced as a whole and freed by call_rcu(). The cache keeps facts
 * (when, how long, how often it failed); what they mean to a client is up to
 * the policy of its zone (verdict.h), so that zones with different options
 * share one cache.
 */

#pragma once

#include <urcu.h>
#include <urcu/rculfhash.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <libknot/dname.h>
#include <libknot/rdataset.h>

#include "reply.h"

/*! How long after its expiry an answer may still serve as stale, in ms (RFC 8767, section 5: 1 to 3 days). */
#define CACHE_STALE_MAX_MS	(86400 * 1000ULL)

/*! How long a failure is remembered, in ms; longer than any back-off (RFC 9520, section 3.2: at most 5 minutes). */
#define CACHE_FAILURE_MAX_MS	(300 * 1000ULL)

typedef enum {
	SLOT_A,
	SLOT_AAAA,
	SLOTS,
} slot_id_t;

/*! A good answer; immutable once published. */
typedef struct {
	struct rcu_head rcu;
	uint64_t received;    /*!< clock_ms() of the reply. */
	uint32_t ttl;         /*!< Seconds, as received. */
	reply_kind_t kind;    /*!< REPLY_ADDRESSES, REPLY_NODATA or REPLY_NXDOMAIN. */
	knot_rdataset_t rrs;  /*!< The addresses; empty when negative. */
	uint8_t rdata[];      /*!< Storage of rrs, in libknot's layout: a hit copies nothing. */
} answer_t;

/*! What is known of one type of a target. Written by the writer; `asked` by any thread. */
typedef struct {
	answer_t *answer;            /*!< RCU pointer to the last good answer, or NULL. */
	_Atomic uint64_t failed_at;  /*!< clock_ms() of the last attempt if it failed, else 0. */
	_Atomic uint32_t failures;   /*!< Consecutive failed attempts. */
	_Atomic int16_t failed_ede;  /*!< Why the last one failed, as Extended DNS Error (RFC 8914). */
	_Atomic bool asked;          /*!< A request is queued or under way; any thread sets it. */
	bool busy;                   /*!< A query to the resolver is under way; writer only. */
	uint64_t settled;            /*!< clock_ms() after the result of the last one was stored; writer only. */
} slot_t;

typedef struct target {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	slot_t slot[SLOTS];
	uint8_t name[];       /*!< Lower case. */
} target_t;

typedef struct cache cache_t;

/*! \brief Creates an empty cache; any thread. \return NULL if out of memory. */
cache_t *cache_new(void);

/*! \brief Removes and frees all targets. Writer, registered with RCU, outside of read sections. */
void cache_clear(cache_t *cache);

/*! \brief Frees an empty cache that has no readers left, or NULL. Any thread. */
void cache_free(cache_t *cache);

/*! \brief Finds a target by lower-case name, or NULL. Reader or writer, inside rcu_read_lock(). */
target_t *cache_find(cache_t *cache, const knot_dname_t *name);

/*! \brief Finds or adds a target. Writer. \return NULL if out of memory. */
target_t *cache_add(cache_t *cache, const knot_dname_t *name);

/*!
 * \brief Makes a good reply the slot's answer and forgets earlier failures. Writer.
 *
 * \return KNOT_ENOMEM, and the old answer stays, or KNOT_EOK.
 */
int cache_publish(slot_t *slot, const reply_t *reply, uint64_t now);

/*! \brief Notes a failed attempt; the last good answer stays. Writer. */
void cache_fail(slot_t *slot, int16_t ede, uint64_t now);

/*! \brief Removes targets without anything that could still serve a client. Writer. */
void cache_sweep(cache_t *cache, uint64_t now);
