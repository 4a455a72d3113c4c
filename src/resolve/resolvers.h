/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Sets of resolvers: their addresses, ports and order.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

/*! Most resolvers in one set. */
#define RESOLVERS_MAX 8

/*! A set of resolvers in the order of preference; zeroed before use, so that sets compare by memcmp(). */
typedef struct {
	unsigned count;
	bool require_ad; /*!< Only replies that the resolver validated (AD bit) are used (RFC 4035, section 3.2.3). */
	struct {
		int family;       /*!< AF_INET or AF_INET6. */
		uint16_t port;    /*!< Host order. */
		uint8_t addr[16]; /*!< Network order. */
	} server[RESOLVERS_MAX];
} resolvers_t;

/*!
 * \brief Appends an address with port. Any thread.
 *
 * \return KNOT_ENOTSUP if no resolver can have this address, KNOT_ELIMIT if the set is full, or KNOT_EOK.
 */
int resolvers_add(resolvers_t *set, const struct sockaddr_storage *addr);

/*! Size of a set as text, octets. */
#define RESOLVERS_TEXT_MAX (RESOLVERS_MAX * 56)

/*! \brief Prints a set as "ADDR@PORT, ADDR@PORT". Any thread. */
void resolvers_print(char text[RESOLVERS_TEXT_MAX], const resolvers_t *set);

/*!
 * \brief Appends the addresses of all lines "nameserver ADDRESS" that a resolver can have, with port 53. Any thread.
 *
 * c-ares would take 127.0.0.1 where there is none, which may be knotd itself.
 *
 * \return KNOT_ENOENT if the set is empty then, or KNOT_EOK.
 */
int resolvers_read(resolvers_t *set, FILE *file);

/*!
 * \brief Fills an empty set with the system's resolvers, those of resolv.conf. Any thread.
 *
 * \return As resolvers_read(); another KNOT_E* if the file can't be read.
 */
int resolvers_system(resolvers_t *set);
