/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <libknot/errcode.h>

#include "cache/filter.h"

/*! Reads an address in text form; returns its length. */
static size_t read_address(uint8_t *addr, const char *text)
{
	bool is_ipv6 = strchr(text, ':') != NULL;
	assert_int_equal(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, addr), 1);
	return is_ipv6 ? FILTER_IPV6_LEN : FILTER_IPV4_LEN;
}

static void add_network(address_set_t *set, const char *text, unsigned prefix)
{
	uint8_t addr[FILTER_IPV6_LEN];
	size_t len = read_address(addr, text);
	assert_int_equal(address_set_add_network(set, addr, len, prefix), KNOT_EOK);
}

static int add_range(address_set_t *set, const char *from, const char *to)
{
	uint8_t first[FILTER_IPV6_LEN], last[FILTER_IPV6_LEN];
	size_t len = read_address(first, from);
	assert_int_equal(read_address(last, to), len);
	return address_set_add_range(set, first, last, len);
}

static bool has(const address_set_t *set, const char *text)
{
	uint8_t addr[FILTER_IPV6_LEN];
	return address_set_has(set, addr, read_address(addr, text));
}

/* A set of zeros has nothing, and can be freed any number of times. */
static void test_empty(void **state)
{
	(void)state;

	address_set_t set = { 0 };
	address_set_seal(&set);
	assert_true(address_set_empty(&set));
	assert_false(has(&set, "0.0.0.0"));
	assert_false(has(&set, "::"));
	address_set_free(&set);
	address_set_free(&set);
}

/* Prefixes of every length have exactly what begins with them. */
static void test_prefixes(void **state)
{
	(void)state;

	uint8_t addr[FILTER_IPV6_LEN];
	static const size_t lens[] = { FILTER_IPV4_LEN, FILTER_IPV6_LEN };
	for (unsigned i = 0; i < 2; i++) {
		size_t len = lens[i];
		for (unsigned prefix = 0; prefix <= len * 8; prefix++) {
			memset(addr, 0xA5, sizeof(addr));
			address_set_t set = { 0 };
			assert_int_equal(address_set_add_network(&set, addr, len, prefix), KNOT_EOK);
			address_set_seal(&set);
			assert_false(address_set_empty(&set));
			assert_true(address_set_has(&set, addr, len));
			for (unsigned bit = 0; bit < len * 8; bit++) {
				uint8_t mask = 0x80 >> bit % 8;
				addr[bit / 8] ^= mask;
				assert_int_equal(address_set_has(&set, addr, len), bit >= prefix);
				addr[bit / 8] ^= mask;
			}
			address_set_free(&set);
		}
	}
}

/* Both ends of a range are in it, their neighbours are not. */
static void test_range(void **state)
{
	(void)state;

	address_set_t set = { 0 };
	assert_int_equal(add_range(&set, "10.0.0.255", "10.0.2.0"), KNOT_EOK);
	assert_int_equal(add_range(&set, "2001:db8::ff", "2001:db8::1:0"), KNOT_EOK);
	assert_int_equal(add_range(&set, "192.0.2.1", "192.0.2.1"), KNOT_EOK);
	address_set_seal(&set);

	static const char *in[] = {
		"10.0.0.255",
		"10.0.1.0",
		"10.0.2.0",
		"192.0.2.1",
		"2001:db8::ff",
		"2001:db8::100",
		"2001:db8::1:0",
	};
	static const char *out[] = {
		"10.0.0.254",
		"10.0.2.1",
		"192.0.2.0",
		"192.0.2.2",
		"2001:db8::fe",
		"2001:db8::1:1",
		"::",
		"0.0.0.0",
		"255.255.255.255",
	};
	for (unsigned i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		assert_true(has(&set, in[i]));
	}
	for (unsigned i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		assert_false(has(&set, out[i]));
	}
	address_set_free(&set);
}

/* What is no range or network changes nothing. */
static void test_refused(void **state)
{
	(void)state;

	static const uint8_t addr[FILTER_IPV6_LEN + 1];
	address_set_t set = { 0 };
	assert_int_equal(add_range(&set, "10.0.0.2", "10.0.0.1"), KNOT_EINVAL);
	assert_int_equal(address_set_add_range(&set, addr, addr, 5), KNOT_EINVAL);
	assert_int_equal(address_set_add_network(&set, addr, 0, 0), KNOT_EINVAL);
	assert_int_equal(address_set_add_network(&set, addr, sizeof(addr), 0), KNOT_EINVAL);
	assert_int_equal(address_set_add_network(&set, addr, FILTER_IPV4_LEN, 33), KNOT_EINVAL);
	assert_int_equal(address_set_add_network(&set, addr, FILTER_IPV6_LEN, 129), KNOT_EINVAL);
	assert_true(address_set_empty(&set));
	assert_false(address_set_has(&set, addr, 5));
}

/* Families are apart, but for IPv4 addresses mapped into IPv6. */
static void test_families(void **state)
{
	(void)state;

	address_set_t v4 = { 0 };
	add_network(&v4, "10.0.0.0", 8);
	address_set_seal(&v4);
	assert_true(has(&v4, "::ffff:10.0.0.1"));
	assert_false(has(&v4, "::ffff:11.0.0.1"));
	assert_false(has(&v4, "::10.0.0.1"));
	assert_false(has(&v4, "::fffe:10.0.0.1"));
	assert_false(has(&v4, "64:ff9b::10.0.0.1"));
	assert_false(has(&v4, "2002:a00:1::"));
	assert_false(has(&v4, "a00::"));
	address_set_free(&v4);

	address_set_t v6 = { 0 };
	add_network(&v6, "::", 0);
	address_set_seal(&v6);
	assert_true(has(&v6, "::ffff:10.0.0.1"));
	assert_false(has(&v6, "10.0.0.1"));
	address_set_free(&v6);
}

/* Ranges that continue each other are one, and show whether a family is covered as a whole. */
static void test_all(void **state)
{
	(void)state;

	static const struct {
		const char *range[3][2];
		bool v4, v6;
	} cases[] = {
		{ { { "0.0.0.0", "255.255.255.255" } }, true, false },
		{ { { "128.0.0.0", "255.255.255.255" }, { "0.0.0.0", "127.255.255.255" } }, true, false },
		{ { { "0.0.0.0", "255.255.255.254" } }, false, false },
		{ { { "0.0.0.1", "255.255.255.255" } }, false, false },
		{ { { "0.0.0.0", "9.255.255.255" }, { "10.0.0.1", "255.255.255.255" } }, false, false },
		{ { { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } }, false, true },
		{ { { "::1:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" }, { "::", "::ffff:ffff" }, { "::ffff:ffff", "::ffff:ffff:ffff" } }, false, true },
		{ { { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe" }, { "::", "::1" } }, false, false },
		{ { { "::ffff:0.0.0.0", "::ffff:255.255.255.255" } }, false, false },
		{ { { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" }, { "::5", "::6" }, { "0.0.0.0", "255.255.255.255" } }, true, true },
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		address_set_t set = { 0 };
		for (unsigned k = 0; k < 3 && cases[i].range[k][0] != NULL; k++) {
			assert_int_equal(add_range(&set, cases[i].range[k][0], cases[i].range[k][1]), KNOT_EOK);
		}
		address_set_seal(&set);
		assert_int_equal(address_set_has_all(&set, FILTER_IPV4_LEN), cases[i].v4);
		assert_int_equal(address_set_has_all(&set, FILTER_IPV6_LEN), cases[i].v6);
		address_set_free(&set);
	}
}

/* In any order, inside each other and overlapping: the same as one by one. */
static void test_many(void **state)
{
	(void)state;

	enum {
		RANGES = 300,
		ADDRESSES = 5000,
	};
	static struct {
		uint8_t first[2], last[2];
	} ranges[RANGES];
	uint32_t seed = 1;
	address_set_t set = { 0 };
	for (unsigned i = 0; i < RANGES; i++) {
		seed = seed * 1664525 + 1013904223;
		/* Short ones, some of them longer. */
		uint32_t first = seed >> 16, last = first + (i % 10 == 0 ? 500 : seed >> 28);
		last = last > UINT16_MAX ? UINT16_MAX : last;
		uint8_t from[4] = { 10, 0, first >> 8, first }, to[4] = { 10, 0, last >> 8, last };
		memcpy(ranges[i].first, from + 2, 2);
		memcpy(ranges[i].last, to + 2, 2);
		assert_int_equal(address_set_add_range(&set, from, to, sizeof(from)), KNOT_EOK);
	}
	address_set_seal(&set);
	assert_true(set.v4.count < RANGES);

	unsigned hits = 0;
	for (unsigned i = 0; i < ADDRESSES; i++) {
		seed = seed * 1664525 + 1013904223;
		uint8_t addr[4] = { 10, 0, seed >> 24, seed >> 16 };
		bool expected = false;
		for (unsigned j = 0; j < RANGES; j++) {
			expected |= memcmp(addr + 2, ranges[j].first, 2) >= 0 && memcmp(addr + 2, ranges[j].last, 2) <= 0;
		}
		assert_int_equal(address_set_has(&set, addr, sizeof(addr)), expected);
		hits += expected;
	}
	assert_in_range(hits, 1, ADDRESSES - 1);
	address_set_free(&set);
}

static void add_rdata(knot_rdataset_t *rrs, const char *text)
{
	uint8_t data[FILTER_IPV6_LEN];
	uint8_t buf[knot_rdata_size(sizeof(data))];
	knot_rdata_t *rdata = (knot_rdata_t *)buf;
	knot_rdata_init(rdata, read_address(data, text), data);
	assert_int_equal(knot_rdataset_add(rrs, rdata, NULL), KNOT_EOK);
}

/* Whatever of a set of rdata is denied, the others stay, in order, and more can be merged. */
static void test_rdata(void **state)
{
	(void)state;

	enum { COUNT = 4 };
	static const char *families[][COUNT] = {
		{ "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3" },
		{ "2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::3" },
	};
	for (unsigned family = 0; family < 2; family++) {
		for (unsigned denied = 0; denied < 1 << COUNT; denied++) {
			const char **text = families[family];
			address_set_t set = { 0 };
			knot_rdataset_t all = { 0 }, kept = { 0 };
			for (unsigned i = 0; i < COUNT; i++) {
				add_rdata(&all, text[i]);
				if (denied & 1 << i) {
					assert_int_equal(add_range(&set, text[i], text[i]), KNOT_EOK);
				} else {
					add_rdata(&kept, text[i]);
				}
			}
			address_set_seal(&set);

			assert_int_equal(address_set_count(&set, &all), __builtin_popcount(denied));
			address_set_remove(&set, &all);
			assert_true(knot_rdataset_eq(&all, &kept));
			assert_int_equal(all.size, kept.size);

			add_rdata(&all, text[0]);
			add_rdata(&kept, text[0]);
			assert_true(knot_rdataset_eq(&all, &kept));
			knot_rdataset_clear(&all, NULL);
			knot_rdataset_clear(&kept, NULL);
			address_set_free(&set);
		}
	}

	const address_set_t none = { 0 };
	knot_rdataset_t empty = { 0 };
	assert_int_equal(address_set_count(&none, &empty), 0);
	address_set_remove(&none, &empty);
	assert_int_equal(empty.count, 0);
}

#define NAME(text) ((const knot_dname_t *)(text))

static const knot_dname_t *root = NAME("");

/* Suffixes end at labels, and octets of any value are only themselves. */
static void test_names(void **state)
{
	(void)state;

	name_set_t set = { 0 };
	name_set_seal(&set);
	assert_false(name_set_covers(&set, NAME_A));
	assert_false(name_set_covers(&set, root));

	assert_int_equal(name_set_add(&set, NAME("\010Provider\003NET")), KNOT_EOK);
	assert_int_equal(name_set_add(&set, NAME("\001a\001b\003org")), KNOT_EOK);
	assert_int_equal(name_set_add(&set, NAME("\001b\003org")), KNOT_EOK);
	assert_int_equal(name_set_add(&set, NAME("\001b\003org")), KNOT_EOK);
	name_set_seal(&set);

	static const char *in[] = {
		"\010provider\003net",
		"\003cdn\010provider\003net",
		"\001*\001x\003cdn\010provider\003net",
		"\001b\003org",
		"\001a\001b\003org",
		"\001c\001a\001b\003org",
	};
	static const char *out[] = {
		"",
		"\003net",
		"\011xprovider\003net",
		"\010provider\003net\002eu",
		"\014provider\003net",
		"\010provides\003net",
		"\003a\0b\003org",
		"\001a\003org",
	};
	for (unsigned i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		assert_true(name_set_covers(&set, NAME(in[i])));
	}
	for (unsigned i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		assert_false(name_set_covers(&set, NAME(out[i])));
	}
	name_set_free(&set);
	name_set_free(&set);
	assert_false(name_set_covers(&set, NAME_A));
}

/* The root has every name, also the longest one. */
static void test_root(void **state)
{
	(void)state;

	uint8_t longest[KNOT_DNAME_MAXLEN];
	for (unsigned i = 0; i < sizeof(longest) - 1; i += 2) {
		longest[i] = 1;
		longest[i + 1] = 'a';
	}
	longest[sizeof(longest) - 1] = '\0';

	name_set_t set = { 0 };
	assert_int_equal(name_set_add(&set, longest), KNOT_EOK);
	name_set_seal(&set);
	assert_true(name_set_covers(&set, longest));
	assert_false(name_set_covers(&set, longest + 2));
	assert_int_equal(name_set_add(&set, root), KNOT_EOK);
	name_set_seal(&set);
	assert_true(name_set_covers(&set, longest + 2));
	assert_true(name_set_covers(&set, root));
	name_set_free(&set);
}

/* Hundreds of suffixes are each found, and no others. */
static void test_many_names(void **state)
{
	(void)state;

	enum { NAMES = 500 };
	name_set_t set = { 0 };
	char name[] = "\00500000\007example";
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name + 1, 6, "%05u", i * 7919 % NAMES * 2);
		name[6] = '\x07';
		assert_int_equal(name_set_add(&set, NAME(name)), KNOT_EOK);
	}
	name_set_seal(&set);
	for (unsigned i = 0; i < 2 * NAMES; i++) {
		snprintf(name + 1, 6, "%05u", i);
		name[6] = '\x07';
		assert_int_equal(name_set_covers(&set, NAME(name)), i % 2 == 0);
	}
	name_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_rdata),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_many_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
