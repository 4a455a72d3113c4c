/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <netinet/in.h>
#include <knot/module.h>
#include <libknot/yparser/yptrafo.h>

#include "module/conf.h"

/* Of knotd only what conf.c calls is needed, and answers as the test says. */

static int64_t ttl_min, ttl_max;
static size_t resolvers;
static const char *store, *storage;
static nxdomain_t nxdomain;
static const char *const *denied, *const *allowed_targets, *const *denied_targets;
static knotd_conf_val_t values[8];

knotd_conf_t knotd_conf_check_item(knotd_conf_check_args_t *args, const yp_name_t *item)
{
	(void)args;
	knotd_conf_t conf = { .count = 1 };
	if (strcmp(item + 1, "ttl-min") == 0) {
		conf.single.integer = ttl_min;
	} else if (strcmp(item + 1, "ttl-max") == 0) {
		conf.single.integer = ttl_max;
	} else if (strcmp(item + 1, "resolver") == 0) {
		conf.count = resolvers;
	} else {
		fail();
	}
	return conf;
}

void knotd_conf_free(knotd_conf_t *conf)
{
	memset(conf, 0, sizeof(*conf));
}

knotd_conf_t knotd_conf(knotd_mod_t *mod, const yp_name_t *section, const yp_name_t *item,
                        const knotd_conf_t *id)
{
	(void)mod, (void)id;
	knotd_conf_t conf = { 0 };
	if (strcmp(section + 1, "database") == 0 && strcmp(item + 1, "storage") == 0) {
		conf.single.string = storage;
	} else if (strcmp(item + 1, "kasp-db") == 0) {
		conf.single.string = "kasp";
	} else if (strcmp(section + 1, "keystore") == 0 && strcmp(item + 1, "config") == 0) {
		conf.single.string = "keys";
	}
	return conf;
}

static const yp_item_t *find_item(const char *name);

/*! An address as the parser has it; libknot's own reader differs between versions. */
static struct sockaddr_storage address_of(const uint8_t *data)
{
	struct sockaddr_storage addr = { .ss_family = (data[0] == 4) ? AF_INET : AF_INET6 };
	if (data[0] == 4) {
		memcpy(&((struct sockaddr_in *)&addr)->sin_addr, data + 1, FILTER_IPV4_LEN);
	} else {
		memcpy(&((struct sockaddr_in6 *)&addr)->sin6_addr, data + 1, FILTER_IPV6_LEN);
	}
	return addr;
}

/*! The values of an item with many, out of their text. */
static knotd_conf_t read_values(const yp_item_t *item, const char *const *text)
{
	static uint8_t data[sizeof(values) / sizeof(values[0])][64];

	knotd_conf_t conf = { .multi = values };
	for (; text != NULL && text[conf.count] != NULL; conf.count++) {
		uint8_t *pos = data[conf.count];
		size_t len = sizeof(data[0]);
		assert_int_equal(yp_item_to_bin(item, text[conf.count], strlen(text[conf.count]), pos, &len), KNOT_EOK);
		knotd_conf_val_t *val = &values[conf.count];
		memset(val, 0, sizeof(*val));
		if (item->type == YP_TDNAME) {
			val->dname = pos;
			continue;
		}
		val->addr = address_of(pos);
		const uint8_t *format = pos + 1 + (pos[0] == 4 ? FILTER_IPV4_LEN : FILTER_IPV6_LEN);
		val->addr_mask = (*format == 1) ? yp_int(format + 1) : -1;
		if (*format == 2) {
			val->addr_max = address_of(format + 1);
		}
	}
	return conf;
}

/*! Each number is that of its item. */
enum {
	KEEP_WARM = 1000,
	STALE_MAX,
	MAX_RATE,
	MAX_TARGETS,
	ZONE_RATE,
};

knotd_conf_t knotd_conf_mod(knotd_mod_t *mod, const yp_name_t *item)
{
	(void)mod;
	static knotd_conf_val_t resolver;
	knotd_conf_t conf = { 0 };
	const char *name = item + 1;
	if (strcmp(name, "resolver") == 0) {
		*(struct sockaddr_in *)&resolver.addr = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
		};
		conf.multi = &resolver;
		conf.count = 1;
	} else if (strcmp(name, "deny-address") == 0) {
		conf = read_values(find_item(name), denied);
	} else if (strcmp(name, "allow-target") == 0) {
		conf = read_values(find_item(name), allowed_targets);
	} else if (strcmp(name, "deny-target") == 0) {
		conf = read_values(find_item(name), denied_targets);
	} else if (strcmp(name, "store") == 0) {
		conf.single.string = store;
	} else if (strcmp(name, "nxdomain") == 0) {
		conf.single.option = nxdomain;
	} else if (strcmp(name, "keep-warm") == 0) {
		conf.single.integer = KEEP_WARM;
	} else if (strcmp(name, "stale-max") == 0) {
		conf.single.integer = STALE_MAX;
	} else if (strcmp(name, "max-rate") == 0) {
		conf.single.integer = MAX_RATE;
	} else if (strcmp(name, "max-targets") == 0) {
		conf.single.integer = MAX_TARGETS;
	} else if (strcmp(name, "zone-rate") == 0) {
		conf.single.integer = ZONE_RATE;
	}
	return conf;
}

knotd_conf_t knotd_conf_zone(knotd_mod_t *mod, const yp_name_t *item, const knot_dname_t *zone)
{
	(void)mod, (void)item, (void)zone;
	return (knotd_conf_t){ 0 };
}

knotd_conf_t knotd_conf_env(knotd_mod_t *mod, knotd_conf_env_t env)
{
	(void)mod, (void)env;
	return (knotd_conf_t){ 0 };
}

/*! knotd_mod_zone(), whose parameter is constant in later versions only. */
const knot_dname_t *mod_zone(const knotd_mod_t *mod) __asm__("knotd_mod_zone");

const knot_dname_t *mod_zone(const knotd_mod_t *mod)
{
	(void)mod;
	return NAME_APEX;
}

void knotd_mod_log(knotd_mod_t *mod, int priority, const char *fmt, ...)
{
	(void)mod, (void)priority, (void)fmt;
}

static const yp_item_t *find_item(const char *name)
{
	for (const yp_item_t *item = conf_schema; item->name != NULL; item++) {
		if (strcmp(item->name + 1, name) == 0) {
			assert_int_equal(item->name[0], strlen(name));
			return item;
		}
	}
	return NULL;
}

/*! Puts a value through the parser and the item's own check, as knotd does. */
static const char *check_value(const char *name, const char *value)
{
	const yp_item_t *item = find_item(name);
	assert_non_null(item);

	uint8_t data[512];
	size_t len = sizeof(data);
	int ret = yp_item_to_bin(item, value, strlen(value), data, &len);
	if (ret != KNOT_EOK) {
		return "parser";
	}
	knotd_conf_check_args_t args = { .item = item, .data = data, .data_len = len };
	knotd_conf_check_f check = (knotd_conf_check_f)item->misc[0];
	if (check == NULL || check(&args) == KNOT_EOK) {
		assert_null(args.err_str);
		return NULL;
	}
	assert_non_null(args.err_str);
	return args.err_str;
}

static void test_resolver(void **state)
{
	(void)state;

	static const char *good[] = {
		"127.0.0.1", "192.0.2.1@5353", "::1", "2001:db8::1@53", "255.255.255.254"
	};
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_null(check_value("resolver", good[i]));
	}

	static const char *bad[] = {
		"0.0.0.0", "::", "127.0.0.1@0", "224.0.0.1", "255.255.255.255", "ff02::1", "fe80::1",
		"/run/resolver.sock", "resolver.example"
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(check_value("resolver", bad[i]),
		                    "resolver must be a unicast IPv4 or IPv6 address with a port other than 0");
	}
	assert_string_equal(check_value("resolver", "127.0.0.1@65536"), "parser");
}

static void test_deny_address(void **state)
{
	(void)state;

	static const char *rule =
		"deny-address must be an IPv4 or IPv6 network, or a range that does not end before it begins";
	static const char *good[] = {
		"0.0.0.0/0",
		"::/0",
		"10.0.0.1",
		"10.0.0.1/8",
		"10.0.0.1-10.0.0.1",
		"10.0.0.255-10.0.1.0",
		"::1-::2",
		"::ffff:10.0.0.1/128",
	};
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_null(check_value("deny-address", good[i]));
	}
	assert_string_equal(check_value("deny-address", "10.0.1.0-10.0.0.255"), rule);
	assert_string_equal(check_value("deny-address", "::2-::1"), rule);

	static const char *bad[] = { "10.0.0.0/33", "::/129", "10.0.0.0-::1", "example", "" };
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(check_value("deny-address", bad[i]), "parser");
	}

	/* As newer parsers have a socket's path. */
	const yp_item_t *item = find_item("deny-address");
	knotd_conf_check_args_t args = { .item = item, .data = (const uint8_t *)"\0/run/s", .data_len = 8 };
	assert_int_equal(((knotd_conf_check_f)item->misc[0])(&args), KNOT_EINVAL);
	assert_string_equal(args.err_str, rule);
}

static void test_targets(void **state)
{
	(void)state;

	static const char *names[] = { "allow-target", "deny-target" };
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_null(check_value(names[i], "net"));
		assert_null(check_value(names[i], "a.*.Provider.net."));
		static const char *bad[] = { ".", "*", "*.provider.net" };
		for (unsigned j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
			assert_string_equal(check_value(names[i], bad[j]),
			                    "allow-target and deny-target take "
			                    "a name with all below it, so neither a wildcard nor the root");
		}
		assert_string_equal(check_value(names[i], "a..b"), "parser");
	}
}

static void test_ranges(void **state)
{
	(void)state;

	/* clang-format off */
	static const struct {
		const char *name, *good, *bad;
	} cases[] = {
		{ "timeout",          "50",       "49" },
		{ "timeout",          "60000",    "60001" },
		{ "retry",            "0",        "-1" },
		{ "retry",            "5",        "6" },
		{ "cold-wait",        "0",        "10001" },
		{ "ttl-min",          "0",        "-1" },
		{ "ttl-max",          "1",        "0" },
		{ "negative-ttl-max", "1h",       "-1" },
		{ "failure-ttl",      "5m",       "301" },
		{ "failure-ttl",      "1",        "0" },
		{ "sibling",          "merge",    "both" },
		{ "nxdomain",         "servfail", "keep" },
		{ "nxdomain",         "hold",     "" },
		{ "keep-warm",        "0",        "-1" },
		{ "keep-warm",        "7d",       "8d" },
		{ "stale-max",        "0",        "-1" },
		{ "stale-max",        "7d",       "8d" },
		{ "max-rate",         "1",        "0" },
		{ "max-rate",         "1000000",  "1000001" },
		{ "max-targets",      "1",        "0" },
		{ "max-targets",      "100000000", "100000001" },
		{ "expose",           "on",       "maybe" },
		{ "require-ad",       "on",       "maybe" },
	};
	/* clang-format on */
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(check_value(cases[i].name, cases[i].good));
		assert_string_equal(check_value(cases[i].name, cases[i].bad), "parser");
	}
}

static void test_rules(void **state)
{
	(void)state;

	knotd_conf_check_args_t args = { 0 };
	ttl_min = ttl_max = 60;
	resolvers = RESOLVERS_MAX;
	assert_int_equal(conf_check(&args), KNOT_EOK);

	ttl_min = 61;
	assert_int_equal(conf_check(&args), KNOT_EINVAL);
	assert_string_equal(args.err_str, "ttl-min must not be greater than ttl-max");

	ttl_min = 0;
	resolvers = RESOLVERS_MAX + 1;
	assert_int_equal(conf_check(&args), KNOT_EINVAL);
	assert_string_equal(args.err_str, "resolver takes at most 8 addresses");
}

static void test_defaults(void **state)
{
	(void)state;

	static const struct {
		const char *name;
		int64_t value;
	} cases[] = {
		{ "keep-warm", 86400 },
		{ "stale-max", 86400 },
		{ "max-rate", 1000 },
		{ "max-targets", 1000000 },
		{ "failure-ttl", 5 },
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(find_item(cases[i].name)->var.i.dflt, cases[i].value);
	}
	assert_string_equal(find_item("store")->var.s.dflt, "alias");
}

/*! Loads into a zeroed structure, or one that was loaded before. */
static int load(conf_alias_t *conf, const char *set_store)
{
	conf_free(conf);
	store = set_store;
	storage = "/var/lib/knot";
	return conf_load(conf, NULL);
}

static void test_load(void **state)
{
	(void)state;

	conf_alias_t conf = { 0 };
	nxdomain = NXDOMAIN_NODATA;
	assert_int_equal(load(&conf, "alias"), KNOT_EOK);
	assert_int_equal(conf.policy.refresh.keep_warm, KEEP_WARM);
	assert_int_equal(conf.policy.refresh.stale_max, STALE_MAX);
	assert_int_equal(conf.limits.max_rate, MAX_RATE);
	assert_int_equal(conf.limits.max_targets, MAX_TARGETS);
	assert_int_equal(conf.zone_rate, ZONE_RATE);
	assert_int_equal(conf.engine.resolvers.count, 1);
	assert_false(conf.policy.refresh.hold);

	nxdomain = NXDOMAIN_HOLD;
	assert_int_equal(load(&conf, "alias"), KNOT_EOK);
	assert_true(conf.policy.refresh.hold);

	/* Also of a zone that Knot does not sign. */
	assert_false(conf.signer.automatic);
	assert_int_equal(conf.keystores.count, 1);
	assert_string_equal(conf.keystores.store[0].config, "/var/lib/knot/kasp/keys");
	conf_free(&conf);
}

static void test_filters(void **state)
{
	(void)state;

	conf_alias_t conf = { 0 };
	assert_int_equal(load(&conf, "alias"), KNOT_EOK);
	assert_true(address_set_empty(&conf.policy.deny_address));
	assert_int_equal(conf.policy.allow_target.count, 0);
	assert_int_equal(conf.policy.deny_target.count, 0);
	conf_free(&conf);

	denied = (const char *const[]){
		"10.1.2.3/8",
		"192.0.2.1",
		"192.0.2.8-192.0.2.9",
		"fc00::/7",
		"::1",
		"2001:db8::-2001:db8::ff",
		"0.0.0.0/32",
		NULL,
	};
	allowed_targets = (const char *const[]){ "B.Example", "org", NULL };
	denied_targets = (const char *const[]){ "a.example", NULL };
	assert_int_equal(load(&conf, "alias"), KNOT_EOK);

	const address_set_t *set = &conf.policy.deny_address;
	/* clang-format off */
	static const struct {
		uint8_t addr[FILTER_IPV4_LEN];
		bool in;
	} v4[] = {
		{ { 10, 0, 0, 0 }, true },   { { 10, 255, 255, 255 }, true }, { { 11, 0, 0, 0 }, false },
		{ { 192, 0, 2, 1 }, true },  { { 192, 0, 2, 0 }, false },     { { 192, 0, 2, 2 }, false },
		{ { 192, 0, 2, 8 }, true },  { { 192, 0, 2, 9 }, true },      { { 192, 0, 2, 10 }, false },
		{ { 0, 0, 0, 0 }, true },    { { 0, 0, 0, 1 }, false },
	};
	/* clang-format on */
	for (unsigned i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		assert_int_equal(address_set_has(set, v4[i].addr, FILTER_IPV4_LEN), v4[i].in);
	}
	/* clang-format off */
	static const struct {
		uint8_t addr[FILTER_IPV6_LEN];
		bool in;
	} v6[] = {
		{ { 0xFD }, true },                                { { 0xFE }, false },
		{ { [15] = 1 }, true },                            { { [15] = 2 }, false },
		{ { 0x20, 0x01, 0x0D, 0xB8, [15] = 0xFF }, true }, { { 0x20, 0x01, 0x0D, 0xB8, [14] = 1 }, false },
	};
	/* clang-format on */
	for (unsigned i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		assert_int_equal(address_set_has(set, v6[i].addr, FILTER_IPV6_LEN), v6[i].in);
	}

	assert_true(name_set_covers(&conf.policy.allow_target, NAME_B));
	assert_false(name_set_covers(&conf.policy.allow_target, NAME_A));
	assert_true(name_set_covers(&conf.policy.deny_target, NAME_A));
	assert_false(name_set_covers(&conf.policy.deny_target, NAME_B));
	conf_free(&conf);
	conf_free(&conf);
	denied = allowed_targets = denied_targets = NULL;
}

/* What is denied as a whole is known to the engine's thread. */
static void test_denied_types(void **state)
{
	(void)state;

	static const struct {
		const char *networks[3];
		uint32_t denied;
	} cases[] = {
		{ { "10.0.0.0/8" }, 0 },
		{ { "0.0.0.0/0" }, 1U << ADDR_A },
		{ { "::/0" }, 1U << ADDR_AAAA },
		{ { "::/0", "0.0.0.0/0" }, 1U << ADDR_A | 1U << ADDR_AAAA },
		{ { "8000::/1", "::/1" }, 1U << ADDR_AAAA },
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		conf_alias_t conf = { 0 };
		denied = cases[i].networks;
		assert_int_equal(load(&conf, "alias"), KNOT_EOK);
		assert_int_equal(conf.policy.refresh.denied, cases[i].denied);
		conf_free(&conf);
	}
	denied = NULL;
}

static void test_store(void **state)
{
	(void)state;

	conf_alias_t conf = { 0 };
	assert_int_equal(load(&conf, "alias"), KNOT_EOK);
	assert_string_equal(conf.engine.store, "/var/lib/knot/alias");
	assert_int_equal(load(&conf, "/srv/store"), KNOT_EOK);
	assert_string_equal(conf.engine.store, "/srv/store");
	assert_int_equal(load(&conf, ""), KNOT_EOK);
	assert_string_equal(conf.engine.store, "");

	/* The same path is the same key: nothing stays behind its end. */
	static const conf_alias_t none;
	assert_memory_equal(conf.engine.store, none.engine.store, sizeof(none.engine.store));

	/* As long as there is room, with the final zero, and no longer. */
	char path[ENGINE_STORE_MAX + 1];
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[ENGINE_STORE_MAX] = '\0';
	assert_int_equal(load(&conf, path), KNOT_EINVAL);
	path[ENGINE_STORE_MAX - 1] = '\0';
	assert_int_equal(load(&conf, path), KNOT_EOK);
	assert_string_equal(conf.engine.store, path);
	assert_int_equal(load(&conf, path + 1), KNOT_EINVAL);
	conf_free(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolver),
		cmocka_unit_test(test_deny_address),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_denied_types),
		cmocka_unit_test(test_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
