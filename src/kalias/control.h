/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Requests to a running knotd, over its control socket.
 */

#pragma once

#include <libknot/libknot.h>
#include <libknot/control/control.h>

#include "kalias/kalias.h"

/*! What of a reply is wanted; the name of this item differs between versions of libknot. */
#define CONTROL_IDX_FILTER (KNOT_CTL_IDX_DATA + 1)

typedef struct control control_t;

/*!
 * \brief Connects to knotd.
 *
 * The socket is that of the settings, else that of the configuration file, given
 * or the default one, else knotd's default. Prints an error that names the socket.
 *
 * \return NULL on error.
 */
control_t *control_open(const settings_t *settings);

/*! \brief Ends the connection; NULL is allowed. */
void control_close(control_t *control);

/*! \brief Takes one unit of a reply, items that are not there are NULL; what it points to is gone after. */
typedef void (*control_take_f)(void *ctx, knot_ctl_data_t data);

/*!
 * \brief Sends a request and takes its reply.
 *
 * knotd ends a connection on which nothing comes for some seconds (control.timeout), and older
 * versions serve nobody else meanwhile: run all requests, close, and work on the result then.
 * After an error of the connection itself the next request connects anew.
 *
 * \param control  Connection.
 * \param request  The request's items; KNOT_CTL_IDX_CMD at least.
 * \param take     Called for each unit of the reply that is not an error, may be NULL.
 * \param ctx      Its argument.
 *
 * \return NULL, or the first error, which lives until the next request.
 */
const char *control_run(control_t *control, knot_ctl_data_t request, control_take_f take, void *ctx);

/*! \brief Whether the last request failed for the connection: knotd may have run it or not. */
bool control_is_lost(const control_t *control);
