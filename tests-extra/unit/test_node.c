/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "test.h"

#include "module/node.h"

/* A zone of three nodes, a.example, *.b.example and the apex, as Knot has it in memory; each has a twin behind it. */

static const uint8_t soa_rdata[4] = { 2, 0, 'x' };
static node_rrset_t soa_rrset = { .type = KNOT_RRTYPE_SOA, .ttl = 3600, .rrs = { .count = 1, .size = 4, .rdata = (knot_rdata_t *)soa_rdata } };
static node_t apex_node[2], a[2], b[2], wildcard[2];
static node_contents_t contents;
static node_extra_t extra_data;
static knotd_qdata_t qdata;
static const node_t *shown_apex;

/*! What is only read is constant since Knot DNS 3.3. */
knot_rrset_t apex_rrset(const knotd_qdata_t *query, uint16_t type) __asm__("knotd_qdata_zone_apex_rrset");

knot_rrset_t apex_rrset(const knotd_qdata_t *query, uint16_t type)
{
	(void)query;
	return node_rrset(shown_apex, type);
}

static void make_node(node_t node[2], const char *owner, const node_t *parent)
{
	node[0] = (node_t){ .owner = (knot_dname_t *)owner, .parent = parent, .flags = 1 << 8 };
	node[1] = node[0];
	node[1].flags |= 1 << 9;
}

/*! As Knot has them when it has found the apex. */
static int setup(void **state)
{
	(void)state;
	make_node(apex_node, "\007example", NULL);
	for (unsigned i = 0; i < 2; i++) {
		apex_node[i].flags |= NODE_APEX;
		apex_node[i].rrs = &soa_rrset;
		apex_node[i].rrset_count = 1;
	}
	make_node(a, "\001a\007example", apex_node);
	make_node(b, "\001b\007example", apex_node);
	make_node(wildcard, "\001*\001b\007example", b);
	contents = (node_contents_t){ .apex = apex_node };
	shown_apex = apex_node;
	extra_data = (node_extra_t){ .contents = &contents, .node = apex_node, .encloser = apex_node };
	qdata = (knotd_qdata_t){ .name = apex_node->owner, .extra = (void *)&extra_data };
	return 0;
}

static layout_t layout_of(const char *name, const node_t *node, const node_t *encloser)
{
	qdata.name = (const knot_dname_t *)name;
	extra_data.node = node;
	extra_data.encloser = encloser;
	return node_layout(&qdata, true);
}

static void test_apex(void **state)
{
	(void)state;

	assert_int_equal(node_layout(&qdata, true), LAYOUT_HOLDS);

	/* Contents and apex, and the parts of a node, by what the API shows. */
	apex_node->flags = NODE_APEX | NODE_NONAUTH;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
	apex_node->flags = 0;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
	setup(NULL);
	apex_node->rrset_count = 0;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
	setup(NULL);
	shown_apex = &apex_node[1];
	apex_node->owner = a->owner;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
	setup(NULL);
	extra_data.contents = NULL;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);

	/* Another one than the apex was found, or none; this only proves something if Knot has looked for it. */
	setup(NULL);
	extra_data.node = a;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
	extra_data.node = (const node_t *)1; /* Is not read. */
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
	extra_data.node = NULL;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
	assert_int_equal(node_layout(&qdata, false), LAYOUT_UNKNOWN);
}

static void test_names(void **state)
{
	(void)state;

	assert_int_equal(layout_of("\001a\007example", a, a), LAYOUT_HOLDS);
	assert_int_equal(layout_of("\001x\001b\007example", wildcard, b), LAYOUT_HOLDS);
	/* While a zone is being updated. */
	assert_int_equal(layout_of("\001x\001b\007example", &wildcard[1], &b[1]), LAYOUT_HOLDS);
	wildcard->parent = &b[1];
	assert_int_equal(layout_of("\001x\001b\007example", wildcard, b), LAYOUT_HOLDS);

	/* Another module has answered, or there was a loop. */
	assert_int_equal(layout_of("\001a\007example", NULL, NULL), LAYOUT_UNKNOWN);

	/* A CNAME or DNAME has led out of the zone. */
	assert_int_equal(layout_of("\001x\004test", a, a), LAYOUT_HOLDS);
	assert_int_equal(layout_of("\001x\004test", apex_node, apex_node), LAYOUT_HOLDS);
	assert_int_equal(layout_of("\001x\004test", wildcard, b), LAYOUT_HOLDS);
}

/*! Something else lies where a node is looked for. */
static void test_elsewhere(void **state)
{
	(void)state;
	static const struct {
		const void *one, *other;
	} text = { "\004text", "text" };
	const struct {
		node_contents_t contents;
		const void *more;
	} zone = { contents, &text };

	/* The encloser and the node before; the node of another name; other structures; no pointers at all. */
	assert_int_equal(layout_of("\001x\001b\007example", b, a), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001x\001b\007example", apex_node, apex_node), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001x\001b\007example", b, b), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001x\001b\007example", a, apex_node), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001a\007example", (const node_t *)&zone, a), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001a\007example", (const node_t *)&text, a), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001a\007example", a, NULL), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001a\007example", (const node_t *)((const char *)&text + 1), a), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001a\007example", (const node_t *)8, a), LAYOUT_FAILED);
	assert_int_equal(layout_of("\001x\004test", a, b), LAYOUT_FAILED);
}

/* RRsets are found by the order of their types, so that order is a part of the proof. */
static void test_types(void **state)
{
	(void)state;

	static const uint16_t types[] = { KNOT_RRTYPE_A, KNOT_RRTYPE_SOA, KNOT_RRTYPE_AAAA, KNOT_RRTYPE_RRSIG, INT16_MAX, INT16_MAX + 1, RRTYPE_ALIAS, UINT16_MAX };
	enum { TYPES = sizeof(types) / sizeof(*types) };

	node_rrset_t rrs[TYPES];
	for (unsigned i = 0; i < TYPES; i++) {
		rrs[i] = soa_rrset;
		rrs[i].type = types[i];
	}
	apex_node->rrs = rrs;
	for (unsigned count = 0; count <= TYPES; count++) {
		apex_node->rrset_count = count;
		for (unsigned type = 0; type <= UINT16_MAX; type++) {
			unsigned i = 0;
			while (i < count && types[i] != type) {
				i++;
			}
			knot_rrset_t rrset = node_rrset(apex_node, type);
			assert_int_equal(knot_rrset_empty(&rrset), i == count);
		}
	}

	assert_int_equal(node_layout(&qdata, true), LAYOUT_HOLDS);
	apex_node->rrs[TYPES - 1].type = RRTYPE_ALIAS - 1;
	assert_int_equal(node_layout(&qdata, true), LAYOUT_FAILED);
}

/* Which flags of a node mean that the zone is not authoritative there. */
static void test_cut(void **state)
{
	(void)state;
	unsigned cut = 1 << 0 | 1 << 1; /* Delegation, not authoritative. */
#if KNOT_VERSION_HEX >= 0x030600
	cut = 1 << 0 | 1 << 1 | 1 << 2; /* Delegation by NS, by DELEG, not authoritative. */
#endif
	for (unsigned bit = 0; bit < 16; bit++) {
		a->flags = 1 << bit;
		assert_int_equal(node_is_cut(a), cut >> bit & 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_apex, setup),
		cmocka_unit_test_setup(test_names, setup),
		cmocka_unit_test_setup(test_types, setup),
		cmocka_unit_test_setup(test_elsewhere, setup),
		cmocka_unit_test_setup(test_cut, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
