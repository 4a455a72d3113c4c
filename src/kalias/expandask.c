/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Asks the resolvers of each section for the targets of its zones, some hundred at a time. The loop ends with the function.
 */

#include <signal.h>
#include <uv.h>

#include "kalias/expand.h"
#include "kalias/kalias.h"
#include "resolve/resolver.h"

/*! Lookups that are under way at a time. */
#define WINDOW 256
/*! Time for a lookup with its retransmissions, ms. */
#define RESOLVE_MS 5000
#define RESOLVE_RETRY 2

typedef struct {
	unsigned *under_way;
	observed_t *observed;
	bool told; /*!< It has failed, but a late reply may come. */
} lookup_state_t;

static void on_resolved(const reply_t *reply, int16_t ede, bool final, void *ctx)
{
	lookup_state_t *lookup = ctx;
	if (reply != NULL) {
		observed_set_reply(lookup->observed, reply);
	} else if (!lookup->told) {
		observed_set_nothing(lookup->observed, resolver_reason(ede));
	}
	*lookup->under_way -= !lookup->told;
	lookup->told = true;
	if (final) {
		free(lookup);
	}
}

static void start(resolver_t *resolver, expand_target_t *target, addr_type_t type, unsigned *under_way)
{
	lookup_state_t *lookup = not_null(calloc(1, sizeof(*lookup)));
	lookup->under_way = under_way;
	lookup->observed = &target->observed[type];
	(*under_way)++;
	resolver_query(resolver, target->name, addr_rrtype(type), RESOLVE_MS, RESOLVE_RETRY, on_resolved, lookup);
}

/*! Whether one of the signals has come that end the program, and which are held back. */
static bool is_ending(void)
{
	sigset_t pending;
	return sigpending(&pending) == 0 && !sigisemptyset(&pending);
}

/*! Asks for the targets of a section. If the program is to end, those that are left count as not asked. */
static void ask_section(expand_t *expand, const expand_section_t *section)
{
	uv_loop_t loop;
	(void)uv_loop_init(&loop);
	resolver_t *resolver = not_null(resolver_new(&loop, &section->section.resolvers));
	unsigned under_way = 0;
	for (size_t i = 0; i < expand->target_count && !is_ending(); i++) {
		expand_target_t *target = expand->targets[i];
		if (target->section != section) {
			continue;
		}
		for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
			start(resolver, target, type, &under_way);
		}
		while (under_way >= WINDOW && !is_ending()) {
			uv_run(&loop, UV_RUN_ONCE);
		}
	}
	while (under_way > 0 && !is_ending()) {
		uv_run(&loop, UV_RUN_ONCE);
	}
	resolver_free(resolver); /* What may come late ends now. */
	uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
}

void expand_ask(expand_t *expand)
{
	for (const expand_section_t *section = expand->sections; section != NULL; section = section->next) {
		ask_section(expand, section);
	}
}
