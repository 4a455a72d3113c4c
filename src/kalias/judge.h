/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What is wrong with the ALIAS records of one owner. Pure.
 */

#pragma once

#include <stdbool.h>

#include "kalias/knotconf.h"
#include "kalias/observed.h"
#include "util/rrtype.h"

/*!
 * What can be wrong, see problem_help(). Causes come before effects, and what may be as it should be comes last. The first
 * problem of an owner is its status.
 */
typedef enum {
	PROBLEM_MALFORMED,
	PROBLEM_CNAME,
	PROBLEM_LOOP,
	PROBLEM_BUILTIN,
	PROBLEM_NO_ANSWER,
	PROBLEM_UNRESOLVED,
	PROBLEM_DANGLING,
	PROBLEM_NO_ADDRESS,
	PROBLEM_SERVFAIL,
	PROBLEM_NOT_SERVED,
	PROBLEM_INCOMPLETE,
	PROBLEM_STALE,
	PROBLEM_UNSIGNED,
	/* These are only told, see judge_fails(). */
	PROBLEM_DENIED,
	PROBLEM_DIFFERS,
	PROBLEMS,
} problem_t;

/*! What is known of an owner. */
typedef struct {
	bool malformed;
	bool cname;
	bool loop;
	bool builtin; /*!< The zone has Knot's own module, and some target is in no zone of the server. */
	bool zone_signed;
	module_state_t module;                       /*!< Whether the zone has the module. */
	sibling_t sibling;                           /*!< If so: what the owner's own addresses are for. */
	const rules_t *rules;                        /*!< And what its section rules out. */
	unsigned count;                              /*!< Targets. */
	const knot_dname_t *name[ALIAS_TARGETS_MAX]; /*!< Their names, in lower case. */
	const observed_t *target[ALIAS_TARGETS_MAX]; /*!< What the resolver says about each, ADDR_TYPES elements. */
	observed_t own[ADDR_TYPES];                  /*!< The owner's own addresses in the zone. */
	observed_t plain[ADDR_TYPES];                /*!< What the server says. */
	observed_t secure[ADDR_TYPES];               /*!< What it says to clients with the DO bit, in signed zones. */
} findings_t;

/*! \brief Judges an owner. \return The problems as a set of bits, 0 if there is none. */
unsigned judge_owner(const findings_t *findings);

/*! \brief Whether a set of problems has one that somebody has to do something about. */
bool judge_fails(unsigned problems);

/*! What a section rules out. */
typedef enum {
	DENIED_NOT,
	DENIED_TARGET,    /*!< By deny-target or allow-target. */
	DENIED_ADDRESSES, /*!< All of them, by deny-address. */
} denied_t;

/*! \brief What of a target the section rules out. */
denied_t judge_denied(const findings_t *findings, unsigned i);

/*! \brief Judges what the resolver says about a target. \return The same. */
unsigned judge_target(const observed_t observed[ADDR_TYPES]);

/*! \brief Whether the server has an address of each target that has any. */
bool judge_meets(const findings_t *findings, addr_type_t type);

/*! \brief Whether a set of problems has one. */
static inline bool has_problem(unsigned problems, problem_t problem)
{
	return problems & (1U << problem);
}

/*! \brief Whether time may heal some of the problems, so that a second look is worth while. */
bool judge_again(unsigned problems);

/*!
 * \brief Whether the resolver has to be asked again as well: it failed, or the two sides do not agree.
 *
 * \param problems  Of the owner.
 * \param observed  What the resolver says about one of its targets.
 */
bool judge_target_again(unsigned problems, const observed_t observed[ADDR_TYPES]);

/*! \brief The first problem of a set; PROBLEMS if there is none. */
problem_t judge_status(unsigned problems);

/*! \brief The name of a problem as users see it; that of PROBLEMS is "ok". */
const char *problem_name(problem_t problem);

/*! \brief What a problem means, for users. */
const char *problem_help(problem_t problem);
