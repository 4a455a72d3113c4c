/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The steps of `kalias expand`, which writes the addresses of targets into zones, beside the ALIAS.
 *
 * A pass reads what the zones have (expandread.c), asks the resolvers (expandask.c), judges (addrset.h), and changes the
 * zones (expandwrite.c). What has been written is remembered (expandfile.c): a name whose addresses are remembered is ours.
 */

#pragma once

#include <limits.h>

#include "kalias/addrset.h"
#include "kalias/control.h"
#include "kalias/knotconf.h"
#include "kalias/observed.h"

/*! At most one change of a zone in this time, unless clients get bad addresses, s. */
#define EXPAND_PAUSE_S 30
/*! Somebody else's transaction is told of after this time, s. */
#define EXPAND_BUSY_S 60

/*! Options of the command line. */
typedef struct {
	bool once;
	bool adopt;
	bool dry_run;
	bool json;
	uint32_t interval; /*!< Between passes, s. */
	uint32_t settle;   /*!< As addrset_limits_t. */
	unsigned keep;
	const char *file;      /*!< What is remembered; NULL: beside the store. */
	resolvers_t resolvers; /*!< Empty: those of the zone's section. */
	char **zones;          /*!< NULL: all. */
} expand_options_t;

/*! What a section of the module says, or the defaults. */
typedef struct expand_section {
	struct expand_section *next;
	section_t section;
	rules_t rules;
	uint32_t ttl_min;
	uint32_t ttl_max;
	bool hold; /*!< nxdomain: hold. */
} expand_section_t;

/*! A target, as some resolvers see it. */
typedef struct expand_target {
	knot_dname_t *name; /*!< Lower case. */
	const expand_section_t *section;
	observed_t observed[ADDR_TYPES];
} expand_target_t;

/*! A name that has ALIAS, or had. */
typedef struct {
	knot_dname_t *name; /*!< Lower case. First, as names are found by it. */
	addrset_t set[ADDR_TYPES];
	bool ours;
	/* Of one pass. */
	bool has_alias;
	bool is_broken; /*!< RDATA of some ALIAS is not a name. */
	uint32_t ttl;   /*!< Of the ALIAS. */
	unsigned count;
	const expand_target_t *target[ALIAS_TARGETS_MAX];
	observed_t own[ADDR_TYPES]; /*!< What the zone has, if that was read. */
	bool is_read;
	addrset_step_t step;
} expand_name_t;

typedef struct {
	knot_dname_t *name; /*!< Lower case. First, as zones are found by it. */
	knot_dname_txt_storage_t text;
	uint32_t serial;       /*!< When `names` were as in the zone; 0: not known. */
	int64_t changed;       /*!< Unix time of the last change, s. */
	int64_t busy_since;    /*!< Unix time since when somebody else has a transaction open, s; 0: not so. */
	expand_name_t **names; /*!< Sorted, owned. */
	size_t count;
	/* Of one pass. */
	bool is_there; /*!< Is loaded, and can be changed here. */
	bool is_due;   /*!< Is to be changed. */
	uint32_t serial_now;
	const expand_section_t *section; /*!< NULL: it is not expanded. */
} expand_zone_t;

/*! What a pass did. */
typedef struct {
	size_t names;   /*!< With ALIAS. */
	size_t foreign; /*!< With addresses of others, and so left alone. */
	size_t unknown; /*!< With a target that the resolvers fail for. */
	size_t changed; /*!< Changed, or would be. */
	size_t zones;   /*!< Changed zones. */
	size_t failed;  /*!< Zones that could not be read or changed. */
} expand_report_t;

typedef struct {
	expand_options_t options;
	char path[PATH_MAX];   /*!< Of the file; empty: not yet read. */
	int lock_fd;           /*!< Keeps others from it, -1: not yet. */
	expand_zone_t **zones; /*!< Sorted, owned. */
	size_t count;
	/* Of one pass, owned. */
	expand_section_t *sections;
	void *target_tree; /*!< The targets by name and section. */
	expand_target_t **targets;
	size_t target_count;
	bool is_dirty;   /*!< What is remembered is not yet in the file. */
	bool is_waiting; /*!< For the end of somebody else's transaction. */
	expand_report_t report;
} expand_t;

/*! \brief The zone of that lower-case name, which is added if it is not there. */
expand_zone_t *expand_zone(expand_t *expand, const knot_dname_t *name);

/*! \brief The same for a name of a zone. */
expand_name_t *expand_name(expand_zone_t *zone, const knot_dname_t *name);

/*! \brief Forgets a name. */
void expand_forget(expand_zone_t *zone, size_t pos);

/*! \brief Frees all. */
void expand_free(expand_t *expand);

/*!
 * \brief Reads what is remembered. A file that is damaged is set aside, with a warning.
 *
 * \return false after an error, which has been printed: the file can't be read.
 */
bool expandfile_read(expand_t *expand);

/*!
 * \brief Writes it, in place of what was there.
 *
 * \param ahead  Of zones that are due what they are going to have, too, as not yet read; to be written again after the changes.
 *
 * \return false after an error, which has been printed.
 */
bool expandfile_write(expand_t *expand, bool ahead);

/*! \brief Begins a pass: reads zones, ALIAS, sections, and addresses where they may have changed. */
bool expand_read(expand_t *expand, control_t *control);

/*! \brief Asks the resolvers for all targets of the pass. */
void expand_ask(expand_t *expand);

/*! \brief Judges all names of a zone. \return The most urgent step. */
addrset_step_t expand_judge(expand_t *expand, expand_zone_t *zone, int64_t now);

/*! \brief Changes a zone as it was judged. \return false if that was not possible, which has been told. */
bool expand_write(expand_t *expand, control_t *control, expand_zone_t *zone, int64_t now);

/*! \brief Tells of a name that is changed, or would be, before addrset_done(). */
void expand_tell(expand_t *expand, const expand_zone_t *zone, const expand_name_t *name);

/*! \brief Frees what belongs to a pass. */
void expand_end_pass(expand_t *expand);
