# SPDX-License-Identifier: GPL-2.0-or-later
"""A zone of many warm names gets one resolver more, under queries for all of them: TC, SERVFAIL, and the reload.

Clients ask over UDP for names at random, before the reload, during it, and until no answer is stale any more.
"""

import collections
import threading
import time

from clients import Asker, over_and_over, warm
from common import memory, options, verdict
from stub import aliases, stubbed

MIB = 1 << 20


class Clients(threading.Thread):
    """Count replies by what they are, until `ended`."""

    def __init__(self, port, limits):
        super().__init__(daemon=True)
        self.port, self.limits = port, limits
        self.kinds, self.ended = collections.Counter(), threading.Event()

    def count(self, number, rdtype, reply, *_):
        self.kinds[reply.kind if reply.ede is None else f"{reply.kind} with EDE {reply.ede}"] += 1

    def run(self):
        questions = over_and_over(self.limits.targets)
        with Asker(self.port, self.count) as asker:
            while not self.ended.is_set():
                asker.at_rate(questions, self.limits.rate, 0.2)
            asker.finish()


def main():
    limits = options(__doc__, targets=1000000, rate=3000, seconds=20)
    with stubbed(aliases(limits.targets), settings={"ttl": 86400}, udp_workers=2, max_rate=1000000) as (knot, stub):
        warm(knot.port, range(limits.targets), window=128)
        size = memory(knot.process.pid)[1]
        clients = Clients(knot.port, limits)
        clients.start()
        time.sleep(2)
        knot.sections["default"].update(resolver=[stub.address, "127.0.0.1@9"], max_rate=10000)
        start = time.monotonic()
        knot.reload()
        took = time.monotonic() - start
        print(f"reload with {limits.targets} targets in {took:.2f} s; memory {size / MIB:.0f} MiB before, "
              f"{memory(knot.process.pid)[1] / MIB:.0f} MiB after", flush=True)
        before = stub.control()
        time.sleep(limits.seconds)
        print(f"lookups in {limits.seconds} s after it: {stub.control() - before}")
        clients.ended.set()
        clients.join()
        print(f"replies: {dict(clients.kinds)}")
    bad = sum(count for kind, count in clients.kinds.items() if not kind.startswith("answer"))
    verdict(bad == 0, "nothing but answers")


if __name__ == "__main__":
    main()
