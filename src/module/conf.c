/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The schema of section mod-alias, its checks, and the reading of it and of other sections. See conf.h. */

#include "module/conf.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libknot/yparser/yptrafo.h>

#include "module/failed.h"
#include "util/name.h"

#define ONLINESIGN "mod-onlinesign"

#define DNS_PORT 53
#define MINUTE 60
#define DAY 86400

/* clang-format off */
static const knot_lookup_t sibling_modes[] = {
	{ SIBLING_FALLBACK, "fallback" },
	{ SIBLING_MERGE,    "merge" },
	{ SIBLING_OVERRIDE, "override" },
	{ 0, NULL }
};

static const knot_lookup_t nxdomain_modes[] = {
	{ NXDOMAIN_NODATA,   "nodata" },
	{ NXDOMAIN_SERVFAIL, "servfail" },
	{ NXDOMAIN_HOLD,     "hold" },
	{ 0, NULL }
};
/* clang-format on */

/*! A name of the configuration: behind an octet with its length. */
#define NAME(text) \
	((const yp_name_t *)&(const struct { uint8_t len; char name[sizeof(text)]; }){ sizeof(text) - 1, text })

static size_t address_len(const struct sockaddr_storage *addr)
{
	return (addr->ss_family == AF_INET) ? FILTER_IPV4_LEN : FILTER_IPV6_LEN;
}

/*! The octets of an IPv4 or IPv6 address. */
static uint8_t *address_octets(const struct sockaddr_storage *addr)
{
	return (addr->ss_family == AF_INET) ? (uint8_t *)&((struct sockaddr_in *)addr)->sin_addr :
	                                      (uint8_t *)&((struct sockaddr_in6 *)addr)->sin6_addr;
}

/*!
 * Checks an address in the format of the configuration parser: a type, 4 or 6, the address, and the port as 64-bit
 * integer, -1 if none. libknot's own reader is not used, as its signature changed within Knot 3.5.
 */
static int check_resolver(knotd_conf_check_args_t *args)
{
	const uint8_t *data = args->data;
	struct sockaddr_storage addr = { .ss_family = (data[0] == 4) ? AF_INET : AF_INET6 };
	size_t len = address_len(&addr);
	bool valid = (data[0] == 4 || data[0] == 6) && args->data_len == 1 + len + sizeof(int64_t);
	if (valid) {
		resolvers_t set = { 0 };
		int64_t port = yp_int(data + 1 + len);
		memcpy(address_octets(&addr), data + 1, len);
		((struct sockaddr_in *)&addr)->sin_port = htons(port < 0 ? DNS_PORT : port); /* Of IPv6, too. */
		valid = resolvers_add(&set, &addr) == KNOT_EOK;
	}
	if (!valid) {
		args->err_str = "resolver must be a unicast IPv4 or IPv6 address with a port other than 0";
	}
	return valid ? KNOT_EOK : KNOT_EINVAL;
}

/*!
 * Checks a network or range in the format of the configuration parser: a type, 4 or 6, the first address, a format, and
 * for a range again type and address. The parser accepts any two addresses of a type; newer ones also accept the path
 * of a socket.
 */
static int check_network(knotd_conf_check_args_t *args)
{
	enum { RANGE = 2 };

	const uint8_t *data = args->data;
	size_t len = (data[0] == 4) ? FILTER_IPV4_LEN : FILTER_IPV6_LEN;
	bool is_range = args->data_len == 2 * (1 + len) + 1 && data[1 + len] == RANGE;
	if ((data[0] != 4 && data[0] != 6) || (is_range && memcmp(data + 1, data + 1 + len + 2, len) > 0)) {
		args->err_str = "deny-address must be an IPv4 or IPv6 network, or a range that does not end before it begins";
		return KNOT_EINVAL;
	}
	return KNOT_EOK;
}

static int check_suffix(knotd_conf_check_args_t *args)
{
	const knot_dname_t *name = args->data;
	if (*name == '\0' || knot_dname_is_wildcard(name)) {
		args->err_str = "allow-target and deny-target take a name with all below it, "
				"so neither a wildcard nor the root";
		return KNOT_EINVAL;
	}
	return KNOT_EOK;
}

/* clang-format off */
const yp_item_t conf_schema[] = {
	{ NAME("resolver"),         YP_TADDR, YP_VADDR = { DNS_PORT }, YP_FMULTI, { check_resolver } },
	{ NAME("require-ad"),       YP_TBOOL, YP_VNONE },
	{ NAME("timeout"),          YP_TINT,  YP_VINT = { 50, 60000, 2000 } },
	{ NAME("retry"),            YP_TINT,  YP_VINT = { 0, 5, 2 } },
	{ NAME("cold-wait"),        YP_TINT,  YP_VINT = { 0, 10000, 1000 } },
	{ NAME("ttl-min"),          YP_TINT,  YP_VINT = { 0, INT32_MAX, 0, YP_STIME } },
	{ NAME("ttl-max"),          YP_TINT,  YP_VINT = { 1, INT32_MAX, DAY, YP_STIME } },
	{ NAME("negative-ttl-max"), YP_TINT,  YP_VINT = { 0, INT32_MAX, 5 * MINUTE, YP_STIME } },
	{ NAME("failure-ttl"),      YP_TINT,  YP_VINT = { 1, 5 * MINUTE, 5, YP_STIME } },
	{ NAME("keep-warm"),        YP_TINT,  YP_VINT = { 0, POLICY_WEEK, DAY, YP_STIME } },
	{ NAME("stale-max"),        YP_TINT,  YP_VINT = { 0, POLICY_WEEK, DAY, YP_STIME } },
	{ NAME("max-rate"),         YP_TINT,  YP_VINT = { 1, 1000000, 1000 } },
	{ NAME("max-targets"),      YP_TINT,  YP_VINT = { 1, 100000000, 1000000 } },
	{ NAME("zone-rate"),        YP_TINT,  YP_VINT = { 0, 1000000, 0 } },
	{ NAME("store"),            YP_TSTR,  YP_VSTR = { "alias" } },
	{ NAME("sibling"),          YP_TOPT,  YP_VOPT = { sibling_modes, SIBLING_FALLBACK } },
	{ NAME("nxdomain"),         YP_TOPT,  YP_VOPT = { nxdomain_modes, NXDOMAIN_NODATA } },
	{ NAME("expose"),           YP_TBOOL, YP_VNONE },
	{ NAME("deny-address"),     YP_TNET,  YP_VNONE, YP_FMULTI, { check_network } },
	{ NAME("allow-target"),     YP_TDNAME, YP_VNONE, YP_FMULTI, { check_suffix } },
	{ NAME("deny-target"),      YP_TDNAME, YP_VNONE, YP_FMULTI, { check_suffix } },
	{ NULL }
};
/* clang-format on */

int conf_check(knotd_conf_check_args_t *args)
{
	knotd_conf_t ttl_min = knotd_conf_check_item(args, NAME("ttl-min"));
	knotd_conf_t ttl_max = knotd_conf_check_item(args, NAME("ttl-max"));
	if (ttl_min.single.integer > ttl_max.single.integer) {
		args->err_str = "ttl-min must not be greater than ttl-max";
		return KNOT_EINVAL;
	}

	knotd_conf_t resolver = knotd_conf_check_item(args, NAME("resolver"));
	size_t count = resolver.count;
	knotd_conf_free(&resolver);
	if (count > RESOLVERS_MAX) {
		args->err_str = "resolver takes at most 8 addresses";
		return KNOT_EINVAL;
	}

	return KNOT_EOK;
}

static void load_values(conf_alias_t *conf, knotd_mod_t *mod)
{
	policy_t *policy = &conf->policy;
	policy->cold_wait = knotd_conf_mod(mod, NAME("cold-wait")).single.integer;
	policy->ttl_min = knotd_conf_mod(mod, NAME("ttl-min")).single.integer;
	policy->ttl_max = knotd_conf_mod(mod, NAME("ttl-max")).single.integer;
	policy->sibling = knotd_conf_mod(mod, NAME("sibling")).single.option;
	policy->nxdomain = knotd_conf_mod(mod, NAME("nxdomain")).single.option;
	policy->expose = knotd_conf_mod(mod, NAME("expose")).single.boolean;
	policy->refresh = (refresh_options_t){
		.timeout = knotd_conf_mod(mod, NAME("timeout")).single.integer,
		.retry = knotd_conf_mod(mod, NAME("retry")).single.integer,
		.failure_ttl = knotd_conf_mod(mod, NAME("failure-ttl")).single.integer,
		.negative_ttl_max = knotd_conf_mod(mod, NAME("negative-ttl-max")).single.integer,
		.keep_warm = knotd_conf_mod(mod, NAME("keep-warm")).single.integer,
		.stale_max = knotd_conf_mod(mod, NAME("stale-max")).single.integer,
		.hold = (policy->nxdomain == NXDOMAIN_HOLD),
	};
	conf->limits.max_rate = knotd_conf_mod(mod, NAME("max-rate")).single.integer;
	conf->limits.max_targets = knotd_conf_mod(mod, NAME("max-targets")).single.integer;
	conf->zone_rate = knotd_conf_mod(mod, NAME("zone-rate")).single.integer;
	conf->max_waiters = knotd_conf_env(mod, KNOTD_CONF_ENV_WORKERS_TCP).single.integer / 2;
	conf->rotate = knotd_conf(mod, NAME("server"), NAME("answer-rotation"), NULL).single.boolean;
}

static int load_networks(address_set_t *set, knotd_mod_t *mod)
{
	knotd_conf_t conf = knotd_conf_mod(mod, NAME("deny-address"));
	int ret = KNOT_EOK;
	for (size_t i = 0; i < conf.count && ret == KNOT_EOK; i++) {
		const knotd_conf_val_t *val = &conf.multi[i];
		const uint8_t *addr = address_octets(&val->addr);
		size_t len = address_len(&val->addr);
		unsigned prefix = (val->addr_mask < 0) ? len * 8 : (unsigned)val->addr_mask;
		ret = (val->addr_max.ss_family != AF_UNSPEC) ?
		              address_set_add_range(set, addr, address_octets(&val->addr_max), len) :
		              address_set_add_network(set, addr, len, prefix);
	}
	knotd_conf_free(&conf);
	address_set_seal(set);
	return ret;
}

static int load_suffixes(name_set_t *set, knotd_mod_t *mod, const yp_name_t *item)
{
	knotd_conf_t conf = knotd_conf_mod(mod, item);
	int ret = KNOT_EOK;
	for (size_t i = 0; i < conf.count && ret == KNOT_EOK; i++) {
		ret = name_set_add(set, conf.multi[i].dname);
	}
	knotd_conf_free(&conf);
	name_set_seal(set);
	return ret;
}

static int load_filters(conf_alias_t *conf, knotd_mod_t *mod)
{
	policy_t *policy = &conf->policy;
	int ret = load_networks(&policy->deny_address, mod);
	ret = (ret == KNOT_EOK) ? load_suffixes(&policy->allow_target, mod, NAME("allow-target")) : ret;
	ret = (ret == KNOT_EOK) ? load_suffixes(&policy->deny_target, mod, NAME("deny-target")) : ret;
	for (addr_type_t type = 0; type < ADDR_TYPES; type++) {
		bool all = address_set_has_all(&policy->deny_address, addr_len(type));
		policy->refresh.denied |= (all ? 1U : 0U) << type;
	}
	if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR, "failed to load 'deny-address', 'allow-target' or 'deny-target' (%s)" FAILED_EFFECT,
		              knot_strerror(ret));
	}
	return ret;
}

static int load_resolvers(conf_alias_t *conf, knotd_mod_t *mod)
{
	resolvers_t *set = &conf->engine.resolvers;
	knotd_conf_t list = knotd_conf_mod(mod, NAME("resolver"));
	conf->system = (list.count == 0);
	int ret = conf->system ? resolvers_system(set) : KNOT_EOK;
	for (size_t i = 0; i < list.count && ret == KNOT_EOK; i++) {
		ret = resolvers_add(set, &list.multi[i].addr);
	}
	knotd_conf_free(&list);
	set->require_ad = knotd_conf_mod(mod, NAME("require-ad")).single.boolean;
	if (conf->system && ret == KNOT_ENOENT) {
		knotd_mod_log(mod, LOG_ERR,
		              "option 'resolver' is not set, and the system's resolv.conf names no usable resolver" FAILED_EFFECT);
	} else if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR, "failed to load the resolvers (%s)" FAILED_EFFECT, knot_strerror(ret));
	}
	return ret;
}

/*! Reads the directory of the store. A relative path is below knotd's databases. */
static int load_store(conf_alias_t *conf, knotd_mod_t *mod)
{
	const char *store = knotd_conf_mod(mod, NAME("store")).single.string;
	const char *storage = knotd_conf(mod, NAME("database"), NAME("storage"), NULL).single.string;
	bool relative = (store[0] != '/' && store[0] != '\0');
	char *path = conf->engine.store;
	int len = snprintf(path, ENGINE_STORE_MAX, "%s%s%s", relative ? storage : "", relative ? "/" : "", store);
	if (len < 0 || len >= ENGINE_STORE_MAX) {
		knotd_mod_log(mod, LOG_ERR, "path in option 'store' is too long" FAILED_EFFECT);
		return KNOT_EINVAL;
	}
	return KNOT_EOK;
}

/*! Compares an item of the zone's list of modules, which begins with the name's length. */
static bool is_module(const uint8_t *item, const char *name)
{
	return item[0] == strlen(name) && memcmp(item + 1, name, item[0]) == 0;
}

/*! Warns if the NSEC lacks A or AAAA: then the denial of another type denies the addresses, too (RFC 8198). */
static void check_nsec_bitmap(knotd_mod_t *mod, const knotd_conf_t *id)
{
	bool has_a = false, has_aaaa = false;
	knotd_conf_t bitmap = knotd_conf(mod, NAME(ONLINESIGN), NAME("nsec-bitmap"), id);
	for (size_t i = 0; i < bitmap.count; i++) {
		uint16_t type = 0;
		(void)knot_rrtype_from_string(bitmap.multi[i].string, &type);
		has_a |= (type == KNOT_RRTYPE_A);
		has_aaaa |= (type == KNOT_RRTYPE_AAAA);
	}
	if (bitmap.count > 0 && !(has_a && has_aaaa)) {
		knotd_mod_log(mod, LOG_WARNING,
		              "option 'nsec-bitmap' of mod-onlinesign must have A and AAAA, "
		              "or resolvers take the addresses for denied");
	}
	knotd_conf_free(&bitmap);
}

/*! Length of an RRSIG without its owner and its signer, by the algorithm of the signing policy. */
static uint16_t rrsig_len(knotd_mod_t *mod, const knotd_conf_t *policy_id)
{
	enum {
		FIXED = 10 + 18,
		RSA_DEFAULT = 2048,
	};
	knotd_conf_t algorithm = { .single = { .option = DNSSEC_KEY_ALGORITHM_ECDSA_P256_SHA256 } };
	int64_t bits = RSA_DEFAULT;
	if (policy_id->count > 0) {
		algorithm = knotd_conf(mod, NAME("policy"), NAME("algorithm"), policy_id);
		int64_t ksk = knotd_conf(mod, NAME("policy"), NAME("ksk-size"), policy_id).single.integer;
		int64_t zsk = knotd_conf(mod, NAME("policy"), NAME("zsk-size"), policy_id).single.integer;
		bits = MAX(bits, MAX(ksk, zsk));
	}

	switch (algorithm.single.option) {
	case DNSSEC_KEY_ALGORITHM_ECDSA_P256_SHA256:
	case DNSSEC_KEY_ALGORITHM_ED25519: return FIXED + 64;
	case DNSSEC_KEY_ALGORITHM_ECDSA_P384_SHA384: return FIXED + 96;
	case DNSSEC_KEY_ALGORITHM_ED448: return FIXED + 114;
	default: return FIXED + bits / 8;
	}
}

/*!
 * Reads the zone's list of modules. This one has to be there once, under one of its names: of two, the last one would
 * win, and Knot's own would answer alone. mod-onlinesign has to be after it.
 */
static int load_modules(conf_alias_t *conf, knotd_mod_t *mod)
{
	unsigned seen = 0;
	const char *broken = NULL;

	knotd_conf_t list = knotd_conf_zone(mod, NAME("module"), knotd_mod_zone(mod));
	for (size_t i = 0; i < list.count; i++) {
		const uint8_t *item = list.multi[i].data;
		bool named = is_module(item, MODULE_NAME_FREE) || is_module(item, MODULE_NAME_SHARED);
		if (named && ++seen > 1) {
			broken = "must be listed only once in option 'module' of the zone";
		}
		if (!is_module(item, ONLINESIGN)) {
			continue;
		}
		if (seen == 0) {
			broken = "must be listed before mod-onlinesign "
				 "in option 'module' of the zone, which signs only what is there by then";
		}
		size_t id_pos = 1 + item[0], id_len = list.multi[i].data_len - id_pos;
		knotd_conf_t id = { .single = { .data = item + id_pos, .data_len = id_len } }, policy = { 0 };
		if (id_len > 0 && seen > 0) {
			policy = knotd_conf(mod, NAME(ONLINESIGN), NAME("policy"), &id);
			check_nsec_bitmap(mod, &id);
		}
		conf->onlinesign = true;
		conf->rrsig_len = rrsig_len(mod, &policy);
	}
	knotd_conf_free(&list);

	if (broken != NULL) {
		knotd_mod_log(mod, LOG_ERR, "%s" FAILED_EFFECT, broken);
	}
	return (broken == NULL) ? KNOT_EOK : KNOT_EINVAL;
}

/*! An empty reference means the section `default`, which need not exist. */
static knotd_conf_t or_default(knotd_conf_t id)
{
	static const uint8_t name[] = "default";
	if (id.single.data == NULL) {
		id.single.data = name;
		id.single.data_len = sizeof(name);
	}
	return id;
}

/*! Adds a keystore. A relative directory is below that of the KASP database. */
static int load_keystore(keystores_t *stores, const knotd_conf_t *id, knotd_mod_t *mod)
{
	enum { PKCS11 = 2 };

	bool pkcs11 = knotd_conf(mod, NAME("keystore"), NAME("backend"), id).single.option == PKCS11;
	const char *config = knotd_conf(mod, NAME("keystore"), NAME("config"), id).single.string;
	if (pkcs11 || config[0] == '/') {
		return keystores_add(stores, pkcs11, config);
	}

	const char *storage = knotd_conf(mod, NAME("database"), NAME("storage"), NULL).single.string;
	const char *kasp = knotd_conf(mod, NAME("database"), NAME("kasp-db"), NULL).single.string;
	bool relative = (kasp[0] != '/');
	char *path = NULL;
	if (asprintf(&path, "%s%s%s/%s", relative ? storage : "", relative ? "/" : "", kasp, config) < 0) {
		return KNOT_ENOMEM;
	}
	int ret = keystores_add(stores, pkcs11, path);
	free(path);
	return ret;
}

/*! Adds the keystores of a policy: one, or several in newer versions of Knot. */
static int load_keystores(keystores_t *stores, const knotd_conf_t *policy, knotd_mod_t *mod)
{
	knotd_conf_t ids = knotd_conf(mod, NAME("policy"), NAME("keystore"), policy);
	size_t count = (ids.multi != NULL) ? ids.count : 1;
	int ret = KNOT_EOK;
	for (size_t i = 0; i < count && ret == KNOT_EOK; i++) {
		knotd_conf_t id = or_default((knotd_conf_t){ .single = (ids.multi != NULL) ? ids.multi[i] : ids.single });
		ret = load_keystore(stores, &id, mod);
	}
	knotd_conf_free(&ids);
	return ret;
}

/*! Reads how Knot signs the zone, or would; this module signs in the same way. A zone may come with its signatures. */
static int load_signer(conf_alias_t *conf, knotd_mod_t *mod)
{
	signer_options_t *signer = &conf->signer;
	if (conf->onlinesign) {
		return KNOT_EOK;
	}
	signer->automatic = knotd_conf_zone(mod, NAME("dnssec-signing"), knotd_mod_zone(mod)).single.boolean;
	knotd_conf_t policy = or_default(knotd_conf_zone(mod, NAME("dnssec-policy"), knotd_mod_zone(mod)));
	int ret = load_keystores(&conf->keystores, &policy, mod);
	if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR, "failed to load the keystore of the zone's policy (%s)" FAILED_EFFECT, knot_strerror(ret));
		return ret;
	}

	signer->lifetime = knotd_conf(mod, NAME("policy"), NAME("rrsig-lifetime"), &policy).single.integer;
	knotd_conf_t refresh = knotd_conf(mod, NAME("policy"), NAME("rrsig-refresh"), &policy);
	signer->refresh_by_ttl = (refresh.single.integer == YP_NIL);
	if (signer->refresh_by_ttl) {
		refresh = knotd_conf(mod, NAME("policy"), NAME("propagation-delay"), &policy);
	}
	signer->refresh = refresh.single.integer;
	signer->reproducible = knotd_conf(mod, NAME("policy"), NAME("reproducible-signing"), &policy).single.boolean;
	signer->workers = MAX(knotd_conf_env(mod, KNOTD_CONF_ENV_WORKERS_UDP).single.integer, 1);
	signer->max_waiters = conf->max_waiters;
	signer->expose = conf->policy.expose;
	return KNOT_EOK;
}

int conf_load(conf_alias_t *conf, knotd_mod_t *mod)
{
	/* Each logs why it fails. */
	static int (*const loads[])(conf_alias_t *, knotd_mod_t *) = {
		load_modules, load_signer, load_filters, load_resolvers, load_store
	};
	memset(conf, 0, sizeof(*conf));
	load_values(conf, mod);
	int ret = KNOT_EOK;
	for (unsigned i = 0; i < sizeof(loads) / sizeof(*loads) && ret == KNOT_EOK; i++) {
		ret = loads[i](conf, mod);
	}
	return ret;
}

void conf_free(conf_alias_t *conf)
{
	keystores_free(&conf->keystores);
	address_set_free(&conf->policy.deny_address);
	name_set_free(&conf->policy.allow_target);
	name_set_free(&conf->policy.deny_target);
}
