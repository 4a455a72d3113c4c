/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The TTLs of a negative reply that comes of a target. See hooks.h. */

#include "module/hooks.h"

#include "module/packet.h"

/*!
 * Of the query that this worker is at. The answer hook knows it, but Knot puts the records later, mod-onlinesign its own
 * even later, and Knot keeps nothing of a module from hook to hook.
 */
static _Thread_local struct {
	const knotd_qdata_t *qdata; /*!< NULL: no limit. */
	uint32_t ttl;
} limit;

void negative_limit(const knotd_qdata_t *qdata, uint32_t ttl)
{
	limit.qdata = qdata;
	limit.ttl = ttl;
}

bool negative_end(const knotd_qdata_t *qdata)
{
	bool limited = (limit.qdata == qdata);
	limit.qdata = NULL;
	return limited;
}

knotd_in_state_t negative_hook(knotd_in_state_t state, knot_pkt_t *pkt,
                               knotd_qdata_t *qdata, knotd_mod_t *mod)
{
	(void)mod;
	if (state == KNOTD_IN_STATE_NODATA && limit.qdata == qdata) {
		packet_limit_ttl(pkt, limit.ttl);
	}
	return state;
}
