/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief One question to one server: UDP, TCP when truncated, retransmissions, whole replies.
 *
 * Unlike resolver.h this shows what else is in a reply: flags, extended errors, signatures.
 * All calls on the loop's thread.
 */

#pragma once

#include <sys/socket.h>
#include <uv.h>
#include <libknot/libknot.h>

#include "resolve/query.h"

/*!
 * \brief Takes the end of a probe.
 *
 * \param pkt  The parsed reply, gone after the call; NULL if there is none.
 * \param why  Without a reply: why, a constant.
 * \param ctx  As given to probe_start().
 *
 * May start other probes.
 */
typedef void (*probe_cb)(const knot_pkt_t *pkt, const char *why, void *ctx);

/*! Beside flags of query_new(). A server that is still resolving (SERVFAIL with EDE 14) is asked again for some time. */
#define PROBE_PATIENT (1U << 16)
/*! The same: a truncated reply will do. */
#define PROBE_UDP (1U << 17)

/*!
 * \brief Asks a server for (name, type, IN). The callback may come before this returns.
 *
 * \param loop    Loop to run on.
 * \param server  Its address, with the port.
 * \param name    Name asked for.
 * \param type    Type asked for.
 * \param flags   QUERY_RD, QUERY_DO, PROBE_PATIENT, PROBE_UDP.
 * \param cb      Called once.
 * \param ctx     Its argument.
 */
void probe_start(uv_loop_t *loop, const struct sockaddr_storage *server, const knot_dname_t *name, uint16_t type,
                 unsigned flags, probe_cb cb, void *ctx);
