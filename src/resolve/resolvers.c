/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "resolve/resolvers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <libknot/errcode.h>

/* The calls that 1.34 prefers do not exist in 1.18. */
#define CARES_NO_DEPRECATED
#include <ares.h>

int resolvers_add(resolvers_t *set, const struct sockaddr_storage *addr)
{
	static const uint8_t any[16] = { 0 };

	/* The port is at the same place in both. */
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	const struct in6_addr *addr6 = &((const struct sockaddr_in6 *)addr)->sin6_addr;
	uint32_t addr4 = ntohl(in->sin_addr.s_addr);
	bool is_ipv4 = (addr->ss_family == AF_INET);
	bool unusable = is_ipv4 ? IN_MULTICAST(addr4) || addr4 == INADDR_BROADCAST :
	                          addr->ss_family != AF_INET6 || IN6_IS_ADDR_MULTICAST(addr6) ||
	                                  IN6_IS_ADDR_LINKLOCAL(addr6);
	const void *data = is_ipv4 ? (const void *)&in->sin_addr : addr6;
	size_t len = is_ipv4 ? sizeof(in->sin_addr) : sizeof(*addr6);
	if (unusable || in->sin_port == 0 || memcmp(data, any, len) == 0) {
		return KNOT_ENOTSUP;
	}
	if (set->count == RESOLVERS_MAX) {
		return KNOT_ELIMIT;
	}
	set->server[set->count].family = addr->ss_family;
	set->server[set->count].port = ntohs(in->sin_port);
	memcpy(set->server[set->count].addr, data, len);
	set->count++;

	return KNOT_EOK;
}

int resolvers_system(resolvers_t *set)
{
	ares_channel channel;
	struct ares_options options = { .flags = 0 };
	if (ares_init_options(&channel, &options, ARES_OPT_FLAGS) != ARES_SUCCESS) {
		return KNOT_ENOENT;
	}

	struct ares_addr_port_node *nodes = NULL;
	(void)ares_get_servers_ports(channel, &nodes); /* Without memory there are none. */
	for (const struct ares_addr_port_node *node = nodes; node != NULL; node = node->next) {
		struct sockaddr_storage addr = { .ss_family = node->family };
		struct sockaddr_in *in = (struct sockaddr_in *)&addr;
		in->sin_port = htons(node->udp_port != 0 ? node->udp_port : 53);
		if (node->family == AF_INET) {
			in->sin_addr = node->addr.addr4;
		} else {
			memcpy(&((struct sockaddr_in6 *)&addr)->sin6_addr, &node->addr.addr6, sizeof(node->addr.addr6));
		}
		(void)resolvers_add(set, &addr); /* An unusable address is skipped. */
	}
	ares_free_data(nodes);
	ares_destroy(channel);

	return (set->count > 0) ? KNOT_EOK : KNOT_ENOENT;
}

void resolvers_print(char text[RESOLVERS_TEXT_MAX], const resolvers_t *set)
{
	size_t pos = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < set->count; i++) {
		char addr[INET6_ADDRSTRLEN] = "";
		(void)inet_ntop(set->server[i].family, set->server[i].addr, addr, sizeof(addr));
		pos += snprintf(text + pos, RESOLVERS_TEXT_MAX - pos, "%s%s@%u", i > 0 ? ", " : "",
		                addr, set->server[i].port);
	}
}
