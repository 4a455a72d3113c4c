/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief Requests to a running knotd, over its control socket.
 */

#pragma once

#include <libknot/libknot.h>
#include <libknot/control/control.h>

#include "kalias/kalias.h"

/*! The item that says which part of a reply is wanted. Its name differs between versions of libknot. */
#define CONTROL_IDX_FILTER (KNOT_CTL_IDX_DATA + 1)

typedef struct control control_t;

/*!
 * \brief Connects to knotd.
 *
 * The socket is the one of the settings. Without one there it is the one of the configuration file, which is given or the
 * default file. Without that it is the default of knotd.
 *
 * \return NULL on error; an error with the name of the socket has been printed.
 */
control_t *control_open(const settings_t *settings);

/*! \brief Ends the connection; NULL is allowed. */
void control_close(control_t *control);

/*! \brief Takes one unit of a reply. Items that it does not have are NULL. All is gone after the call. */
typedef void (*control_take_f)(void *ctx, knot_ctl_data_t data);

/*!
 * \brief Sends a request and takes its reply.
 *
 * knotd ends a connection that is idle for some seconds (control.timeout), and older versions serve nobody else until
 * then. So run all requests, close, and work on the results after that. After an error of the connection itself the next
 * request connects again.
 *
 * \param control  Connection.
 * \param request  The request's items; KNOT_CTL_IDX_CMD at least.
 * \param take     Called for each unit of the reply that is not an error, may be NULL.
 * \param ctx      Its argument.
 *
 * \return NULL, or the first error, which lives until the next request.
 */
const char *control_run(control_t *control, knot_ctl_data_t request, control_take_f take, void *ctx);

/*! \brief Whether the connection was lost in the last request, which knotd may or may not have run. */
bool control_is_lost(const control_t *control);

/*! \brief Whether it was lost in some request since control_open(): an item that was read as not set may be set. */
bool control_was_lost(const control_t *control);
