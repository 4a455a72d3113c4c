/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Asks knotd for its configuration, item by item, as files and databases are read in the same way then: of one zone, or
 * of all at once. Errors count as "not set", except where nothing can go on without the item.
 */

#include "kalias/knotconf.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "kalias/alias.h"
#include "util/name.h"

#define DNS_PORT 53
#define DEFAULT_TEMPLATE "default"

/*! Room for a value: the longest is a domain name with all octets escaped. */
#define VALUE_MAX 1024
/*! Values of an item that are looked at. */
#define VALUES_MAX 16

/*! The values of an item. If several sections have it, those of the first section. */
typedef struct {
	char id[VALUE_MAX];
	bool other; /*!< The values that follow are those of another section. */
	unsigned count;
	char text[VALUES_MAX][VALUE_MAX];
} values_t;

bool knotconf_read_address(struct sockaddr_storage *addr, const char *text)
{
	char host[INET6_ADDRSTRLEN + 1 + UV_IF_NAMESIZE];
	size_t len = strcspn(text, "@");
	if (len >= sizeof(host)) {
		return false;
	}
	memcpy(host, text, len);
	host[len] = '\0';

	long port = DNS_PORT;
	if (text[len] == '@') {
		char *end;
		port = strtol(text + len + 1, &end, 10);
		if (end == text + len + 1 || *end != '\0' || port < 1 || port > UINT16_MAX) {
			return false;
		}
	}

	memset(addr, 0, sizeof(*addr));
	return uv_ip4_addr(host, port, (struct sockaddr_in *)addr) == 0 ||
	       uv_ip6_addr(host, port, (struct sockaddr_in6 *)addr) == 0;
}

exit_t knotconf_take_resolver(resolvers_t *resolvers, const char *command, const char *text)
{
	struct sockaddr_storage addr;
	if (!knotconf_read_address(&addr, text)) {
		return misuse(command, "--resolver takes ADDR[@PORT], not '%s'", text);
	}
	switch (resolvers_add(resolvers, &addr)) {
	case KNOT_EOK:
		return EXIT_FINE;
	case KNOT_ELIMIT:
		return misuse(command, "at most %d resolvers", RESOLVERS_MAX);
	default:
		return misuse(command, "--resolver takes the unicast address of a host, not '%s'", text);
	}
}

static void take_value(void *ctx, knot_ctl_data_t data)
{
	values_t *values = ctx;
	const char *text = data[KNOT_CTL_IDX_DATA], *id = data[KNOT_CTL_IDX_ID];
	if (id != NULL && values->count == 0) {
		snprintf(values->id, sizeof(values->id), "%s", id);
	}
	values->other |= id != NULL && strcmp(id, values->id) != 0;
	if (text != NULL && !values->other && values->count < VALUES_MAX) {
		snprintf(values->text[values->count++], VALUE_MAX, "%s", text);
	}
}

/* --- items, of one zone, template or section or of all --- */

typedef struct {
	char *id;
	char *text;
	size_t pos; /*!< In the reply. */
} conf_value_t;

/*! An item of all zones, templates or sections of a module; sorted by ID. */
typedef struct conf_item {
	struct conf_item *next;
	char *section;
	char *item;
	char *error; /*!< NULL: none. */
	conf_value_t *values;
	size_t count;
} conf_item_t;

static const char *request_item(control_t *control, const char *section, const char *id, const char *item,
                                control_take_f take, void *ctx)
{
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "conf-read",
		[KNOT_CTL_IDX_SECTION] = section,
		[KNOT_CTL_IDX_ID] = id,
		[KNOT_CTL_IDX_ITEM] = item,
	};
	return control_run(control, request, take, ctx);
}

static char *copy(const char *text)
{
	return not_null(strdup(text));
}

static void keep_value(void *ctx, knot_ctl_data_t data)
{
	conf_item_t *all = ctx;
	const char *text = data[KNOT_CTL_IDX_DATA];
	const char *id = data[KNOT_CTL_IDX_ID] != NULL ? data[KNOT_CTL_IDX_ID] : text; /* The item may be the ID. */
	if (text == NULL) {
		return;
	}
	if ((all->count & (all->count - 1)) == 0) { /* Doubled at each power of two. */
		size_t room = all->count > 0 ? 2 * all->count : 1;
		all->values = not_null(realloc(all->values, room * sizeof(*all->values)));
	}
	all->values[all->count] = (conf_value_t){
		.id = copy(id), .text = copy(text), .pos = all->count
	};
	all->count++;
}

static int compare_values(const void *a, const void *b)
{
	const conf_value_t *x = a, *y = b;
	int cmp = strcmp(x->id, y->id);
	return cmp != 0 ? cmp : (x->pos > y->pos) - (x->pos < y->pos);
}

static const conf_item_t *get_all(knotconf_t *conf, const char *section, const char *item)
{
	conf_item_t *all = conf->items;
	while (all != NULL && (strcmp(all->section, section) != 0 || strcmp(all->item, item) != 0)) {
		all = all->next;
	}
	if (all != NULL) {
		return all;
	}
	all = not_null(calloc(1, sizeof(*all)));
	all->section = copy(section);
	all->item = copy(item);
	const char *error = request_item(conf->control, section, NULL, item, keep_value, all);
	all->error = error != NULL ? copy(error) : NULL;
	if (all->count > 0) {
		qsort(all->values, all->count, sizeof(*all->values), compare_values);
	}
	all->next = conf->items;
	conf->items = all;
	return all;
}

/*! The first value that an ID has, or where it would be. */
static size_t find_first(const conf_item_t *all, const char *id)
{
	size_t low = 0, high = all->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(all->values[middle].id, id) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool has_id(const conf_item_t *all, size_t pos, const char *id)
{
	return pos < all->count && strcmp(all->values[pos].id, id) == 0;
}

/*! Takes the values of an item, none if it is not set. \return NULL, or why there can be none. */
static const char *take_item(knotconf_t *conf, const char *section, const char *id, const char *item,
                             control_take_f take, void *ctx)
{
	if (!conf->whole || id == NULL) {
		return request_item(conf->control, section, id, item, take, ctx);
	}
	const conf_item_t *all = get_all(conf, section, item);
	size_t pos = find_first(all, id);
	if (all->error == NULL && !has_id(all, pos, id) && strcmp(section, "zone") == 0) {
		const conf_item_t *zones = get_all(conf, section, "domain");
		if (!has_id(zones, find_first(zones, id), id)) {
			return "no such zone";
		}
	}
	for (; has_id(all, pos, id); pos++) {
		knot_ctl_data_t data = { [KNOT_CTL_IDX_ID] = id, [KNOT_CTL_IDX_DATA] = all->values[pos].text };
		take(ctx, data);
	}
	return all->error;
}

void knotconf_clear(knotconf_t *conf)
{
	while (conf->items != NULL) {
		conf_item_t *all = conf->items;
		conf->items = all->next;
		for (size_t i = 0; i < all->count; i++) {
			free(all->values[i].id);
			free(all->values[i].text);
		}
		free(all->values);
		free(all->section);
		free(all->item);
		free(all->error);
		free(all);
	}
}

static const char *read_item(values_t *values, knotconf_t *conf, const char *section, const char *id, const char *item)
{
	memset(values, 0, sizeof(*values));
	return take_item(conf, section, id, item, take_value, values);
}

/* --- what they mean --- */

/*! Replaces the address that means all interfaces by that of the loopback interface. */
static void replace_wildcard(struct sockaddr_storage *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	if (addr->ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY)) {
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (addr->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)) {
		in6->sin6_addr = in6addr_loopback;
	}
}

const char *knotconf_get_server(struct sockaddr_storage *addr, const knotconf_t *conf)
{
	values_t values;
	memset(&values, 0, sizeof(values));
	const char *error = request_item(conf->control, "server", NULL, "listen", take_value, &values);
	for (unsigned i = 0; error == NULL && i < values.count; i++) {
		if (knotconf_read_address(addr, values.text[i])) { /* It may also be the path of a socket. */
			replace_wildcard(addr);
			return NULL;
		}
	}
	return error != NULL ? error : "no address";
}

bool knotconf_find_server(struct sockaddr_storage *addr, const knotconf_t *conf)
{
	const char *error = knotconf_get_server(addr, conf);
	if (error != NULL) {
		fail("server.listen: %s, give one with --server", error);
	}
	return error == NULL;
}

static void read_resolvers(resolvers_t *resolvers, knotconf_t *conf, const char *name, const char *id)
{
	values_t values;
	(void)read_item(&values, conf, name, id, "resolver");
	for (unsigned i = 0; i < values.count; i++) {
		struct sockaddr_storage addr;
		if (knotconf_read_address(&addr, values.text[i])) {
			(void)resolvers_add(resolvers, &addr);
		}
	}
}

static sibling_t read_sibling(knotconf_t *conf, const char *name, const char *id)
{
	values_t values;
	(void)read_item(&values, conf, name, id, "sibling");
	const char *mode = values.text[0]; /* Empty if not set. */
	if (strcmp(mode, "merge") == 0) {
		return SIBLING_MERGE;
	}
	return strcmp(mode, "override") == 0 ? SIBLING_OVERRIDE : SIBLING_FALLBACK;
}

/*! Reads an item of a zone, or of its template. \return false if the configuration does not have the zone. */
static bool read_zone_item(values_t *values, knotconf_t *conf, const char *zone, const char *item)
{
	if (read_item(values, conf, "zone", zone, item) != NULL) {
		return false;
	}
	if (values->count == 0) {
		values_t template;
		(void)read_item(&template, conf, "zone", zone, "template");
		const char *name = template.count > 0 ? template.text[0] : DEFAULT_TEMPLATE;
		(void)read_item(values, conf, "template", name, item);
	}
	return true;
}

change_fate_t knotconf_fate_of_change(knotconf_t *conf, const char *zone)
{
	values_t sync, load, journal;
	if (!read_zone_item(&sync, conf, zone, "zonefile-sync") || strcmp(sync.text[0], "-1") != 0 ||
	    !read_zone_item(&load, conf, zone, "zonefile-load") ||
	    !read_zone_item(&journal, conf, zone, "journal-content")) {
		return CHANGE_STAYS;
	}
	const char *mode = load.text[0]; /* Empty if not set: whole. */
	if (strcmp(mode, "none") == 0) {
		return CHANGE_STAYS;
	}
	bool kept = strcmp(journal.text[0], "none") != 0; /* In the journal, from which an unedited file gets it. */
	return (!kept || strcmp(mode, "difference-no-serial") == 0) ? CHANGE_UNTIL_LOADED : CHANGE_UNTIL_EDITED;
}

/*! Finds a module in a list. \return Its section, or "" without one; NULL if it is not in the list. */
static const char *find_module(const values_t *modules, const char *name)
{
	const size_t len = strlen(name);
	for (unsigned i = 0; i < modules->count; i++) {
		const char *module = modules->text[i];
		if (strncmp(module, name, len) == 0 && (module[len] == '/' || module[len] == '\0')) {
			return module + len + (module[len] == '/');
		}
	}
	return NULL;
}

/*! Whether a module is Knot's own: it has no options, and Knot knows ALIAS. */
static bool is_builtin(knotconf_t *conf, const char *name)
{
	values_t values;
	return alias_is_known() && read_item(&values, conf, name, NULL, "resolver") != NULL && !control_is_lost(conf->control);
}

void knotconf_find_section(section_t *section, knotconf_t *conf, const char *zone)
{
	memset(section, 0, sizeof(*section));
	section->sibling = SIBLING_FALLBACK;

	values_t modules;
	section->state = read_zone_item(&modules, conf, zone, "module") ? MODULE_ABSENT : MODULE_UNKNOWN;
	/* Beside Knot's own, this one answers nothing. */
	const char *name = MODULE_NAME_SHARED, *id = find_module(&modules, name);
	if (id != NULL && is_builtin(conf, name)) {
		section->state = MODULE_BUILTIN;
		id = NULL;
	} else if (id == NULL) {
		name = MODULE_NAME_FREE;
		id = find_module(&modules, name);
	}

	if (id == NULL) {
		read_resolvers(&section->resolvers, conf, MODULE_NAME_FREE, NULL);
		if (section->resolvers.count == 0) {
			read_resolvers(&section->resolvers, conf, MODULE_NAME_SHARED, NULL);
		}
		return;
	}
	section->state = MODULE_PRESENT;
	snprintf(section->name, sizeof(section->name), "%s%s%s", name, id[0] != '\0' ? "/" : "", id);
	if (id[0] != '\0') {
		section->sibling = read_sibling(conf, name, id);
		read_resolvers(&section->resolvers, conf, name, id);
	}
}

static void take_network(void *ctx, knot_ctl_data_t data)
{
	if (data[KNOT_CTL_IDX_DATA] != NULL) {
		rules_deny_network(ctx, data[KNOT_CTL_IDX_DATA]);
	}
}

/*! Adds a name to a set. */
static void take_suffix(void *ctx, knot_ctl_data_t data)
{
	knot_dname_storage_t name;
	if (data[KNOT_CTL_IDX_DATA] != NULL && knot_dname_from_str(name, data[KNOT_CTL_IDX_DATA], sizeof(name)) != NULL &&
	    name_set_add(ctx, name) != KNOT_EOK) {
		exit(fail("not enough memory"));
	}
}

void knotconf_read_option(knotconf_t *conf, const char *name, const char *option, control_take_f take, void *ctx)
{
	char module[SECTION_NAME_MAX];
	snprintf(module, sizeof(module), "%s", name);
	char *id = strchr(module, '/');
	if (id != NULL) {
		*id = '\0';
		(void)take_item(conf, module, id + 1, option, take, ctx);
	}
}

void knotconf_read_rules(rules_t *rules, knotconf_t *conf, const char *name)
{
	knotconf_read_option(conf, name, "deny-address", take_network, &rules->deny_address);
	knotconf_read_option(conf, name, "allow-target", take_suffix, &rules->allow_target);
	knotconf_read_option(conf, name, "deny-target", take_suffix, &rules->deny_target);
	rules_seal(rules);
}
