# SPDX-License-Identifier: GPL-2.0-or-later
"""Refreshes ahead of expiry: how many the thread can do, and what it costs to keep many names warm.

First names with a TTL of 1 s, each asked for every 10 s, so that they follow their TTL: more than
the thread can do. Then the same at a rate that it can, with the time that each turn of its loop takes. Then many names with a
longer TTL, which nobody asks for any more.
"""

import collections
import contextlib
import os
import struct
import tempfile
import time

from clients import Asker, over_and_over, warm
from common import alias_cpu_seconds, options, separate, verdict
from stub import aliases, stubbed

GOAL = 30000
GOAL_TURN = 50  # ms, 99 of 100 turns
TURNS = struct.Struct("=1001I")  # see turns.c
ASKED_EVERY = 10  # seconds


def main():
    limits = options(__doc__, hot=20000, rate=10000, warm=100000, ttl=60, seconds=60)
    rate, replies = hot(limits.hot, limits.seconds)
    with measured_turns() as turns:
        hot(limits.hot, limits.seconds, limits.rate)
        longest = show_turns(turns())
    idle(limits.warm, limits.ttl, limits.seconds)
    verdict(rate >= GOAL and set(replies) == {"answer"} and longest <= GOAL_TURN,
            f"at least {GOAL} refreshes per second of the thread's processor time, no client waits, "
            f"99 of 100 turns take at most {GOAL_TURN} ms at {limits.rate} a second")


class Span:
    """What the thread does from here on."""

    def __init__(self, knot, stub):
        self.pid, self.stub = knot.process.pid, stub
        self.start, self.cpu, self.queries = self._now()

    def _now(self):
        return time.monotonic(), alias_cpu_seconds(self.pid), self.stub.control()

    def show(self, title):
        end, cpu, queries = self._now()
        took, cpu, queries = end - self.start, cpu - self.cpu, queries - self.queries
        print(f"{title}: {queries / took:.0f} refreshes/s by {cpu / took:.1%} of a processor, "
              f"{cpu / queries * 1e6:.1f} us each: {queries / cpu:.0f} per second of processor time", flush=True)
        return queries / cpu, cpu / queries


@contextlib.contextmanager
def measured_turns():
    """Have the next knotd count the turns of its loop by milliseconds; what is yielded reads the counts."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(TURNS.size))
        file.flush()
        os.environ |= {"KNOTD_PRELOAD": os.environ["ALIAS_TURNS"], "TURNS_FILE": file.name}
        yield lambda: TURNS.unpack(open(file.name, "rb").read())
        del os.environ["KNOTD_PRELOAD"], os.environ["TURNS_FILE"]


def show_turns(counts):
    """The time that 99 of 100 turns do not exceed, in ms."""
    total, seen, shares = sum(counts), 0, {}
    for took, count in enumerate(counts):
        seen += count
        for share in (0.5, 0.99, 1):
            if seen >= share * total:
                shares.setdefault(share, took)
    print(f"{total} turns: at most {shares[0.5]} ms at the median, {shares[0.99]} ms for 99 of 100, {shares[1]} ms",
          flush=True)
    return shares[0.99]


def hot(names, seconds, max_rate=1000000):
    replies = collections.Counter()

    def check(number, rdtype, reply, *_):
        replies[reply.kind if reply.number in (number, -1) else "wrong"] += 1
    with stubbed(aliases(names), settings={"ttl": 1}, max_rate=max_rate) as (knot, stub):
        separate(knot.process.pid, stub.process.pid)
        warm(knot.port, range(names))
        with Asker(knot.port, check) as asker:
            span = Span(knot, stub)
            asker.at_rate(over_and_over(names), names / ASKED_EVERY, seconds)
            rate, _ = span.show(f"{names} names with TTL 1, asked for every {ASKED_EVERY} s, max-rate {max_rate}")
            asker.finish()
    print("replies:", dict(replies))
    return rate, replies


def idle(names, ttl, seconds):
    with stubbed(aliases(names), settings={"ttl": ttl}, max_rate=1000000) as (knot, stub):
        separate(knot.process.pid, stub.process.pid)
        warm(knot.port, range(names))
        span = Span(knot, stub)
        time.sleep(seconds)
        _, cost = span.show(f"{names} names with TTL {ttl}, kept warm")
    # A share of 0.7 to 0.875 of the TTL, both types; they were resolved together and so come in waves.
    steady = 2 * names / (0.7875 * ttl)
    print(f"in the long run that is {steady:.0f} refreshes/s by {steady * cost:.1%} of a processor")


if __name__ == "__main__":
    main()
