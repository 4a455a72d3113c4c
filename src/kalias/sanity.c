/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/sanity.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "kalias/alias.h"

const char *sanity_owner(const char *owner, const knot_dname_t *zone, bool has_ttl)
{
	uint32_t ttl;
	knot_dname_storage_t name;
	if (!has_ttl && alias_read_ttl(&ttl, owner)) {
		return "is a TTL: the owner comes first; if it is the owner, give a TTL as well";
	}
	if (zone == NULL || zone[0] == '\0' || alias_is_absolute(owner) || !alias_read_name(name, owner, NULL)) {
		return NULL;
	}
	knot_dname_storage_t lower;
	knot_dname_copy_lower(lower, zone);
	knot_dname_to_lower(name);
	if (knot_dname_in_bailiwick(name, lower) >= 0) {
		return "ends with the name of the zone, but has no final dot, so that the zone is appended: add the dot";
	}
	return NULL;
}

/*! Whether a label is a number, which the last one of a host name never is. */
static bool is_number(const uint8_t *label)
{
	size_t digits = 0;
	while (digits < label[0] && isdigit(label[1 + digits])) {
		digits++;
	}
	return label[0] > 0 && digits == label[0];
}

static bool is_host_name(const knot_dname_t *name)
{
	for (; name[0] != '\0'; name += 1 + name[0]) {
		for (size_t i = 1; i <= name[0]; i++) {
			if (!isalnum(name[i]) && name[i] != '-' && name[i] != '_') {
				return false;
			}
		}
	}
	return true;
}

const char *sanity_target(bool *refused, const char *text, const knot_dname_t *target, bool relative)
{
	struct in6_addr address;
	const knot_dname_t *last = target;
	while (last[0] != '\0' && last[1 + last[0]] != '\0') {
		last += 1 + last[0];
	}
	bool absolute = !relative || alias_is_absolute(text);

	*refused = true;
	if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1 ||
	    (absolute && is_number(last))) {
		return "is an address, not the name of a host: for an address write A or AAAA";
	} else if (strstr(text, "//") != NULL || (strchr(text, '/') != NULL && strchr(text, '\\') == NULL)) {
		return "is a URL: only the host's name in it can be a target";
	} else if (strchr(text, ':') != NULL && strchr(text, '\\') == NULL) {
		return "has a port: only the host's name can be a target";
	} else if (absolute && last == target && target[0] != '\0') {
		*refused = !alias_is_absolute(text);
		return *refused ? "has one label only: write the whole name, with a final dot if that is it" :
		                  "has one label only";
	}
	*refused = false;
	return is_host_name(target) ? NULL : "has octets that no host name has";
}

exit_t sanity_arguments(const char *command, const char *owner, const knot_dname_t *zone, bool has_ttl,
                        const char *text, const knot_dname_t *target)
{
	const char *rule = sanity_owner(owner, zone, has_ttl);
	if (rule != NULL) {
		return misuse(command, "owner '%s' %s", owner, rule);
	}
	bool refused = false;
	rule = (text == NULL) ? NULL : sanity_target(&refused, text, target, false);
	if (rule != NULL && refused) {
		return misuse(command, "target '%s' %s", text, rule);
	} else if (rule != NULL) {
		warn("target '%s' %s", text, rule);
	}
	return EXIT_FINE;
}
