/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "module/log.h"

#include <string.h>

#include "util/hash.h"

/*! Shortest time between two lines about targets of a zone, ms. */
#define STATE_PAUSE_MS 1000
/*! Shortest time between two lines about zone-rate, ms. */
#define DELAYED_PAUSE_MS 60000

void log_once(const qctx_t *qctx, const char *what)
{
	const knot_dname_t *owner = qctx_owner(qctx);
	/* Hashes the text, not its address, which differs with each start. */
	uint64_t print = hash64(hash64(0, owner, knot_dname_size(owner)), what, strlen(what));
	unsigned bit = print % LOGGED_BITS;
	uint64_t mask = 1ULL << (bit % 64);
	_Atomic uint64_t *logged = &qctx->ctx->logged[bit / 64];
	/* A load first: all queries of all workers come here, and the exchange is expensive. */
	if ((atomic_load_explicit(logged, memory_order_relaxed) & mask) || (atomic_fetch_or(logged, mask) & mask)) {
		return;
	}

	knot_dname_txt_storage_t text;
	if (knot_dname_to_str(text, owner, sizeof(text)) != NULL) {
		knotd_mod_log(qctx->mod, LOG_WARNING, "ALIAS at %s, %s", text, what);
	}
}

bool log_is_time(_Atomic uint64_t *logged_at, uint64_t pause, uint64_t now)
{
	uint64_t before = atomic_load_explicit(logged_at, memory_order_relaxed);
	return now >= before + pause && atomic_compare_exchange_strong(logged_at, &before, now);
}

/*! Whether a state is news to the log. STALE after FAILED is no change: another zone with a longer stale-max may serve. */
static bool is_news(target_state_t state, uint8_t told)
{
	return state != told && state != STATE_UNKNOWN && (state != STATE_STALE || told != STATE_FAILED);
}

void log_state(const qctx_t *qctx, const qctx_target_t *judged, addr_type_t id)
{
	alias_ctx_t *ctx = qctx->ctx;
	knotd_mod_t *mod = qctx->mod;
	target_t *target = judged->target;
	target_state_t state = judged->verdict[id].state;
	entry_t *entry = &target->entry[id];
	uint8_t told = atomic_load_explicit(&entry->told, memory_order_relaxed);
	if (!is_news(state, told)) {
		return;
	}
	if (state == STATE_DANGLING && atomic_load(&target->entry[ADDR_TYPES - 1 - id].told) == STATE_DANGLING) {
		/* The name does not exist for any type, and that was logged for the other one. */
		atomic_compare_exchange_strong(&entry->told, &told, state);
		return;
	}
	bool fails = (state == STATE_STALE || state == STATE_FAILED);
	if ((fails && health_is_down(engine_health(ctx->engine))) ||
	    !log_is_time(&ctx->state_logged_at, STATE_PAUSE_MS, qctx->now) ||
	    !atomic_compare_exchange_strong(&entry->told, &told, state)) {
		return;
	}

	knot_dname_txt_storage_t name, target_name;
	if (knot_dname_to_str(name, qctx_owner(qctx), sizeof(name)) == NULL ||
	    knot_dname_to_str(target_name, target->name, sizeof(target_name)) == NULL) {
		return;
	}
	const char *type = addr_name(id);
	const char *why = resolver_reason(atomic_load_explicit(&entry->failed_ede, memory_order_relaxed));
	if (fails) {
		const char *effect = (state == STATE_STALE) ? "the last good answer is served" :
		                                              "there is nothing to serve";
		knotd_mod_log(mod, LOG_WARNING, "ALIAS at %s, target %s, %s fails to resolve (%s), %s",
		              name, target_name, type, why, effect);
	} else if (state == STATE_DANGLING) {
		knotd_mod_log(mod, LOG_WARNING, "ALIAS at %s, target %s does not exist", name, target_name);
	} else {
		knotd_mod_log(mod, LOG_NOTICE, "ALIAS at %s, target %s, %s is resolved again", name, target_name, type);
	}
}

void log_zone_rate(const qctx_t *qctx)
{
	alias_ctx_t *ctx = qctx->ctx;
	if (!atomic_load_explicit(&ctx->tenant->delayed, memory_order_relaxed)) {
		return;
	}
	atomic_store_explicit(&ctx->tenant->delayed, false, memory_order_relaxed);
	if (log_is_time(&ctx->delayed_logged_at, DELAYED_PAUSE_MS, qctx->now)) {
		knotd_mod_log(qctx->mod, LOG_WARNING, "zone-rate of %u queries/s reached, targets wait for their turn",
		              ctx->conf.zone_rate);
	}
}

void log_start(const conf_alias_t *conf, knotd_mod_t *mod)
{
	const char *store = conf->engine.store;
	char servers[RESOLVERS_TEXT_MAX];
	resolvers_print(servers, &conf->engine.resolvers);
	knotd_mod_log(mod, LOG_INFO, "version " PACKAGE_VERSION ", resolver %s from %s, store %s", servers,
	              conf->system ? "the system's resolv.conf" : "option 'resolver'", store[0] != '\0' ? store : "off");
}

void log_queued(alias_ctx_t *ctx, knotd_mod_t *mod)
{
	if (!log_queue_pending(engine_log(ctx->engine))) {
		return;
	}
	log_message_t *items = log_queue_take(engine_log(ctx->engine));
	for (const log_message_t *item = items; item != NULL; item = item->next) {
		knotd_mod_log(mod, item->priority, "%s", item->text);
	}
	log_queue_free(items);
}
