# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 at random moments under load with new names, and a restart with the resolver dead.

What was resolved more than 3 s before the kill has to be answered at once, and rightly. Several
knotd go through their rounds at the same time, each on one store from round to round.
"""

import collections
import pathlib
import random
import tempfile
import threading
import time

from clients import Asker, parse, question
from common import options, percentiles, verdict
from knotd import Knotd, Zone
from stub import Stub, aliases

MARGIN = 3          # s
LIFE = (3.5, 6)     # s from the start to the kill
TTL = 300


def main():
    limits = options(__doc__, rounds=50, rate=300, servers=2, seed=1)
    share = [limits.rounds // limits.servers + (i < limits.rounds % limits.servers)
             for i in range(limits.servers)]
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as place:
        lanes = []
        for number, rounds in enumerate(share):
            path = pathlib.Path(place, str(number))
            path.mkdir()
            lanes.append(Lane(path, rounds, limits.rate, limits.seed + number))
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
    total = sum((lane.total for lane in lanes), collections.Counter())
    first = [took for lane in lanes for took in lane.first]
    print("all rounds:", dict(total))
    print(f"what was lost had been asked for {max(lane.oldest_lost for lane in lanes):.2f} s "
          "before the kill, at most")
    print("first answer after the restart, s: least {:.2f}  median {:.2f}  most {:.2f}".format(
        *percentiles(first, 0.5)))
    verdict(all(lane.done for lane in lanes) and set(total) <= {"kept", "younger kept", "younger lost"},
            f"what was resolved {MARGIN} s before the kill is answered at once, and rightly")


class Lane(threading.Thread):
    """One knotd and its resolver, killed and started again."""

    def __init__(self, path, rounds, rate, seed):
        super().__init__(daemon=True)
        self.path, self.rounds, self.rate = path, rounds, rate
        self.chance = random.Random(seed)
        self.names = int(rounds * (LIFE[1] + 1) * rate)
        self.asked = 0       # names asked for so far
        self.read = 0        # queries that the resolver got so far
        self.known = {}      # when it was first asked for what knotd should know
        self.first = []      # s until the first answer after a restart
        self.total = collections.Counter()
        self.oldest_lost = 0  # s before the kill
        self.done = False

    def run(self):
        with Stub(self.path / "stub", log=True, ttl=TTL) as stub:
            knot = Knotd(self.path, [Zone("example.com", aliases(self.names))],
                         {"default": {"resolver": [stub.address], "max-rate": 5000}})
            with knot:
                for number in range(self.rounds):
                    self.one_round(knot, stub, number)
        self.done = True

    def one_round(self, knot, stub, number):
        stub.control(mode="normal")
        with Asker(knot.port, lambda *_: None) as asker:
            asker.at_rate(self.new_names(), self.rate, self.chance.uniform(*LIFE))
        killed = time.monotonic()
        knot.kill()
        stub.control(mode="closed")
        for query in stub.seen()[self.read:]:
            self.known.setdefault((query.number, query.rdtype), query.time)
            self.read += 1
        self.restart(knot)

        seen, gone = collections.Counter(), []

        def check(number, rdtype, reply, *_):
            old = self.known[number, rdtype] < killed - MARGIN
            if reply.kind == "answer":
                kept = "kept" if old else "younger kept"
                seen[kept if reply.number == number else "wrong"] += 1
            else:
                seen[f"lost: {reply.kind}" if old else "younger lost"] += 1
                gone.append((number, rdtype))
                self.oldest_lost = max(self.oldest_lost, killed - self.known[number, rdtype])
        with Asker(knot.port, check) as asker:
            asker.each(self.known)
        for slot in gone:
            del self.known[slot]
        self.total += +seen
        print(f"round {number + 1} of server {self.path.name}: {dict(+seen)}, first answer after "
              f"{self.first[-1]:.2f} s", flush=True)

    def new_names(self):
        """A name only once: what stays unresolved is of no matter."""
        while True:
            yield self.asked % self.names, "A"
            self.asked += 1

    def restart(self, knot):
        oldest = question(*min(self.known, key=self.known.get))
        knot.is_up = lambda: parse(knot.ask_raw(oldest))
        start = time.monotonic()
        knot.start()
        self.first.append(time.monotonic() - start)


if __name__ == "__main__":
    main()
