/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Threads that read keystores.
 *
 * A keystore may hang: a file on a dead NFS server, a token that does not answer. So keys are read neither by a worker,
 * nor by an engine's thread, which resolves for all zones, nor in load or unload. Each read has a thread that ends with it.
 *
 * Owners. Nobody waits for such a thread, not even unload: it has all that it uses, or a reference to it. The library is
 * linked with `-z nodelete`, so that its code stays.
 *
 * Worst case. A thread that hangs stays until its keystore answers. There are at most 16 of them in the process, and
 * at most 8 for one policy's keystores, so that others can still be read. The process exits without a thread that hangs;
 * it waits for the others, half a second at most.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

/*! Reads something. May call call_rcu(). */
typedef void (*reader_f)(void *ctx);

/*!
 * \brief Calls `read` on a thread of its own. Any thread; does not wait.
 *
 * \param keystore  Number of the keystores that are read.
 *
 * \return False if there are too many threads, or no more can be had; then nothing happens.
 */
bool reader_start(uint64_t keystore, reader_f read, void *ctx);
