/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Copies the text to the output, and replaces words on the way: `done` is how far it is copied. The text and the
 * output belong to the caller. An error does not end the conversion, so that all errors are told at once.
 */

#include "kalias/rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "kalias/alias.h"
#include "kalias/kalias.h"

#define TYPE_ANAME "ANAME"
#define GENERATE_TYPE 3 /* $GENERATE, the range and the owner stand before TTL, class and type. */

/*! What has to be changed in a record. */
typedef struct {
	size_t type; /*!< Index of its type. */
	bool change_type;
	bool change_rdata;
	bool generic; /*!< RDATA is in generic form. */
} rewrite_change_t;

static const char no_origin[] = "relative name, but the origin is not known: add $ORIGIN, "
				"or name the zone with --origin ZONE";

bool rewrite_is_directive(const zonefile_t *file)
{
	return file->has_owner && file->text[file->words[0].start] == '$';
}

bool rewrite_is_alias(const zonefile_t *file, size_t index)
{
	return zonefile_is(file, index, TYPE_ALIAS_NAME) || zonefile_is(file, index, TYPE_ANAME) ||
	       zonefile_is(file, index, TYPE_ALIAS_GENERIC);
}

/*! Whether the current record has to be changed, and how. */
static bool find_change(rewrite_change_t *change, const rewrite_t *rewrite)
{
	const zonefile_t *file = &rewrite->file;
	size_t type = zonefile_type(file, file->has_owner ? 1 : 0);
	if (!rewrite_is_alias(file, type)) {
		return false;
	}

	change->type = type;
	change->generic = zonefile_is(file, type + 1, "\\#");
	if (rewrite->to_alias) {
		change->change_rdata = change->generic;
		change->change_type = !zonefile_is(file, type, TYPE_ALIAS_NAME);
	} else if (rewrite->mnemonic) {
		change->change_rdata = false;
		change->change_type = zonefile_is(file, type, TYPE_ANAME);
	} else {
		change->change_rdata = !change->generic;
		change->change_type = !zonefile_is(file, type, TYPE_ALIAS_GENERIC);
	}
	return change->change_type || change->change_rdata;
}

static void report_rule(rewrite_t *rewrite, size_t line, const char *rule)
{
	if (rule == no_origin) {
		if (rewrite->origin_told) {
			return;
		}
		rewrite->origin_told = true;
	}
	rewrite->status = fail("%s:%zu: %s", rewrite->path, line, rule);
}

/*! Copies the text up to an offset. */
static void copy_until(rewrite_t *rewrite, size_t offset)
{
	fwrite(rewrite->file.text + rewrite->done, 1, offset - rewrite->done, rewrite->out);
	rewrite->done = offset;
}

static void replace_octets(rewrite_t *rewrite, size_t start, size_t end, const char *text)
{
	copy_until(rewrite, start);
	fputs(text, rewrite->out);
	rewrite->done = end;
}

static void replace_word(rewrite_t *rewrite, size_t index, const char *text)
{
	const zonefile_word_t *word = &rewrite->file.words[index];
	replace_octets(rewrite, word->start, word->end, text);
}

/*! Removes a word and the blanks before it. */
static void remove_word(rewrite_t *rewrite, size_t index)
{
	const zonefile_word_t *word = &rewrite->file.words[index];
	size_t start = word->start;
	while (start > rewrite->done && strchr(" \t", rewrite->file.text[start - 1]) != NULL) {
		start--;
	}
	replace_octets(rewrite, start, word->end, "");
}

/*! Reads a name that may be relative. \return NULL, or the rule that it breaks. */
static const char *read_relative_name(knot_dname_storage_t name, const rewrite_t *rewrite, size_t index)
{
	static const knot_dname_t root[] = "";
	char *text = zonefile_copy(&rewrite->file, index, index + 1);

	const char *rule = NULL;
	if (rewrite->file.words[index].quoted) {
		rule = "name must not be quoted";
	} else if (!alias_read_name(name, text, rewrite->has_origin ? rewrite->origin : root)) {
		rule = "not a domain name: " ALIAS_NAME_RULE;
	} else if (!rewrite->has_origin && !alias_is_absolute(text)) {
		rule = no_origin;
	}
	free(text);
	return rule;
}

static const char *read_target(knot_dname_storage_t target, const rewrite_t *rewrite, const rewrite_change_t *change)
{
	size_t first = change->type + 1, last = rewrite->file.count;
	if (!change->generic) {
		if (first == last) {
			return "target is missing";
		} else if (first + 1 < last) {
			return "RDATA must be one name";
		}
		const char *rule = read_relative_name(target, rewrite, first);
		return (rule == no_origin && !change->change_rdata) ? NULL : rule;
	}

	char *rdata = zonefile_copy(&rewrite->file, first, last);
	const char *rule = alias_read_generic(target, rdata);
	free(rdata);
	return rule;
}

/*! Replaces generic RDATA by a name. Comments, lines and parentheses between its words stay. */
static void replace_generic(rewrite_t *rewrite, size_t first, const char *name)
{
	const zonefile_t *file = &rewrite->file;
	if (file->words[first].depth == 0 && file->words[first].line == file->end_line) {
		replace_octets(rewrite, file->words[first].start, file->end, name);
		return;
	}
	replace_word(rewrite, first, name);
	for (size_t i = first + 1; i < file->count; i++) {
		remove_word(rewrite, i);
	}
}

static void convert_record(rewrite_t *rewrite, const rewrite_change_t *change)
{
	knot_dname_storage_t target;
	const char *rule = read_target(target, rewrite, change);
	if (rule != NULL) {
		report_rule(rewrite, rewrite->file.words[change->type].line, rule);
		return;
	}

	if (change->change_type) {
		replace_word(rewrite, change->type, rewrite->mnemonic ? TYPE_ALIAS_NAME : TYPE_ALIAS_GENERIC);
	}
	if (change->change_rdata && change->generic) {
		knot_dname_txt_storage_t name;
		replace_generic(rewrite, change->type + 1, knot_dname_to_str(name, target, sizeof(name)));
	} else if (change->change_rdata) {
		char rdata[ALIAS_GENERIC_MAX];
		alias_write_generic(rdata, target);
		replace_word(rewrite, change->type + 1, rdata);
	}
}

/*! Says that an included file is not converted, and with which origin it can be converted by itself. */
static void warn_of_include(const rewrite_t *rewrite)
{
	const zonefile_t *file = &rewrite->file;
	const zonefile_word_t *word = &file->words[1];
	size_t quotes = (file->text[word->start] == '"' && file->text[word->end - 1] == '"') ? 1 : 0;
	char *name = not_null(strndup(file->text + word->start + quotes, word->end - word->start - 2 * quotes));

	knot_dname_storage_t origin;
	knot_dname_txt_storage_t origin_text = "";
	bool has_origin = rewrite->has_origin;
	if (file->count > 2) {
		has_origin = (read_relative_name(origin, rewrite, 2) == NULL);
	} else if (has_origin) {
		memcpy(origin, rewrite->origin, knot_dname_size(rewrite->origin));
	}
	if (has_origin) {
		(void)knot_dname_to_str(origin_text, origin, sizeof(origin_text));
	}
	warn("%s:%zu: included file '%s' is not converted along with this one: convert it by itself%s%s",
	     rewrite->path, file->words[0].line, name, has_origin ? ", with --origin " : "", origin_text);
	free(name);
}

static void follow_directive(rewrite_t *rewrite)
{
	const zonefile_t *file = &rewrite->file;
	size_t line = file->words[0].line;
	if (zonefile_is(file, 0, "$INCLUDE") && file->count > 1) {
		warn_of_include(rewrite);
	} else if (zonefile_is(file, 0, "$ORIGIN")) {
		knot_dname_storage_t origin;
		const char *rule = file->count == 2 ? read_relative_name(origin, rewrite, 1) : "$ORIGIN must have one name";
		if (rule != NULL && rule != no_origin) {
			report_rule(rewrite, line, rule);
			rewrite->origin_told = true;
		}
		rewrite->has_origin = (rule == NULL);
		if (rewrite->has_origin) {
			memcpy(rewrite->origin, origin, knot_dname_size(origin));
		}
	} else if (zonefile_is(file, 0, "$GENERATE") && rewrite_is_alias(file, zonefile_type(file, GENERATE_TYPE))) {
		report_rule(rewrite, line, "$GENERATE can't be converted, nor read by Knot DNS: write its records out");
	}
}

exit_t rewrite_text(rewrite_t *rewrite, const char *text, size_t len, FILE *out)
{
	rewrite->out = out;
	zonefile_init(&rewrite->file, text, len);
	int ret;
	while ((ret = zonefile_next(&rewrite->file)) == KNOT_EOK) {
		rewrite_change_t change;
		if (rewrite_is_directive(&rewrite->file)) {
			follow_directive(rewrite);
		} else if (find_change(&change, rewrite)) {
			convert_record(rewrite, &change);
		}
	}
	if (ret == KNOT_EPARSEFAIL) {
		report_rule(rewrite, rewrite->file.error_line, rewrite->file.error);
	}
	copy_until(rewrite, len);
	zonefile_clear(&rewrite->file);
	return rewrite->status;
}
