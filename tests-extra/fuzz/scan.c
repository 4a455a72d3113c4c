/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "scan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>
#include <libknot/libknot.h>
#include <libzscanner/scanner.h>

#include "fuzz.h"
#include "util/rrtype.h"
#include "kalias/rewrite.h"

/*! Writes CNAME in place of ALIAS; or its number, where RDATA is generic. */
static void write_cnames(FILE *out, const char *text, size_t len)
{
	zonefile_t file;
	zonefile_init(&file, text, len);
	size_t done = 0;
	while (zonefile_next(&file) == KNOT_EOK) {
		size_t type = zonefile_type(&file, file.has_owner ? 1 : 0);
		if (zonefile_is_directive(&file) || !rewrite_is_alias(&file, type)) {
			continue;
		}
		bool generic = zonefile_is(&file, type + 1, "\\#");
		fwrite(text + done, 1, file.words[type].start - done, out);
		fputs(generic ? "TYPE65401" : "CNAME", out);
		done = file.words[type].end;
	}
	fwrite(text + done, 1, len - done, out);
	zonefile_clear(&file);
}

static zs_scanner_t *begin(const char *text, size_t len, const char *origin)
{
	zs_scanner_t *scanner = malloc(sizeof(*scanner));
	CHECK(scanner != NULL && zs_init(scanner, origin, KNOT_CLASS_IN, 3600) == 0);
	CHECK(zs_set_input_string(scanner, text, len) == 0);
	return scanner;
}

static void end(zs_scanner_t *scanner)
{
	zs_deinit(scanner);
	free(scanner);
}

static bool next(zs_scanner_t *scanner)
{
	return zs_parse_record(scanner) == 0 && scanner->state == ZS_STATE_DATA;
}

/*! Whether Knot reads the text to its end, without other files. */
static bool is_readable(const char *text, size_t len, const char *origin)
{
	zs_scanner_t *scanner = begin(text, len, origin);
	while (next(scanner)) {
	}
	bool readable = scanner->state == ZS_STATE_EOF;
	end(scanner);
	return readable;
}

static bool is_same_data(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i = 0;
	while (i < len && tolower(a[i]) == tolower(b[i])) {
		i++;
	}
	return i == len;
}

static void compare(zs_scanner_t *a, zs_scanner_t *b)
{
	while (next(a)) {
		CHECK(next(b));
		CHECK(a->r_owner_length == b->r_owner_length && memcmp(a->r_owner, b->r_owner, a->r_owner_length) == 0);
		CHECK(a->r_ttl == b->r_ttl && a->r_class == b->r_class);
		CHECK(a->r_type == b->r_type || (a->r_type == KNOT_RRTYPE_CNAME && b->r_type == RRTYPE_ALIAS));
		CHECK(a->r_data_length == b->r_data_length && is_same_data(a->r_data, b->r_data, a->r_data_length));
	}
	CHECK(!next(b));
}

void scan_check(const char *before, size_t before_len, const char *after, size_t after_len, const char *origin)
{
	char *cnames;
	size_t len;
	FILE *out = open_memstream(&cnames, &len);
	CHECK(out != NULL);
	write_cnames(out, before, before_len);
	CHECK(fclose(out) == 0);

	if (is_readable(cnames, len, origin)) {
		CHECK(is_readable(after, after_len, origin));
		zs_scanner_t *a = begin(cnames, len, origin), *b = begin(after, after_len, origin);
		compare(a, b);
		end(a);
		end(b);
	}
	free(cnames);
}
