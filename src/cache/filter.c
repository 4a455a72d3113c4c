/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sets of addresses as sorted ranges, sets of names as sorted suffixes. See filter.h. */

#include "cache/filter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <libknot/errcode.h>

/* --- addresses --- */

/*! Octets before an IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2). */
static const uint8_t mapped[FILTER_IPV6_LEN - FILTER_IPV4_LEN] = { [10] = 0xFF, [11] = 0xFF };

/*! Copies an address of 4 or 16 octets, an IPv4 address in IPv6 form. */
static void copy_address(uint8_t to[FILTER_IPV6_LEN], const uint8_t *addr, size_t len)
{
	memcpy(to, mapped, sizeof(mapped));
	memcpy(to + FILTER_IPV6_LEN - len, addr, len);
}

int address_set_add_range(address_set_t *set, const uint8_t *first, const uint8_t *last, size_t len)
{
	if ((len != FILTER_IPV4_LEN && len != FILTER_IPV6_LEN) || memcmp(first, last, len) > 0) {
		return KNOT_EINVAL;
	}

	address_ranges_t *ranges = (len == FILTER_IPV4_LEN) ? &set->v4 : &set->v6;
	address_range_t *grown = reallocarray(ranges->range, ranges->count + 1, sizeof(*grown));
	if (grown == NULL) {
		return KNOT_ENOMEM;
	}
	ranges->range = grown;
	copy_address(grown[ranges->count].first, first, len);
	copy_address(grown[ranges->count++].last, last, len);
	return KNOT_EOK;
}

int address_set_add_network(address_set_t *set, const uint8_t *addr, size_t len, unsigned prefix)
{
	if (len > FILTER_IPV6_LEN || prefix > len * 8) {
		return KNOT_EINVAL;
	}

	uint8_t first[FILTER_IPV6_LEN], last[FILTER_IPV6_LEN];
	for (unsigned i = 0; i < len; i++) {
		unsigned fixed = (prefix > i * 8) ? prefix - i * 8 : 0;
		uint8_t host = (fixed < 8) ? 0xFF >> fixed : 0;
		first[i] = addr[i] & ~host;
		last[i] = addr[i] | host;
	}
	return address_set_add_range(set, first, last, len);
}

static int compare_ranges(const void *a, const void *b)
{
	return memcmp(((const address_range_t *)a)->first, ((const address_range_t *)b)->first, FILTER_IPV6_LEN);
}

/*! Whether a range that begins with `first` overlaps or continues one that does not begin later and ends with `last`. */
static bool continues(const uint8_t first[FILTER_IPV6_LEN], const uint8_t last[FILTER_IPV6_LEN])
{
	uint8_t next[FILTER_IPV6_LEN];
	memcpy(next, last, sizeof(next));
	for (unsigned i = sizeof(next); i > 0 && ++next[i - 1] == 0; i--) {
	}
	return memcmp(first, last, sizeof(next)) <= 0 || memcmp(first, next, sizeof(next)) == 0;
}

/*! Sorts ranges and joins those that overlap or continue each other, so that an address is in at most one. */
static void seal_ranges(address_ranges_t *ranges)
{
	if (ranges->count == 0) {
		return;
	}
	qsort(ranges->range, ranges->count, sizeof(ranges->range[0]), compare_ranges);

	address_range_t *end = ranges->range;
	for (size_t i = 1; i < ranges->count; i++) {
		const address_range_t *range = &ranges->range[i];
		if (!continues(range->first, end->last)) {
			*++end = *range;
		} else if (memcmp(range->last, end->last, FILTER_IPV6_LEN) > 0) {
			memcpy(end->last, range->last, FILTER_IPV6_LEN);
		}
	}
	ranges->count = end - ranges->range + 1;
}

void address_set_seal(address_set_t *set)
{
	seal_ranges(&set->v4);
	seal_ranges(&set->v6);
}

bool address_set_has_all(const address_set_t *set, size_t len)
{
	const address_ranges_t *ranges = (len == FILTER_IPV4_LEN) ? &set->v4 : &set->v6;
	uint8_t first[FILTER_IPV6_LEN], last[FILTER_IPV6_LEN], octets[FILTER_IPV6_LEN];
	copy_address(first, memset(octets, 0, sizeof(octets)), len);
	copy_address(last, memset(octets, 0xFF, sizeof(octets)), len);
	return ranges->count == 1 && memcmp(ranges->range->first, first, sizeof(first)) == 0 &&
	       memcmp(ranges->range->last, last, sizeof(last)) == 0;
}

void address_set_free(address_set_t *set)
{
	free(set->v4.range);
	free(set->v6.range);
	memset(set, 0, sizeof(*set));
}

/*! Compares an address with a range: 0 if it is in it. */
static int compare_to_range(const void *addr, const void *range)
{
	int to_first = memcmp(addr, ((const address_range_t *)range)->first, FILTER_IPV6_LEN);
	return (to_first < 0) ? to_first : MAX(0, memcmp(addr, ((const address_range_t *)range)->last, FILTER_IPV6_LEN));
}

static bool ranges_have(const address_ranges_t *ranges, const uint8_t addr[FILTER_IPV6_LEN])
{
	return ranges->count > 0 &&
	       bsearch(addr, ranges->range, ranges->count, sizeof(ranges->range[0]), compare_to_range) != NULL;
}

bool address_set_has(const address_set_t *set, const uint8_t *addr, size_t len)
{
	if (len != FILTER_IPV4_LEN && len != FILTER_IPV6_LEN) {
		return false;
	}
	uint8_t key[FILTER_IPV6_LEN];
	copy_address(key, addr, len);
	return ranges_have(&set->v4, key) || (len == FILTER_IPV6_LEN && ranges_have(&set->v6, key));
}

uint16_t address_set_count(const address_set_t *set, const knot_rdataset_t *rrs)
{
	uint16_t count = 0;
	knot_rdata_t *rdata = rrs->rdata;
	for (uint16_t i = 0; i < rrs->count; i++, rdata = knot_rdataset_next(rdata)) {
		count += address_set_has(set, rdata->data, rdata->len);
	}
	return count;
}

void address_set_remove(const address_set_t *set, knot_rdataset_t *rrs)
{
	uint16_t kept = 0;
	uint8_t *end = (uint8_t *)rrs->rdata;
	knot_rdata_t *rdata = rrs->rdata, *next;
	for (uint16_t i = 0; i < rrs->count; i++, rdata = next) {
		next = knot_rdataset_next(rdata);
		if (!address_set_has(set, rdata->data, rdata->len)) {
			size_t size = (uint8_t *)next - (uint8_t *)rdata;
			memmove(end, rdata, size);
			end += size;
			kept++;
		}
	}
	rrs->count = kept;
	rrs->size = end - (uint8_t *)rrs->rdata;
}

/* --- names --- */

/*! By size, and then in any order: this one seldom has to compare names. */
static int compare_suffixes(const void *a, const void *b)
{
	const suffix_t *one = a, *other = b;
	if (one->size != other->size) {
		return one->size < other->size ? -1 : 1;
	}
	return memcmp(one->name, other->name, one->size);
}

int name_set_add(name_set_t *set, const knot_dname_t *name)
{
	suffix_t *grown = reallocarray(set->suffix, set->count + 1, sizeof(*grown));
	if (grown == NULL) {
		return KNOT_ENOMEM;
	}
	set->suffix = grown;

	suffix_t suffix = { .name = knot_dname_copy(name, NULL), .size = knot_dname_size(name) };
	if (suffix.name == NULL) {
		return KNOT_ENOMEM;
	}
	knot_dname_to_lower(suffix.name);
	set->suffix[set->count++] = suffix;
	return KNOT_EOK;
}

void name_set_seal(name_set_t *set)
{
	if (set->count > 0) {
		qsort(set->suffix, set->count, sizeof(set->suffix[0]), compare_suffixes);
	}
}

void name_set_free(name_set_t *set)
{
	for (size_t i = 0; i < set->count; i++) {
		knot_dname_free(set->suffix[i].name, NULL);
	}
	free(set->suffix);
	memset(set, 0, sizeof(*set));
}

bool name_set_covers(const name_set_t *set, const knot_dname_t *name)
{
	if (set->count == 0) {
		return false;
	}

	/* Looks for the name itself, then for each name above it. */
	size_t longest = set->suffix[set->count - 1].size;
	suffix_t key = { .name = (knot_dname_t *)name, .size = knot_dname_size(name) };
	while (true) {
		if (key.size <= longest &&
		    bsearch(&key, set->suffix, set->count, sizeof(key), compare_suffixes) != NULL) {
			return true;
		}
		if (*key.name == '\0') {
			return false;
		}
		size_t label = 1 + *key.name;
		key.name += label;
		key.size -= label;
	}
}
