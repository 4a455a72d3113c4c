/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/conffile.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <libknot/libknot.h>
#include <libknot/yparser/yparser.h>

#include "kalias/kalias.h"

#define INCLUDE_DEPTH_MAX 6 /* As knotd. */

typedef struct {
	conffile_take_f take;
	void *ctx;
	unsigned depth;
} reader_t;

static bool read_file(reader_t *reader, const char *path);

/*! Writes the pattern to match. It is relative to the real directory of the file that includes. */
static bool write_pattern(char pattern[PATH_MAX], const char *path, const char *value)
{
	char resolved[PATH_MAX] = "";
	if (value[0] != '/' && realpath(path, resolved) == NULL) {
		return false;
	}
	int length = (value[0] == '/') ? snprintf(pattern, PATH_MAX, "%s", value) :
	                                 snprintf(pattern, PATH_MAX, "%s/%s", dirname(resolved), value);
	return length >= 0 && length < PATH_MAX;
}

static bool read_included(reader_t *reader, const char *path, const char *value)
{
	char pattern[PATH_MAX];
	if (!write_pattern(pattern, path, value)) {
		fail("%s: include '%s': no such path", path, value);
		return false;
	}
	if (reader->depth == INCLUDE_DEPTH_MAX) {
		fail("%s: include '%s': more than %d levels deep", path, value, INCLUDE_DEPTH_MAX);
		return false;
	}

	glob_t found;
	int ret = glob(pattern, 0, NULL, &found);
	/* A wildcard may match nothing. */
	bool good = (ret == 0 || (ret == GLOB_NOMATCH && strchr(pattern, '*') != NULL));
	if (!good) {
		fail("%s: include '%s': no such file", path, value);
	}

	reader->depth++;
	for (size_t i = 0; good && ret == 0 && i < found.gl_pathc; i++) {
		struct stat st;
		if (stat(found.gl_pathv[i], &st) == 0 && S_ISREG(st.st_mode)) {
			good = read_file(reader, found.gl_pathv[i]);
		}
	}
	reader->depth--;

	globfree(&found);
	return good;
}

static bool read_items(reader_t *reader, yp_parser_t *parser, const char *path)
{
	char section[sizeof(parser->key)] = "";

	int ret;
	while ((ret = yp_parse(parser)) == KNOT_EOK) {
		if (parser->event != YP_EKEY0) {
			reader->take(reader->ctx, section, parser->key, parser->data);
			continue;
		}
		memcpy(section, parser->key, sizeof(section));
		if (strcmp(section, "include") == 0 && !read_included(reader, path, parser->data)) {
			return false;
		}
	}
	if (ret != KNOT_EOF) {
		fail("%s, line %zu: %s", path, parser->line_count, knot_strerror(ret));
		return false;
	}
	return true;
}

static bool read_file(reader_t *reader, const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		fail("%s: %s", path, strerror(errno));
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		fail("%s: a configuration database, not a file; give the control socket with --socket", path);
		return false;
	}

	yp_parser_t *parser = not_null(malloc(sizeof(*parser))); /* Tens of kilobytes. */
	yp_init(parser);
	bool good = false;
	int ret = yp_set_input_file(parser, path);
	if (ret != KNOT_EOK) {
		fail("%s: %s", path, knot_strerror(ret));
	} else {
		good = read_items(reader, parser, path);
		yp_deinit(parser);
	}
	free(parser);
	return good;
}

bool conffile_read(const char *path, conffile_take_f take, void *ctx)
{
	reader_t reader = { .take = take, .ctx = ctx };
	return read_file(&reader, path);
}
