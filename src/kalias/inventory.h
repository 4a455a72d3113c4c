/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The ALIAS of the running knotd, by owner, and what else of its zones and configuration a check needs.
 */

#pragma once

#include "kalias/control.h"
#include "kalias/judge.h"
#include "resolve/resolvers.h"

/*! CNAMEs followed from a target, as many as a resolver does. */
#define CHAIN_MAX 16

/*! What an ALIAS points to; shared by all owners that do, with the same resolvers. */
typedef struct {
	knot_dname_t *name;              /*!< Lower case. */
	unsigned set;                    /*!< Index of its resolvers. */
	observed_t observed[ADDR_TYPES]; /*!< What those say. */
	unsigned pending;                /*!< Queries for it that are under way. */
	bool again;                      /*!< Is asked for once more. */
	/* What is found out only when these fail. */
	unsigned chain_len;
	knot_dname_t *chain[CHAIN_MAX]; /*!< The names that its CNAMEs lead to. */
	bool cname_loop;                /*!< They lead back to themselves. */
	bool fails_here;                /*!< It is a name on the server itself, which has no addresses for it. */
} check_target_t;

typedef struct {
	knot_dname_t *name; /*!< Lower case. */
	unsigned set;       /*!< Index of its resolvers. */
	module_state_t module;
	sibling_t sibling;
	bool is_signed; /*!< Found out by asking. */
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
 * \brief Reads all that there is to know before anybody is asked.
 *
 * \return false if something could not be read: an error has been printed, and what could be read is there.
 */
bool inventory_read(inventory_t *inventory, control_t *control, const check_options_t *options);

/*! \brief The owner of that name; NULL if there is none. */
check_owner_t *inventory_find(const inventory_t *inventory, const knot_dname_t *name);

void inventory_free(inventory_t *inventory);
