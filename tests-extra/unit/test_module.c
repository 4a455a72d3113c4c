/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/registry.h"
#include "module/failed.h"
#include "module/hooks.h"
#include "module/log.h"
#include "module/stats.h"

/* Of knotd and of the module, what a load calls. What can fail does so if it is its turn. */

extern const knotd_mod_api_t knotd_mod_api;

static unsigned turn, fails_from, fails_to;
static bool signing;
static int held; /*!< What was taken and not given back. */
static void *ctx;
static const void *hooks[16];
static unsigned hook_count, errors;
static const char *version, *effect;

static bool fails(void)
{
	turn++;
	return turn >= fails_from && turn <= fails_to;
}

static int take(void)
{
	if (fails()) {
		return KNOT_ENOMEM;
	}
	held++;
	return KNOT_EOK;
}

static void *take_pointer(void)
{
	return (take() == KNOT_EOK) ? &held : NULL;
}

static void give_back(const void *taken)
{
	held -= (taken != NULL);
}

void *module_calloc(size_t count, size_t size)
{
	void *memory = fails() ? NULL : malloc(count * size);
	return (memory != NULL) ? memset(memory, 0, count * size) : NULL;
}

/* --- knotd --- */

/*! What is only read is constant since Knot DNS 3.3. */
void *mod_ctx(const knotd_mod_t *mod) __asm__("knotd_mod_ctx");
const knot_dname_t *mod_zone(const knotd_mod_t *mod) __asm__("knotd_mod_zone");
knot_rrset_t apex_rrset(const knotd_qdata_t *qdata, uint16_t type) __asm__("knotd_qdata_zone_apex_rrset");
const knot_dname_t *zone_name(const knotd_qdata_t *qdata) __asm__("knotd_qdata_zone_name");

void *mod_ctx(const knotd_mod_t *mod)
{
	(void)mod;
	return ctx;
}

void knotd_mod_ctx_set(knotd_mod_t *mod, void *set)
{
	(void)mod;
	ctx = set;
}

const knot_dname_t *mod_zone(const knotd_mod_t *mod)
{
	(void)mod;
	return NAME_APEX;
}

void knotd_mod_log(knotd_mod_t *mod, int priority, const char *format, ...)
{
	(void)mod;
	char line[512];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (priority == LOG_ERR) {
		errors++;
		assert_non_null(strstr(line, effect));
	}
}

knotd_conf_t knotd_conf_env(knotd_mod_t *mod, knotd_conf_env_t env)
{
	(void)mod;
	assert_int_equal(env, KNOTD_CONF_ENV_VERSION);
	return (knotd_conf_t){ .single = { .string = version } };
}

static int add_hook(const void *hook)
{
	if (fails()) {
		return KNOT_ENOMEM;
	}
	assert_true(hook_count < sizeof(hooks) / sizeof(*hooks));
	hooks[hook_count++] = hook;
	return KNOT_EOK;
}

int knotd_mod_hook(knotd_mod_t *mod, knotd_stage_t stage, knotd_mod_hook_f hook)
{
	(void)mod, (void)stage;
	return add_hook((const void *)hook);
}

int knotd_mod_in_hook(knotd_mod_t *mod, knotd_stage_t stage, knotd_mod_in_hook_f hook)
{
	(void)mod, (void)stage;
	return add_hook((const void *)hook);
}

knot_rrset_t apex_rrset(const knotd_qdata_t *qdata, uint16_t type)
{
	(void)qdata;
	assert_int_equal(type, RRTYPE_ALIAS);
	static knot_rdata_t rdata;
	return (knot_rrset_t){ .type = type, .rrs = { .count = 1, .rdata = &rdata } };
}

const knot_dname_t *zone_name(const knotd_qdata_t *qdata)
{
	(void)qdata;
	return NAME_APEX;
}

/* --- the rest of the module --- */

const yp_item_t conf_schema[] = { { NULL } };

int conf_check(knotd_conf_check_args_t *args)
{
	(void)args;
	return KNOT_EOK;
}

int conf_load(conf_alias_t *conf, knotd_mod_t *mod)
{
	if (take() != KNOT_EOK) {
		held++; /* conf_free() has to follow all the same. */
		knotd_mod_log(mod, LOG_ERR, "%s", "rule" FAILED_EFFECT);
		return KNOT_EINVAL;
	}
	conf->onlinesign = !signing;
	return KNOT_EOK;
}

void conf_free(conf_alias_t *conf)
{
	(void)conf;
	held--;
}

int stats_register(knotd_mod_t *mod)
{
	(void)mod;
	return fails() ? KNOT_ENOMEM : KNOT_EOK;
}

void stats_publish(void *module, const counters_t own, const counters_t common)
{
	(void)module, (void)own, (void)common;
}

int registry_acquire(engine_t **result, formers_t *formers, const engine_key_t *key, const knot_dname_t *zone,
                     const refresh_options_t *options, const limits_t *limits)
{
	(void)formers, (void)key, (void)zone, (void)options, (void)limits;
	*result = take_pointer();
	return (*result != NULL) ? KNOT_EOK : KNOT_ENOMEM;
}

void registry_hold_waits(void)
{
}

void registry_release(engine_t *engine, const limits_t *limits)
{
	(void)limits;
	give_back(engine);
}

tenant_t *engine_tenant(engine_t *engine, const knot_dname_t *zone, const tenant_options_t *options,
                        tenant_publish_f publish, void *module)
{
	(void)engine, (void)zone, (void)options, (void)publish, (void)module;
	return take_pointer();
}

void tenant_leave(tenant_t *tenant, const void *module)
{
	(void)module;
	give_back(tenant);
}

/*! signer_acquire(), whatever it takes. */
void *new_signer(void) __asm__("signer_acquire");

void *new_signer(void)
{
	return take_pointer();
}

void signer_release(signer_t *signer)
{
	give_back(signer);
}

bool engine_claim_start(engine_t *engine)
{
	(void)engine;
	return true;
}

void log_start(const conf_alias_t *conf, knotd_mod_t *mod)
{
	(void)mod;
	assert_int_equal(conf->onlinesign, !signing);
}

void log_queued(alias_ctx_t *zone, knotd_mod_t *mod)
{
	(void)zone, (void)mod;
}

knotd_in_state_t answer_hook(knotd_in_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)pkt, (void)qdata, (void)mod;
	return state;
}

knotd_in_state_t authority_hook(knotd_in_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)pkt, (void)qdata, (void)mod;
	return state;
}

knotd_in_state_t negative_hook(knotd_in_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)pkt, (void)qdata, (void)mod;
	return state;
}

knotd_state_t end_hook(knotd_state_t state, knot_pkt_t *pkt, knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)pkt, (void)qdata, (void)mod;
	return state;
}

/* --- loads --- */

static bool has_hook(const void *hook)
{
	for (unsigned i = 0; i < hook_count; i++) {
		if (hooks[i] == hook) {
			return true;
		}
	}
	return false;
}

static int load(bool with_signing, unsigned from, unsigned to)
{
	turn = hook_count = errors = 0;
	signing = with_signing;
	fails_from = from;
	fails_to = to;
	return knotd_mod_api.load(NULL);
}

/*! As Knot does it; twice, where it does so. */
static void unload(void)
{
	knotd_mod_api.unload(NULL);
	knotd_mod_api.unload(NULL);
	assert_null(ctx);
	assert_int_equal(held, 0);
}

static void test_good(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(load(i, 0, 0), KNOT_EOK);
		assert_non_null(ctx);
		assert_true(has_hook((const void *)answer_hook) && has_hook((const void *)authority_hook) &&
		            has_hook((const void *)end_hook));
		assert_int_equal(has_hook((const void *)negative_hook), !i);
		assert_int_equal(errors, 0);
		unload();
	}
}

/*! One thing fails, whatever it is: the module stays, and its hooks are not those that answer. */
static void test_one_failure(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(load(i, 0, 0), KNOT_EOK);
		unsigned turns = turn;
		unload();
		for (unsigned n = 1; n <= turns; n++) {
			assert_int_equal(load(i, n, n), KNOT_EOK);
			assert_int_equal(errors, 1);
			assert_false(has_hook((const void *)answer_hook));
			assert_true(hook_count >= 3);
			if (ctx == NULL) {
				assert_false(has_hook((const void *)authority_hook) || has_hook((const void *)end_hook));
				assert_int_equal(held, 0);
			}
			unload();
		}
	}
}

/*! All fails from some time on. Then Knot may free the module only if it has no hook. */
static void test_nothing_left(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 20; n++) {
		int ret = load(true, n, 1000);
		if (ret != KNOT_EOK) {
			assert_int_equal(hook_count, 0);
			assert_null(ctx);
			assert_int_equal(held, 0);
		}
		unload();
	}
}

static knotd_in_state_t query(const knot_dname_t *name)
{
	knot_pkt_t *pkt = knot_pkt_new(NULL, KNOT_WIRE_MIN_PKTSIZE, NULL);
	assert_int_equal(knot_pkt_put_question(pkt, name, KNOT_CLASS_IN, KNOT_RRTYPE_A), KNOT_EOK);
	knotd_qdata_t qdata = { .name = name, .query = pkt }; /* Without `extra`, of which the layout is not known. */
	knotd_in_state_t state = ((knotd_mod_in_hook_f)hooks[0])(KNOTD_IN_STATE_NODATA, pkt, &qdata, NULL);
	assert_int_equal(qdata.rcode, state == KNOTD_IN_STATE_ERROR ? KNOT_RCODE_SERVFAIL : KNOT_RCODE_NOERROR);
	knot_pkt_free(pkt);
	return state;
}

/*! In another version of Knot, also one without a number, the load fails and no node is looked at. */
static void test_other_version(void **state)
{
	(void)state;
	static const char *const others[] = { "Knot DNS 3.99.0", "Knot DNS 4.2.6", "Knot DNS 3", "", "Other 3.2.6" };
	effect = ", so build it again, only at the apex ALIAS gets SERVFAIL until then";
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++) {
		version = others[i];
		assert_int_equal(load(false, 0, 0), KNOT_EOK);
		assert_int_equal(errors, 1);
		assert_int_equal(hook_count, 3);
		assert_int_equal(query(NAME_APEX), KNOTD_IN_STATE_ERROR);
		assert_int_equal(query(NAME_A), KNOTD_IN_STATE_NODATA);
		unload();
	}
}

static int setup(void **state)
{
	(void)state;
	static char own[32];
	snprintf(own, sizeof(own), "Knot DNS %d.%d.dev0", KNOT_VERSION_MAJOR, KNOT_VERSION_MINOR);
	version = own;
	effect = ", names with ALIAS get SERVFAIL until this is corrected";
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, setup),
		cmocka_unit_test_setup(test_one_failure, setup),
		cmocka_unit_test_setup(test_nothing_left, setup),
		cmocka_unit_test(test_other_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
