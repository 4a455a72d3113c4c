/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The ALIAS of the running knotd, by owner, and what else of its zones and configuration a check needs.
 */

#pragma once

#include "kalias/control.h"
#include "kalias/judge.h"
#include "resolve/resolvers.h"

/*! CNAMEs that are followed from a target, about as many as resolvers follow. */
#define CHAIN_MAX 16

/*! What an ALIAS points to. Owners with the same target and the same resolvers share it. */
typedef struct {
	knot_dname_t *name;              /*!< Lower case. */
	unsigned set;                    /*!< Index of its resolvers. */
	observed_t observed[ADDR_TYPES]; /*!< What the resolvers say. */
	unsigned pending;                /*!< Queries for it that are under way. */
	bool again;                      /*!< Is asked for once more. */
	/* Found out if the resolvers fail. */
	unsigned chain_len;
	knot_dname_t *chain[CHAIN_MAX]; /*!< The names that its CNAMEs lead to. */
	bool cname_loop;                /*!< These CNAMEs are a loop. */
	bool fails_here;                /*!< The server has the name, and no addresses for it. */
} check_target_t;

typedef struct {
	knot_dname_t *name; /*!< Lower case. */
	unsigned set;       /*!< Index of its resolvers. */
	module_state_t module;
	sibling_t sibling;
	bool is_signed; /*!< Found out by asking the server. */
} check_zone_t;

/*! A name with ALIAS. */
typedef struct {
	const check_zone_t *zone;
	knot_dname_t *name;                           /*!< Lower case. */
	knot_dname_t *asked;                          /*!< The name itself, or one that a wildcard covers. */
	uint32_t ttl;                                 /*!< Of the ALIAS, s. */
	knot_dname_t *target_name[ALIAS_TARGETS_MAX]; /*!< Lower case; as many as `findings` says. */
	check_target_t *target[ALIAS_TARGETS_MAX];
	findings_t findings;
	unsigned problems; /*!< What judge_owner() found. */
	unsigned pending;  /*!< Queries to the server that are under way. */
	unsigned mark;     /*!< Of the search for loops. */
} check_owner_t;

typedef struct {
	struct sockaddr_storage server;
	resolvers_t *sets; /*!< Different sets of resolvers. */
	unsigned set_count;
	check_zone_t **zones;
	size_t zone_count;
	check_owner_t **owners; /*!< In the order of zones, and of names in them. */
	size_t owner_count;
	check_target_t **targets;
	size_t target_count;
	void *target_tree; /*!< The targets by name and set. */
	void *owner_tree;  /*!< The owners by name. */
} inventory_t;

/*! What was given on the command line. */
typedef struct {
	knot_dname_txt_storage_t zone;  /*!< Empty: all. */
	resolvers_t resolvers;          /*!< Empty: those that the module has. */
	struct sockaddr_storage server; /*!< AF_UNSPEC: where knotd listens. */
} check_options_t;

/*!
 * \brief Reads the records and the configuration of a running knotd.
 *
 * \return false if something could not be read: an error has been printed. The rest is there.
 */
bool inventory_read(inventory_t *inventory, control_t *control, const check_options_t *options);

/*! \brief The owner of that name; NULL if there is none. */
check_owner_t *inventory_find(const inventory_t *inventory, const knot_dname_t *name);

/*! \brief Frees all that the inventory owns. */
void inventory_free(inventory_t *inventory);
