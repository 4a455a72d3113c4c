/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/ahead.h"

#include <uv.h>

#include "kalias/kalias.h"
#include "kalias/probe.h"
#include "resolve/resolver.h"
#include "util/rrtype.h"

/*! Time for a lookup with its retransmissions, ms. */
#define RESOLVE_MS 4000
#define RESOLVE_RETRY 1

/*! The lookups of a target. */
typedef struct {
	const rules_t *rules;
	unsigned left;
	bool found;
	bool failed;
	const char *why; /*!< What the first one says that found nothing; a failure counts more. */
} target_state_t;

/*! One of them. */
typedef struct {
	target_state_t *state;
	bool told; /*!< It has failed, but a late reply may come. */
} lookup_state_t;

/*! Whether the section lets clients have any of a reply's addresses. */
static bool has_allowed(const rules_t *rules, const reply_t *reply)
{
	unsigned denied = 0;
	for (unsigned i = 0; i < reply->count; i++) {
		denied += address_set_has(&rules->deny_address, reply->addr[i], reply->len);
	}
	return denied < reply->count;
}

static void on_resolved(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	(void) final; /* The caller ends all. */
	lookup_state_t *lookup = ctx;
	target_state_t *state = lookup->state;
	if (lookup->told) {
		return;
	}
	lookup->told = true;
	state->left--;
	if (reply == NULL) {
		state->failed = true;
		state->why = resolver_reason(ede);
	} else if (reply->kind == REPLY_ADDRESSES && has_allowed(state->rules, reply)) {
		state->found = true;
	} else if (reply->kind == REPLY_ADDRESSES && !state->failed) {
		state->why = "only addresses that deny-address rules out";
	} else if (state->why == NULL) {
		state->why = (reply->kind == REPLY_NXDOMAIN) ? "does not exist" : "no addresses";
	}
}

const char *ahead_target(const resolvers_t *resolvers, const rules_t *rules, const knot_dname_t *target)
{
	knot_dname_storage_t name;
	knot_dname_copy_lower(name, target);
	if (rules_deny_target(rules, name)) {
		return "deny-target or allow-target rules it out";
	}
	uv_loop_t loop;
	(void)uv_loop_init(&loop);
	resolver_t *resolver = not_null(resolver_new(&loop, resolvers));

	target_state_t state = { .rules = rules, .left = ADDR_TYPES };
	lookup_state_t lookup[ADDR_TYPES];
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		lookup[type] = (lookup_state_t){ .state = &state };
		resolver_query(resolver, name, addr_rrtype(type), RESOLVE_MS, RESOLVE_RETRY, on_resolved, &lookup[type]);
	}
	while (state.left > 0 && !state.found) {
		uv_run(&loop, UV_RUN_ONCE);
	}
	/* What is still under way ends now, and says nothing. */
	const char *why = state.found ? NULL : state.why;
	resolver_free(resolver);
	uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
	return why;
}

static void on_answer(const knot_pkt_t *pkt, const char *why, void *ctx)
{
	(void)pkt, (void)why, (void)ctx;
}

void ahead_owner(const struct sockaddr_storage *server, const knot_dname_t *owner)
{
	uv_loop_t loop;
	(void)uv_loop_init(&loop);
	/* Whatever type it is, the server looks for both. */
	probe_start(&loop, server, owner, KNOT_RRTYPE_A, PROBE_UDP, on_answer, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
}
