/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Before cmocka, which has a macro fail(). */
#include "kalias/kalias.h"
#include "kalias/zonefile.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <libknot/errcode.h>

/* clang-format off */
exit_t (fail)(const char *format, ...)
/* clang-format on */
{
	(void)format;
	abort();
}

enum { SHOW_MAX = 1024 };

/*! A text in memory of its very length, so that AddressSanitizer sees each octet read beyond. */
static char *exact(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	memcpy(copy + 1, text, len);
	return copy;
}

/*! Shows the entries of a text: `owner?[word]...` each with line and depth where these are not 1 and 0. */
static void show(char out[SHOW_MAX], const char *text, size_t len)
{
	char *copy = exact(text, len);
	zonefile_t file;
	zonefile_init(&file, copy + 1, len);

	char *pos = out;
	int ret;
	while ((ret = zonefile_next(&file)) == KNOT_EOK) {
		assert_true(file.count > 0);
		pos += sprintf(pos, "%s", file.has_owner ? "+" : "-");
		for (size_t i = 0; i < file.count; i++) {
			const zonefile_word_t *word = &file.words[i];
			assert_true(word->start < word->end && word->end <= file.end && file.end <= len);
			assert_true(word->line <= file.end_line);
			pos += sprintf(pos, "[%.*s", (int)(word->end - word->start), copy + 1 + word->start);
			pos += word->line > 1 ? sprintf(pos, "@%zu", word->line) : 0;
			pos += word->depth > 0 ? sprintf(pos, "(%zu", word->depth) : 0;
			pos += sprintf(pos, "%s]", word->quoted ? "q" : "");
		}
	}
	if (ret == KNOT_EPARSEFAIL) {
		sprintf(pos, "!%zu %s", file.error_line, file.error);
	} else {
		assert_int_equal(ret, KNOT_EOF);
		assert_int_equal(zonefile_next(&file), KNOT_EOF);
		*pos = '\0';
	}
	zonefile_clear(&file);
	free(copy);
}

#define assert_shown(text, expected) \
	do { \
		char out_[SHOW_MAX]; \
		show(out_, text, sizeof(text) - 1); \
		assert_string_equal(out_, expected); \
	} while (0)

static void test_entries(void **state)
{
	(void)state;
	assert_shown("", "");
	assert_shown("\n \n\t\r\n;x\n ;y", "");
	assert_shown("a", "+[a]");
	assert_shown("a b\tc  d \n", "+[a][b][c][d]");
	assert_shown(" a\n\tb\nc", "-[a]-[b@2]+[c@3]");
	assert_shown("a\r\n b\r\n", "+[a]-[b@2]");
	assert_shown("a\rb\r", "+[a\rb\r]");
	assert_shown("$TTL 1h\n", "+[$TTL][1h]");
}

static void test_comments(void **state)
{
	(void)state;
	assert_shown("a;b\nc ; d \"(\n;\ne;", "+[a]+[c@2]+[e@4]");
	assert_shown("a\\;b \";\"c;d\n", "+[a\\;b][\";\"cq]");
}

static void test_parentheses(void **state)
{
	(void)state;
	assert_shown("a (b\nc) d\ne", "+[a][b(1][c@2(1][d@2]+[e@3]");
	assert_shown("a(b(c)d)e", "+[a][b(1][c(2][d(1][e]");
	assert_shown("a ( ; )\n b ; (\n) c\nd", "+[a][b@2(1][c@3]+[d@4]");
	assert_shown("(\n)\n(a)", "+[a@3(1]");
	assert_shown(" (\na)", "-[a@2(1]");
	assert_shown("a\\( \"(\" \\)b", "+[a\\(][\"(\"q][\\)b]");
}

static void test_quotes_and_escapes(void **state)
{
	(void)state;
	assert_shown("\"a b\" c\"d e\"f \"\"", "+[\"a b\"q][c\"d e\"fq][\"\"q]");
	assert_shown("\"a\\\"b\" \\\"c d", "+[\"a\\\"b\"q][\\\"c][d]");
	assert_shown("a\\ b \\\\ c", "+[a\\ b][\\\\][c]");
	assert_shown("a (\"b\nc\" d)", "+[a][\"b\nc\"(1q][d@2(1]");
	assert_shown("a\\\nb\\", "+[a\\]+[b\\@2]");
}

static void test_errors(void **state)
{
	(void)state;
	assert_shown("a\nb )\nc", "+[a]!2 closing parenthesis without an opening one");
	assert_shown("a\nb\n\nc ( (\nd )\n\n", "+[a]+[b@2]!4 parenthesis is not closed");
	assert_shown("a\nb \"c\nd\"", "+[a]!2 quoted string must end in its line");
	assert_shown("a \"b\\\nc\"", "!1 quoted string must end in its line");
	assert_shown("a\nb (c \"d\ne", "+[a]!2 quoted string has no end");
	assert_shown("a \"b\\\"", "!1 quoted string has no end");
	assert_shown("a ; \0\nb\0", "+[a]!2 octet zero must be written as \\000");
}

/*! Index of the type in the only entry of a text. */
static size_t type_of(const char *text)
{
	zonefile_t file;
	zonefile_init(&file, text, strlen(text));
	assert_int_equal(zonefile_next(&file), KNOT_EOK);
	size_t type = zonefile_type(&file, file.has_owner ? 1 : 0);
	zonefile_clear(&file);
	return type;
}

static void test_type(void **state)
{
	(void)state;
	assert_int_equal(type_of("a TXT"), 1);
	assert_int_equal(type_of(" TXT"), 0);
	assert_int_equal(type_of("IN 1h in TXT x"), 3);
	assert_int_equal(type_of("3600 CLASS1 3600 TXT x"), 3);
	assert_int_equal(type_of(" ch TXT"), 1);
	assert_int_equal(type_of("a \"IN\" TXT"), 1);
	assert_int_equal(type_of("a CLASS TXT"), 1);
	assert_int_equal(type_of("a CLASS1x TXT"), 1);
	assert_int_equal(type_of("a IN 3600"), 3);
	assert_int_equal(type_of("a"), 1);
}

static void test_words(void **state)
{
	(void)state;
	static const char text[] = "a ( Alias\nbc ) d";
	zonefile_t file;
	zonefile_init(&file, text, strlen(text));
	assert_int_equal(zonefile_next(&file), KNOT_EOK);

	assert_true(zonefile_is(&file, 1, "ALIAS"));
	assert_false(zonefile_is(&file, 1, "ALIA"));
	assert_false(zonefile_is(&file, 1, "ALIASE"));
	assert_false(zonefile_is(&file, 4, ""));
	assert_false(zonefile_is_class(&file, 4));

	char *copy = zonefile_copy(&file, 1, 4);
	assert_string_equal(copy, "Alias bc d");
	free(copy);
	copy = zonefile_copy(&file, 2, 2);
	assert_string_equal(copy, "");
	free(copy);
	zonefile_clear(&file);
}

/*! Any octets are read to their end, or to an error, without a word too many or out of order. */
static void test_any_octets(void **state)
{
	(void)state;
	static const char octets[] = "ab \t\n\n\r;()\"\\$0";
	enum {
		ROUNDS = 20000,
		LEN = 40,
	};
	unsigned seed = 1;
	for (unsigned round = 0; round < ROUNDS; round++) {
		char text[LEN];
		size_t len = round % LEN;
		for (size_t i = 0; i < len; i++) {
			text[i] = octets[rand_r(&seed) % (sizeof(octets) - 1)];
		}
		char *copy = exact(text, len);
		zonefile_t file;
		zonefile_init(&file, copy + 1, len);
		size_t pos = 0, line = 1;
		int ret;
		while ((ret = zonefile_next(&file)) == KNOT_EOK) {
			for (size_t i = 0; i < file.count; i++) {
				for (; pos < file.words[i].start; pos++) {
					line += (text[pos] == '\n');
				}
				assert_int_equal(pos, file.words[i].start);
				assert_int_equal(line, file.words[i].line);
			}
		}
		assert_true(ret == KNOT_EOF || ret == KNOT_EPARSEFAIL);
		zonefile_clear(&file);
		free(copy);
	}
}

static void test_read(void **state)
{
	(void)state;
	FILE *stream = tmpfile();
	enum { LINES = 100000 };
	for (int i = 0; i < LINES; i++) {
		fprintf(stream, "%09d\n", i);
	}
	rewind(stream);

	char *text;
	size_t len;
	assert_null(zonefile_read(&text, &len, stream));
	assert_int_equal(len, LINES * 10);
	assert_memory_equal(text + len - 10, "000099999\n", 10);
	free(text);
	fclose(stream);

	stream = fopen("/", "r");
	assert_string_equal(zonefile_read(&text, &len, stream), strerror(EISDIR));
	fclose(stream);
}

/*! Reads octets from a stream. \return The error. */
static const char *read_octets(char **text, size_t *len, const char *octets, size_t octets_len)
{
	FILE *stream = tmpfile();
	fwrite(octets, 1, octets_len, stream);
	rewind(stream);
	const char *error = zonefile_read(text, len, stream);
	fclose(stream);
	return error;
}

#define assert_cleaned(octets, expected) \
	do { \
		char *text_; \
		size_t len_; \
		assert_null(read_octets(&text_, &len_, octets, sizeof(octets) - 1)); \
		assert_int_equal(len_, sizeof(expected) - 1); \
		assert_memory_equal(text_, expected, len_); \
		free(text_); \
	} while (0)

static void test_clean(void **state)
{
	(void)state;
	assert_cleaned("", "");
	assert_cleaned("\xEF\xBB\xBF"
	               "a\r\n\r\nb\r\n",
	               "a\n\nb\n");
	assert_cleaned("\xEF\xBB\xBF", "");
	assert_cleaned("\xEF\xBB", "\xEF\xBB");
	assert_cleaned("a\rb\r\r\n\r", "a\rb\r\n\r");
	assert_cleaned("\r\n", "\n");
	assert_cleaned("\0", "\0");
	assert_cleaned("a \xEF\xBB\xBF", "a \xEF\xBB\xBF");
}

static void test_utf16(void **state)
{
	(void)state;
	static const char *const texts[] = { "\xFF\xFE"
		                             "a\0",
		                             "\xFE\xFF\0a", "a\0b\0", "\0a\0b" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *text;
		size_t len;
		assert_non_null(strstr(read_octets(&text, &len, texts[i], 4), "UTF-16"));
		assert_null(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_parentheses),
		cmocka_unit_test(test_quotes_and_escapes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_type),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_any_octets),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_utf16),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
