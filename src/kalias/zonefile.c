/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The reader owns the array of words, the caller the text. Each call of zonefile_next() reads lines until it has an
 * entry with a word at least.
 */

#include "kalias/zonefile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <libknot/descriptor.h>
#include <libknot/errcode.h>
#include <libknot/error.h>

#include "kalias/kalias.h"

enum {
	READ_STEP = 1048576,
	WORDS_MIN = 16,
};

/*! Removes a byte order mark, and CR before LF. */
static void clean(char *text, size_t *len)
{
	static const char mark[] = "\xEF\xBB\xBF";
	size_t to = 0, from = (*len >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0) ? strlen(mark) : 0;
	for (; from < *len; from++) {
		if (text[from] != '\r' || from + 1 == *len || text[from + 1] != '\n') {
			text[to++] = text[from];
		}
	}
	*len = to;
}

/*! Whether the text begins with the byte order mark of UTF-16, or with a letter in it. */
static bool is_utf16(const char *text, size_t len)
{
	return len >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0 ||
	                    (text[0] == '\0') != (text[1] == '\0'));
}

const char *zonefile_read(char **text, size_t *len, FILE *stream)
{
	*len = 0;
	*text = NULL;
	do {
		if (*len % READ_STEP == 0) {
			*text = not_null(realloc(*text, *len + READ_STEP));
		}
		errno = 0;
		*len += fread(*text + *len, 1, READ_STEP - *len % READ_STEP, stream);
	} while (!feof(stream) && !ferror(stream));

	const char *error = NULL;
	if (ferror(stream)) {
		error = knot_strerror(errno > 0 ? -errno : KNOT_ERROR);
	} else if (is_utf16(*text, *len)) {
		error = "this is UTF-16: save it as UTF-8";
	}
	if (error != NULL) {
		free(*text);
		*text = NULL;
		return error;
	}
	clean(*text, len);
	return NULL;
}

void zonefile_init(zonefile_t *file, const char *text, size_t len)
{
	memset(file, 0, sizeof(*file));
	file->text = text;
	file->len = len;
	file->line = 1;
}

void zonefile_clear(zonefile_t *file)
{
	free(file->words);
	memset(file, 0, sizeof(*file));
}

static int break_rule(zonefile_t *file, size_t line, const char *rule)
{
	file->error = rule;
	file->error_line = line;
	return KNOT_EPARSEFAIL;
}

static bool is_separator(const zonefile_t *file, size_t pos)
{
	switch (file->text[pos]) {
	case ' ':
	case '\t':
	case '\n':
	case ';':
	case '(':
	case ')':
		return true;
	case '\r':
		return pos + 1 < file->len && file->text[pos + 1] == '\n';
	default:
		return false;
	}
}

static void add_word(zonefile_t *file, const zonefile_word_t *word)
{
	if (file->count == file->room) {
		file->room = file->room == 0 ? WORDS_MIN : 2 * file->room;
		file->words = not_null(reallocarray(file->words, file->room, sizeof(*word)));
	}
	file->words[file->count++] = *word;
}

/*! A word may have quoted parts, as the parameters of HTTPS do. */
static int scan_word(zonefile_t *file, size_t depth)
{
	zonefile_word_t word = { .start = file->pos, .line = file->line, .depth = depth };
	bool quoted = false;
	for (; file->pos < file->len && (quoted || !is_separator(file, file->pos)); file->pos++) {
		switch (file->text[file->pos]) {
		case '\\':
			/* An escape does not hide the end of a line. */
			if (file->pos + 1 < file->len && file->text[file->pos + 1] != '\n') {
				file->pos++;
			}
			break;
		case '"':
			quoted = !quoted;
			word.quoted = true;
			break;
		case '\n':
			if (depth == 0) {
				return break_rule(file, word.line, "quoted string must end in its line");
			}
			file->line++;
			break;
		}
	}
	if (quoted) {
		return break_rule(file, word.line, "quoted string has no end");
	}
	if (memchr(file->text + word.start, '\0', file->pos - word.start) != NULL) {
		return break_rule(file, word.line, "octet zero must be written as \\000");
	}

	word.end = file->pos;
	file->end = file->pos;
	file->end_line = file->line;
	add_word(file, &word);
	return KNOT_EOK;
}

static void skip_comment(zonefile_t *file)
{
	const char *start = file->text + file->pos;
	const char *end = memchr(start, '\n', file->len - file->pos);
	file->pos = end == NULL ? file->len : (size_t)(end - file->text);
}

/*! Reads a line, and the lines that parentheses make a part of it. */
static int scan_line(zonefile_t *file)
{
	size_t depth = 0, open_line = 0;
	char first = file->text[file->pos];
	file->has_owner = (first != ' ' && first != '\t');

	while (file->pos < file->len) {
		switch (file->text[file->pos]) {
		case '\n':
			file->pos++;
			file->line++;
			if (depth == 0) {
				return KNOT_EOK;
			}
			break;
		case ';':
			skip_comment(file);
			break;
		case '(':
		case ')':
			if (file->text[file->pos] == '(') {
				open_line = depth++ == 0 ? file->line : open_line;
			} else if (depth-- == 0) {
				return break_rule(file, file->line, "closing parenthesis without an opening one");
			}
			file->end = ++file->pos;
			file->end_line = file->line;
			break;
		default:
			if (is_separator(file, file->pos)) {
				file->pos++;
				break;
			}
			int ret = scan_word(file, depth);
			if (ret != KNOT_EOK) {
				return ret;
			}
		}
	}
	return depth == 0 ? KNOT_EOK : break_rule(file, open_line, "parenthesis is not closed");
}

int zonefile_next(zonefile_t *file)
{
	file->count = 0;
	int ret = KNOT_EOK;
	while (ret == KNOT_EOK && file->count == 0) {
		ret = file->pos < file->len ? scan_line(file) : KNOT_EOF;
	}
	return ret;
}

size_t zonefile_type(const zonefile_t *file, size_t first)
{
	while (first < file->count && (isdigit((unsigned char)file->text[file->words[first].start]) ||
	                               zonefile_is_class(file, first))) {
		first++;
	}
	return first < file->count ? first : file->count;
}

bool zonefile_is_directive(const zonefile_t *file)
{
	return file->has_owner && file->text[file->words[0].start] == '$';
}

bool zonefile_is(const zonefile_t *file, size_t index, const char *text)
{
	if (index >= file->count) {
		return false;
	}
	const zonefile_word_t *word = &file->words[index];
	size_t len = strlen(text);
	return word->end - word->start == len && strncasecmp(file->text + word->start, text, len) == 0;
}

bool zonefile_is_class(const zonefile_t *file, size_t index)
{
	if (zonefile_is(file, index, "IN") || zonefile_is(file, index, "CS") || zonefile_is(file, index, "HS")) {
		return true; /* The usual one, and those that libknot does not know. */
	}
	/* All others begin with one of these letters, and most words here are types. */
	bool may_be = index < file->count && strchr("ACNacn", file->text[file->words[index].start]) != NULL;
	char *name = may_be ? zonefile_copy(file, index, index + 1) : NULL;
	uint16_t number;
	bool found = name != NULL && knot_rrclass_from_string(name, &number) == 0;
	free(name);
	return found;
}

char *zonefile_copy(const zonefile_t *file, size_t first, size_t last)
{
	size_t room = first < last ? file->words[last - 1].end - file->words[first].start : 0;
	char *copy = not_null(malloc(room + 1)), *pos = copy;
	for (size_t i = first; i < last; i++) {
		const zonefile_word_t *word = &file->words[i];
		if (i > first) {
			*pos++ = ' ';
		}
		pos = mempcpy(pos, file->text + word->start, word->end - word->start);
	}
	*pos = '\0';
	return copy;
}
