/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/transaction.h"

#include <string.h>
#include <libknot/libknot.h>

/* Messages can cause a SIGPIPE. SIGQUIT is left, to end the program at once if knotd hangs. */
static const int ending[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM };

static void hold_signals(transaction_t *transaction)
{
	sigemptyset(&transaction->held);
	for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++) {
		struct sigaction action;
		if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
			sigaddset(&transaction->held, ending[i]);
		}
	}
	sigprocmask(SIG_BLOCK, &transaction->held, &transaction->before);
}

static bool is_interrupted(const transaction_t *transaction)
{
	sigset_t waiting;
	sigpending(&waiting);
	sigandset(&waiting, &waiting, &transaction->held);
	return !sigisemptyset(&waiting);
}

static const char *run_command(transaction_t *transaction, const char *command)
{
	knot_ctl_data_t request = {
		[KNOT_CTL_IDX_CMD] = command,
		[KNOT_CTL_IDX_ZONE] = transaction->zone,
	};
	return control_run(transaction->control, request, NULL, NULL);
}

bool transaction_begin(transaction_t *transaction, control_t *control, const char *zone)
{
	*transaction = (transaction_t){ .control = control, .zone = zone };
	hold_signals(transaction);

	const char *error = run_command(transaction, "zone-begin");
	transaction->open = (error == NULL);
	if (error != NULL) {
		if (control_is_lost(control)) {
			fail("zone %s: %s; a transaction may be open now, see knotc zone-status", zone, error);
		} else if (strcmp(error, knot_strerror(KNOT_TXN_EEXISTS)) == 0) {
			fail("zone %s: somebody else has a transaction open (%s), try again later", zone, error);
		} else {
			fail("zone %s: no transaction: %s", zone, error);
		}
		transaction_end(transaction);
	}
	return error == NULL;
}

const char *transaction_run(transaction_t *transaction, knot_ctl_data_t request, control_take_f take, void *ctx)
{
	if (is_interrupted(transaction)) {
		return "interrupted";
	}
	request[KNOT_CTL_IDX_ZONE] = transaction->zone;
	return control_run(transaction->control, request, take, ctx);
}

bool transaction_commit(transaction_t *transaction)
{
	if (is_interrupted(transaction)) {
		fail("zone %s: nothing changed: interrupted", transaction->zone);
		return false;
	}

	const char *error = run_command(transaction, "zone-commit");
	if (error == NULL) {
		transaction->open = false;
	} else if (control_is_lost(transaction->control)) {
		fail("zone %s: %s; see kalias list whether the change was made", transaction->zone, error);
	} else {
		fail("zone %s: the change was not accepted: %s", transaction->zone, error);
	}
	return error == NULL;
}

void transaction_end(transaction_t *transaction)
{
	if (transaction->open) {
		/* A commit that failed may have ended the transaction. */
		const char *error = run_command(transaction, "zone-abort");
		if (error != NULL && strcmp(error, knot_strerror(KNOT_TXN_ENOTEXISTS)) != 0) {
			fail("zone %s: the transaction is left open: %s; end it with knotc zone-abort", transaction->zone,
			     error);
		}
		transaction->open = false;
	}
	sigprocmask(SIG_SETMASK, &transaction->before, NULL);
}
