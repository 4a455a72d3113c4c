/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Asks knotd for its configuration, item by item, as files and databases are read in the same way then. Errors count
 * as "not set", except where nothing can go on without the item.
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

/*! Reads an item. It has no values if it is not set, or if its section does not exist. */
static const char *read_item(values_t *values, control_t *control, const char *section, const char *id,
                             const char *item)
{
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = "conf-read",
		[KNOT_CTL_IDX_SECTION] = section,
		[KNOT_CTL_IDX_ID] = id,
		[KNOT_CTL_IDX_ITEM] = item,
	};
	memset(values, 0, sizeof(*values));
	return control_run(control, request, take_value, values);
}

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

const char *knotconf_get_server(struct sockaddr_storage *addr, control_t *control)
{
	values_t values;
	const char *error = read_item(&values, control, "server", NULL, "listen");
	for (unsigned i = 0; error == NULL && i < values.count; i++) {
		if (knotconf_read_address(addr, values.text[i])) { /* It may also be the path of a socket. */
			replace_wildcard(addr);
			return NULL;
		}
	}
	return error != NULL ? error : "no address";
}

bool knotconf_find_server(struct sockaddr_storage *addr, control_t *control)
{
	const char *error = knotconf_get_server(addr, control);
	if (error != NULL) {
		fail("server.listen: %s, give one with --server", error);
	}
	return error == NULL;
}

static void read_resolvers(resolvers_t *resolvers, control_t *control, const char *name, const char *id)
{
	values_t values;
	(void)read_item(&values, control, name, id, "resolver");
	for (unsigned i = 0; i < values.count; i++) {
		struct sockaddr_storage addr;
		if (knotconf_read_address(&addr, values.text[i])) {
			(void)resolvers_add(resolvers, &addr);
		}
	}
}

static sibling_t read_sibling(control_t *control, const char *name, const char *id)
{
	values_t values;
	(void)read_item(&values, control, name, id, "sibling");
	const char *mode = values.text[0]; /* Empty if not set. */
	if (strcmp(mode, "merge") == 0) {
		return SIBLING_MERGE;
	}
	return strcmp(mode, "override") == 0 ? SIBLING_OVERRIDE : SIBLING_FALLBACK;
}

/*! Reads an item of a zone, or of its template. \return false if the configuration does not have the zone. */
static bool read_zone_item(values_t *values, control_t *control, const char *zone, const char *item)
{
	if (read_item(values, control, "zone", zone, item) != NULL) {
		return false;
	}
	if (values->count == 0) {
		values_t template;
		(void)read_item(&template, control, "zone", zone, "template");
		const char *name = template.count > 0 ? template.text[0] : DEFAULT_TEMPLATE;
		(void)read_item(values, control, "template", name, item);
	}
	return true;
}

change_fate_t knotconf_fate_of_change(control_t *control, const char *zone)
{
	values_t sync, load, journal;
	if (!read_zone_item(&sync, control, zone, "zonefile-sync") || strcmp(sync.text[0], "-1") != 0 ||
	    !read_zone_item(&load, control, zone, "zonefile-load") ||
	    !read_zone_item(&journal, control, zone, "journal-content")) {
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
static bool is_builtin(control_t *control, const char *name)
{
	values_t values;
	return alias_is_known() && read_item(&values, control, name, NULL, "resolver") != NULL && !control_is_lost(control);
}

void knotconf_find_section(section_t *section, control_t *control, const char *zone)
{
	memset(section, 0, sizeof(*section));
	section->sibling = SIBLING_FALLBACK;

	values_t modules;
	section->state = read_zone_item(&modules, control, zone, "module") ? MODULE_ABSENT : MODULE_UNKNOWN;
	/* Beside Knot's own, this one answers nothing. */
	const char *name = MODULE_NAME_SHARED, *id = find_module(&modules, name);
	if (id != NULL && is_builtin(control, name)) {
		section->state = MODULE_BUILTIN;
		id = NULL;
	} else if (id == NULL) {
		name = MODULE_NAME_FREE;
		id = find_module(&modules, name);
	}

	if (id == NULL) {
		read_resolvers(&section->resolvers, control, MODULE_NAME_FREE, NULL);
		if (section->resolvers.count == 0) {
			read_resolvers(&section->resolvers, control, MODULE_NAME_SHARED, NULL);
		}
		return;
	}
	section->state = MODULE_PRESENT;
	snprintf(section->name, sizeof(section->name), "%s%s%s", name, id[0] != '\0' ? "/" : "", id);
	if (id[0] != '\0') {
		section->sibling = read_sibling(control, name, id);
		read_resolvers(&section->resolvers, control, name, id);
	}
}
