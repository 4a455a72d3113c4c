/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias convert: a zone file with its ALIAS records in another form, all else octet for octet.
 *
 * Two words of a record are replaced at most, the type and the target; generic
 * RDATA of several words becomes one. Nothing is printed before all is read and right.
 */

#include "kalias.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <libknot/errcode.h>
#include <libknot/error.h>

#include "alias.h"
#include "zonefile.h"

#define TYPE_ANAME "ANAME"
#define GENERATE_TYPE 3     /* Word of $GENERATE after which TTL, class and type come: it, the range, the owner. */
#define ZONE_SUFFIX ".zone" /* As kzonecheck derives the origin from a file name. */

static const char no_memory[] = "not enough memory";
static const char no_origin[] = "relative name, but the origin is not known: add $ORIGIN, "
				"or name the zone with --origin ZONE";

static const struct option options[] = {
	{ "to-alias", no_argument, NULL, 'a' },
	{ "origin", required_argument, NULL, 'o' },
	{ NULL }
};

/*! What identifies a file that was included, so that none is looked at twice. */
typedef struct {
	dev_t device;
	ino_t inode;
} file_id_t;

/*! A conversion. */
typedef struct {
	bool to_alias; /*!< Option. */
	bool mnemonic; /*!< The type is written as ALIAS, not as a number. */

	const char *path; /*!< File for errors. */
	zonefile_t file;
	bool has_origin;
	knot_dname_storage_t origin;
	FILE *out;        /*!< In memory. */
	size_t done;      /*!< Octets of the file that are in the output already, as they are or replaced. */
	bool origin_told; /*!< The origin was missing, which is said once. */
	exit_t status;

	file_id_t *seen; /*!< Files read so far. */
	size_t seen_count;
} job_t;

/*! What has to be changed in the current entry, a record. */
typedef struct {
	size_t type; /*!< Index of its type. */
	bool change_type;
	bool change_rdata;
	bool generic; /*!< RDATA is in generic form. */
} change_t;

static void complain(job_t *job, size_t line, const char *rule)
{
	if (rule == no_origin) {
		if (job->origin_told) {
			return;
		}
		job->origin_told = true;
	}
	job->status = fail("%s:%zu: %s", job->path, line, rule);
}

static bool is_alias(const zonefile_t *file, size_t index)
{
	return zonefile_is(file, index, TYPE_ALIAS_NAME) || zonefile_is(file, index, TYPE_ANAME) ||
	       zonefile_is(file, index, TYPE_ALIAS_GENERIC);
}

static bool is_directive(const zonefile_t *file)
{
	return file->has_owner && file->text[file->words[0].start] == '$';
}

static bool is_include(const zonefile_t *file)
{
	return is_directive(file) && zonefile_is(file, 0, "$INCLUDE") && file->count > 1;
}

/*! Whether the entry is a record that has to be changed, and how. */
static bool find_change(change_t *change, const job_t *job, const zonefile_t *file)
{
	if (is_directive(file)) {
		return false;
	}
	size_t type = zonefile_type(file, file->has_owner ? 1 : 0);
	if (!is_alias(file, type)) {
		return false;
	}

	change->type = type;
	change->generic = zonefile_is(file, type + 1, "\\#");
	bool is_numeric = zonefile_is(file, type, TYPE_ALIAS_GENERIC);
	if (job->to_alias) {
		change->change_rdata = change->generic;
		change->change_type = !zonefile_is(file, type, TYPE_ALIAS_NAME);
	} else {
		change->change_rdata = !job->mnemonic && !change->generic;
		change->change_type = job->mnemonic ? zonefile_is(file, type, TYPE_ANAME) : !is_numeric;
	}
	return change->change_type || change->change_rdata;
}

/*! Puts what is before the offset as it is. */
static void copy_until(job_t *job, size_t offset)
{
	fwrite(job->file.text + job->done, 1, offset - job->done, job->out);
	job->done = offset;
}

static void replace(job_t *job, size_t start, size_t end, const char *text)
{
	copy_until(job, start);
	fputs(text, job->out);
	job->done = end;
}

static void replace_word(job_t *job, size_t index, const char *text)
{
	const zonefile_word_t *word = &job->file.words[index];
	replace(job, word->start, word->end, text);
}

/*! Removes a word and the blanks that keep it from what is before. */
static void remove_word(job_t *job, size_t index)
{
	const zonefile_word_t *word = &job->file.words[index];
	size_t start = word->start;
	while (start > job->done && strchr(" \t", job->file.text[start - 1]) != NULL) {
		start--;
	}
	replace(job, start, word->end, "");
}

/*! Reads a name as the zone file means it. \return NULL, or the rule that it breaks. */
static const char *read_name(knot_dname_storage_t name, const job_t *job, size_t index)
{
	static const knot_dname_t root[] = "";
	char *text = zonefile_copy(&job->file, index, index + 1);
	if (text == NULL) {
		return no_memory;
	}

	const char *rule = NULL;
	if (job->file.words[index].quoted) {
		rule = "name must not be quoted";
	} else if (!alias_read_name(name, text, job->has_origin ? job->origin : root)) {
		rule = "not a domain name: " ALIAS_NAME_RULE;
	} else if (!job->has_origin && !alias_is_absolute(text)) {
		rule = no_origin;
	}
	free(text);
	return rule;
}

static const char *read_rdata(knot_dname_storage_t target, const job_t *job, const change_t *change)
{
	size_t first = change->type + 1, last = job->file.count;
	if (!change->generic) {
		if (first == last) {
			return "target is missing";
		} else if (first + 1 < last) {
			return "RDATA must be one name";
		}
		const char *rule = read_name(target, job, first);
		return (rule == no_origin && !change->change_rdata) ? NULL : rule;
	}

	char *rdata = zonefile_copy(&job->file, first, last);
	if (rdata == NULL) {
		return no_memory;
	}
	const char *rule = alias_read_generic(target, rdata);
	free(rdata);
	return rule;
}

/*! Puts a name instead of generic RDATA; comments, lines and parentheses between its words stay. */
static void replace_generic(job_t *job, size_t first, const char *name)
{
	const zonefile_t *file = &job->file;
	if (file->words[first].depth == 0 && file->words[first].line == file->end_line) {
		replace(job, file->words[first].start, file->end, name);
		return;
	}
	replace_word(job, first, name);
	for (size_t i = first + 1; i < file->count; i++) {
		remove_word(job, i);
	}
}

static void convert_record(job_t *job, const change_t *change)
{
	knot_dname_storage_t target;
	const char *rule = read_rdata(target, job, change);
	if (rule != NULL) {
		complain(job, job->file.words[change->type].line, rule);
		return;
	}

	if (change->change_type) {
		replace_word(job, change->type, job->mnemonic ? TYPE_ALIAS_NAME : TYPE_ALIAS_GENERIC);
	}
	if (change->change_rdata && change->generic) {
		knot_dname_txt_storage_t name;
		replace_generic(job, change->type + 1, knot_dname_to_str(name, target, sizeof(name)));
	} else if (change->change_rdata) {
		char rdata[ALIAS_GENERIC_MAX];
		alias_write_generic(rdata, target);
		replace_word(job, change->type + 1, rdata);
	}
}

/*! Reads a file, standard input if there is no path. \return NULL, or the error. */
static const char *read_file(char **text, size_t *len, const char *path)
{
	FILE *stream = path == NULL ? stdin : fopen(path, "r");
	if (stream == NULL) {
		return strerror(errno);
	}
	int ret = zonefile_read(text, len, stream);
	if (path != NULL) {
		fclose(stream);
	}
	return ret == KNOT_EOK ? NULL : knot_strerror(ret);
}

/*! Notes a file. \return Whether it is new. */
static bool note_file(job_t *job, const struct stat *info)
{
	for (size_t i = 0; i < job->seen_count; i++) {
		if (job->seen[i].device == info->st_dev && job->seen[i].inode == info->st_ino) {
			return false;
		}
	}
	file_id_t *more = reallocarray(job->seen, job->seen_count + 1, sizeof(*more));
	if (more == NULL) {
		return false;
	}
	job->seen = more;
	job->seen[job->seen_count++] = (file_id_t){ .device = info->st_dev, .inode = info->st_ino };
	return true;
}

/*! Takes quotes and escapes away, in place. */
static void unquote(char *text)
{
	char *out = text;
	while (*text != '\0') {
		if (*text == '"') {
			text++;
		} else if (*text == '\\' && strspn(text + 1, "0123456789") >= 3) {
			*out++ = 100 * (text[1] - '0') + 10 * (text[2] - '0') + (text[3] - '0');
			text += strlen("\\DDD");
		} else {
			text += (*text == '\\' && text[1] != '\0') ? 1 : 0;
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/*! Path of the file that is included, relative to the directory of the one that includes it. */
static char *include_path(const zonefile_t *file, const char *from)
{
	char *name = zonefile_copy(file, 1, 2);
	if (name == NULL) {
		return NULL;
	}
	unquote(name);
	const char *slash = strrchr(from, '/');
	char *path = NULL;
	if (*name == '/' || slash == NULL) {
		return name;
	}
	if (asprintf(&path, "%.*s/%s", (int)(slash - from), from, name) < 0) {
		path = NULL;
	}
	free(name);
	return path;
}

static void look_into(job_t *job, const char *from, const zonefile_t *file);

/*! Warns if a file that is included has records to convert too: it is not part of the output. */
static void look_at(job_t *job, const char *path, const char *text, size_t len)
{
	zonefile_t file;
	zonefile_init(&file, text, len);
	bool told = false;
	int ret;
	while ((ret = zonefile_next(&file)) == KNOT_EOK) {
		change_t change;
		if (find_change(&change, job, &file) && !told) {
			warn("%s:%zu: included file has to be converted, too", path, file.words[change.type].line);
			told = true;
		} else if (is_include(&file)) {
			look_into(job, path, &file);
		}
	}
	if (ret == KNOT_EPARSEFAIL) {
		warn("%s:%zu: %s", path, file.error_line, file.error);
	}
	zonefile_clear(&file);
}

/*! Follows $INCLUDE, once to each file. */
static void look_into(job_t *job, const char *from, const zonefile_t *file)
{
	char *path = include_path(file, from), *text = NULL;
	size_t len = 0;
	struct stat info;
	if (path == NULL) {
		warn("%s", no_memory);
		return;
	}

	const char *error = NULL;
	if (stat(path, &info) != 0) {
		error = strerror(errno);
	} else if (!S_ISREG(info.st_mode)) {
		error = "not a regular file";
	} else if (note_file(job, &info)) {
		error = read_file(&text, &len, path);
	}
	if (error != NULL) {
		warn("%s:%zu: included file '%s' can't be looked at: %s", from, file->words[0].line, path, error);
	} else if (text != NULL) {
		look_at(job, path, text, len);
	}
	free(text);
	free(path);
}

static void follow_directive(job_t *job)
{
	const zonefile_t *file = &job->file;
	size_t line = file->words[0].line;
	if (is_include(file)) {
		look_into(job, job->path, file);
	} else if (zonefile_is(file, 0, "$ORIGIN")) {
		knot_dname_storage_t origin;
		const char *rule = file->count == 2 ? read_name(origin, job, 1) : "$ORIGIN must have one name";
		if (rule != NULL && rule != no_origin) {
			complain(job, line, rule);
			job->origin_told = true;
		}
		job->has_origin = (rule == NULL);
		if (job->has_origin) {
			memcpy(job->origin, origin, knot_dname_size(origin));
		}
	} else if (zonefile_is(file, 0, "$GENERATE") && is_alias(file, zonefile_type(file, GENERATE_TYPE))) {
		complain(job, line, "$GENERATE can't be converted, nor read by Knot DNS: write its records out");
	}
}

/*! Converts the whole text into the output. */
static void convert(job_t *job, const char *text, size_t len)
{
	zonefile_init(&job->file, text, len);
	int ret;
	while ((ret = zonefile_next(&job->file)) == KNOT_EOK) {
		change_t change;
		if (is_directive(&job->file)) {
			follow_directive(job);
		} else if (find_change(&change, job, &job->file)) {
			convert_record(job, &change);
		}
	}
	if (ret == KNOT_EPARSEFAIL) {
		complain(job, job->file.error_line, job->file.error);
	} else if (ret != KNOT_EOF) {
		job->status = fail("%s", knot_strerror(ret));
	}
	copy_until(job, len);
	zonefile_clear(&job->file);
}

/*! Takes the origin from the name of the file as kzonecheck does, but from none without the suffix. */
static void guess_origin(job_t *job)
{
	const char *slash = strrchr(job->path, '/');
	char *name = strdup(slash == NULL ? job->path : slash + 1);
	size_t len = name == NULL ? 0 : strlen(name), suffix_len = strlen(ZONE_SUFFIX);
	if (len > suffix_len && strcmp(name + len - suffix_len, ZONE_SUFFIX) == 0) {
		name[len - suffix_len] = '\0';
		job->has_origin = alias_read_name(job->origin, name, NULL);
	}
	free(name);
}

/*! Reads the file, converts it and prints the result. */
static exit_t run(job_t *job, const char *path)
{
	char *text = NULL, *result = NULL;
	size_t len = 0, result_len = 0;
	const char *error = read_file(&text, &len, path);
	if (error != NULL) {
		return fail("%s: %s", job->path, error);
	}
	struct stat info;
	if (path != NULL && stat(path, &info) == 0) {
		(void)note_file(job, &info);
	}

	job->out = open_memstream(&result, &result_len);
	if (job->out == NULL) {
		job->status = fail("%s", no_memory);
		goto cleanup;
	}
	convert(job, text, len);
	bool is_short = ferror(job->out);
	if (fclose(job->out) != 0 || is_short) {
		job->status = fail("%s", no_memory);
	}
	if (job->status == EXIT_FINE) {
		fwrite(result, 1, result_len, stdout);
	}
cleanup:
	free(result);
	free(text);
	free(job->seen);
	return job->status;
}

exit_t run_convert(const settings_t *settings, int argc, char **argv)
{
	(void)settings;
	job_t job = { .status = EXIT_FINE };
	const char *self = argv[0], *origin = NULL;
	int opt;
	while ((opt = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
		switch (opt) {
		case 'a':
			job.to_alias = true;
			break;
		case 'o':
			origin = optarg;
			break;
		case ':':
			return misuse(self, "option --origin needs a zone");
		default:
			return misuse(self, "unknown option");
		}
	}
	if (argc - optind > 1) {
		return misuse(self, "more than one file given");
	}

	const char *path = (optind == argc || strcmp(argv[optind], "-") == 0) ? NULL : argv[optind];
	job.path = path == NULL ? "stdin" : path;
	job.mnemonic = job.to_alias || alias_is_known();
	if (origin != NULL) {
		job.has_origin = alias_read_name(job.origin, origin, NULL);
		if (!job.has_origin) {
			return misuse(self, "origin is not a domain name: " ALIAS_NAME_RULE);
		}
	} else if (path != NULL) {
		guess_origin(&job);
	}
	return run(&job, path);
}
