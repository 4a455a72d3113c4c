/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Copies the text to the output, and replaces words on the way: `done` is how far it is copied. The text and the
 * output belong to the caller. An error does not end the conversion, so that all errors are told at once.
 */

#include "kalias/rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "kalias/advice.h"
#include "kalias/alias.h"
#include "kalias/flatten.h"
#include "kalias/kalias.h"

#define TYPE_ANAME "ANAME"

/* What Cloudflare writes for "automatic", and what that is. */
#define TTL_AUTOMATIC "1"
#define TTL_OF_AUTOMATIC "300"

#define GENERATE_TYPE 3 /* $GENERATE, the range and the owner stand before TTL, class and type. */

/*! A private type by which another program writes its ALIAS. */
typedef struct {
	const char *type;
	const char *program;
} private_type_t;

/*! \return NULL if the type is none of them, or the RDATA is not one name. */
static const private_type_t *find_private(const zonefile_t *file, size_t index)
{
	static const private_type_t types[] = {
		{ "TYPE65280", "Technitium DNS Server" },
		{ "TYPE65357", "Simple DNS Plus" },
	};
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (zonefile_is(file, index, types[i].type)) {
			knot_dname_storage_t target;
			char *rdata = zonefile_copy(file, index + 1, file->count);
			bool is_name = alias_read_generic(target, rdata) == NULL;
			free(rdata);
			return is_name ? &types[i] : NULL;
		}
	}
	return NULL;
}

bool rewrite_is_alias(const zonefile_t *file, size_t index)
{
	return zonefile_is(file, index, TYPE_ALIAS_NAME) || zonefile_is(file, index, TYPE_ANAME) ||
	       zonefile_is(file, index, TYPE_ALIAS_GENERIC) || find_private(file, index) != NULL;
}

static void report_rule(rewrite_t *rewrite, size_t line, const char *rule)
{
	if (rule == entries_no_origin && rewrite->origin_told) {
		return;
	}
	rewrite->origin_told |= (rule == entries_no_origin);
	rewrite->status = fail("%s:%zu: %s", rewrite->path, line, rule);
}

/*! Copies the text up to an offset. */
static void copy_until(rewrite_t *rewrite, size_t offset)
{
	fwrite(rewrite->in.file.text + rewrite->done, 1, offset - rewrite->done, rewrite->out);
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
	const zonefile_word_t *word = &rewrite->in.file.words[index];
	replace_octets(rewrite, word->start, word->end, text);
}

/*! Removes a word and the blanks before it. */
static void remove_word(rewrite_t *rewrite, size_t index)
{
	const zonefile_word_t *word = &rewrite->in.file.words[index];
	size_t start = word->start;
	while (start > rewrite->done && strchr(" \t", rewrite->in.file.text[start - 1]) != NULL) {
		start--;
	}
	replace_octets(rewrite, start, word->end, "");
}

/*! Reads RDATA. A name that only stays as it is may be relative to an unknown origin, which is warned of once. */
static const char *read_target(knot_dname_storage_t target, rewrite_t *rewrite, size_t first, bool generic, bool stays)
{
	size_t last = rewrite->in.file.count;
	if (generic) {
		char *rdata = zonefile_copy(&rewrite->in.file, first, last);
		const char *rule = alias_read_generic(target, rdata);
		free(rdata);
		return rule;
	} else if (first == last) {
		return "target is missing";
	} else if (first + 1 < last) {
		return "RDATA must be one name";
	}
	const char *rule = entries_read_name(target, &rewrite->in, first);
	if (rule != entries_no_origin || !stays) {
		return rule;
	} else if (!rewrite->to_alias && !rewrite->origin_told) {
		warn("%s:%zu: %s", rewrite->path, rewrite->in.file.words[first].line, rule);
		rewrite->origin_told = true;
	}
	return NULL;
}

/*! Replaces generic RDATA by a name. Comments, lines and parentheses between its words stay. */
static void replace_generic(rewrite_t *rewrite, size_t first, const char *name)
{
	const zonefile_t *file = &rewrite->in.file;
	if (file->words[first].depth == 0 && file->words[first].line == file->end_line) {
		replace_octets(rewrite, file->words[first].start, file->end, name);
		return;
	}
	replace_word(rewrite, first, name);
	for (size_t i = first + 1; i < file->count; i++) {
		remove_word(rewrite, i);
	}
}

/*! Adds a name behind the record. */
static void add_comment(rewrite_t *rewrite, const knot_dname_t *name)
{
	knot_dname_txt_storage_t text;
	copy_until(rewrite, rewrite->in.file.end);
	fprintf(rewrite->out, " ; %s", knot_dname_to_str(text, name, sizeof(text)));
}

/*! Converts an ALIAS, unless it is as it is to be. */
static void convert_record(rewrite_t *rewrite, size_t type)
{
	const zonefile_t *file = &rewrite->in.file;
	const char *wanted = rewrite->mnemonic ? TYPE_ALIAS_NAME : TYPE_ALIAS_GENERIC;
	bool generic = zonefile_is(file, type + 1, "\\#");
	bool change_rdata = rewrite->to_alias ? generic : !rewrite->mnemonic && !generic;
	/* What knows the mnemonic reads the number as well, with either RDATA. */
	bool stays = !rewrite->to_alias && rewrite->mnemonic && zonefile_is(file, type, TYPE_ALIAS_GENERIC);
	bool change_type = !stays && !zonefile_is(file, type, wanted);
	bool change = change_type || change_rdata, doubted = false;
	const private_type_t *private = find_private(file, type);
	if (private != NULL) {
		warn("%s:%zu: %s with one name is taken for an ALIAS of %s", rewrite->path, file->words[type].line,
		     private->type, private->program);
	}

	knot_dname_storage_t target;
	const char *rule = read_target(target, rewrite, type + 1, generic, !change_rdata);
	if (rule != NULL && change) {
		report_rule(rewrite, file->words[type].line, rule);
		return;
	} else if (rule != NULL) {
		warn("%s:%zu: %s", rewrite->path, file->words[type].line, rule);
	} else if (!rewrite->to_alias && advice_give(rewrite, target, change, &doubted) != EXIT_FINE) {
		rewrite->status = EXIT_WRONG;
		return;
	}
	rewrite->converted += change;
	rewrite->kept += !change;
	if (!change) {
		return;
	}
	if (change_type) {
		replace_word(rewrite, type, wanted);
	}
	if (change_rdata && generic) {
		knot_dname_txt_storage_t name;
		replace_generic(rewrite, type + 1, knot_dname_to_str(name, target, sizeof(name)));
	} else if (change_rdata) {
		char rdata[ALIAS_GENERIC_MAX];
		alias_write_generic(rdata, target);
		replace_word(rewrite, type + 1, rdata);
	}
	if (change_rdata && doubted) {
		add_comment(rewrite, target);
	}
}

/*! Says that an included file is not converted, and with which origin it can be converted by itself. */
static void warn_of_include(const rewrite_t *rewrite)
{
	const zonefile_t *file = &rewrite->in.file;
	const zonefile_word_t *word = &file->words[1];
	size_t quotes = (file->text[word->start] == '"' && file->text[word->end - 1] == '"') ? 1 : 0;
	char *name = not_null(strndup(file->text + word->start + quotes, word->end - word->start - 2 * quotes));

	/* The directive may have an origin, else it is the current one. */
	knot_dname_storage_t given;
	bool has_given = file->count > 2 && entries_read_name(given, &rewrite->in, 2) == NULL;
	bool known = has_given || (file->count <= 2 && rewrite->in.has_origin);
	knot_dname_txt_storage_t origin;
	warn("%s:%zu: included file '%s' is not converted along with this one: convert it by itself, with --origin %s",
	     rewrite->path, file->words[0].line, name,
	     known ? knot_dname_to_str(origin, has_given ? given : rewrite->in.origin, sizeof(origin)) : "ZONE");
	free(name);
}

static void follow_directive(rewrite_t *rewrite)
{
	const zonefile_t *file = &rewrite->in.file;
	size_t line = file->words[0].line;
	if (zonefile_is(file, 0, "$INCLUDE") && file->count > 1) {
		warn_of_include(rewrite);
	} else if (rewrite->in.rule != NULL && rewrite->in.rule != entries_no_origin) {
		report_rule(rewrite, line, rewrite->in.rule);
		rewrite->origin_told = true;
	} else if (zonefile_is(file, 0, "$GENERATE") && rewrite_is_alias(file, zonefile_type(file, GENERATE_TYPE))) {
		report_rule(rewrite, line, "$GENERATE can't be converted, nor read by Knot DNS: write its records out");
	}
}

static void raise_ttl(rewrite_t *rewrite)
{
	const zonefile_t *file = &rewrite->in.file;
	for (size_t i = file->has_owner ? 1 : 0; i < rewrite->in.type && rewrite->flatten_count > 0; i++) {
		if (zonefile_is(file, i, TTL_AUTOMATIC)) {
			replace_word(rewrite, i, TTL_OF_AUTOMATIC);
			rewrite->raised++;
		}
	}
}

static bool is_ttl(const zonefile_t *file, size_t index)
{
	uint32_t ttl;
	char *word = zonefile_copy(file, index, index + 1);
	bool found = alias_read_ttl(&ttl, word);
	free(word);
	return found;
}

/*! Whether a word is the class as exporters write it: prose has "in". */
static bool is_class(const zonefile_t *file, size_t index)
{
	return zonefile_is(file, index, "IN") && file->text[file->words[index].start] == 'I' &&
	       file->text[file->words[index].start + 1] == 'N';
}

/*!
 * Whether a record from a comment inherits its owner: behind a blank it begins with the only TTL or class that it has. An
 * owner may look the same.
 */
static bool lacks_owner(const entries_t *in)
{
	const zonefile_t *file = &in->file;
	bool with_ttl = is_ttl(file, 0);
	bool lacks = file->text[file->words[0].start - 1] != ';' && (with_ttl || is_class(file, 0));
	for (size_t i = 1; i < in->type && lacks; i++) {
		lacks = with_ttl ? !is_ttl(file, i) : !is_class(file, i);
	}
	return lacks;
}

/*! Whether the entry, which was read from a comment, is a whole ALIAS record and no prose. */
static bool is_record(entries_t *in)
{
	zonefile_t *file = &in->file;
	if (in->is_directive || !rewrite_is_alias(file, in->type)) {
		return false;
	}
	file->has_owner = !lacks_owner(in);

	size_t first = file->has_owner ? 1 : 0;
	bool has_class = false, has_more = in->type > first;
	for (size_t i = first; i < in->type; i++) {
		if (is_class(file, i)) {
			has_class = true;
		} else if (!is_ttl(file, i)) {
			return false;
		}
	}
	if (zonefile_is(file, in->type + 1, "\\#")) {
		return true;
	} else if (in->type + 2 != file->count) {
		return false;
	}
	char *owner = zonefile_copy(file, 0, 1), *target = zonefile_copy(file, in->type + 1, file->count);
	const char *dot = strchr(target, '.');
	bool several = dot != NULL && dot[1] != '\0', whole = has_class || strcmp(owner, "@") == 0;
	whole |= several && (has_more || alias_is_absolute(owner) || alias_is_absolute(target));
	free(owner);
	free(target);
	return whole;
}

/*! Warns of a record, read from a comment, whose type is another provider's kind of ALIAS. */
static void warn_of_kind(const rewrite_t *rewrite)
{
	static const char suffix[] = "_ALIAS";
	const zonefile_t *file = &rewrite->in.file;
	size_t type = rewrite->in.type;
	if (type < 2 || type == file->count || !zonefile_is_class(file, type - 1)) {
		return;
	}
	char *word = zonefile_copy(file, type, type + 1);
	if (strlen(word) > strlen(suffix) && strcmp(word + strlen(word) - strlen(suffix), suffix) == 0) {
		warn("%s:%zu: %s in a comment is not converted: see migration in samples/README.md", rewrite->path,
		     file->words[0].line, word);
	}
	free(word);
}

/*!
 * Tells or takes the record in a comment, if it is one: the text between two offsets, of which the line is given. Only what
 * is alone in its line is taken.
 */
static void look_at_comment(rewrite_t *rewrite, size_t start, size_t end, size_t line, bool alone)
{
	size_t record = start;
	while (record < end && memchr("; \t", rewrite->in.file.text[record], strlen("; \t")) != NULL) {
		record++;
	}

	entries_t outer = rewrite->in, *in = &rewrite->in;
	zonefile_init(&in->file, outer.file.text, end);
	in->file.pos = record;
	in->file.line = line;
	int ret = entries_next(in);
	bool found = ret == KNOT_EOK && is_record(in);
	if (found && !in->file.has_owner) {
		in->has_name = outer.has_name && !rewrite->uncommented;
		memcpy(in->name, outer.name, sizeof(in->name));
	}
	if (found && !alone) {
		warn("%s:%zu: an ALIAS in a comment is not converted; give it a line of its own", rewrite->path, line);
	} else if (found && rewrite->commented) {
		replace_octets(rewrite, start, record, in->file.has_owner ? "" : "\t");
		raise_ttl(rewrite);
		convert_record(rewrite, in->type);
		if (in->file.has_owner) {
			rewrite->uncommented = !(in->has_name && outer.has_name && knot_dname_is_equal(in->name, outer.name));
		}
	} else if (found) {
		warn("%s:%zu: an ALIAS in a comment is not converted; --commented takes it", rewrite->path, line);
	} else if (ret == KNOT_EOK) {
		warn_of_kind(rewrite);
	}
	zonefile_clear(&in->file);
	*in = outer;
}

/*! Looks at all comments before the next entry. */
static void look_at_comments(rewrite_t *rewrite)
{
	const zonefile_t *file = &rewrite->in.file;
	size_t start = file->pos, line = file->line;
	while (start < file->len) {
		const char *newline = memchr(file->text + start, '\n', file->len - start);
		size_t end = (newline == NULL) ? file->len : (size_t)(newline - file->text), first = start;
		while (first < end && (file->text[first] == ' ' || file->text[first] == '\t')) {
			first++;
		}
		if (first < end && file->text[first] != ';') {
			return;
		} else if (first < end) {
			look_at_comment(rewrite, start, end, line, true);
		}
		start = end + 1;
		line++;
	}
}

/*! Adds the final dot to the owner of a SOA that is the zone's name without it. Cloudflare writes that. */
static void complete_soa(rewrite_t *rewrite)
{
	entries_t *in = &rewrite->in;
	const zonefile_t *file = &in->file;
	bool lacks = entries_lacks_dot(in, rewrite->map.apex);
	if (lacks) {
		memcpy(in->name, rewrite->map.apex, knot_dname_size(rewrite->map.apex)); /* For records that inherit it. */
	}
	if (rewrite->to_alias || !file->has_owner || !zonefile_is(file, in->type, "SOA")) {
		return;
	}
	char *owner = zonefile_copy(file, 0, 1);
	if (lacks) {
		warn("%s:%zu: owner '%s' of the SOA has no final dot, which was added", rewrite->path, file->words[0].line,
		     owner);
		replace_octets(rewrite, file->words[0].end, file->words[0].end, ".");
	} else if (!in->has_origin && strchr(owner, '.') != NULL && !alias_is_absolute(owner)) {
		warn("%s:%zu: owner '%s' of the SOA has no final dot: name the zone with --origin ZONE", rewrite->path,
		     file->words[0].line, owner);
	}
	free(owner);
}

static void rewrite_entry(rewrite_t *rewrite)
{
	const entries_t *in = &rewrite->in;
	if (in->is_directive) {
		follow_directive(rewrite);
		return;
	}
	if (rewrite->uncommented && !in->file.has_owner) {
		report_rule(rewrite, in->file.words[0].line, "no owner, behind a record that comes out of a comment: "
		                                             "write the owner");
	}
	rewrite->uncommented = false;
	complete_soa(rewrite);
	raise_ttl(rewrite);
	rewrite->proxied += flatten_has_tag(in, "cf-proxied");
	if (rewrite_is_alias(&in->file, in->type) || flatten_wants(rewrite)) {
		convert_record(rewrite, in->type);
	} else if (zonefile_is(&in->file, in->type, "CNAME") && !rewrite->to_alias) {
		flatten_warn(rewrite);
	}
	size_t end = in->file.pos - (in->file.text[in->file.pos - 1] == '\n');
	if (in->file.end < end) {
		look_at_comment(rewrite, in->file.end, end, in->file.end_line, false);
	}
}

exit_t rewrite_text(rewrite_t *rewrite, const char *text, size_t len, FILE *out)
{
	rewrite->out = out;
	entries_init(&rewrite->in, text, len);
	rewrite->in.has_origin = rewrite->origin != NULL || entries_find_zone(rewrite->in.origin, text, len);
	if (rewrite->origin != NULL) {
		memcpy(rewrite->in.origin, rewrite->origin, knot_dname_size(rewrite->origin));
	}
	entries_t first = rewrite->in;
	zonemap_read(&rewrite->map, &first);
	zonefile_clear(&first.file);
	int ret;
	do {
		look_at_comments(rewrite);
		ret = entries_next(&rewrite->in);
		if (ret == KNOT_EOK) {
			rewrite_entry(rewrite);
		}
	} while (ret == KNOT_EOK);
	if (ret == KNOT_EPARSEFAIL) {
		report_rule(rewrite, rewrite->in.file.error_line, rewrite->in.file.error);
	}
	flatten_warn_unused(rewrite);
	copy_until(rewrite, len);
	zonemap_clear(&rewrite->map);
	zonefile_clear(&rewrite->in.file);
	return rewrite->status;
}
