# SPDX-License-Identifier: GPL-2.0-or-later
"""The resolver is silent, answers SERVFAIL, or is gone, under load on warm names with a short TTL.

Each reply is looked at. The resolver comes back with other addresses, so that fresh ones show. Without
retransmissions (`retry`) each query that the resolver gets is a lookup.
"""

import collections
import time

from clients import Asker, over_and_over, warm
from common import options, verdict
from stub import aliases, stubbed

TTL = 2
GRACE = 10            # s past expiry until EDE 3 is due
STALE, STALE_TTL = 3, 30
STEP, STEP_MAX = 5, 60  # s: failure-ttl, and the longest back-off
BACK_WITHIN = 5       # s
PASS = 2              # queries a second for each name
SETTLE = 5            # s


def main():
    # Both types of 1000 names with TTL 2 are some 1300 refreshes a second.
    limits = options(__doc__, names=1000, seconds=60, rate=2000)
    with stubbed(aliases(limits.names), log=True, settings={"ttl": TTL},
                 max_rate=limits.rate, retry=0) as (knot, stub):
        warm(knot.port, range(limits.names))
        holds = [Outage(knot, stub, mode, limits, number).run()
                 for number, mode in enumerate(("silent", "servfail", "closed"))]
        assert knot.process.poll() is None
    verdict(all(holds), f"the last good answer all the time, a query per name and back-off step, "
            f"fresh within {BACK_WITHIN} s")


class Outage:
    """One kind of it."""

    def __init__(self, knot, stub, mode, limits, number):
        self.old, self.new = number + 1, number + 2  # generations of addresses
        self.knot, self.stub, self.mode, self.limits = knot, stub, mode, limits
        self.kinds = collections.Counter()
        self.ttls = set()
        self.old_at = 0     # when the last reply without fresh data came
        self.wrong = []
        self.start = self.back = None
        self.longest = 0

    def run(self):
        stub, limits = self.stub, self.limits
        with Asker(self.knot.port, self.check) as asker:
            questions, rate = over_and_over(limits.names), PASS * limits.names
            asker.at_rate(questions, rate, SETTLE)
            self.start = time.monotonic()
            stub.control(mode=self.mode)
            asker.at_rate(questions, rate, limits.seconds)
            self.back = time.monotonic()
            stub.control(mode="normal", generation=self.new)
            asker.at_rate(questions, 2 * rate, 2 * BACK_WITHIN)
            asker.finish()
        return self.report()

    def check(self, number, rdtype, reply, when, took):
        since = (self.back or self.start or when) - took
        phase = "back" if self.back else "down" if self.start else "before"
        kind = reply.kind
        if kind == "answer":
            kind += f" EDE {reply.ede}" if reply.ede is not None else ""
            self.ttls.add(reply.ttl)
            stale_by = self.start and when - took - self.start - TTL - GRACE
            if not (reply.number == number and 0 <= reply.ttl <= STALE_TTL and reply.ede in (None, STALE)
                    and reply.generation in ((self.old, self.new) if self.back else (self.old,))
                    and (phase != "down" or stale_by < 1 or reply.ede == STALE)):
                self.wrong.append((phase, when - since, number, rdtype, reply))
            if self.back and (reply.generation != self.new or reply.ede is not None):
                self.old_at = when
        else:
            self.wrong.append((phase, when - since, number, rdtype, reply))
        self.longest = max(self.longest, took)
        self.kinds[phase, kind] += 1

    def report(self):
        print(f"resolver {self.mode} for {self.limits.seconds} s, {self.limits.names} names:")
        for phase in "before", "down", "back":
            print(f"  {phase}:", {kind: n for (at, kind), n in sorted(self.kinds.items()) if at == phase})
        print(f"  TTL {min(self.ttls)} to {max(self.ttls)}, longest wait for a reply "
              f"{1000 * self.longest:.0f} ms, not right {len(self.wrong)}")
        for each in self.wrong[:5]:
            print("   ", each)
        fresh = max(0, self.old_at - self.back)
        print(f"  all fresh {fresh:.2f} s after its return", flush=True)
        return self.is_gentle() & (not self.wrong and fresh <= BACK_WITHIN)

    def is_gentle(self):
        """Whether upstream got no query too many."""
        asked = collections.defaultdict(list)
        for query in self.stub.seen():
            if self.start <= query.time < self.back:
                asked[query.number, query.rdtype].append(query.time)
        if not asked:
            # A closed socket sees nothing: only that none was taken as an answer is known.
            return True
        counts = collections.Counter(len(times) for times in asked.values())
        early = [count_early(times) for times in asked.values()]
        extra = [len(times) - steps(self.back - times[0]) for times in asked.values()]
        for slot, times in asked.items():
            if count_early(times) > 1:
                print("   ", *slot, "asked for at", [f"{at - self.start:.1f}" for at in times])
        print("  upstream: queries for a name and type:", dict(sorted(counts.items())),
              f"allowed {steps(self.limits.seconds)}, ahead of their time {dict(collections.Counter(early))}")
        return max(extra) <= 1 and sum(early) == 0


def steps(seconds):
    """How many queries the back-off allows in that time, the first one included."""
    count, step = 1, STEP
    while seconds >= step:
        seconds, step, count = seconds - step, min(2 * step, STEP_MAX), count + 1
    return count


def count_early(times):
    """Queries that came before the back-off since the one before was over."""
    step, early = STEP, 0
    for sooner, later in zip(times, times[1:]):
        early += later - sooner < step
        step = min(2 * step, STEP_MAX)
    return early


if __name__ == "__main__":
    main()
