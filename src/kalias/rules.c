/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/rules.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "kalias/kalias.h"

/*! \return The length of the address, 0 if there is none. */
static size_t read_octets(uint8_t addr[FILTER_IPV6_LEN], const char *text)
{
	if (inet_pton(AF_INET, text, addr) == 1) {
		return FILTER_IPV4_LEN;
	}
	return inet_pton(AF_INET6, text, addr) == 1 ? FILTER_IPV6_LEN : 0;
}

void rules_deny_network(address_set_t *set, const char *text)
{
	char first[2 * INET6_ADDRSTRLEN];
	uint8_t addr[FILTER_IPV6_LEN], last[FILTER_IPV6_LEN];
	if ((size_t)snprintf(first, sizeof(first), "%s", text) >= sizeof(first)) {
		return;
	}
	char *rest = first + strcspn(first, "/-");
	char separator = *rest;
	*rest = '\0';
	size_t len = read_octets(addr, first);
	int ret = KNOT_EOK;
	if (len == 0) {
		return;
	} else if (separator == '-') {
		ret = read_octets(last, rest + 1) == len ? address_set_add_range(set, addr, last, len) : KNOT_EOK;
	} else {
		unsigned long prefix = separator == '/' ? strtoul(rest + 1, NULL, 10) : len * 8;
		ret = address_set_add_network(set, addr, len, prefix);
	}
	if (ret == KNOT_ENOMEM) {
		exit(fail("not enough memory"));
	}
}

void rules_seal(rules_t *rules)
{
	address_set_seal(&rules->deny_address);
	name_set_seal(&rules->allow_target);
	name_set_seal(&rules->deny_target);
}

void rules_free(rules_t *rules)
{
	address_set_free(&rules->deny_address);
	name_set_free(&rules->allow_target);
	name_set_free(&rules->deny_target);
}

bool rules_deny_target(const rules_t *rules, const knot_dname_t *name)
{
	return (rules->allow_target.count > 0 && !name_set_covers(&rules->allow_target, name)) ||
	       name_set_covers(&rules->deny_target, name);
}
