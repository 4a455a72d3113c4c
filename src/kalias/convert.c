/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalias convert: a zone file with its ALIAS records in another form (rewrite.h). It prints nothing if there is an
 * error.
 */

#include "kalias/kalias.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kalias/alias.h"
#include "kalias/foreign.h"
#include "kalias/readable.h"
#include "kalias/rewrite.h"

static const struct option options[] = {
	{ "to-alias", no_argument, NULL, 'a' },
	{ "commented", no_argument, NULL, 'c' },
	{ "flatten", required_argument, NULL, 'f' },
	{ "origin", required_argument, NULL, 'o' },
	{ NULL }
};

/*! Says how many records were converted. Nobody should miss that there were none. */
static void report(const rewrite_t *rewrite)
{
	if (rewrite->proxied > 0) {
		warn("%s: records that were behind Cloudflare's proxy, and will show your own servers: %zu", rewrite->path,
		     rewrite->proxied);
	}
	if (rewrite->left > 0) {
		fprintf(stderr, "CNAMEs that stay, as a label of their names begins with _: %zu\n", rewrite->left);
	}
	if (rewrite->raised > 0) {
		fprintf(stderr, "TTLs of 1 that became 300: %zu\n", rewrite->raised);
	}
	if (rewrite->converted == 0) {
		warn("%s: 0 records converted, %zu were in the wanted form already", rewrite->path, rewrite->kept);
	} else {
		fprintf(stderr, "%zu record%s converted\n", rewrite->converted, rewrite->converted == 1 ? "" : "s");
	}
}

/*! Reads the file, converts it and prints the result. */
static exit_t convert_file(rewrite_t *rewrite, const char *path)
{
	char *text = NULL, *result = NULL;
	size_t len = 0, result_len = 0;
	FILE *in = (path == NULL) ? stdin : fopen(path, "r");
	if (in == NULL) {
		return fail("%s: %s", path, strerror(errno));
	}
	const char *error = zonefile_read(&text, &len, in), *format = NULL;
	if (path != NULL) {
		fclose(in);
	}
	if (error != NULL) {
		return fail("%s: %s", rewrite->path, error);
	} else if ((format = foreign_format(text, len)) != NULL) {
		free(text);
		return fail("%s: this is %s, not a zone file: see migration in samples/README.md", rewrite->path, format);
	}

	FILE *out = not_null(open_memstream(&result, &result_len));
	exit_t status = rewrite_text(rewrite, text, len, out);
	bool is_short = ferror(out);
	if (fclose(out) != 0 || is_short) {
		status = fail("not enough memory");
	}
	if (status == EXIT_FINE && !rewrite->to_alias) {
		readable_check(rewrite->path, result, result_len, rewrite->origin);
	}
	if (status == EXIT_FINE) {
		fwrite(result, 1, result_len, stdout);
		report(rewrite);
	}
	free(result);
	free(text);
	return status;
}

exit_t run_convert(const settings_t *settings, int argc, char **argv)
{
	(void)settings;
	flatten_t flatten[argc];
	rewrite_t rewrite = { .flatten = flatten };
	const char *self = argv[0], *origin = NULL;
	int opt;
	while ((opt = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
		switch (opt) {
		case 'a':
			rewrite.to_alias = true;
			break;
		case 'c':
			rewrite.commented = true;
			break;
		case 'f':
			rewrite.flatten[rewrite.flatten_count++] = (flatten_t){ .what = optarg };
			break;
		case 'o':
			origin = optarg;
			break;
		case ':':
			return misuse(self, "option --origin needs a zone, --flatten one of NAME, apex, tagged, all");
		default:
			return misuse(self, "unknown option");
		}
	}
	if (argc - optind > 1) {
		return misuse(self, "more than one file given");
	}

	const char *path = (optind == argc || strcmp(argv[optind], "-") == 0) ? NULL : argv[optind];
	rewrite.path = path == NULL ? "stdin" : path;
	rewrite.mnemonic = rewrite.to_alias || alias_is_known();
	knot_dname_storage_t name;
	if (origin != NULL) {
		if (!alias_read_name(name, origin, NULL)) {
			return misuse(self, "origin is not a domain name: " ALIAS_NAME_RULE);
		}
		rewrite.origin = name;
	}
	return convert_file(&rewrite, path);
}
