/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "resolve/lookup.h"

#include <strings.h>
#include <sys/param.h>

#define BIT(server) (1U << (server))

void lookup_start(lookup_t *lookup, const uint8_t *order, unsigned servers, uint32_t timeout, uint32_t retry, uint64_t now)
{
	*lookup = (lookup_t){
		.deadline = now + timeout,
		.next_at = now,
		.timeout = timeout,
		.servers = servers,
		.retry = retry,
	};
	for (unsigned i = 0; i < servers; i++) {
		lookup->order[i] = order[i];
	}
}

/*! Number of servers that may be asked over UDP from a position in the order on. */
static unsigned count_usable(const lookup_t *lookup, unsigned pos)
{
	unsigned count = 0;
	for (; pos < lookup->servers; pos++) {
		count += !((lookup->dead | lookup->truncated) & BIT(lookup->order[pos]));
	}
	return count;
}

/*! Finds the next server that may be asked over UDP, in this round or the next one. \return False if there is none. */
static bool find_server(const lookup_t *lookup, lookup_next_t *next)
{
	next->round = lookup->round;
	next->pos = lookup->pos;
	if (count_usable(lookup, next->pos) == 0) {
		next->round++;
		next->pos = 0;
		if (lookup->round == lookup->retry || count_usable(lookup, 0) == 0) {
			return false;
		}
	}
	while ((lookup->dead | lookup->truncated) & BIT(lookup->order[next->pos])) {
		next->pos++;
	}
	next->server = lookup->order[next->pos++];
	return true;
}

lookup_next_t lookup_next(const lookup_t *lookup, uint64_t now)
{
	if (now >= lookup->deadline) {
		return (lookup_next_t){ .step = LOOKUP_TIMEOUT };
	}
	lookup_next_t next = {
		.step = LOOKUP_SEND,
		.first = !lookup->started,
		.round = lookup->round,
		.pos = lookup->pos,
	};
	uint64_t due = lookup->next_at;
	if (lookup->again != 0) {
		next.server = ffs(lookup->again) - 1;
		next.tcp = lookup->truncated & BIT(next.server);
		next.alone = lookup->alone & BIT(next.server);
		due = now;
	} else if (!find_server(lookup, &next)) {
		if (lookup->live == 0 || lookup->dead == BIT(lookup->servers) - 1) {
			return (lookup_next_t){ .step = LOOKUP_FAILED };
		}
		due = lookup->deadline;
	}
	next.edns = !next.tcp && !(lookup->plain & BIT(next.server));

	if (now < due) {
		return (lookup_next_t){ .step = LOOKUP_WAIT, .until = MIN(due, lookup->deadline) };
	}
	return next;
}

/*! Time before the next try over UDP after this one. */
static uint64_t udp_wait(const lookup_t *lookup, uint32_t wait, uint64_t left)
{
	/* Each server gets at least one try, and one of them another. */
	uint32_t first = MIN(wait, lookup->timeout / (lookup->servers + (lookup->retry > 0)));
	uint64_t doubled = (uint64_t)first << lookup->round;
	unsigned tries = count_usable(lookup, lookup->pos) + (lookup->retry - lookup->round) * count_usable(lookup, 0);
	if (lookup->round > 0 && left < doubled + (uint64_t)tries * first / 2) {
		doubled = left / (tries + 1); /* Those that follow share the time. */
	}
	return MAX(doubled, LOOKUP_WAIT_MIN_MS);
}

void lookup_sent(lookup_t *lookup, const lookup_next_t *next, uint32_t wait, uint64_t now)
{
	uint64_t left = lookup->deadline - now;
	lookup->started = true;
	lookup->live++;
	lookup->asked = next->server;
	lookup->waiting = !next->tcp;
	lookup->again &= ~BIT(next->server);
	lookup->round = next->round;
	lookup->pos = next->pos;
	/* TCP takes its time: the servers that have not failed share what is left. */
	lookup->next_at = now + (next->tcp ? left / (count_usable(lookup, 0) + 1) : udp_wait(lookup, wait, left));
}

void lookup_event(lookup_t *lookup, uint8_t server, bool tcp, bool edns, lookup_event_t event, uint64_t now)
{
	uint8_t bit = BIT(server);
	bool last = (lookup->asked == server);
	lookup->live--;
	lookup->waiting &= !last || tcp;

	if (event == LOOKUP_BROKEN && !tcp) {
		/* A server is asked again after the wait only. */
		lookup->next_at = last && count_usable(lookup, lookup->pos) > 0 ? now : lookup->next_at;
	} else if (event == LOOKUP_TRUNCATED && !((lookup->truncated | lookup->dead) & bit)) {
		lookup->truncated |= bit;
		lookup->again |= bit;
	} else if (event == LOOKUP_FORMERR && edns && !((lookup->plain | lookup->truncated | lookup->dead) & bit)) {
		lookup->plain |= bit;
		lookup->again |= bit;
	} else if (event == LOOKUP_BROKEN && !(lookup->alone & bit)) {
		lookup->alone |= bit;
		lookup->again |= bit;
	} else if (tcp || (!(lookup->truncated & bit) && (event == LOOKUP_ERROR || (event == LOOKUP_FORMERR && !edns)))) {
		lookup->dead |= bit;
		lookup->again &= ~bit;
		lookup->next_at = last ? now : lookup->next_at;
	}
}

int lookup_missed(lookup_t *lookup, uint64_t now)
{
	if (!lookup->waiting || now < MIN(lookup->next_at, lookup->deadline)) {
		return -1;
	}
	lookup->waiting = false;
	return lookup->asked;
}
