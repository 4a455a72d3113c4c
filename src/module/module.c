/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The module as knotd sees it: load, unload, hooks. Each zone has a context. The
 * cache and its thread are shared by zones through the engine.
 */

#include <urcu.h>
#include <stdlib.h>
#include <knot/module.h>

#include "engine/registry.h"
#include "module/context.h"
#include "module/hooks.h"
#include "module/log.h"
#include "module/stats.h"
#include "util/name.h"

static void free_ctx(alias_ctx_t *ctx, const knotd_mod_t *mod)
{
	if (ctx != NULL) {
		tenant_leave(ctx->tenant, mod);
		signer_free(ctx->signer);
		registry_release(ctx->engine, &ctx->conf.limits);
		conf_free(&ctx->conf);
		free(ctx);
	}
}

/*! Signatures of an owner: of A, of AAAA, and of the denials of A, of AAAA and of other types. */
#define OWNER_SIGNATURES 5

static int add_hooks(knotd_mod_t *mod, const alias_ctx_t *ctx)
{
	int ret = knotd_mod_in_hook(mod, KNOTD_STAGE_ANSWER, answer_hook);
	ret = (ret == KNOT_EOK) ? knotd_mod_in_hook(mod, KNOTD_STAGE_AUTHORITY, authority_hook) : ret;
	if (ctx->conf.onlinesign) {
		ret = (ret == KNOT_EOK) ? knotd_mod_in_hook(mod, KNOTD_STAGE_ADDITIONAL, negative_hook) : ret;
	}
	ret = (ret == KNOT_EOK) ? knotd_mod_hook(mod, KNOTD_STAGE_END, end_hook) : ret;
	return ret;
}

static int load(knotd_mod_t *mod)
{
	alias_ctx_t *ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL) {
		return KNOT_ENOMEM;
	}

	int ret = conf_load(&ctx->conf, mod);
	ret = (ret == KNOT_EOK) ? stats_register(mod) : ret;
	if (ret != KNOT_EOK) {
		goto fail;
	}
	ret = registry_acquire(&ctx->engine, &ctx->conf.engine, &ctx->conf.policy.refresh, &ctx->conf.limits);
	if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR, "failed to start the resolver thread (%s)", knot_strerror(ret));
		goto fail;
	}

	if (ctx->conf.signing) {
		ctx->signer = signer_new(&ctx->conf.signer, OWNER_SIGNATURES * ctx->conf.limits.max_targets);
	}
	const tenant_options_t options = { .refresh = ctx->conf.policy.refresh, .rate = ctx->conf.zone_rate };
	ctx->tenant = engine_tenant(ctx->engine, knotd_mod_zone(mod), &options, stats_publish, mod);
	if (ctx->tenant == NULL || (ctx->conf.signing && ctx->signer == NULL)) {
		ret = KNOT_ENOMEM;
		goto fail;
	}

	log_queued(ctx, mod); /* Mostly messages about the store. */

	ret = add_hooks(mod, ctx);
	if (ret != KNOT_EOK) {
		goto fail;
	}
	knotd_mod_ctx_set(mod, ctx);
	return KNOT_EOK;
fail:
	free_ctx(ctx, mod);
	return ret;
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
