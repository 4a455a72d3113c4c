/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "resolve/resolvers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define DNS_PORT 53

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

/*! Reads "nameserver ADDRESS", as resolv.conf(5) has it. \return False for anything else. */
static bool read_nameserver(struct sockaddr_storage *addr, char *line)
{
	static const char blanks[] = " \t\r\n";
	char *rest = NULL;
	const char *keyword = strtok_r(line, blanks, &rest);
	const char *text = strtok_r(NULL, blanks, &rest);
	if (keyword == NULL || text == NULL || strcmp(keyword, "nameserver") != 0) {
		return false;
	}

	memset(addr, 0, sizeof(*addr));
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	in->sin_port = htons(DNS_PORT); /* At the same place in both. */
	addr->ss_family = (inet_pton(AF_INET, text, &in->sin_addr) == 1) ? AF_INET : AF_INET6;
	return addr->ss_family == AF_INET || inet_pton(AF_INET6, text, &in6->sin6_addr) == 1;
}

int resolvers_read(resolvers_t *set, FILE *file)
{
	struct sockaddr_storage addr;
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, file) != -1) {
		if (read_nameserver(&addr, line)) {
			(void)resolvers_add(set, &addr); /* An unusable address is skipped. */
		}
	}
	free(line);
	return (set->count > 0) ? KNOT_EOK : KNOT_ENOENT;
}

int resolvers_system(resolvers_t *set)
{
	FILE *file = fopen(RESOLV_CONF, "re");
	if (file == NULL) {
		return knot_map_errno();
	}
	int ret = resolvers_read(set, file);
	(void)fclose(file);
	return ret;
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
