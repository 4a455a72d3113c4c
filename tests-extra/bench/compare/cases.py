# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases in turns: CPU per query and rate at full load, reply times at a moderate one, and each reply looked at.

In its turn a server has half of the processors to itself, or one, and the clients the others. Each server has its own
resolver, stub.c, so that its queries can be told apart; that is quicker than any real one, to the good of who asks it
each time.
"""

import contextlib
import csv
import itertools
import pathlib
import tempfile
import time
from collections import Counter
from statistics import median
from typing import NamedTuple

from client import rrset
from clients import Asker
from common import PROCESSORS, cpu_seconds, percentiles, run as run_load, separate
from knotd import Knotd, Zone
from powerdns import Powerdns
from stub import Stub, alias_record
from timing import until

HALF = max(1, len(PROCESSORS) // 2)
NAMES = 100
TTL = 5              # s, of targets: they are due often in a run
PACE, LOOK = 2000, 500  # queries a second: for reply times, and looked at
PATIENCE = 1         # s, until dnsperf gives a query up
SETTLE = 2           # s after a change of the resolver
WARM, SLOW, DEAD = "", "20 ms to the resolver", "resolver dead"
UNDER_WAY = {WARM: 160, SLOW: 1000, DEAD: 160}  # queries of dnsperf; with more and the delay PowerDNS loses some
TROUBLE = {WARM: {"mode": "normal", "delay": 0}, SLOW: {"delay": 20}, DEAD: {"mode": "silent", "delay": 0}}

STATICS = "\n".join(f"n{i} A 1.0.0.{i}\nn{i} AAAA 2001:db8:1::{i:x}" for i in range(NAMES))
ALIASES = "\n".join(map(alias_record, range(NAMES)))
POWERDNS = "\n".join(f"n{i} ALIAS n{i}.example.net." for i in range(NAMES))


class Case(NamedTuple):
    title: str
    server: str         # knot or powerdns
    zone: str           # all of one length, so that replies are
    do: bool = False
    trouble: str = WARM
    processors: int = HALF

    def __str__(self):
        return self.title + (f", {self.trouble}" if self.trouble else "")

    def on_one(self):
        return self._replace(title=f"{self.title}, 1 processor", processors=1)


STATIC, FLAT = Case("Knot static", "knot", "example.org"), Case("Knot ALIAS", "knot", "example.com")
RIVAL = Case("PowerDNS ALIAS", "powerdns", "example.com")
CASES = [
    STATIC,
    FLAT,
    Case("Knot static, signed, DO", "knot", "example.gov", do=True),
    Case("Knot ALIAS, signed", "knot", "example.edu"),
    Case("Knot ALIAS, signed, DO", "knot", "example.edu", do=True),
    Case("Knot ALIAS, onlinesign", "knot", "example.biz"),
    Case("Knot ALIAS, onlinesign, DO", "knot", "example.biz", do=True),
    Case("PowerDNS static", "powerdns", "example.org"),
    RIVAL,
    *(case.on_one() for case in (STATIC, FLAT, RIVAL)),
    *(case._replace(trouble=trouble) for trouble in (SLOW, DEAD) for case in (FLAT, RIVAL)),
]


class Turn(NamedTuple):
    """None where nothing was answered."""
    cpu: float       # us for a query, without the kernel's work for others
    rate: float      # replies a second
    p50: float       # us
    p99: float
    upstream: float  # queries to the resolver for a query
    failures: float  # share of queries without the right address


class Bench:
    """The servers, warm."""

    def __init__(self, path, stack):
        def stub(name):
            return stack.enter_context(Stub(path / name, ttl=TTL))
        self.stubs = {server: stub(f"stub-{server}") for server in ("knot", "powerdns")}
        zones = [Zone("example.org", STATICS, module=""), Zone("example.com", ALIASES),
                 Zone("example.gov", STATICS, module="", extra="dnssec-signing: on"),
                 Zone("example.edu", ALIASES, extra="dnssec-signing: on"),
                 Zone("example.biz", ALIASES, module="[ mod-alias/default, mod-onlinesign ]")]
        section = {"resolver": [self.stubs["knot"].address]}
        knot = stack.enter_context(Knotd(path, zones, {"default": section}, {"udp-workers": HALF}))
        zones = [Zone("example.org", STATICS), Zone("example.com", POWERDNS)]
        powerdns = stack.enter_context(Powerdns(path / "powerdns", zones, self.stubs["powerdns"].address, HALF))
        self.servers = {"knot": knot, "powerdns": powerdns}
        for zone in "example.gov", "example.edu":
            until(lambda zone=zone: rrset(knot.ask(zone, "SOA", do=True), "RRSIG"), 60, 0.2)
        self.files = {}
        for zone in {case.zone for case in CASES}:
            self.files[zone] = path / f"{zone}.questions"
            self.files[zone].write_text("".join(f"n{i}.{zone} A\n" for i in range(NAMES)))
        for case in CASES:
            self.give_processors(case)
            until(lambda case=case: not self.look(case, 2 * NAMES / LOOK), 30)

    def trouble(self, kind):
        for stub in self.stubs.values():
            stub.control(**TROUBLE[kind])

    def give_processors(self, case):
        separate(self.servers[case.server].process.pid, *(stub.process.pid for stub in self.stubs.values()),
                 processors=case.processors)

    def turn(self, case, seconds):
        self.give_processors(case)
        server, stub = self.servers[case.server], self.stubs[case.server]
        asked, spent = stub.control(), cpu_seconds(server.process.pid)
        full = self.load(case, seconds, "-T", "4", "-c", "64", "-q", str(UNDER_WAY[case.trouble]))
        spent, asked = cpu_seconds(server.process.pid) - spent, stub.control() - asked
        fast, slow = self.times(case, seconds)
        return Turn(1e6 * spent / full.completed if full.completed else None,
                    full.rate if full.completed else None, fast, slow,
                    asked / full.sent, self.look(case, seconds))

    def load(self, case, seconds, *arguments):
        return run_load(self.servers[case.server], str(self.files[case.zone]), seconds, "-t", str(PATIENCE),
                        *(["-D"] if case.do else []), *arguments)

    def times(self, case, seconds):
        """Median and 99th percentile of the replies that came, in us."""
        times = self.load(case, seconds, "-Q", str(PACE), "-v").times
        return [1e6 * time for time in percentiles(times, 0.5, 0.99)[1:3]] if times else [None, None]

    def look(self, case, seconds):
        """The share of queries without the right address in their reply."""
        kinds = Counter()

        def check(number, _, reply, *__):
            kinds[is_right(number, reply)] += 1
        with Asker(self.servers[case.server].port, check, case.zone, case.do) as asker:
            asker.at_rate(questions(), LOOK, seconds)
            asker.finish()
        return kinds[False] / kinds.total()


def questions():
    """For all names in turn, without end."""
    return ((number, "A") for number in itertools.cycle(range(NAMES)))


def is_right(number, reply):
    return reply.kind == "answer" and (reply.number, reply.generation) == (number, 1)


def run(limits):
    """Rates of ALIAS as multiples of those of PowerDNS; how many rounds had failures with a dead resolver."""
    rounds = []
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as place, contextlib.ExitStack() as stack:
        bench = Bench(pathlib.Path(place), stack)
        for number in range(limits.rounds):
            rounds.append(one_round(bench, limits.seconds, number))
            print(f"round {number + 1} of {limits.rounds}", flush=True)
    write_turns(limits.results / "turns.csv", rounds)
    rows = [Row.of(case, rounds) for case in CASES]
    write_rows(limits.results / "cases.csv", rows)
    show(rows)
    faster = {ours.processors: median(each[ours].rate / each[theirs].rate for each in rounds)
              for ours, theirs in ((FLAT.on_one(), RIVAL.on_one()), (FLAT, RIVAL))}
    return faster, sum(each[FLAT._replace(trouble=DEAD)].failures > 0 for each in rounds)


def one_round(bench, seconds, number):
    """The turn of each case."""
    turns = {}
    for trouble in TROUBLE:
        bench.trouble(trouble)
        bench.servers["powerdns"].forget()
        time.sleep(SETTLE)
        cases = [case for case in CASES if case.trouble == trouble]
        for case in cases if number % 2 == 0 else reversed(cases):
            turns[case] = bench.turn(case, seconds)
    return turns


# Results

class Spread(NamedTuple):
    """Of the rounds; None where a round has none."""
    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values):
        values = list(values)
        return None if None in values else cls(median(values), min(values), max(values))

    def text(self, form):
        return f"{self.median:{form}} ({self.least:{form}}-{self.most:{form}})"


class Row(NamedTuple):
    """A case, its CPU and rate as multiples of those of a static address in the same round, on as many processors."""
    case: Case
    cpu_ratio: Spread
    rate_ratio: Spread
    turn: Turn  # of Spread

    @classmethod
    def of(cls, case, rounds):
        static = STATIC if case.processors == HALF else STATIC.on_one()

        def ratio(measure):
            return Spread.of(value and value / getattr(each[static], measure) for each in rounds
                             for value in [getattr(each[case], measure)])
        return cls(case, ratio("cpu"), ratio("rate"), Turn(*map(Spread.of, zip(*(each[case] for each in rounds)))))

    def spreads(self):
        return self.cpu_ratio, self.rate_ratio, *self.turn


def write_csv(path, head, rows):
    """Numbers with five digits, more would be noise; nothing for None."""
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(head)
        out.writerows([f"{value:.5g}" if isinstance(value, float) else value for value in row] for row in rows)


def write_turns(path, rounds):
    write_csv(path, ["round", "case", *Turn._fields],
              ([number, case, *turns[case]] for number, turns in enumerate(rounds, 1) for case in CASES))


def write_rows(path, rows):
    """Median, least and most of each."""
    names = ["cpu_ratio", "rate_ratio", *Turn._fields]
    write_csv(path, ["case", *(name + end for name in names for end in ("", "_least", "_most"))],
              ([row.case, *(number for spread in row.spreads() for number in spread or [None] * 3)] for row in rows))


COLUMNS = [("CPU / static", ".2f"), ("rate / static", ".2f"), ("CPU us", ".1f"), ("replies/s", ".0f"),
           ("p50 us", ".0f"), ("p99 us", ".0f"), ("upstream/query", ".4f"), ("failures", ".0%")]


def show(rows):
    print(f"\n{'median (least-most)':36}", *(f"{title:>22}" for title, _ in COLUMNS))
    for row in rows:
        print(f"{str(row.case):36}", *(f"{spread.text(form) if spread else '-':>22}"
                                       for spread, (_, form) in zip(row.spreads(), COLUMNS)))
