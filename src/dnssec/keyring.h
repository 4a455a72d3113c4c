/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The current keys of a zone, read when they are first needed and when the zone has others.
 *
 * Terms. A version of a zone is a number that the caller gives it, an even one. The keys of one version mostly are those of the next
 * one; its apex (apex.h) tells.
 *
 * Owners. The signer of the zone has the keyring, and each read of a keystore has a reference to it and copies of what it
 * needs. So a read that hangs holds up neither load nor unload; what it finds later is freed with the keyring.
 *
 * Threads. Workers inside rcu_read_lock() look for keys. The first one that meets another version starts a read
 * (reader.h) if the keys may have changed. Meanwhile the old keys serve if the zone still has their DNSKEYs. The thread
 * that reads publishes the new ones and frees the old ones by call_rcu().
 *
 * Worst case. A keystore hangs: then the zone has no keys, if it has not the old ones. Another read is tried after 10 s, a
 * third one 20 s later, a fourth one 40 s later; no more while these hang.
 */

#pragma once

#include "dnssec/apex.h"
#include "dnssec/keys.h"
#include "dnssec/keystores.h"

typedef struct keyring keyring_t;

/*! \brief Creates an empty keyring. Any thread. \return NULL if out of memory. */
keyring_t *keyring_new(const knot_dname_t *zone, const keystores_t *stores);

/*! \brief Frees a keyring that no worker uses any more, at the latest when its reads end; NULL is fine. Any thread. */
void keyring_free(keyring_t *ring);

/*! \brief Has missing keys looked for again at once. Any thread. */
void keyring_retry(keyring_t *ring);

/*! \brief The keys of a version, or NULL if keyring_renew() has to look for them. Worker, inside rcu_read_lock(). */
keys_t *keyring_find(keyring_t *ring, uint64_t version);

/*!
 * \brief Looks for the keys of a version by its apex, and has them read if need be. Worker, inside rcu_read_lock().
 *
 * \return Keys to sign with; an object without keys if some are missing; NULL while they are being read.
 */
keys_t *keyring_renew(keyring_t *ring, uint64_t version, const apex_t *apex);

/*!
 * \brief Like keyring_renew(), but waits up to 50 ms for the keys. Worker that may wait, inside rcu_read_lock().
 *
 * Does not wait if another wait was in vain since the read began.
 *
 * \param max_waiters  Most threads of the process that may wait at a time.
 */
keys_t *keyring_wait(keyring_t *ring, uint64_t version, const apex_t *apex, unsigned max_waiters);

/*! \brief Whether a read takes longer than a second. Any thread. */
bool keyring_hangs(const keyring_t *ring);
