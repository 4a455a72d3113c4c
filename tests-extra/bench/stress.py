# SPDX-License-Identifier: GPL-2.0-or-later
"""Many targets of mixed TTL, while the resolver is slow, lossy, failing, flapping or dead.

Half of the queries are for a hundredth of the names, the hot ones. Four times a second a client asks
over TCP for a name that was never resolved. Each target has its TTL in its name, and the addresses
change with each condition, so that answers that are too old show.
"""

import collections
import concurrent.futures
import random
import socket
import time
from typing import NamedTuple

from client import frame, read_exactly
from clients import Asker, parse, question, warm
from common import alias_cpu_seconds, options, percentiles, separate, verdict
from stub import alias_record, stubbed

TTLS = 1, 5, 20, *17 * [60], *40 * [300], *30 * [3600], *10 * [86400]  # s, each of a hundredth of the targets
GRACE, GRACE_TTL = 10, 5  # s past expiry until EDE 3 is due
STALE, STALE_TTL = 3, 30
LATE = 1          # s, more than a reply of the resolver ever takes
STEP = 0.25       # s between clients of new names
STEPS = 4         # in a second
PATIENCE = 10     # s, of these clients
HOT = 100         # one name of so many
USUAL = 5         # s before the first condition
BACK_LIMIT = 40   # s
BACK_MARGIN = 0.01
TOLERANCE = 1.1   # of seconds that are measured from outside
UNANSWERED = "SERVFAIL", "TC", "lost"


class Condition(NamedTuple):
    """What the resolver is told; it flaps between that and being well."""
    title: str
    settings: dict
    flaps: int = 0  # s


WELL = {"mode": "normal", "share": 100, "delay": 5}
CONDITIONS = [
    Condition("5 ms", {}),
    Condition("50 ms", {"delay": 50}),
    Condition("500 ms", {"delay": 500}),
    Condition("5 % loss", {"mode": "silent", "share": 5}),
    Condition("50 % loss", {"mode": "silent", "share": 50}),
    Condition("90 % SERVFAIL", {"mode": "servfail", "share": 90}),
    Condition("flapping, 7 s", {"mode": "silent"}, 7),
    Condition("dead", {"mode": "silent"}),
]


def main():
    limits = options(__doc__, targets=100000, seconds=28, settle=45, queries=2000, rate=5000)
    new = len(CONDITIONS) * limits.seconds * STEPS
    zone = "\n".join(alias_record(number, ttl_of(number)) for number in range(limits.targets + new))
    with stubbed(zone, settings={**WELL, "spread": 1}, max_rate=1000000) as (knot, stub):
        warm(knot.port, range(limits.targets))
        knot.sections["default"]["max_rate"] = limits.rate
        knot.reload()
        separate(knot.process.pid, stub.process.pid)
        stub.control(spread=0)
        rows = Stress(knot, stub, limits).run()
        assert knot.process.poll() is None
    verdict(not any(row.kinds["wrong"] or row.kinds["SERVFAIL"] or row.new["wrong"] for row in rows)
            and max(max(row.datagrams) for row in rows) <= TOLERANCE * limits.rate,
            "no wrong answer, no SERVFAIL for a name resolved before, no second with more datagrams than max-rate")


def ttl_of(number):
    return TTLS[number % len(TTLS)]


class Row:
    """What was seen under a condition."""

    def __init__(self):
        self.kinds = collections.Counter()  # of replies for names resolved before
        self.took = []
        self.new = collections.Counter()    # of replies for others
        self.new_took = []
        self.datagrams = []  # in each second
        self.cpu = 0
        self.back = 0        # s until replies were as usual
        self.wrong = []

    def queries(self):
        return len(self.took) + self.kinds["lost"]

    def stale(self):
        return (self.kinds["hot stale"] + self.kinds["quiet stale"]) / max(1, self.queries())

    def show(self, title):
        kinds, new, queries = self.kinds, self.new, self.queries()
        cells = [f"{title:{len(HEADS[0])}}", queries, kinds["wrong"],
                 *(f"{kinds[kind] / queries:.2%}" for kind in UNANSWERED),
                 *(f"{kinds[f'{name} stale'] / max(1, kinds[name]):.1%}" for name in ("hot", "quiet")), p99(self.took),
                 new["wrong"], f"{sum(new[kind] for kind in UNANSWERED) / max(1, sum(new.values())):.0%}",
                 p99(self.new_took),
                 f"{sum(self.datagrams) / len(self.datagrams):.0f}", f"{max(self.datagrams):.0f}",
                 f"{self.cpu:.1%}", self.back if self.back < BACK_LIMIT else "more"]
        print("  ".join(f"{cell:>{len(head)}}" for head, cell in zip(HEADS, cells)), flush=True)
        for each in self.wrong[:5]:
            print("  ", each)


HEADS = ("resolver      ", "queries", "wrong", "SERVFAIL", "   TC", " lost", "hot stale", "quiet stale", "p99 ms",
         "new: wrong", "failed", "p99 ms", "datagrams/s", "most/s", "  CPU", "back s")


def p99(times):
    return f"{1000 * percentiles(times, 0.99)[1]:.1f}" if times else "-"


class Stress:
    """The load, and how each reply is judged."""

    def __init__(self, knot, stub, limits):
        self.knot, self.stub, self.limits = knot, stub, limits
        chance = random.Random(1)
        self.names = list(range(limits.targets))
        self.hot = chance.sample(self.names, max(1, limits.targets // HOT))
        self.is_hot = set(self.hot)
        self.questions = self.endless_questions(chance)
        self.next_new = limits.targets
        self.row = Row()
        self.since = [0, time.monotonic()]  # of each generation of addresses
        self.usual = 0                      # share of stale answers

    def endless_questions(self, chance):
        while True:
            for names in self.hot, self.names:
                yield chance.choice(names), chance.choice(("A", "AAAA"))

    def run(self):
        print(f"{self.limits.targets} targets, {self.limits.queries} queries/s, max-rate {self.limits.rate}, "
              f"{self.limits.seconds} s for each line")
        print("  ".join(HEADS), flush=True)
        with Asker(self.knot.port, self.check) as asker, concurrent.futures.ThreadPoolExecutor(64) as pool:
            self.load(asker, self.limits.settle)
            self.row = Row()
            self.load(asker, USUAL)
            self.usual = self.row.stale()
            return [self.under(condition, asker, pool) for condition in CONDITIONS]

    def load(self, asker, seconds):
        asker.at_rate(self.questions, self.limits.queries, seconds)

    def under(self, condition, asker, pool):
        row = self.row = Row()
        self.since.append(time.monotonic())
        self.stub.control(generation=self.generation())
        clients = []
        cpu, start = alias_cpu_seconds(self.knot.process.pid), time.monotonic()
        for second in range(self.limits.seconds):
            well = condition.flaps and second // condition.flaps % 2
            self.stub.control(**WELL | ({} if well else condition.settings))
            row.datagrams.append(self.one_second(asker, pool, clients))
        row.cpu = (alias_cpu_seconds(self.knot.process.pid) - cpu) / (time.monotonic() - start)
        self.stub.control(**WELL)
        row.back = self.wait_usual(asker, row)
        for client in clients:
            kind, took = client.result()
            row.new[kind] += 1
            row.new_took.append(took)
        row.show(condition.title)
        return row

    def generation(self):
        return len(self.since) - 1

    def one_second(self, asker, pool, clients):
        """Datagrams at the resolver."""
        before, start = self.stub.control(), time.monotonic()
        for _ in range(STEPS):
            clients.append(pool.submit(self.ask_new, self.next_new))
            self.next_new += 1
            self.load(asker, STEP)
        return (self.stub.control() - before) / (time.monotonic() - start)

    def wait_usual(self, asker, row):
        """Seconds until the share of stale answers is what it was at first; wrong ones go to the row."""
        for second in range(BACK_LIMIT):
            self.row = Row()
            self.load(asker, 1)
            row.kinds["wrong"] += self.row.kinds["wrong"]
            row.wrong += self.row.wrong
            if self.row.stale() <= self.usual + BACK_MARGIN:
                return second
        return BACK_LIMIT

    # Judging

    def check(self, number, rdtype, reply, when, took):
        kind = reply.kind
        if kind == "answer":
            name = "hot" if number in self.is_hot else "quiet"
            self.row.kinds[name] += 1
            kind = self.judge(number, reply, when - took)
            kind = "wrong" if kind == "wrong" else f"{name} {kind}"
        elif kind not in UNANSWERED:
            kind = "wrong"
        if kind == "wrong":
            self.row.wrong.append((number, rdtype, reply))
        self.row.kinds[kind] += 1
        if kind != "lost":
            self.row.took.append(took)

    def judge(self, number, reply, asked):
        """Whether an answer is fresh, stale or wrong."""
        ttl = ttl_of(number)
        if reply.number != number or not 1 <= reply.generation <= self.generation():
            return "wrong"
        if reply.ede == STALE:
            return "stale" if reply.ttl <= STALE_TTL else "wrong"
        changed = self.since[reply.generation + 1] if reply.generation < self.generation() else asked
        in_time = asked <= changed + LATE + ttl + GRACE
        return "fresh" if in_time and reply.ede is None and reply.ttl <= max(ttl, GRACE_TTL) else "wrong"

    def ask_new(self, number):
        """What a client gets over TCP, and how long that takes."""
        start = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", self.knot.port), PATIENCE) as sock:
                sock.sendall(frame(question(number, "A")))
                reply = parse(read_exactly(sock, int.from_bytes(read_exactly(sock, 2), "big")))
            kind = self.judge(number, reply, start) if reply.kind == "answer" else reply.kind
        except (OSError, EOFError):
            kind = "lost"
        if kind not in ("fresh", *UNANSWERED):
            kind = "wrong"
        return kind, time.monotonic() - start


if __name__ == "__main__":
    main()
