# SPDX-License-Identifier: GPL-2.0-or-later
"""knotc reload, over and over, under queries for warm ALIAS names; nothing may be noticed.

Every other reload also changes an option of the module.
"""

import time

from client import addresses, alias
from common import Load, options, servers, verdict

NAMES = 20


def main():
    limits = options(__doc__, reloads=200, pause=50, rate=10000)
    zone = "\n".join(f"n{i} {alias(f'n{i}.example.net')}" for i in range(NAMES))
    with servers(zone, udp_workers=2) as (knot, upstream):
        for i in range(NAMES):
            upstream.host(f"n{i}.example.net", "192.0.2.1", "2001:db8::1")
            for rdtype in ("A", "AAAA"):
                assert addresses(knot.ask(f"n{i}.example.com", rdtype, tcp=True), rdtype)
        warm = upstream.count()
        questions = [f"n{i}.example.com {rdtype}" for i in range(NAMES) for rdtype in ("A", "AAAA")]
        with Load(knot, questions, 300, "-Q", str(limits.rate), "-t", "2") as load:
            start = time.monotonic()
            for number in range(limits.reloads):
                if number % 2:
                    knot.sections["default"]["ttl-max"] = 3600 + number
                knot.reload()
                # knotc does not wait for the zones, and reloads close together are but one for them.
                time.sleep(limits.pause / 1000)
            took = time.monotonic() - start
        result, more = load.wait(), upstream.count() - warm
        assert knot.process.poll() is None
    print(f"{limits.reloads} reloads in {took:.1f} s, {result.rate:.0f} queries/s: {result.sent} "
          f"sent, {result.lost} lost, {result.rcodes}")
    print("upstream queries:", more)
    verdict(result.rcodes == {"NOERROR": result.completed} and not result.lost and not more,
            "no SERVFAIL, no lost reply, no upstream query")


if __name__ == "__main__":
    main()
