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

static bool read_file(conffile_t *conf, const char *path, unsigned depth);

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

static bool read_included(conffile_t *conf, const char *path, const char *value, unsigned depth)
{
	char pattern[PATH_MAX];
	if (!write_pattern(pattern, path, value)) {
		fail("%s: include '%s': no such path", path, value);
		return false;
	}
	if (depth == INCLUDE_DEPTH_MAX) {
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

	for (size_t i = 0; good && ret == 0 && i < found.gl_pathc; i++) {
		struct stat st;
		if (stat(found.gl_pathv[i], &st) == 0 && S_ISREG(st.st_mode)) {
			good = read_file(conf, found.gl_pathv[i], depth + 1);
		}
	}

	globfree(&found);
	return good;
}

static void take_value(conffile_t *conf, const char *section, const char *item, const char *value)
{
	if (strcmp(section, "server") == 0 && strcmp(item, "rundir") == 0) {
		snprintf(conf->rundir, sizeof(conf->rundir), "%.*s", PATH_MAX - 1, value);
	} else if (strcmp(section, "control") == 0 && strcmp(item, "listen") == 0 && conf->listen[0] == '\0') {
		snprintf(conf->listen, sizeof(conf->listen), "%.*s", PATH_MAX - 1, value);
	}
}

static bool read_items(conffile_t *conf, yp_parser_t *parser, const char *path, unsigned depth)
{
	char section[sizeof(parser->key)] = "";

	int ret;
	while ((ret = yp_parse(parser)) == KNOT_EOK) {
		if (parser->event != YP_EKEY0) {
			take_value(conf, section, parser->key, parser->data);
			continue;
		}
		memcpy(section, parser->key, sizeof(section));
		if (strcmp(section, "include") == 0 && !read_included(conf, path, parser->data, depth)) {
			return false;
		}
	}
	if (ret != KNOT_EOF) {
		fail("%s, line %zu: %s", path, parser->line_count, knot_strerror(ret));
		return false;
	}
	return true;
}

static bool read_file(conffile_t *conf, const char *path, unsigned depth)
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
		good = read_items(conf, parser, path, depth);
		yp_deinit(parser);
	}
	free(parser);
	return good;
}

bool conffile_read(conffile_t *conf, const char *path)
{
	*conf = (conffile_t){ 0 };
	return read_file(conf, path, 0);
}
