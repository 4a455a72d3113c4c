/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The reader gets one entry at a time, as it does not go on by itself after some of its errors, and knows nothing of
 * directives that it does not have.
 */

#include "kalias/readable.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>
#include <libzscanner/scanner.h>

#include "kalias/kalias.h"
#include "kalias/zonefile.h"

#define DEFAULT_TTL 3600 /* As knotd. */

static void begin(zs_scanner_t *scanner, const knot_dname_t *origin, uint32_t ttl)
{
	knot_dname_txt_storage_t name;
	if (zs_init(scanner, knot_dname_to_str(name, origin, sizeof(name)), KNOT_CLASS_IN, ttl) != 0) {
		exit(fail("not enough memory"));
	}
}

/*! What to do about an entry that is not read. */
static const char *find_hint(const zonefile_t *file, size_t start)
{
	size_t type = zonefile_type(file, file->has_owner ? 1 : 0);
	char *words = zonefile_copy(file, type, (type + 2 < file->count) ? type + 2 : file->count);
	bool is_alias = strcasestr(words, "ALIAS") != NULL;
	free(words);
	if (is_alias) {
		return ": see migration in samples/README.md";
	}
	for (size_t i = start; i < file->end; i++) {
		if ((unsigned char)file->text[i] >= 0x80) {
			return ": write names in IDNA (xn--), and other octets that are not ASCII as \\DDD";
		}
	}
	return "";
}

static void check_entry(zs_scanner_t *scanner, const char *path, const zonefile_t *file, size_t start)
{
	static const char some_record[] = "@ TXT -\n";
	knot_dname_storage_t origin;
	memcpy(origin, scanner->zone_origin, scanner->zone_origin_length); /* It may be overwritten by half. */
	uint32_t ttl = scanner->default_ttl;
	if (zs_set_input_string(scanner, file->text + start, file->pos - start) != 0) {
		exit(fail("not enough memory"));
	}
	while (zs_parse_record(scanner) == 0 && scanner->state == ZS_STATE_DATA) {
	}
	if (scanner->error.code == 0) {
		return;
	}
	size_t type = zonefile_is_directive(file) ? 0 : zonefile_type(file, file->has_owner ? 1 : 0);
	char *word = (type < file->count) ? zonefile_copy(file, type, type + 1) : not_null(strdup("entry"));
	warn("%s:%zu: Knot DNS can't read this %s: %s%s", path, file->words[0].line, word, zs_strerror(scanner->error.code),
	     find_hint(file, file->words[0].start));
	free(word);
	zs_deinit(scanner);
	begin(scanner, origin, ttl);
	/* An owner for records that inherit theirs; which one is no matter. */
	if (zs_set_input_string(scanner, some_record, strlen(some_record)) != 0) {
		exit(fail("not enough memory"));
	}
	(void)zs_parse_record(scanner);
}

void readable_check(const char *path, const char *text, size_t len, const knot_dname_t *origin)
{
	static const knot_dname_t root[] = "";
	zs_scanner_t *scanner = not_null(malloc(sizeof(*scanner)));
	begin(scanner, origin == NULL ? root : origin, DEFAULT_TTL);

	zonefile_t file;
	zonefile_init(&file, text, len);
	size_t start = 0;
	while (zonefile_next(&file) == 0) {
		if (zonefile_is(&file, 0, "$GENERATE")) {
			warn("%s:%zu: Knot DNS has no $GENERATE: write its records out", path, file.words[0].line);
		} else if (!zonefile_is(&file, 0, "$INCLUDE")) {
			check_entry(scanner, path, &file, start);
		}
		start = file.pos;
	}
	zonefile_clear(&file);
	zs_deinit(scanner);
	free(scanner);
}
