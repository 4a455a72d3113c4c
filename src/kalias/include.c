/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/include.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <libknot/errcode.h>
#include <libknot/error.h>

#include "kalias/kalias.h"

const char *include_read(char **text, size_t *len, const char *path)
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
static bool note_file(includes_t *includes, const struct stat *info)
{
	for (size_t i = 0; i < includes->seen_count; i++) {
		if (includes->seen[i].device == info->st_dev && includes->seen[i].inode == info->st_ino) {
			return false;
		}
	}
	file_id_t *more = reallocarray(includes->seen, includes->seen_count + 1, sizeof(*more));
	if (more == NULL) {
		return false;
	}
	includes->seen = more;
	includes->seen[includes->seen_count++] = (file_id_t){ .device = info->st_dev, .inode = info->st_ino };
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

/*! Warns if a file that is included has records to convert too: it is not part of the output. */
static void look_at(includes_t *includes, const char *path, const char *text, size_t len)
{
	zonefile_t file;
	zonefile_init(&file, text, len);
	bool told = false;
	int ret;
	while ((ret = zonefile_next(&file)) == KNOT_EOK) {
		change_t change;
		if (style_find_change(&change, &includes->style, &file) && !told) {
			warn("%s:%zu: included file has to be converted, too", path, file.words[change.type].line);
			told = true;
		} else if (style_is_include(&file)) {
			include_look(includes, path, &file);
		}
	}
	if (ret == KNOT_EPARSEFAIL) {
		warn("%s:%zu: %s", path, file.error_line, file.error);
	}
	zonefile_clear(&file);
}

void include_look(includes_t *includes, const char *from, const zonefile_t *file)
{
	char *path = include_path(file, from), *text = NULL;
	size_t len = 0;
	struct stat info;
	if (path == NULL) {
		warn("not enough memory");
		return;
	}

	const char *error = NULL;
	if (stat(path, &info) != 0) {
		error = strerror(errno);
	} else if (!S_ISREG(info.st_mode)) {
		error = "not a regular file";
	} else if (note_file(includes, &info)) {
		error = include_read(&text, &len, path);
	}
	if (error != NULL) {
		warn("%s:%zu: included file '%s' can't be looked at: %s", from, file->words[0].line, path, error);
	} else if (text != NULL) {
		look_at(includes, path, text, len);
	}
	free(text);
	free(path);
}

void include_note(includes_t *includes, const char *path)
{
	struct stat info;
	if (stat(path, &info) == 0) {
		(void)note_file(includes, &info);
	}
}

void include_clear(includes_t *includes)
{
	free(includes->seen);
	includes->seen = NULL;
	includes->seen_count = 0;
}
