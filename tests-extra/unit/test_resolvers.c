/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <stdio.h>
#include <libknot/errcode.h>

#include "resolve/resolvers.h"

/*! What resolv.conf says, and the resolvers to be read, or NULL for none. */
static void test_resolv_conf(void **state)
{
	(void)state;

	static const struct {
		const char *file;
		const char *set;
	} cases[] = {
		{ "nameserver 192.0.2.1\n", "192.0.2.1@53" },
		{ "nameserver 127.0.0.1", "127.0.0.1@53" },
		{ "# one\n\nsearch example.net\nnameserver\t::1 \r\n  nameserver 192.0.2.2 # two\noptions edns0\n",
		  "::1@53, 192.0.2.2@53" },
		{ "nameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 0.0.0.0\nnameserver ::1\n", "192.0.2.1@53, ::1@53" },

		/* Nobody is asked who is not named. */
		{ "", NULL },
		{ "\n \n", NULL },
		{ "search example.net\noptions ndots:2\n", NULL },
		{ "nameserver\nnameserver \n", NULL },
		{ "#nameserver 192.0.2.1\n; nameserver 192.0.2.1\n", NULL },
		{ "nameserver localhost\nnameserver 192.0.2\nnameserver 192.0.2.1@53\n", NULL },
		{ "nameserver 224.0.0.251\nnameserver 255.255.255.255\nnameserver ff02::fb\nnameserver ::\n", NULL },
		{ "nameservers 192.0.2.1\nNAMESERVER 192.0.2.1\n", NULL },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		FILE *file = tmpfile();
		assert_non_null(file);
		assert_true(fputs(cases[i].file, file) >= 0);
		rewind(file);
		resolvers_t set = { 0 };
		assert_int_equal(resolvers_read(&set, file), cases[i].set != NULL ? KNOT_EOK : KNOT_ENOENT);
		(void)fclose(file);
		char text[RESOLVERS_TEXT_MAX];
		resolvers_print(text, &set);
		assert_string_equal(text, cases[i].set != NULL ? cases[i].set : "");
	}
}

/*! No more than there is room for. */
static void test_many(void **state)
{
	(void)state;

	FILE *file = tmpfile();
	assert_non_null(file);
	for (unsigned i = 1; i <= 2 * RESOLVERS_MAX; i++) {
		(void)fprintf(file, "nameserver 192.0.2.%u\n", i);
	}
	rewind(file);
	resolvers_t set = { 0 };
	assert_int_equal(resolvers_read(&set, file), KNOT_EOK);
	(void)fclose(file);
	assert_int_equal(set.count, RESOLVERS_MAX);
	assert_int_equal(set.server[RESOLVERS_MAX - 1].addr[3], RESOLVERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolv_conf),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
