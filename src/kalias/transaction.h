/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief A transaction on a zone of a running knotd, which is never left open.
 *
 * While it is open, signals that would end the program are held back. Once there is one, each step fails.
 */

#pragma once

#include <signal.h>
#include <stdbool.h>

#include "kalias/control.h"

typedef struct {
	control_t *control;
	const char *zone;
	bool open;
	sigset_t held;   /*!< Signals that are held back. */
	sigset_t before; /*!< The signal mask from before. */
} transaction_t;

/*!
 * \brief Opens a transaction.
 *
 * \param[out] transaction  Transaction, to be ended with transaction_end().
 * \param control           Connection.
 * \param zone              Name of the zone.
 *
 * \return false if there is none, for instance because somebody else has one open; an error has been printed.
 */
bool transaction_begin(transaction_t *transaction, control_t *control, const char *zone);

/*!
 * \brief Runs a request within the transaction.
 *
 * \param transaction  Transaction.
 * \param request      The request's items but for the zone.
 * \param take         Called for each unit of the reply, may be NULL.
 * \param ctx          Its argument.
 *
 * \return NULL, or the error, which lives until the next request.
 */
const char *transaction_run(transaction_t *transaction, knot_ctl_data_t request, control_take_f take, void *ctx);

/*! \brief Commits. \return false if nothing has changed, an error has been printed. */
bool transaction_commit(transaction_t *transaction);

/*! \brief Ends the transaction, and undoes all changes that have not been committed. */
void transaction_end(transaction_t *transaction);
