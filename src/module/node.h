/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief The zone node that Knot found for a query.
 *
 * Knot's module API shows everything that this module needs, except the node. The
 * layout below is that of Knot 3.2.6, 3.3.10, 3.4.10, 3.5.6 and the source of 3.6 on
 * 64-bit machines. The ABI version of modules does not tell them apart: flags have
 * changed without it. So a load compares the versions of Knot, see module.c, and
 * node_layout() proves the layout at run time before it is used.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <knot/module.h>

#include "util/rrtype.h"

#if KNOT_VERSION_HEX < 0x030200 || KNOT_VERSION_HEX >= 0x030700
#error "The layout of Knot's zone nodes is not known for this version of Knot DNS."
#endif

struct node_additional;

/*! One RRset of a node: struct rr_data of knot/zone/node.h. */
typedef struct {
	uint32_t ttl;
	uint16_t type;
	knot_rdataset_t rrs;
	const struct node_additional *additional;
} node_rrset_t;

/*! One name of a zone: zone_node_t of knot/zone/node.h. */
typedef struct node {
	knot_dname_t *owner;
	const struct node *parent;
	node_rrset_t *rrs;
	void *unused[3];
	uint32_t children;
	uint16_t rrset_count;
	uint16_t flags;
} node_t;

/*! A name of the zone in RDATA of an RRset, such as MX: glue_t of knot/zone/node.h. */
typedef struct {
	const node_t *node;
	uint16_t rdata; /*!< Index of the RDATA. */
	bool optional;  /*!< False: glue of a delegation. */
} node_glue_t;

/*! Names whose addresses go into the additional section: additional_t of knot/zone/node.h. Glue comes first. */
typedef struct node_additional {
	node_glue_t *glues;
	uint16_t count;
} node_additional_t;

/*! The first member of zone_contents_t of knot/zone/contents.h. */
typedef struct {
	const node_t *apex;
} node_contents_t;

/*! knotd_qdata_extra_t of knot/nameserver/process_query.h, up to the encloser. */
typedef struct {
	void *zone;
	const node_contents_t *contents;
	void *unused[9];
	const node_t *node;
	const node_t *encloser;
} node_extra_t;

_Static_assert(sizeof(void *) == 8, "64-bit only");
_Static_assert(sizeof(node_rrset_t) == 32 && offsetof(node_rrset_t, rrs) == 8, "struct rr_data");
_Static_assert(offsetof(node_t, rrs) == 16 && offsetof(node_t, rrset_count) == 52 &&
                       offsetof(node_t, flags) == 54 && sizeof(node_t) == 56,
               "zone_node_t");
_Static_assert(sizeof(node_glue_t) == 16 && offsetof(node_glue_t, rdata) == 8 && offsetof(node_glue_t, optional) == 10,
               "glue_t");
_Static_assert(offsetof(node_additional_t, count) == 8, "additional_t");
_Static_assert(offsetof(node_extra_t, contents) == 8 && offsetof(node_extra_t, node) == 88 &&
                       offsetof(node_extra_t, encloser) == 96,
               "knotd_qdata_extra_t");

/*! Node flags: at a zone cut (by NS, or by DELEG since 3.6), below one, and at the zone apex. */
#if KNOT_VERSION_HEX < 0x030600
#define NODE_DELEG (1 << 0)
#define NODE_NONAUTH (1 << 1)
#else
#define NODE_DELEG (1 << 0 | 1 << 1)
#define NODE_NONAUTH (1 << 2)
#endif
#define NODE_APEX (1 << 6)

/*! Whether the layout has been proven. */
typedef enum {
	LAYOUT_UNKNOWN,
	LAYOUT_HOLDS,
	LAYOUT_FAILED,
} layout_t;

/*! Node flags: one of a pair, of which the zone's versions use the one and the other in turn; the second of it. */
#define NODE_PAIR (1 << 8)
#define NODE_SECOND (1 << 9)

/*! \brief The RRset of a type at a node, empty if there is none. */
static inline knot_rrset_t node_rrset(const node_t *node, uint16_t type)
{
	knot_rrset_t rrset;
	knot_rrset_init_empty(&rrset);
	/* They are in the order of types. A search from the nearer end passes few, also where there are thousands. */
	const node_rrset_t *found = NULL;
	if (type <= INT16_MAX) {
		for (uint16_t i = 0; i < node->rrset_count && found == NULL; i++) {
			found = (node->rrs[i].type >= type) ? &node->rrs[i] : NULL;
		}
	} else {
		for (uint16_t i = node->rrset_count; i > 0 && found == NULL; i--) {
			found = (node->rrs[i - 1].type <= type) ? &node->rrs[i - 1] : NULL;
		}
	}
	if (found != NULL && found->type == type) {
		knot_rrset_init(&rrset, node->owner, type, KNOT_CLASS_IN, found->ttl);
		rrset.rrs = found->rrs;
	}
	return rrset;
}

/*! \brief Whether the RRsets of a node are in the order of their types, as they are in Knot 3.2 and newer. */
static inline bool node_is_sorted(const node_t *node)
{
	for (uint16_t i = 1; i < node->rrset_count; i++) {
		if (node->rrs[i - 1].type >= node->rrs[i].type) {
			return false;
		}
	}
	return true;
}

/*! \brief Whether a node is at or below a zone cut. */
static inline bool node_is_cut(const node_t *node)
{
	return node->flags & (NODE_DELEG | NODE_NONAUTH);
}

/*!
 * \brief The last node that Knot found, or NULL. Inside of a hook.
 *
 * After a CNAME or DNAME that leads out of the zone it is not the node of qdata->name: see node_covers().
 */
static inline const node_t *node_last(const knotd_qdata_t *qdata)
{
	return ((const node_extra_t *)qdata->extra)->node;
}

/*! \brief The zone's apex. Inside of a hook. */
static inline const node_t *node_apex(const knotd_qdata_t *qdata)
{
	return ((const node_extra_t *)qdata->extra)->contents->apex;
}

/*! \brief The node that a name in RDATA leads to, in the zone's version of another node. */
static inline const node_t *node_of_glue(const node_glue_t *glue, const node_t *other)
{
	const node_t *node = glue->node;
	bool second = other->flags & NODE_SECOND;
	if (!(node->flags & NODE_PAIR) || second == !!(node->flags & NODE_SECOND)) {
		return node;
	}
	return second ? node + 1 : node - 1;
}

/*! \brief Whether a node is the node of a name or a wildcard that covers it. */
static inline bool node_covers(const node_t *node, const knot_dname_t *name)
{
	return knot_dname_is_wildcard(node->owner) ? knot_dname_in_bailiwick(name, node->owner + 2) > 0 :
	                                             knot_dname_is_equal(node->owner, name);
}

/*! \brief The node that Knot found for qdata->name, its own or a wildcard; NULL if none. Inside of a hook. */
static inline const node_t *node_found(const knotd_qdata_t *qdata)
{
	const node_t *node = node_last(qdata);
	return (node != NULL && node_covers(node, qdata->name)) ? node : NULL;
}

/* --- the proof --- */

/*! Whether contents, the apex and its data are where they should be: it has to be the apex that the API shows. */
static inline bool node_proves_apex(knotd_qdata_t *qdata)
{
	const node_extra_t *extra = (const node_extra_t *)qdata->extra;
	knot_rrset_t shown = knotd_qdata_zone_apex_rrset(qdata, KNOT_RRTYPE_SOA);
	const node_t *apex = (extra->contents != NULL) ? extra->contents->apex : NULL;
	if (knot_rrset_empty(&shown) || apex == NULL || apex->owner != shown.owner) {
		return false;
	}
	knot_rrset_t soa = node_rrset(apex, KNOT_RRTYPE_SOA);
	return soa.rrs.rdata == shown.rrs.rdata && soa.rrs.count == shown.rrs.count && soa.ttl == shown.ttl &&
	       (apex->flags & (NODE_APEX | NODE_DELEG | NODE_NONAUTH)) == NODE_APEX && node_is_sorted(apex);
}

/*!
 * Whether a node other than the apex is where it should be, with the encloser behind it. A node found by its name is its
 * own encloser. A wildcard's parent is the encloser, or its twin: Knot has each node twice in memory, side by side.
 * Nothing is read before such a comparison but the parent of something that lies where a node could.
 */
static inline bool node_proves_place(const node_t *node, const node_t *encloser)
{
	enum { NO_POINTER = 4096 };

	if (node == encloser) {
		return true;
	}
	if ((uintptr_t)node < NO_POINTER || (uintptr_t)node % _Alignof(node_t) != 0 || encloser == NULL) {
		return false;
	}
	return node->parent == encloser || node->parent == encloser - 1 || node->parent == encloser + 1;
}

/*!
 * \brief Tries to prove the layout. Inside of a hook of stage KNOTD_STAGE_ANSWER, in state HIT or NODATA.
 *
 * \param looked_up  Knot has surely looked the name up: no other module can have answered, as the answer is empty.
 *
 * \return LAYOUT_UNKNOWN if this query proves nothing, as there is no node.
 */
static inline layout_t node_layout(knotd_qdata_t *qdata, bool looked_up)
{
	if (!node_proves_apex(qdata)) {
		return LAYOUT_FAILED;
	}

	const node_extra_t *extra = (const node_extra_t *)qdata->extra;
	const node_t *node = extra->node, *apex = extra->contents->apex;
	bool at_apex = knot_dname_is_equal(qdata->name, apex->owner);
	if (node == NULL) {
		return (at_apex && looked_up) ? LAYOUT_FAILED : LAYOUT_UNKNOWN;
	}
	if (at_apex) {
		return (node == apex) ? LAYOUT_HOLDS : LAYOUT_FAILED;
	}
	if (!node_proves_place(node, extra->encloser)) {
		return LAYOUT_FAILED;
	}
	/* A name out of the zone was not looked up, and the node is that of the name in the zone that led to it. */
	bool led_out = knot_dname_in_bailiwick(qdata->name, apex->owner) < 0;
	bool is_owner = led_out ? knot_dname_in_bailiwick(node->owner, apex->owner) >= 0 : node_covers(node, qdata->name);
	return is_owner ? LAYOUT_HOLDS : LAYOUT_FAILED;
}

/*!
 * \brief Finds the ALIAS at qdata->name. Inside of a hook of stage KNOTD_STAGE_ANSWER, in state HIT or NODATA.
 *
 * \param layout     What is known of the layout. If it does not hold, only the apex is looked at, through the API.
 * \param[out] node  The node that has it, or NULL if only the API shows it.
 *
 * \return Empty if there is none, or at and below a zone cut.
 */
static inline knot_rrset_t node_find_alias(layout_t layout, knotd_qdata_t *qdata, const node_t **node)
{
	knot_rrset_t none;
	knot_rrset_init_empty(&none);
	if (layout != LAYOUT_HOLDS) {
		*node = NULL;
		bool at_apex = layout == LAYOUT_FAILED && knot_dname_is_equal(qdata->name, knotd_qdata_zone_name(qdata));
		return at_apex ? knotd_qdata_zone_apex_rrset(qdata, RRTYPE_ALIAS) : none;
	}

	*node = node_last(qdata);
	if (*node == NULL || node_is_cut(*node)) {
		return none;
	}
	/* Most nodes have no ALIAS, so node_covers(), which takes longer, comes last. */
	knot_rrset_t alias = node_rrset(*node, RRTYPE_ALIAS);
	return knot_rrset_empty(&alias) || node_covers(*node, qdata->name) ? alias : none;
}
