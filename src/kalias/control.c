/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A control_t owns the connection, and the text of the last error. An error of the connection ends it; the next
 * request connects again.
 */

#include "kalias/control.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kalias/conffile.h"

/* What knotd has by default, in the packages of distributions and upstream. */
#define DEFAULT_CONFIG "/etc/knot/knot.conf"
#define DEFAULT_RUNDIR "/run/knot"
#define DEFAULT_LISTEN "knot.sock"

#define ERROR_MAX (PATH_MAX + 512) /* The longest have a path or names in them. */

struct control {
	knot_ctl_t *ctl; /*!< NULL: not connected. */
	int timeout;     /*!< ms, 0: none. */
	char path[PATH_MAX];
	char error[ERROR_MAX];
};

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
	if (config != NULL && !conffile_read(&conf, config)) {
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
		knot_ctl_free(control->ctl);
		control->ctl = NULL;
	}
	return ret == KNOT_EOK;
}

static void disconnect(control_t *control)
{
	knot_ctl_free(control->ctl);
	control->ctl = NULL;
}

control_t *control_open(const settings_t *settings)
{
	control_t *control = not_null(calloc(1, sizeof(*control)));
	control->timeout = settings->timeout * 1000;

	if (!find_socket(control->path, settings)) {
		free(control);
		return NULL;
	}
	if (!connect_socket(control)) {
		fail("%s", control->error);
		free(control);
		return NULL;
	}
	return control;
}

void control_close(control_t *control)
{
	if (control == NULL) {
		return;
	}
	if (control->ctl != NULL) {
		(void)knot_ctl_send(control->ctl, KNOT_CTL_TYPE_END, NULL);
		disconnect(control);
	}
	free(control);
}

static int send_request(control_t *control, knot_ctl_data_t request)
{
	int ret = knot_ctl_send(control->ctl, KNOT_CTL_TYPE_DATA, (knot_ctl_data_t *)request);
	return (ret == KNOT_EOK) ? knot_ctl_send(control->ctl, KNOT_CTL_TYPE_BLOCK, NULL) : ret;
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
		return control->error;
	}

	control->error[0] = '\0';
	int ret = send_request(control, request);
	if (ret == KNOT_EOK) {
		ret = take_reply(control, take, ctx);
	}
	if (ret != KNOT_EOK) {
		/* The rest of the reply would be taken for that to the next request. */
		disconnect(control);
		snprintf(control->error, sizeof(control->error), "control socket %s: %s", control->path,
		         (ret == KNOT_ETIMEOUT) ? "knotd did not answer in time" : knot_strerror(ret));
	}
	return (control->error[0] != '\0') ? control->error : NULL;
}

bool control_is_lost(const control_t *control)
{
	return control->ctl == NULL;
}
