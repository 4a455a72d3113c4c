/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The steps of a check: it reads an inventory from knotd, asks for all of it, and reports what is wrong.
 */

#pragma once

#include "kalias/control.h"
#include "kalias/judge.h"
#include "resolve/resolver.h"

/*! CNAMEs that are followed from a target, about as many as resolvers follow. */
#define CHAIN_MAX 16

/*! Resolvers that are asked for the targets of some zones. */
typedef struct {
	resolvers_t resolvers;
	resolver_t *resolver; /*!< While the survey runs. */
	unsigned silent;      /*!< Queries in a row without reply. */
	unsigned pings;       /*!< Under way. */
	bool down;            /*!< It is not asked any more. */
} check_set_t;

/*! What an ALIAS points to. Owners with the same target and the same resolvers share it. */
typedef struct {
	knot_dname_t *name;              /*!< Lower case. */
	unsigned set;                    /*!< Index of its resolvers. */
	observed_t observed[ADDR_TYPES]; /*!< What the resolvers say. */
	bool wanted;                     /*!< Is asked for in this round. */
	bool is_elsewhere;               /*!< It is in no zone of the server; known where a zone has Knot's own module. */
	/* Found out if the resolvers fail. */
	unsigned chain_len;
	knot_dname_t *chain[CHAIN_MAX]; /*!< The names that its CNAMEs lead to. */
	bool cname_loop;                /*!< These CNAMEs are a loop. */
	bool fails_here;                /*!< The server has the name, and no addresses for it. */
} check_target_t;

/*! What several zones have in common. */
typedef struct {
	section_t section; /*!< Its resolvers are those that the server asks. */
	bool system;       /*!< These are the system's. */
	unsigned set;      /*!< Index of the resolvers that are asked here. */
	size_t zones;      /*!< How many have it. */
	rules_t rules;
} check_section_t;

typedef struct check_zone {
	struct check_zone *next;
	knot_dname_t *name; /*!< Lower case. */
	unsigned section;   /*!< Index. */
	/* Found out by asking the server. */
	bool is_signed;
	bool overreaches; /*!< Its denials cover other names, see onlinesign.h. */
} check_zone_t;

/*! A name with ALIAS. */
typedef struct {
	const check_zone_t *zone;
	knot_dname_t *name;                        /*!< Lower case. */
	knot_dname_t *asked;                       /*!< The name itself, or one that a wildcard covers. */
	uint32_t ttl;                              /*!< Of the ALIAS, s. */
	size_t records;                            /*!< Records of the ALIAS. */
	check_target_t *target[ALIAS_TARGETS_MAX]; /*!< As many as `findings` says. */
	findings_t findings;
	unsigned problems; /*!< What judge_owner() found; in the beginning PROBLEM_NO_ANSWER. */
	unsigned mark;     /*!< Of the search for loops. */
} check_owner_t;

typedef struct {
	struct sockaddr_storage server;
	check_set_t *sets;
	unsigned set_count;
	check_section_t *sections;
	unsigned section_count;
	bool given;             /*!< Resolvers were given on the command line. */
	check_zone_t *zones;    /*!< The last one first. */
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
	bool json;
	bool help;
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

/*!
 * \brief Asks resolvers and server for all of an inventory, many at a time, and judges.
 *
 * What looks wrong is asked for once more, after a pause, before it counts. Progress is shown on standard error if
 * that is a terminal.
 */
void survey_run(inventory_t *inventory);

/*!
 * \brief Sets `findings.loop` of each owner whose targets lead into a loop of ALIAS and CNAME.
 *
 * From an owner the way goes to its targets, and along their CNAMEs as far as these are known. Where a name on the
 * way is an owner itself, its targets follow.
 */
void graph_find_loops(const inventory_t *inventory);

/*! \brief Prints the table: owners without problems, then those with problems, and the numbers. */
void report_table(const inventory_t *inventory);

/*!
 * \brief Prints JSON. An inventory that could not be read may be empty.
 *
 * kalias.rst says what the keys mean. All keys are always there, but for a_dnssec and aaaa_dnssec, which only owners
 * in signed zones have.
 */
void report_json(const inventory_t *inventory, bool complete);
