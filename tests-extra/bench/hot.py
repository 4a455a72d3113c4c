# SPDX-License-Identifier: GPL-2.0-or-later
"""Load on a name whose target has a TTL of 1 s, through a slow resolver: nobody notices.

Over UDP an answer that is not there would show as TC or SERVFAIL, over TCP as a wait.
"""

import collections
import itertools
import socket
import time

from client import frame, read_exactly
from clients import Asker, each_type, parse, question, warm
from common import options, percentiles, verdict
from looped import Background
from stub import aliases, stubbed

COLD_WAIT = 1000  # ms, the module's default


def main():
    limits = options(__doc__, seconds=60, rate=2000, delay=50)
    kinds, ttls = collections.Counter(), collections.Counter()

    def check(_, rdtype, reply, *__):
        note(kinds, ttls, "UDP", reply)
    with stubbed(aliases(1), log=True, settings={"ttl": 1, "delay": limits.delay},
                 cold_wait=COLD_WAIT) as (knot, stub):
        warm(knot.port, range(1))
        start = time.monotonic()
        with Stream(knot.port, kinds, ttls) as stream, Asker(knot.port, check) as asker:
            asker.at_rate(itertools.cycle(each_type(range(1))), limits.rate, limits.seconds)
            asker.finish()
        seen = [query for query in stub.seen() if query.time > start]
        assert knot.process.poll() is None
    print("replies:", dict(kinds))
    print("TTL:", dict(sorted(ttls.items())))
    print("TCP replies took, ms: median {1:.2f}  most {2:.1f}".format(
        *(1000 * took for took in percentiles(stream.took, 0.5))))
    print(f"upstream: {len(seen) / limits.seconds:.2f} queries/s, from one to the next "
          + "; ".join("{} {:.2f} to {:.2f} s".format(rdtype, *percentiles(gaps(seen, rdtype)))
                      for rdtype in ("A", "AAAA")))
    print(f"the oldest data were {max(max(gaps(seen, t)) for t in ('A', 'AAAA')) + limits.delay / 1000:.2f} s old")
    waits = sum(took > COLD_WAIT / 2000 for took in stream.took)
    print("waits:", waits)
    verdict(set(kinds) <= {"UDP answer", "TCP answer"} and not waits, "answers only, at once")


def note(kinds, ttls, transport, reply):
    kind = reply.kind
    if kind == "answer":
        ttls[reply.ttl] += 1
        if reply.number != 0:
            kind = "wrong"
        elif reply.ede is not None:
            kind = f"answer with EDE {reply.ede}"
    kinds[f"{transport} {kind}"] += 1


def gaps(seen, rdtype):
    times = [query.time for query in seen if query.rdtype == rdtype]
    return [later - sooner for sooner, later in zip(times, times[1:])]


class Stream(Background):
    """Asks over one TCP connection, 50 times a second."""

    def __init__(self, port, kinds, ttls):
        super().__init__()
        self.port, self.kinds, self.ttls = port, kinds, ttls
        self.took = []

    def run(self):
        sock = socket.create_connection(("127.0.0.1", self.port), 5)
        for rdtype in itertools.cycle(("A", "AAAA")):
            if self.ended.wait(0.02):
                break
            start = time.monotonic()
            sock.sendall(frame(question(0, rdtype)))
            reply = read_exactly(sock, int.from_bytes(read_exactly(sock, 2), "big"))
            self.took.append(time.monotonic() - start)
            note(self.kinds, self.ttls, "TCP", parse(reply))


if __name__ == "__main__":
    main()
