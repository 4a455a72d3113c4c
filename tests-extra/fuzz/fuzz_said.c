/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A reply that `kalias check` gets from the server: what it says. One octet says how, the rest is the message. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <libknot/libknot.h>

#include "kalias/kalias.h"
#include "kalias/said.h"

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
		said_t said = { 0 };
		said_take_packet(&said, pkt, knot_pkt_qname(pkt), type);
		CHECK((said.count > 0) == (said.kind == SAID_ADDRESSES) && (said.count > 0 || !said.is_signed));
		CHECK(said.rcode == knot_pkt_ext_rcode(pkt) && said_meet(&said, &said) == (said.count > 0));
		static const uint8_t other[16] = { 1 };
		unsigned before = said.count;
		said_add(&said, other, sizeof(other));
		CHECK(said.count == before || said.count == before + 1);
		for (unsigned i = 1; i < said.count; i++) {
			CHECK(memcmp(said.addr[i - 1], said.addr[i], sizeof(said.addr[0])) < 0);
		}
		said_clear(&said);
	}
	knot_pkt_free(pkt);
	free(wire);
	return 0;
}
