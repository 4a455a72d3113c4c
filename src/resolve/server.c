/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "resolve/server.h"

#include <stdlib.h>
#include <sys/param.h>

#include "resolve/resolvers.h"

/*! Longest round-trip time that is taken into account, ms: as long as the highest timeout. */
#define RTT_MAX 60000

uint32_t server_wait(const server_t *server)
{
	/* srtt + 4 * rttvar, both as they are kept. The steadiest server may be late by a quarter of its time. */
	uint32_t srtt = server->srtt / 8;
	return MAX(srtt + MAX(server->rttvar, srtt / 4), SERVER_WAIT_MS);
}

void server_heard(server_t *server, uint64_t rtt, uint64_t now)
{
	int32_t ms = MIN(rtt, RTT_MAX);
	if (server->srtt == 0) {
		server->srtt = ms * 8;
		server->rttvar = ms * 2;
	} else {
		int32_t error = ms - (int32_t)(server->srtt / 8);
		server->rttvar += abs(error) - server->rttvar / 4;
		server->srtt += error;
	}
	server->srtt = MAX(server->srtt, 1);
	server->heard_at = now;
	server->probe_at = 0;
	server->misses = 0;
}

void server_missed(server_t *server, uint64_t name, uint64_t now)
{
	if (server->heard_at == 0) {
		server->heard_at = now; /* It has not had a second yet. */
	}
	unsigned i = 0;
	while (i < server->misses && server->missed[i] != name) {
		i++;
	}
	if (i == server->misses && i < SERVER_SILENT_NAMES) {
		server->missed[server->misses++] = name;
	}
	if (server->misses == SERVER_SILENT_NAMES && server->probe_at == 0 && now - server->heard_at >= SERVER_SILENT_MS) {
		server->probe_at = now + SERVER_SILENT_MS;
	}
}

void servers_order(server_t *server, unsigned count, uint8_t order[], uint64_t now)
{
	uint8_t silent[RESOLVERS_MAX];
	unsigned first = 0, last = 0;
	bool tried = false;
	for (unsigned i = 0; i < count; i++) {
		if (server[i].probe_at != 0 && (tried || now < server[i].probe_at)) {
			silent[last++] = i;
			continue;
		}
		if (server[i].probe_at != 0) {
			tried = true;
			server[i].probe_at = now + SERVER_SILENT_MS;
		}
		order[first++] = i;
	}
	for (unsigned i = 0; i < last; i++) {
		order[first + i] = silent[i];
	}
}

bool server_mixes(const server_t *server, uint64_t now)
{
	return server->letters != LETTERS_CHANGED || now - server->changed_at >= SERVER_LETTERS_MS;
}

bool server_letters(server_t *server, bool same, bool mixed, uint64_t now)
{
	if (same) {
		server->mismatches = 0;
		server->letters = mixed ? LETTERS_KEPT : server->letters;
		return true;
	}
	if (server->letters == LETTERS_KEPT) {
		if (++server->mismatches == SERVER_MISMATCHES_MAX) {
			server->letters = LETTERS_UNKNOWN;
			server->mismatches = 0;
		}
		return false;
	}
	server->letters = LETTERS_CHANGED;
	server->changed_at = now;
	return true;
}
