/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias rr, kalias decode: one record, to its generic form and back.
 */

#include "kalias/kalias.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "kalias/alias.h"
#include "kalias/sanity.h"
#include "kalias/zonefile.h"

/*! Characters that Knot DNS reads in a name without an escape, besides letters and digits. */
#define NAME_CHARS "*-_/.\\"

/*! TTL of an update, in seconds, if none is given: that of a zone file without $TTL. */
#define DEFAULT_TTL 3600

static const struct option no_options[] = { { NULL } };

/*! Whether Knot DNS reads a name in a zone file as it is written. */
static bool is_written(const char *name)
{
	if (strcmp(name, "@") == 0) {
		return true;
	}
	for (; *name != '\0'; name++) {
		if (!isalnum((unsigned char)*name) && strchr(NAME_CHARS, *name) == NULL) {
			return false;
		}
		if (*name == '\\' && name[1] != '\0') {
			name++;
		}
	}
	return true;
}

/*! The arguments of rr, as they were given, and the names in them. */
typedef struct {
	const char *self; /*!< The command. */
	const char *owner;
	const char *ttl; /*!< NULL: none. */
	const char *target;
	knot_dname_storage_t zone; /*!< The root without --update: the zone file completes a relative owner. */
	knot_dname_storage_t owner_name;
	knot_dname_storage_t target_name;
	uint32_t seconds; /*!< The TTL. */
} rr_t;

static exit_t read_arguments(rr_t *rr, bool update)
{
	if (!alias_read_name(rr->owner_name, rr->owner, rr->zone)) {
		return misuse(rr->self, "OWNER is not a domain name: " ALIAS_NAME_RULE);
	} else if (!update && !is_written(rr->owner)) {
		return misuse(rr->self,
		              "OWNER must have a backslash before characters other than letters, digits, "
		              "and any of *-_/");
	} else if (knot_dname_in_bailiwick(rr->owner_name, rr->zone) < 0) {
		return misuse(rr->self, "OWNER is not in ZONE");
	} else if (rr->ttl != NULL && !alias_read_ttl(&rr->seconds, rr->ttl)) {
		return misuse(rr->self, "TTL must be " ALIAS_TTL_RULE);
	} else if (!alias_read_name(rr->target_name, rr->target, NULL)) {
		return misuse(rr->self, "TARGET is not a domain name: " ALIAS_NAME_RULE);
	} else if (rr->target_name[0] == '\0') {
		return misuse(rr->self, "TARGET must not be the root");
	} else if ((update || alias_is_absolute(rr->owner)) &&
	           knot_dname_is_case_equal(rr->owner_name, rr->target_name)) {
		return misuse(rr->self, "TARGET must not be OWNER itself");
	}
	return sanity_arguments(rr->self, rr->owner, rr->zone, rr->ttl != NULL, rr->target, rr->target_name);
}

/*!
 * Prints a dynamic update (RFC 2136) in the commands that nsupdate and knsupdate share. Servers ignore an ALIAS that is
 * added beside a CNAME (section 3.4.2.2), so that there must be none.
 */
static void print_update(const rr_t *rr, const char *rdata)
{
	knot_dname_txt_storage_t zone, owner;
	(void)knot_dname_to_str(zone, rr->zone, sizeof(zone));
	(void)knot_dname_to_str(owner, rr->owner_name, sizeof(owner));
	printf("zone %s\n"
	       "prereq nxrrset %s CNAME\n"
	       "update delete %s " TYPE_ALIAS_GENERIC "\n"
	       "update add %s %u " TYPE_ALIAS_GENERIC " %s\n"
	       "send\n",
	       zone, owner, owner, owner, rr->seconds, rdata);
}

exit_t run_rr(const settings_t *settings, int argc, char **argv)
{
	(void)settings;
	rr_t rr = { .self = argv[0], .zone = "", .seconds = DEFAULT_TTL };
	int update = false;
	const struct option options[] = { { "update", no_argument, &update, true }, { NULL } };
	if (!take_flags(&argc, &argv, options)) {
		return misuse(rr.self, "unknown option");
	}
	if (update && argc > 0) {
		if (!alias_read_name(rr.zone, argv[0], NULL)) {
			return misuse(rr.self, "ZONE is not a domain name: " ALIAS_NAME_RULE);
		}
		knot_dname_to_lower(rr.zone);
		argc--;
		argv++;
	}
	if (argc < 2) {
		return misuse(rr.self, update ? "ZONE, OWNER and TARGET are needed" : "OWNER and TARGET are needed");
	} else if (argc > 3) {
		return misuse(rr.self, "too many arguments");
	}
	rr.owner = argv[0];
	rr.ttl = argc == 3 ? argv[1] : NULL;
	rr.target = argv[argc - 1];
	exit_t status = read_arguments(&rr, update);
	if (status != EXIT_FINE) {
		return status;
	}

	char rdata[ALIAS_GENERIC_MAX];
	alias_write_generic(rdata, rr.target_name);
	if (update) {
		print_update(&rr, rdata);
	} else {
		printf("%s\t%s%s" TYPE_ALIAS_GENERIC "\t%s\n", rr.owner, rr.ttl == NULL ? "" : rr.ttl,
		       rr.ttl == NULL ? "" : "\t", rdata);
	}
	return EXIT_FINE;
}

/*! Finds the type; the owner before it may be missing. \return Its index, or the number of words if all is RDATA. */
static size_t find_type(const zonefile_t *file, size_t owner)
{
	for (int has_owner = file->has_owner ? 1 : 0; has_owner >= 0; has_owner--) {
		size_t type = zonefile_type(file, owner + has_owner);
		if (zonefile_is(file, type, TYPE_ALIAS_GENERIC) || zonefile_is(file, type, TYPE_ALIAS_NAME)) {
			return type;
		}
	}
	return file->count;
}

/*! Whether the entry begins with the name of a zone in brackets, as lines of knotc do. */
static bool has_zone(const zonefile_t *file)
{
	const zonefile_word_t *word = &file->words[0];
	return file->text[word->start] == '[' && file->text[word->end - 1] == ']';
}

/*! Reads the RDATA, which is the whole entry if that has no type. Newer versions of knotc print a name. */
static const char *read_entry(knot_dname_storage_t target, const zonefile_t *file, size_t type)
{
	size_t first = type < file->count ? type + 1 : 0;
	char *rdata = zonefile_copy(file, first, file->count);
	const char *rule;
	if (type < file->count && alias_is_absolute(rdata) && alias_read_name(target, rdata, NULL)) {
		rule = NULL;
	} else if (type < file->count || zonefile_is(file, first, "\\#")) {
		rule = alias_read_generic(target, rdata);
	} else if (rdata[strspn(rdata, " 0123456789abcdefABCDEF")] == '\0') {
		rule = alias_read_hex(target, rdata);
	} else {
		rule = "neither a record of type " TYPE_ALIAS_GENERIC " nor its RDATA";
	}
	free(rdata);
	return rule;
}

/*! Prints the entry with a name as RDATA. \return NULL, or the rule that it breaks. */
static const char *print_entry(const zonefile_t *file)
{
	size_t owner = has_zone(file) ? 1 : 0;
	size_t type = find_type(file, owner);
	knot_dname_storage_t target;
	const char *rule = read_entry(target, file, type);
	if (rule != NULL) {
		return rule;
	}

	if (type < file->count) {
		for (size_t i = owner; i < type; i++) {
			const zonefile_word_t *word = &file->words[i];
			if ((i == owner && file->has_owner) || !zonefile_is_class(file, i)) {
				printf("%.*s ", (int)(word->end - word->start), file->text + word->start);
			}
		}
		printf(TYPE_ALIAS_NAME " ");
	}
	knot_dname_txt_storage_t name;
	puts(knot_dname_to_str(name, target, sizeof(name)));
	return NULL;
}

/*! Prints all entries of a text. Errors have the number of the argument, or of the line if that is 0. */
static exit_t decode_text(const char *text, size_t len, const char *what, size_t number)
{
	zonefile_t file;
	zonefile_init(&file, text, len);
	exit_t status = EXIT_FINE;
	size_t count = 0;
	int ret;
	while ((ret = zonefile_next(&file)) == KNOT_EOK) {
		count++;
		const char *rule = print_entry(&file);
		if (rule != NULL) {
			status = fail("%s %zu: %s", what, number > 0 ? number : file.words[0].line, rule);
		}
	}
	if (ret == KNOT_EPARSEFAIL) {
		status = fail("%s %zu: %s", what, number > 0 ? number : file.error_line, file.error);
	} else if (count == 0 && number > 0) {
		status = fail("%s %zu: no record", what, number);
	}
	zonefile_clear(&file);
	return status;
}

exit_t run_decode(const settings_t *settings, int argc, char **argv)
{
	(void)settings;
	if (!take_flags(&argc, &argv, no_options)) {
		return misuse("decode", "unknown option");
	}

	exit_t status = EXIT_FINE;
	if (argc == 0) {
		char *text;
		size_t len;
		const char *error = zonefile_read(&text, &len, stdin);
		if (error != NULL) {
			return fail("standard input: %s", error);
		}
		status = decode_text(text, len, "line", 0);
		free(text);
	}
	for (int i = 0; i < argc; i++) {
		if (decode_text(argv[i], strlen(argv[i]), "record", i + 1) != EXIT_FINE) {
			status = EXIT_WRONG;
		}
	}
	return status;
}
