/* SPDX-License-Identifier: GPL-2.0-or-later */

/*!
 * \file
 * \brief What fuzz_answer has the module live in: a zone, options, a cache and a query, all out of the input.
 *
 * world.c makes it, knotd.c plays knotd and the engine's thread, judge.c says what must never be.
 */

#pragma once

#include <knot/module.h>

#include "fuzz.h"
#include "module/context.h"
#include "module/node.h"

/*! The one time that there is, of clock_ms(). */
#define WORLD_NOW (1ULL << 43)

#define WORLD_ZONE ((knot_dname_t *)"\007example")

enum {
	WORLD_TARGETS = 6, /*!< Names that the cache may have. */
	WORLD_RRSETS = 10, /*!< Of a node. */
	WORLD_DENIED = 3,  /*!< Networks in deny-address. */
	WORLD_QUERIES = 3, /*!< At most. */
};

/*! Who signs the zone. */
typedef enum {
	SIGNED_NOT,
	SIGNED_HERE,      /*!< Automatic signing, or elsewhere; the module has the keys. */
	SIGNED_LOST,      /*!< Automatic signing, but it has not. */
	SIGNED_ELSEWHERE, /*!< Likewise, without automatic signing. */
	SIGNED_ONLINE,    /*!< mod-onlinesign, which comes after. */
} signed_t;

typedef struct {
	uint8_t addr[16];
	size_t len;
	unsigned prefix;
} network_t;

struct engine {
	cache_t *cache;
	health_t health;
	log_queue_t log;
};

/*! A node with its RRsets. */
typedef struct {
	node_t node;
	node_rrset_t rrs[WORLD_RRSETS];
} filled_node_t;

typedef struct {
	input_t in;
	knot_mm_t mm;
	void *blocks; /*!< All that mm has given. */

	signed_t who_signs;
	bool nsec3;
	bool layout_fails;                /*!< The module does not find its way to the nodes. */
	bool sign_failed;                 /*!< A signature could not be made. */
	filled_node_t apex, node, denial; /*!< The last one has the NSEC3. */
	filled_node_t *owner;             /*!< The one with the ALIAS: the first or the second. */
	filled_node_t named[2];           /*!< What MX and HTTPS lead to. */
	node_glue_t glues[2];
	node_additional_t names; /*!< Of both. */
	node_contents_t contents;
	node_extra_t extra;

	alias_ctx_t ctx;
	tenant_t tenant;
	struct engine engine;
	network_t denied[WORLD_DENIED];
	unsigned denied_count;

	knotd_qdata_t qdata;
	knotd_qdata_params_t params;
	knot_pkt_t *query, *pkt;
	uint16_t qtype;
	bool dnssec;        /*!< The client asks for it. */
	bool chained;       /*!< A CNAME leads to the name ... */
	bool leads_out;     /*!< ... or out of the zone. */
	bool optional_left; /*!< Records of the additional section had no room. */
	size_t opt_len;     /*!< Room for OPT in the reply. */
	unsigned queries;   /*!< So far. */
} world_t;

extern world_t world;

/*! \brief Makes the world of an input, without a query. */
void world_begin(const uint8_t *data, size_t size);

/*! \brief Makes the next query. \return False if there is none. */
bool world_query(void);

/*! \brief Frees it. */
void world_end(void);

/*! \brief Learns something about targets, as the engine's thread would while a client waits. */
void world_learn(void);

/*! \brief Adds to an RRset, in canonical order. */
void world_add(knot_rdataset_t *rrs, const void *data, size_t len);

/*! \brief A node's RRset of a type; empty if there is none. */
static inline knot_rrset_t world_rrset(const filled_node_t *filled, uint16_t type)
{
	return node_rrset(&filled->node, type);
}

/*! Room for the RDATA of a signature. */
#define WORLD_RRSIG_MAX 64

/*!
 * \brief Writes what stands for an RRSIG: its signature is a hash64 of all that a real one covers.
 *
 * \param covered  The owner in the zone, the original TTL, RDATA in canonical order.
 *
 * \return Length.
 */
size_t world_sign(uint8_t rdata[WORLD_RRSIG_MAX], const knot_rrset_t *covered);

/*! \brief knotd's way of a query through the stages, with the module's hooks. \return The state at its end. */
knotd_in_state_t knotd_answer(void);

/*! \brief Checks the reply. */
void judge(knotd_in_state_t state);

/*! \brief Checks what is asked for. */
void judge_request(const knot_dname_t *name, const wishes_t *wishes);
