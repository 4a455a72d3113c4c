/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `kalias convert` of a text: what comes out is converted already, there and back nothing changes any more, and all that is
 * no ALIAS stays. Knot's own reader finds the same records before and after. One octet says how, the rest is the zone file.
 */

#include "fuzz.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/errcode.h>

#include "scan.h"
#include "kalias/foreign.h"
#include "kalias/rewrite.h"

enum {
	WITH_ORIGIN = 0x01,
	WITH_MNEMONIC = 0x02,
	WITH_COMMENTED = 0x04,
	WITH_FLATTEN = 0x08,
};

#define ORIGIN "\004zone\007example"
#define ORIGIN_TEXT "zone.example."

typedef struct {
	char *data;
	size_t len;
} text_t;

/* Of the tool, what the conversion calls. */

exit_t fail(const char *format, ...)
{
	(void)format;
	return EXIT_WRONG;
}

exit_t misuse(const char *name, const char *format, ...)
{
	(void)name;
	(void)format;
	return EXIT_USAGE;
}

void warn(const char *format, ...)
{
	(void)format;
}

/*! Converts a text in memory of its very length. \return False if there is nothing to free */
static bool convert(text_t *result, const text_t *text, uint8_t how, bool to_alias)
{
	flatten_t flatten[] = { { .what = FLATTEN_TAGGED }, { .what = "a" }, { .what = FLATTEN_APEX } };
	rewrite_t rewrite = {
		.to_alias = to_alias,
		.mnemonic = to_alias || (how & WITH_MNEMONIC),
		.commented = how & WITH_COMMENTED,
		.flatten = flatten,
		.flatten_count = (how & WITH_FLATTEN) ? sizeof(flatten) / sizeof(*flatten) : 0,
		.path = "fuzz",
		.origin = (how & WITH_ORIGIN) ? (const knot_dname_t *)ORIGIN : NULL,
	};
	char *copy = (char *)fuzz_copy(text->data, text->len);
	FILE *out = open_memstream(&result->data, &result->len);
	CHECK(out != NULL);
	exit_t status = rewrite_text(&rewrite, copy, text->len, out);
	CHECK(fclose(out) == 0);
	free(copy);
	if (status != EXIT_FINE) {
		free(result->data);
	}
	return status == EXIT_FINE;
}

static bool is_same(const text_t *a, const text_t *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/*! Whether a word is the type or the RDATA of an ALIAS, or the owner of a SOA, and may have changed. */
static bool may_change(const zonefile_t *file, size_t index)
{
	size_t type = zonefile_type(file, file->has_owner ? 1 : 0);
	return !zonefile_is_directive(file) && ((rewrite_is_alias(file, type) && index >= type) ||
	                                        (zonefile_is(file, type, "SOA") && index == 0));
}

/*! Entry by entry, all other words are the same. */
static void check_words(const text_t *before, const text_t *after)
{
	zonefile_t old, new;
	zonefile_init(&old, before->data, before->len);
	zonefile_init(&new, after->data, after->len);
	int ret;
	while ((ret = zonefile_next(&old)) == KNOT_EOK) {
		CHECK(zonefile_next(&new) == KNOT_EOK && old.has_owner == new.has_owner);
		for (size_t i = 0; i < old.count && !may_change(&old, i); i++) {
			const zonefile_word_t *a = &old.words[i], *b = &new.words[i];
			CHECK(i < new.count && a->end - a->start == b->end - b->start && a->depth == b->depth);
			CHECK(memcmp(old.text + a->start, new.text + b->start, a->end - a->start) == 0);
			CHECK(i + 1 < old.count || new.count == old.count);
		}
	}
	CHECK(ret == KNOT_EOF && zonefile_next(&new) == KNOT_EOF);
	zonefile_clear(&old);
	zonefile_clear(&new);
}

/*! Whether an owner may have got its final dot. */
static bool has_soa(const text_t *text)
{
	for (size_t i = 0; i + 3 <= text->len; i++) {
		if (strncasecmp(text->data + i, "SOA", 3) == 0) {
			return true;
		}
	}
	return false;
}

/*! There and back: from the second time on nothing changes any more. */
static void check_way_back(const text_t *first, uint8_t how, bool to_alias)
{
	text_t there, back, again;
	if (!convert(&there, first, how, !to_alias)) {
		return; /* Without the origin. */
	}
	if (!convert(&back, &there, how, to_alias)) {
		free(there.data);
		return; /* A target that only stays as long as it is generic. */
	}
	check_words(first, &back);
	text_t there_again;
	if (convert(&there_again, &back, how, !to_alias)) {
		CHECK(convert(&again, &there_again, how, to_alias));
		CHECK(is_same(&back, &again));
		free(there_again.data);
		free(again.data);
	}
	free(there.data);
	free(back.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_t in = { data, size };
	uint8_t how = input_u8(&in);
	text_t text = { (char *)in.data, in.len }, result, again;
	char *copy = (char *)fuzz_copy(text.data, text.len);
	(void)foreign_format(copy, text.len);
	free(copy);
	bool words_stay = !(how & (WITH_COMMENTED | WITH_FLATTEN));
	for (int to_alias = 0; to_alias <= 1; to_alias++) {
		if (!convert(&result, &text, how, to_alias)) {
			continue;
		}
		if (words_stay) {
			check_words(&text, &result);
		}
		if (words_stay && !to_alias && (how & WITH_ORIGIN) && !(how & WITH_MNEMONIC) && !has_soa(&text)) {
			scan_check(text.data, text.len, result.data, result.len, ORIGIN_TEXT);
		}
		CHECK(convert(&again, &result, how, to_alias) && is_same(&result, &again));
		free(again.data);
		check_way_back(&result, how, to_alias);
		free(result.data);
	}
	return 0;
}
