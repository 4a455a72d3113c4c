/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A reply that `kalias check` gets from the server: what it says. One octet says how, the rest is the message. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "kalias/kalias.h"
#include "kalias/observed.h"
#include "kalias/onlinesign.h"

enum { WITH_AAAA = 0x01 };

exit_t fail(const char *format, ...)
{
	(void)format;
	return EXIT_WRONG;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_t in = { data, size };
	uint16_t type = addr_rrtype((input_u8(&in) & WITH_AAAA) ? ADDR_AAAA : ADDR_A);
	uint8_t *wire = fuzz_copy(in.data, in.len);
	knot_pkt_t *pkt = (in.len > 0 && in.len <= KNOT_WIRE_MAX_PKTSIZE) ? knot_pkt_new(wire, in.len, NULL) : NULL;
	if (pkt != NULL && knot_pkt_parse(pkt, KNOT_PF_KEEPWIRE) == KNOT_EOK && knot_pkt_qname(pkt) != NULL) {
		observed_t observed = { 0 };
		observed_set_packet(&observed, pkt, knot_pkt_qname(pkt), type);
		CHECK((observed.count > 0) == (observed.kind == OBSERVED_ADDRESSES) && (observed.count > 0 || !observed.is_signed));
		CHECK(observed.rcode == knot_pkt_ext_rcode(pkt) && observed_meet(&observed, &observed) == (observed.count > 0));
		static const uint8_t other[16] = { 1 };
		unsigned before = observed.count;
		observed_add_address(&observed, other, sizeof(other));
		CHECK(observed.count == before || observed.count == before + 1);
		for (unsigned i = 1; i < observed.count; i++) {
			CHECK(memcmp(observed.addr[i - 1], observed.addr[i], sizeof(observed.addr[0])) < 0);
		}
		observed_clear(&observed);
		(void)onlinesign_overreaches(pkt, (const knot_dname_t *)"\007example");
	}
	knot_pkt_free(pkt);
	free(wire);
	return 0;
}
