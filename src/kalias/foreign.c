/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/foreign.h"

#include <ctype.h>
#include <string.h>

#define TINYDNS_TYPES "+-=.&:@'^CSZ36%"

static const char *format_of(const char *line, const char *end)
{
	const char *word = line;
	while (word < end && !isspace((unsigned char)*word)) {
		word++;
	}
	size_t word_len = word - line, len = end - line;
	const char *colon = memchr(line, ':', word_len), *comma = memchr(line, ',', word_len);
	if (line[0] == '{' || (line[0] == '[' && (len == 1 || strchr("{\"]", line[1]) != NULL))) {
		return "JSON";
	} else if (line[0] == '<') {
		return "HTML or XML";
	} else if ((len >= 3 && strncmp(line, "---", 3) == 0) || (colon == word - 1 && word_len == len)) {
		return "YAML, as octoDNS has it";
	} else if (colon > line && strchr(TINYDNS_TYPES, line[0]) != NULL) {
		return "data of tinydns";
	} else if ((word_len > 1 && (strncmp(line, "//", 2) == 0 || strncmp(line, "D(", 2) == 0)) ||
	           (word_len == 3 && strncmp(line, "var", 3) == 0)) {
		return "JavaScript, as DNSControl has it";
	} else if (comma != NULL && memchr(comma + 1, ',', word - comma - 1) != NULL) {
		return "CSV";
	}
	return NULL;
}

const char *foreign_format(const char *text, size_t len)
{
	const char *end = text + len;
	while (text < end) {
		const char *line_end = memchr(text, '\n', end - text);
		line_end = (line_end == NULL) ? end : line_end;
		const char *line = text, *last = line_end;
		while (line < last && isspace((unsigned char)*line)) {
			line++;
		}
		while (line < last && isspace((unsigned char)last[-1])) {
			last--;
		}
		if (line < last && *line != ';' && *line != '#') {
			return format_of(line, last);
		}
		text = line_end + (line_end < end);
	}
	return NULL;
}
