/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What all commands of kalias share.
 *
 * A command prints its result on standard output. Errors and warnings go to standard error, by the functions below.
 */

#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>

/*! How a command ended, as exit status. */
typedef enum {
	EXIT_FINE,  /*!< Done; nothing wrong was found. */
	EXIT_WRONG, /*!< Failed, or `check` found something. */
	EXIT_USAGE, /*!< The command line was wrong; nothing has been done. */
} exit_t;

/*! Options before the command. */
typedef struct {
	const char *config; /*!< Configuration file of knotd, NULL if not given. */
	const char *socket; /*!< Control socket of knotd, NULL if not given. */
	int timeout;        /*!< For each exchange with knotd, s; 0: none. */
} settings_t;

typedef struct {
	const char *name;
	const char *args; /*!< Synopsis of its arguments. */
	const char *help; /*!< One line. */
	/*! Runs it; argv[0] is its name. */
	exit_t (*run)(const settings_t *settings, int argc, char **argv);
} command_t;

/*! \brief Prints "error: ..." on standard error. \return EXIT_WRONG */
exit_t fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*! \brief Prints "error: ..." and how to use the command. \return EXIT_USAGE */
exit_t misuse(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*! \brief Prints "warning: ..." on standard error. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*!
 * \brief Takes the options of a command that do no more than set their flag, and leaves its other arguments.
 *
 * \return false if there are options that it does not have.
 */
bool take_flags(int *argc, char ***argv, const struct option *options);

/*! \brief Ends the program if the memory that was asked for is not there. \return It. */
static inline void *not_null(void *memory)
{
	if (memory == NULL) {
		exit(fail("not enough memory"));
	}
	return memory;
}

/* The commands. */
exit_t run_rr(const settings_t *settings, int argc, char **argv);
exit_t run_decode(const settings_t *settings, int argc, char **argv);
exit_t run_convert(const settings_t *settings, int argc, char **argv);
exit_t run_set(const settings_t *settings, int argc, char **argv);
exit_t run_unset(const settings_t *settings, int argc, char **argv);
exit_t run_list(const settings_t *settings, int argc, char **argv);
exit_t run_check(const settings_t *settings, int argc, char **argv);
exit_t run_expand(const settings_t *settings, int argc, char **argv);
exit_t run_warm(const settings_t *settings, int argc, char **argv);
