# SPDX-License-Identifier: GPL-2.0-or-later
"""knotc reload, over and over, under queries for warm ALIAS names; nothing may be noticed, and no memory be lost.

Every other reload also changes an option of the module. There are other zones, each with a name that is fresh.
"""

import time

from clients import warm
from common import Load, memory, options, verdict
from knotd import Zone
from stub import alias_record, aliases, stubbed

NAMES = 20
MIB = 1 << 20
SETTLED = 5       # part of the reloads after which memory is to stay
GOAL_GROWTH = 2   # MiB until the last one


def main():
    limits = options(__doc__, reloads=1000, pause=50, rate=5000, zones=1000)
    others = [Zone(f"z{i}.example", alias_record(NAMES + i)) for i in range(limits.zones)]
    with stubbed(aliases(NAMES), others, settings={"ttl": 86400}, udp_workers=2) as (knot, stub):
        warm(knot.port, range(NAMES))
        for i, zone in enumerate(others):
            warm(knot.port, [NAMES + i], pause=0.01, zone=zone.name)
        before = stub.control()
        questions = [f"n{i}.example.com {rdtype}" for i in range(NAMES) for rdtype in ("A", "AAAA")]
        with Load(knot, questions, 3600, "-Q", str(limits.rate), "-t", "2") as load:
            start, sizes = time.monotonic(), []
            for number in range(limits.reloads):
                if number % 2:
                    knot.sections["default"]["ttl-max"] = 3600 + number
                knot.reload()
                sizes.append(memory(knot.process.pid)[1])
                # knotc does not wait for the zones, and reloads close together are but one for them.
                time.sleep(limits.pause / 1000)
            took = time.monotonic() - start
        result, more = load.wait(), stub.control() - before
        assert knot.process.poll() is None
    growth = (max(sizes[-10:]) - sizes[limits.reloads // SETTLED]) / MIB
    print(f"{limits.reloads} reloads of {limits.zones + 1} zones in {took:.1f} s, {result.rate:.0f} queries/s: "
          f"{result.sent} sent, {result.lost} lost, {result.rcodes}")
    print("lookups:", more)
    print(f"memory, MiB: {sizes[0] / MIB:.1f} after the first reload, {sizes[limits.reloads // SETTLED] / MIB:.1f} after "
          f"a {SETTLED}th of them, {sizes[-1] / MIB:.1f} after the last")
    verdict(result.rcodes == {"NOERROR": result.completed} and not result.lost and not more and growth < GOAL_GROWTH,
            f"no SERVFAIL, no lost reply, no lookup, less than {GOAL_GROWTH} MiB more")


if __name__ == "__main__":
    main()
