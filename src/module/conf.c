/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The schema of section mod-alias, its checks, and the reading of it and of other sections. See conf.h. */

#include "module/conf.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libdnssec/key.h>
#include <libknot/yparser/yptrafo.h>

#include "util/name.h"

/* clang-format off */
#define MOD_RESOLVER		"\x08""resolver"
#define MOD_REQUIRE_AD		"\x0A""require-ad"
#define MOD_TIMEOUT		"\x07""timeout"
#define MOD_RETRY		"\x05""retry"
#define MOD_COLD_WAIT		"\x09""cold-wait"
#define MOD_TTL_MIN		"\x07""ttl-min"
#define MOD_TTL_MAX		"\x07""ttl-max"
#define MOD_NEGATIVE_TTL_MAX	"\x10""negative-ttl-max"
#define MOD_FAILURE_TTL		"\x0B""failure-ttl"
#define MOD_KEEP_WARM		"\x09""keep-warm"
#define MOD_STALE_MAX		"\x09""stale-max"
#define MOD_MAX_RATE		"\x08""max-rate"
#define MOD_MAX_TARGETS		"\x0B""max-targets"
#define MOD_ZONE_RATE		"\x09""zone-rate"
#define MOD_STORE		"\x05""store"
#define MOD_SIBLING		"\x07""sibling"
#define MOD_NXDOMAIN		"\x08""nxdomain"
#define MOD_EXPOSE		"\x06""expose"
#define MOD_DENY_ADDRESS	"\x0C""deny-address"
#define MOD_ALLOW_TARGET	"\x0C""allow-target"
#define MOD_DENY_TARGET		"\x0B""deny-target"

#define ONLINESIGN		"mod-onlinesign"

/* Items of other sections. */
#define ITEM_DNSSEC_SIGNING	"\x0E""dnssec-signing"
#define ITEM_DATABASE		"\x08""database"
#define ITEM_STORAGE		"\x07""storage"
#define ITEM_SERVER		"\x06""server"
#define ITEM_ANSWER_ROTATION	"\x0F""answer-rotation"
#define ITEM_MODULE		"\x06""module"
#define ITEM_ONLINESIGN		"\x0E" ONLINESIGN
#define ITEM_NSEC_BITMAP	"\x0B""nsec-bitmap"
#define ITEM_POLICY		"\x06""policy"
#define ITEM_DNSSEC_POLICY	"\x0D""dnssec-policy"
#define ITEM_KASP_DB		"\x07""kasp-db"
#define ITEM_KEYSTORE		"\x08""keystore"
#define ITEM_BACKEND		"\x07""backend"
#define ITEM_CONFIG		"\x06""config"
#define ITEM_RRSIG_LIFETIME	"\x0E""rrsig-lifetime"
#define ITEM_RRSIG_REFRESH	"\x0D""rrsig-refresh"
#define ITEM_PROPAGATION	"\x11""propagation-delay"
#define ITEM_REPRODUCIBLE	"\x14""reproducible-signing"
#define ITEM_ALGORITHM		"\x09""algorithm"
#define ITEM_KSK_SIZE		"\x08""ksk-size"
#define ITEM_ZSK_SIZE		"\x08""zsk-size"

#define DNS_PORT	53
#define MINUTE		60
#define DAY		86400

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

/*!
 * Reads an address in the format of the configuration parser: a type, 4 or 6, the
 * address, and the port as 64-bit integer, -1 if none. libknot's own reader is not
 * used, as its signature changed within Knot 3.5.
 */
static int read_address(struct sockaddr_storage *addr, const uint8_t *data, size_t len)
{
	memset(addr, 0, sizeof(*addr));
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;

	const uint8_t *pos = data + 1;
	if (len == 1 + sizeof(in->sin_addr) + sizeof(int64_t) && data[0] == 4) {
		addr->ss_family = AF_INET;
		memcpy(&in->sin_addr, pos, sizeof(in->sin_addr));
		pos += sizeof(in->sin_addr);
	} else if (len == 1 + sizeof(in6->sin6_addr) + sizeof(int64_t) && data[0] == 6) {
		addr->ss_family = AF_INET6;
		memcpy(&in6->sin6_addr, pos, sizeof(in6->sin6_addr));
		pos += sizeof(in6->sin6_addr);
	} else {
		return KNOT_ENOTSUP;
	}

	int64_t port = yp_int(pos);
	in->sin_port = htons(port < 0 ? DNS_PORT : port); /* Both structures have the port at the same place. */
	return KNOT_EOK;
}

static int check_resolver(knotd_conf_check_args_t *args)
{
	resolvers_t set = { 0 };
	struct sockaddr_storage addr;
	if (read_address(&addr, args->data, args->data_len) != KNOT_EOK ||
	    resolvers_add(&set, &addr) != KNOT_EOK) {
		args->err_str = "resolver must be a unicast IPv4 or IPv6 address with a port other than 0";
		return KNOT_EINVAL;
	}
	return KNOT_EOK;
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
	{ MOD_RESOLVER,         YP_TADDR, YP_VADDR = { DNS_PORT }, YP_FMULTI, { check_resolver } },
	{ MOD_REQUIRE_AD,       YP_TBOOL, YP_VNONE },
	{ MOD_TIMEOUT,          YP_TINT,  YP_VINT = { 50, 60000, 2000 } },
	{ MOD_RETRY,            YP_TINT,  YP_VINT = { 0, 5, 2 } },
	{ MOD_COLD_WAIT,        YP_TINT,  YP_VINT = { 0, 10000, 1000 } },
	{ MOD_TTL_MIN,          YP_TINT,  YP_VINT = { 0, INT32_MAX, 0, YP_STIME } },
	{ MOD_TTL_MAX,          YP_TINT,  YP_VINT = { 1, INT32_MAX, DAY, YP_STIME } },
	{ MOD_NEGATIVE_TTL_MAX, YP_TINT,  YP_VINT = { 0, INT32_MAX, 5 * MINUTE, YP_STIME } },
	{ MOD_FAILURE_TTL,      YP_TINT,  YP_VINT = { 1, 5 * MINUTE, 5, YP_STIME } },
	{ MOD_KEEP_WARM,        YP_TINT,  YP_VINT = { 0, POLICY_WEEK, DAY, YP_STIME } },
	{ MOD_STALE_MAX,        YP_TINT,  YP_VINT = { 0, POLICY_WEEK, DAY, YP_STIME } },
	{ MOD_MAX_RATE,         YP_TINT,  YP_VINT = { 1, 1000000, 1000 } },
	{ MOD_MAX_TARGETS,      YP_TINT,  YP_VINT = { 1, 100000000, 1000000 } },
	{ MOD_ZONE_RATE,        YP_TINT,  YP_VINT = { 0, 1000000, 0 } },
	{ MOD_STORE,            YP_TSTR,  YP_VSTR = { "alias" } },
	{ MOD_SIBLING,          YP_TOPT,  YP_VOPT = { sibling_modes, SIBLING_FALLBACK } },
	{ MOD_NXDOMAIN,         YP_TOPT,  YP_VOPT = { nxdomain_modes, NXDOMAIN_NODATA } },
	{ MOD_EXPOSE,           YP_TBOOL, YP_VNONE },
	{ MOD_DENY_ADDRESS,     YP_TNET,  YP_VNONE, YP_FMULTI, { check_network } },
	{ MOD_ALLOW_TARGET,     YP_TDNAME, YP_VNONE, YP_FMULTI, { check_suffix } },
	{ MOD_DENY_TARGET,      YP_TDNAME, YP_VNONE, YP_FMULTI, { check_suffix } },
	{ NULL }
};
/* clang-format on */

int conf_check(knotd_conf_check_args_t *args)
{
	knotd_conf_t ttl_min = knotd_conf_check_item(args, MOD_TTL_MIN);
	knotd_conf_t ttl_max = knotd_conf_check_item(args, MOD_TTL_MAX);
	if (ttl_min.single.integer > ttl_max.single.integer) {
		args->err_str = "ttl-min must not be greater than ttl-max";
		return KNOT_EINVAL;
	}

	knotd_conf_t resolver = knotd_conf_check_item(args, MOD_RESOLVER);
	size_t count = resolver.count;
	knotd_conf_free(&resolver);
	if (count > RESOLVERS_MAX) {
		args->err_str = "resolver takes at most 8 addresses";
		return KNOT_EINVAL;
	}

	return KNOT_EOK;
}

static void load_policy(policy_t *policy, knotd_mod_t *mod)
{
	refresh_options_t *options = &policy->refresh;
	options->timeout = knotd_conf_mod(mod, MOD_TIMEOUT).single.integer;
	options->retry = knotd_conf_mod(mod, MOD_RETRY).single.integer;
	options->failure_ttl = knotd_conf_mod(mod, MOD_FAILURE_TTL).single.integer;
	options->negative_ttl_max = knotd_conf_mod(mod, MOD_NEGATIVE_TTL_MAX).single.integer;
	options->keep_warm = knotd_conf_mod(mod, MOD_KEEP_WARM).single.integer;
	options->stale_max = knotd_conf_mod(mod, MOD_STALE_MAX).single.integer;

	policy->cold_wait = knotd_conf_mod(mod, MOD_COLD_WAIT).single.integer;
	policy->ttl_min = knotd_conf_mod(mod, MOD_TTL_MIN).single.integer;
	policy->ttl_max = knotd_conf_mod(mod, MOD_TTL_MAX).single.integer;
	policy->sibling = knotd_conf_mod(mod, MOD_SIBLING).single.option;
	policy->nxdomain = knotd_conf_mod(mod, MOD_NXDOMAIN).single.option;
	policy->expose = knotd_conf_mod(mod, MOD_EXPOSE).single.boolean;
	options->hold = (policy->nxdomain == NXDOMAIN_HOLD);
}

/*! The octets of an address. check_network() accepts only IPv4 and IPv6. */
static const uint8_t *address_octets(const struct sockaddr_storage *addr)
{
	return (addr->ss_family == AF_INET) ? (const uint8_t *)&((const struct sockaddr_in *)addr)->sin_addr :
	                                      (const uint8_t *)&((const struct sockaddr_in6 *)addr)->sin6_addr;
}

static int load_networks(address_set_t *set, knotd_mod_t *mod)
{
	knotd_conf_t conf = knotd_conf_mod(mod, MOD_DENY_ADDRESS);
	int ret = KNOT_EOK;
	for (size_t i = 0; i < conf.count && ret == KNOT_EOK; i++) {
		const knotd_conf_val_t *val = &conf.multi[i];
		const uint8_t *addr = address_octets(&val->addr);
		size_t len = (val->addr.ss_family == AF_INET) ? FILTER_IPV4_LEN : FILTER_IPV6_LEN;
		if (val->addr_max.ss_family != AF_UNSPEC) {
			ret = address_set_add_range(set, addr, address_octets(&val->addr_max), len);
		} else {
			unsigned whole = len * 8;
			ret = address_set_add_network(set, addr, len, val->addr_mask < 0 ? whole : (unsigned)val->addr_mask);
		}
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

static int load_filters(policy_t *policy, knotd_mod_t *mod)
{
	int ret = load_networks(&policy->deny_address, mod);
	if (ret == KNOT_EOK) {
		ret = load_suffixes(&policy->allow_target, mod, MOD_ALLOW_TARGET);
	}
	if (ret == KNOT_EOK) {
		ret = load_suffixes(&policy->deny_target, mod, MOD_DENY_TARGET);
	}
	if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR, "failed to load 'deny-address', 'allow-target' or 'deny-target' (%s)",
		              knot_strerror(ret));
	}
	return ret;
}

static int load_resolvers(resolvers_t *set, knotd_mod_t *mod)
{
	knotd_conf_t conf = knotd_conf_mod(mod, MOD_RESOLVER);
	int ret = KNOT_EOK;
	for (size_t i = 0; i < conf.count && ret == KNOT_EOK; i++) {
		ret = resolvers_add(set, &conf.multi[i].addr);
	}
	knotd_conf_free(&conf);
	if (ret == KNOT_EOK && set->count == 0) {
		ret = resolvers_system(set);
	}
	set->require_ad = knotd_conf_mod(mod, MOD_REQUIRE_AD).single.boolean;
	if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR,
		              "no usable resolver, neither in option 'resolver' "
		              "nor in the system's resolv.conf");
	}
	return ret;
}

/*! Reads the directory of the store. A relative path is below knotd's databases. */
static int load_store(char *path, knotd_mod_t *mod)
{
	const char *store = knotd_conf_mod(mod, MOD_STORE).single.string;
	if (store[0] == '\0') {
		return KNOT_EOK;
	}
	const char *storage = knotd_conf(mod, ITEM_DATABASE, ITEM_STORAGE, NULL).single.string;
	int len = (store[0] == '/') ? snprintf(path, ENGINE_STORE_MAX, "%s", store) :
	                              snprintf(path, ENGINE_STORE_MAX, "%s/%s", storage, store);
	if (len < 0 || len >= ENGINE_STORE_MAX) {
		memset(path, 0, ENGINE_STORE_MAX);
		knotd_mod_log(mod, LOG_ERR, "path in option 'store' is too long");
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
	knotd_conf_t bitmap = knotd_conf(mod, ITEM_ONLINESIGN, ITEM_NSEC_BITMAP, id);
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

/*! Finds mod-onlinesign in the zone's list of modules. It must be after this module: it signs what is there by then. */
static int find_onlinesign(conf_alias_t *conf, knotd_conf_t *policy_id, knotd_mod_t *mod)
{
	bool self_seen = false;
	int ret = KNOT_EOK;

	knotd_conf_t list = knotd_conf_zone(mod, ITEM_MODULE, knotd_mod_zone(mod));
	for (size_t i = 0; i < list.count; i++) {
		const uint8_t *item = list.multi[i].data;
		size_t id_pos = 1 + item[0], id_len = list.multi[i].data_len - id_pos;
		if (is_module(item, MODULE_NAME_STR)) {
			self_seen = true;
		} else if (is_module(item, ONLINESIGN)) {
			if (!self_seen) {
				knotd_mod_log(mod, LOG_ERR,
				              "must be listed before mod-onlinesign "
				              "in option 'module' of the zone, which signs only what is there by then");
				ret = KNOT_EINVAL;
				break;
			}
			conf->onlinesign = true;
			if (id_len > 0) {
				knotd_conf_t id = { .single = { .data = item + id_pos, .data_len = id_len } };
				*policy_id = knotd_conf(mod, ITEM_ONLINESIGN, ITEM_POLICY, &id);
				check_nsec_bitmap(mod, &id);
			}
		}
	}
	knotd_conf_free(&list);

	return ret;
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
		algorithm = knotd_conf(mod, ITEM_POLICY, ITEM_ALGORITHM, policy_id);
		int64_t ksk = knotd_conf(mod, ITEM_POLICY, ITEM_KSK_SIZE, policy_id).single.integer;
		int64_t zsk = knotd_conf(mod, ITEM_POLICY, ITEM_ZSK_SIZE, policy_id).single.integer;
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

	bool pkcs11 = knotd_conf(mod, ITEM_KEYSTORE, ITEM_BACKEND, id).single.option == PKCS11;
	const char *config = knotd_conf(mod, ITEM_KEYSTORE, ITEM_CONFIG, id).single.string;
	if (pkcs11 || config[0] == '/') {
		return keystores_add(stores, pkcs11, config);
	}

	const char *storage = knotd_conf(mod, ITEM_DATABASE, ITEM_STORAGE, NULL).single.string;
	const char *kasp = knotd_conf(mod, ITEM_DATABASE, ITEM_KASP_DB, NULL).single.string;
	char *path = NULL;
	int len = (kasp[0] == '/') ? asprintf(&path, "%s/%s", kasp, config) :
	                             asprintf(&path, "%s/%s/%s", storage, kasp, config);
	if (len < 0) {
		return KNOT_ENOMEM;
	}
	int ret = keystores_add(stores, pkcs11, path);
	free(path);
	return ret;
}

/*! Adds the keystores of a policy: one, or several in newer versions of Knot. */
static int load_keystores(keystores_t *stores, const knotd_conf_t *policy, knotd_mod_t *mod)
{
	knotd_conf_t ids = knotd_conf(mod, ITEM_POLICY, ITEM_KEYSTORE, policy);
	int ret = KNOT_EOK;
	if (ids.multi == NULL) {
		ids = or_default(ids);
		return load_keystore(stores, &ids, mod);
	}
	for (size_t i = 0; i < ids.count && ret == KNOT_EOK; i++) {
		knotd_conf_t id = or_default((knotd_conf_t){ .single = ids.multi[i] });
		ret = load_keystore(stores, &id, mod);
	}
	knotd_conf_free(&ids);
	return ret;
}

/*! Reads how Knot signs the zone; this module signs in the same way. */
static int load_signer(signer_conf_t *conf, knotd_mod_t *mod)
{
	knotd_conf_t policy = or_default(knotd_conf_zone(mod, ITEM_DNSSEC_POLICY, knotd_mod_zone(mod)));
	int ret = load_keystores(&conf->stores, &policy, mod);
	if (ret != KNOT_EOK) {
		knotd_mod_log(mod, LOG_ERR, "failed to load the keystore of the zone's policy (%s)", knot_strerror(ret));
		return ret;
	}

	conf->lifetime = knotd_conf(mod, ITEM_POLICY, ITEM_RRSIG_LIFETIME, &policy).single.integer;
	knotd_conf_t refresh = knotd_conf(mod, ITEM_POLICY, ITEM_RRSIG_REFRESH, &policy);
	conf->refresh_by_ttl = (refresh.single.integer == YP_NIL);
	if (conf->refresh_by_ttl) {
		refresh = knotd_conf(mod, ITEM_POLICY, ITEM_PROPAGATION, &policy);
	}
	conf->refresh = refresh.single.integer;
	conf->reproducible = knotd_conf(mod, ITEM_POLICY, ITEM_REPRODUCIBLE, &policy).single.boolean;
	return KNOT_EOK;
}

int conf_load(conf_alias_t *conf, knotd_mod_t *mod)
{
	memset(conf, 0, sizeof(*conf));

	knotd_conf_t policy_id = { 0 };
	int ret = find_onlinesign(conf, &policy_id, mod);
	if (ret != KNOT_EOK) {
		return ret;
	}
	if (conf->onlinesign) {
		conf->rrsig_len = rrsig_len(mod, &policy_id);
	} else {
		conf->signing = knotd_conf_zone(mod, ITEM_DNSSEC_SIGNING, knotd_mod_zone(mod)).single.boolean;
		ret = conf->signing ? load_signer(&conf->signer, mod) : KNOT_EOK;
		if (ret != KNOT_EOK) {
			return ret;
		}
	}

	load_policy(&conf->policy, mod);
	ret = load_filters(&conf->policy, mod);
	if (ret == KNOT_EOK) {
		ret = load_resolvers(&conf->engine.resolvers, mod);
	}
	if (ret == KNOT_EOK) {
		ret = load_store(conf->engine.store, mod);
	}
	if (ret != KNOT_EOK) {
		return ret;
	}
	conf->limits.max_rate = knotd_conf_mod(mod, MOD_MAX_RATE).single.integer;
	conf->limits.max_targets = knotd_conf_mod(mod, MOD_MAX_TARGETS).single.integer;
	conf->zone_rate = knotd_conf_mod(mod, MOD_ZONE_RATE).single.integer;

	conf->max_waiters = knotd_conf_env(mod, KNOTD_CONF_ENV_WORKERS_TCP).single.integer / 2;
	conf->rotate = knotd_conf(mod, ITEM_SERVER, ITEM_ANSWER_ROTATION, NULL).single.boolean;

	return KNOT_EOK;
}

void conf_free(conf_alias_t *conf)
{
	keystores_free(&conf->signer.stores);
	address_set_free(&conf->policy.deny_address);
	name_set_free(&conf->policy.allow_target);
	name_set_free(&conf->policy.deny_target);
}
