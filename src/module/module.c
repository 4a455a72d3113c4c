/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The module as knotd sees it: load, unload, hooks. Each zone has a context. The
 * cache and its thread are shared by zones through the engine.
 */

#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>
#include <knot/module.h>

#include "engine/registry.h"
#include "module/context.h"
#include "module/failed.h"
#include "module/hooks.h"
#include "module/log.h"
#include "module/stats.h"
#include "util/name.h"

static void free_ctx(alias_ctx_t *ctx, const knotd_mod_t *mod)
{
	if (ctx != NULL) {
		tenant_leave(ctx->tenant, mod);
		signer_release(ctx->signer);
		registry_release(ctx->engine, &ctx->conf.limits);
		conf_free(&ctx->conf);
		free(ctx);
	}
}

/*! That of the answers comes last: without it, failed_load() can go on. */
static int add_hooks(knotd_mod_t *mod, const alias_ctx_t *ctx)
{
	int ret = knotd_mod_in_hook(mod, KNOTD_STAGE_AUTHORITY, authority_hook);
	if (ctx->conf.onlinesign) {
		ret = (ret == KNOT_EOK) ? knotd_mod_in_hook(mod, KNOTD_STAGE_ADDITIONAL, negative_hook) : ret;
	}
	ret = (ret == KNOT_EOK) ? knotd_mod_hook(mod, KNOTD_STAGE_END, end_hook) : ret;
	return (ret == KNOT_EOK) ? knotd_mod_in_hook(mod, KNOTD_STAGE_ANSWER, answer_hook) : ret;
}

static void log_failure(knotd_mod_t *mod, int ret)
{
	knotd_mod_log(mod, LOG_ERR, "failed to load (%s)" FAILED_EFFECT, knot_strerror(ret));
}

/*! Fills a zeroed context. \return KNOT_E*, after a message in the log. */
static int fill_ctx(alias_ctx_t *ctx, knotd_mod_t *mod)
{
	int ret = conf_load(&ctx->conf, mod);
	if (ret != KNOT_EOK) {
		return ret;
	}
	policy_t *policy = &ctx->conf.policy;
	ret = registry_acquire(&ctx->engine, &policy->formers, &ctx->conf.engine, knotd_mod_zone(mod), &policy->refresh,
	                       &ctx->conf.limits);
	if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR, "failed to start the resolver thread (%s)" FAILED_EFFECT, knot_strerror(ret));
		return ret;
	}

	if (!ctx->conf.onlinesign) {
		ctx->signer = signer_acquire(knotd_mod_zone(mod), &ctx->conf.keystores, &ctx->conf.signer);
	}
	ret = (!ctx->conf.onlinesign && ctx->signer == NULL) ? KNOT_ENOMEM : stats_register(mod);
	if (ret == KNOT_EOK) {
		const tenant_options_t options = {
			.refresh = policy->refresh, .rate = ctx->conf.zone_rate, .formers = policy->formers
		};
		ctx->tenant = engine_tenant(ctx->engine, knotd_mod_zone(mod), &options, stats_publish, mod);
		ret = (ctx->tenant == NULL) ? KNOT_ENOMEM : KNOT_EOK;
	}
	if (ret != KNOT_EOK) {
		log_failure(mod, ret);
	}
	return ret;
}

/*! Whether knotd is of the version that the module was built for: another one may have other nodes, see node.h. */
static bool is_own_version(knotd_mod_t *mod)
{
	unsigned major = 0, minor = 0;
	const char *version = knotd_conf_env(mod, KNOTD_CONF_ENV_VERSION).single.string;
	if (sscanf(version, "Knot DNS %u.%u", &major, &minor) == 2 && major == KNOT_VERSION_MAJOR &&
	    minor == KNOT_VERSION_MINOR) {
		return true;
	}
	knotd_mod_log(mod, LOG_ERR, "built for Knot DNS %d.%d, and this is %s, so build it again" FAILED_EFFECT_APEX,
	              KNOT_VERSION_MAJOR, KNOT_VERSION_MINOR, version);
	return false;
}

static int load(knotd_mod_t *mod)
{
	if (!is_own_version(mod)) {
		return failed_load(mod, false);
	}
	alias_ctx_t *ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL) {
		log_failure(mod, KNOT_ENOMEM);
		return failed_load(mod, true);
	}
	if (fill_ctx(ctx, mod) != KNOT_EOK) {
		free_ctx(ctx, mod);
		return failed_load(mod, true);
	}

	knotd_mod_ctx_set(mod, ctx);
	int ret = add_hooks(mod, ctx);
	if (ret != KNOT_EOK) {
		log_failure(mod, ret);
		return failed_load(mod, true);
	}
	if (engine_claim_start(ctx->engine)) {
		log_start(&ctx->conf, mod);
	}
	log_queued(ctx, mod); /* Mostly messages about the store. */
	return KNOT_EOK;
}

/*! A reload begins with it, and has a grace period before the load of the module that would wait for workers that wait. */
static int check(knotd_conf_check_args_t *args)
{
	registry_hold_waits();
	return conf_check(args);
}

/* Must not log: the zone's name may be freed by now. May run twice. */
static void unload(knotd_mod_t *mod)
{
	free_ctx(knotd_mod_ctx(mod), mod);
	knotd_mod_ctx_set(mod, NULL);
}

/* The macro MODULE_NAME has to be expanded before KNOTD_MOD_API makes a string of it. */
#define MODULE_API(name, ...) KNOTD_MOD_API(name, __VA_ARGS__)

MODULE_API(MODULE_NAME, KNOTD_MOD_FLAG_SCOPE_ZONE | KNOTD_MOD_FLAG_OPT_CONF,
           load, unload, conf_schema, check);
