/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kalias/advice.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kalias/alias.h"
#include "kalias/sanity.h"
#include "util/rrtype.h"

static size_t line_of(const rewrite_t *rewrite)
{
	return rewrite->in.file.words[rewrite->in.type].line;
}

/*! \return EXIT_WRONG if the rule is an error. */
static exit_t say(const rewrite_t *rewrite, bool is_error, const char *what, const char *text, const char *rule)
{
	if (is_error) {
		return fail("%s:%zu: %s '%s' %s", rewrite->path, line_of(rewrite), what, text, rule);
	}
	warn("%s:%zu: %s '%s' %s", rewrite->path, line_of(rewrite), what, text, rule);
	return EXIT_FINE;
}

static exit_t check_owner(const rewrite_t *rewrite, bool refuse)
{
	const entries_t *in = &rewrite->in;
	if (!in->file.has_owner) {
		return EXIT_FINE;
	}
	bool has_ttl = false;
	for (size_t i = 1; i < in->type; i++) {
		has_ttl |= isdigit((unsigned char)in->file.text[in->file.words[i].start]) != 0;
	}
	char *owner = zonefile_copy(&in->file, 0, 1);
	bool completed = in->has_origin && in->origin[0] != '\0';
	const char *rule = sanity_owner(owner, completed ? rewrite->map.apex : NULL, true);
	exit_t status = EXIT_FINE;
	if (rule != NULL) {
		status = say(rewrite, refuse, "owner", owner, rule);
	} else if ((rule = sanity_owner(owner, NULL, has_ttl)) != NULL) {
		(void)say(rewrite, false, "owner", owner, rule);
	}
	free(owner);
	return status;
}

/*! Whether a relative target looks like the whole name of a host elsewhere. */
static bool lacks_dot(const rewrite_t *rewrite, const char *text, const knot_dname_t *target)
{
	static const knot_dname_t root[] = "";
	knot_dname_storage_t name;
	if (!rewrite->in.has_origin || rewrite->in.origin[0] == '\0' || alias_is_absolute(text) ||
	    strcmp(text, "@") == 0 || !alias_read_name(name, text, root) || name[1 + name[0]] == '\0') {
		return false;
	}
	knot_dname_copy_lower(name, target);
	return !zonemap_has(&rewrite->map, name);
}

static exit_t check_target(const rewrite_t *rewrite, const knot_dname_t *target, bool refuse, bool *doubted)
{
	const entries_t *in = &rewrite->in;
	knot_dname_txt_storage_t whole;
	(void)knot_dname_to_str(whole, target, sizeof(whole));
	bool generic = zonefile_is(&in->file, in->type + 1, "\\#"), refused;
	char *text = generic ? not_null(strdup(whole)) : zonefile_copy(&in->file, in->type + 1, in->type + 2);

	exit_t status = EXIT_FINE;
	const char *rule = sanity_target(&refused, text, target, !generic);
	*doubted = false;
	if (rule != NULL) {
		status = say(rewrite, refused && refuse, "target", text, rule);
	} else if (!generic && lacks_dot(rewrite, text, target)) {
		*doubted = true;
		warn("%s:%zu: target '%s' has no final dot, it means %s, which the zone does not have%s", rewrite->path,
		     line_of(rewrite), text, whole, rewrite->map.partial ? ", unless an included file has it" : "");
	}
	free(text);
	return status;
}

static void check_place(const rewrite_t *rewrite, const knot_dname_t *target)
{
	const entries_t *in = &rewrite->in;
	if (!in->has_name) {
		return;
	}
	knot_dname_txt_storage_t name;
	(void)knot_dname_to_str(name, in->name, sizeof(name));
	size_t line = line_of(rewrite);
	if (knot_dname_is_case_equal(in->name, target)) {
		warn("%s:%zu: %s is its own target, so that it has no addresses", rewrite->path, line, name);
	}
	zonemap_name_t *here = zonemap_find(&rewrite->map, in->name);
	if (here != NULL && here->told) {
		return;
	} else if (here != NULL) {
		here->told = true;
	}
	if (here != NULL && here->aliases > ALIAS_TARGETS_MAX) {
		warn("%s:%zu: %s has %zu targets, of which %d count", rewrite->path, line, name, here->aliases,
		     ALIAS_TARGETS_MAX);
	}
	const char *obstacle = zonemap_obstacle(&rewrite->map, in->name);
	if (obstacle != NULL) {
		warn("%s:%zu: %s %s", rewrite->path, line, name, obstacle);
	}
}

exit_t advice_give(const rewrite_t *rewrite, const knot_dname_t *target, bool refuse, bool *doubted)
{
	check_place(rewrite, target);
	exit_t of_owner = check_owner(rewrite, refuse), of_target = check_target(rewrite, target, refuse, doubted);
	return of_owner != EXIT_FINE ? of_owner : of_target;
}
