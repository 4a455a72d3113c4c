/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The TTLs of a negative reply that comes of a target. See hooks.h. */

#include "module/hooks.h"

#include "module/node.h"
#include "module/packet.h"

/*!
 * Of the last NODATA of this worker at a name with ALIAS. The answer hook knows it, but Knot puts the records later, and
 * keeps nothing of a module from hook to hook. A query at another node never takes it, and one at the same node renews it.
 * If the reply was cut off before the limit was taken, and another version of the zone has a node at the same place, one
 * NODATA there has a TTL that is too low.
 */
static _Thread_local struct {
	const node_t *node; /*!< NULL: none, and so has a name that does not exist, which mod-onlinesign makes NODATA. */
	uint32_t ttl;
} limit;

void negative_limit(const knotd_qdata_t *qdata, uint32_t ttl)
{
	limit.node = node_last(qdata);
	limit.ttl = ttl;
}

bool negative_is_limited(const knot_pkt_t *pkt, const knotd_qdata_t *qdata)
{
	return pkt->sections[KNOT_AUTHORITY].count > 0 && limit.node != NULL && limit.node == node_last(qdata) &&
	       limit.ttl < UINT32_MAX;
}

knotd_in_state_t negative_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                               knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)mod;
	if (state == KNOTD_IN_STATE_NODATA && negative_is_limited(pkt, qdata)) {
		packet_limit_ttl(pkt, limit.ttl);
		limit.node = NULL;
	}
	return state;
}
