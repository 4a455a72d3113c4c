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

	uint16_t port;
	const void *data;
	size_t len;
	if (addr->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
		if (IN_MULTICAST(ntohl(in->sin_addr.s_addr)) || in->sin_addr.s_addr == INADDR_BROADCAST) {
			return KNOT_ENOTSUP;
		}
		port = ntohs(in->sin_port);
		data = &in->sin_addr;
		len = sizeof(in->sin_addr);
	} else if (addr->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
		if (IN6_IS_ADDR_MULTICAST(&in6->sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) {
			return KNOT_ENOTSUP;
		}
		port = ntohs(in6->sin6_port);
		data = &in6->sin6_addr;
		len = sizeof(in6->sin6_addr);
	} else {
		return KNOT_ENOTSUP;
	}
	if (port == 0 || memcmp(data, any, len) == 0) {
		return KNOT_ENOTSUP;
	}

	if (set->count == RESOLVERS_MAX) {
		return KNOT_ELIMIT;
	}
	set->server[set->count].family = addr->ss_family;
	set->server[set->count].port = port;
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
	int ret = ares_get_servers_ports(channel, &nodes) == ARES_SUCCESS ? KNOT_EOK : KNOT_ENOENT;
	for (const struct ares_addr_port_node *node = nodes; node != NULL; node = node->next) {
		struct sockaddr_storage addr = { .ss_family = node->family };
		uint16_t port = htons(node->udp_port != 0 ? node->udp_port : 53);
		if (node->family == AF_INET) {
			((struct sockaddr_in *)&addr)->sin_addr = node->addr.addr4;
			((struct sockaddr_in *)&addr)->sin_port = port;
		} else {
			memcpy(&((struct sockaddr_in6 *)&addr)->sin6_addr, &node->addr.addr6,
			       sizeof(node->addr.addr6));
			((struct sockaddr_in6 *)&addr)->sin6_port = port;
		}
		(void)resolvers_add(set, &addr); /* An unusable address is skipped. */
	}
	ares_free_data(nodes);
	ares_destroy(channel);

	return (ret == KNOT_EOK && set->count == 0) ? KNOT_ENOENT : ret;
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
