/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Configuration files are read, and not understood: knotd says which sections and items exist.
 *
 * A control_t owns the connection, and the text of the last error. An error of the connection ends it; the next
 * request connects again.
 */

#include "kalias/control.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libknot/yparser/yparser.h>

/* What knotd has by default, in the packages of distributions and upstream. */
#define DEFAULT_CONFIG "/etc/knot/knot.conf"
#define DEFAULT_RUNDIR "/run/knot"
#define DEFAULT_LISTEN "knot.sock"

#define INCLUDE_DEPTH_MAX 6 /* As knotd. */

#define ERROR_MAX (PATH_MAX + 512) /* The longest have a path or names in them. */

struct control {
	knot_ctl_t *ctl; /*!< NULL: not connected. */
	int timeout;     /*!< ms, 0: none. */
	bool was_lost;   /*!< Since control_open(). */
	char path[PATH_MAX];
	char error[ERROR_MAX];
};

/* --- where the socket is --- */

/*! Items of a configuration file, empty if not set. */
typedef struct {
	char rundir[PATH_MAX];
	char listen[PATH_MAX]; /*!< Of the control socket; the first, if there are several. */
} conffile_t;

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

	yp_parser_t parser;
	yp_init(&parser);
	int ret = yp_set_input_file(&parser, path);
	if (ret != KNOT_EOK) {
		fail("%s: %s", path, knot_strerror(ret));
		return false;
	}
	bool good = read_items(conf, &parser, path, depth);
	yp_deinit(&parser);
	return good;
}

/*! \return false if the configuration can't be read, an error has been printed. */
static bool find_socket(char path[PATH_MAX], const settings_t *settings)
{
	if (settings->socket != NULL) {
		snprintf(path, PATH_MAX, "%s", settings->socket);
		return true;
	}

	conffile_t conf = { 0 };
	const char *config = settings->config;
	if (config == NULL && access(DEFAULT_CONFIG, R_OK) == 0) {
		config = DEFAULT_CONFIG;
	}
	if (config != NULL && !read_file(&conf, config, 0)) {
		return false;
	}

	const char *listen = (conf.listen[0] != '\0') ? conf.listen : DEFAULT_LISTEN;
	const char *rundir = (conf.rundir[0] != '\0') ? conf.rundir : DEFAULT_RUNDIR;
	int length = (listen[0] == '/') ? snprintf(path, PATH_MAX, "%s", listen) :
	                                  snprintf(path, PATH_MAX, "%s/%s", rundir, listen);
	if (length < 0 || length >= PATH_MAX) {
		fail("%s: the path of the control socket is too long", config);
		return false;
	}
	return true;
}

/* --- the connection --- */

static const char *connect_reason(int ret)
{
	switch (ret) {
	case KNOT_ENOENT:
		return "no such socket, is knotd running?";
	case KNOT_ECONNREFUSED:
		return "nobody listens there, is knotd running?";
	case KNOT_EACCES:
		return "permission denied, run this as root or as the user of knotd";
	case KNOT_ESPACE:
		return "longer than the path of a socket can be";
	case KNOT_EAGAIN:
		return "knotd is busy with other requests";
	default:
		return knot_strerror(ret);
	}
}

static void disconnect(control_t *control)
{
	knot_ctl_free(control->ctl);
	control->ctl = NULL;
}

/*! \return false with the error in control->error. */
static bool connect_socket(control_t *control)
{
	control->ctl = knot_ctl_alloc();
	int ret = KNOT_ENOMEM;
	if (control->ctl != NULL) {
		knot_ctl_set_timeout(control->ctl, control->timeout);
		ret = knot_ctl_connect(control->ctl, control->path);
	}
	if (ret != KNOT_EOK) {
		snprintf(control->error, sizeof(control->error), "control socket %s: %s", control->path,
		         connect_reason(ret));
		disconnect(control);
	}
	return ret == KNOT_EOK;
}

control_t *control_open(const settings_t *settings)
{
	control_t *control = not_null(calloc(1, sizeof(*control)));
	control->timeout = settings->timeout * 1000;

	if (find_socket(control->path, settings)) {
		if (connect_socket(control)) {
			return control;
		}
		fail("%s", control->error);
	}
	free(control);
	return NULL;
}

void control_close(control_t *control)
{
	if (control != NULL && control->ctl != NULL) {
		(void)knot_ctl_send(control->ctl, KNOT_CTL_TYPE_END, NULL);
		disconnect(control);
	}
	free(control);
}

/*! \return KNOT_EOK at the end of the reply. The first error in the reply is in control->error. */
static int take_reply(control_t *control, control_take_f take, void *ctx)
{
	while (true) {
		knot_ctl_type_t type;
		knot_ctl_data_t data;
		int ret = knot_ctl_receive(control->ctl, &type, &data);
		if (ret != KNOT_EOK || type == KNOT_CTL_TYPE_BLOCK) {
			return ret;
		}
		if (type == KNOT_CTL_TYPE_END) {
			return KNOT_EMALF;
		}

		const char *error = data[KNOT_CTL_IDX_ERROR];
		if (error == NULL && take != NULL) {
			take(ctx, data);
		} else if (error != NULL && control->error[0] == '\0') {
			snprintf(control->error, sizeof(control->error), "%s", error);
		}
	}
}

const char *control_run(control_t *control, knot_ctl_data_t request, control_take_f take, void *ctx)
{
	if (control->ctl == NULL && !connect_socket(control)) {
		control->was_lost = true;
		return control->error;
	}

	control->error[0] = '\0';
	int ret = knot_ctl_send(control->ctl, KNOT_CTL_TYPE_DATA, (knot_ctl_data_t *)request);
	if (ret == KNOT_EOK) {
		ret = knot_ctl_send(control->ctl, KNOT_CTL_TYPE_BLOCK, NULL);
	}
	if (ret == KNOT_EOK) {
		ret = take_reply(control, take, ctx);
	}
	if (ret != KNOT_EOK) {
		/* The rest of the reply would be taken for that to the next request. */
		disconnect(control);
		control->was_lost = true;
		snprintf(control->error, sizeof(control->error), "control socket %s: %s", control->path,
		         (ret == KNOT_ETIMEOUT) ? "knotd did not answer in time" : knot_strerror(ret));
	}
	return (control->error[0] != '\0') ? control->error : NULL;
}

bool control_is_lost(const control_t *control)
{
	return control->ctl == NULL;
}

bool control_was_lost(const control_t *control)
{
	return control->was_lost;
}
