# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of all kinds, all the time, and what each of them got.

They ask over UDP and TCP, A and AAAA, for names that are warm, static or not resolved yet, and for those of another
zone. One that is told to come back over TCP does.
"""

import collections
import queue
import random
import socket
import threading
import time
from typing import NamedTuple

from client import NOT_READY, STALE, FAILED, SILENT, frame, read_exactly
from clients import Asker, each_type, parse, question
from timing import seconds

WARM = 20                # n0 to n19 in both zones
STATIC = range(100, 110)
COLD = range(1000, 10000)
OTHER_ZONE = "example.org"
RATE, OTHER_RATE = 150, 40  # over UDP, per second
STREAMS = 3              # clients over TCP at a time
PAUSE = 0.03             # s, between two queries over TCP
PATIENCE, UDP_PATIENCE = 15, 6  # s

KINDS = ("fresh", "stale", "TC", "SERVFAIL", "wrong", "none")


class Seen(NamedTuple):
    """A query and what came of it; `what` is warm, static, cold or other."""
    sent: float
    took: float
    what: str
    tcp: bool
    kind: str       # of KINDS
    generation: int
    ttl: int
    detail: str


class Crowd:
    """Use it with `with`; it asks until then. Each thread draws from a generator of its own."""

    def __init__(self, port, seed, cold=True, generations=(1,)):
        self.port, self.seed = port, seed
        self.cold = cold
        self.generations = set(generations)  # of addresses that may be served
        self.reasons = {SILENT, FAILED}      # extended errors that a SERVFAIL may have
        self.seen = collections.deque()
        self.next_cold = iter(COLD)
        self.again = queue.Queue(100)        # told to come back over TCP
        self.ends = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self._guard, args=each, daemon=True) for each in
                        [(self._datagrams, RATE, None), (self._datagrams, OTHER_RATE, OTHER_ZONE),
                         *((self._streams, i) for i in range(STREAMS))]]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.finish()

    def finish(self):
        """Ask no more, and wait for what is under way."""
        self.ends.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures

    def _guard(self, work, *arguments):
        try:
            work(*arguments)
        except Exception as error:  # A client that dies must not look like one that is content.
            self.failures.append(error)
            raise

    # Asking

    def _names(self, chance, zone):
        """An endless mixture of (number, rdtype)."""
        while True:
            draw, rdtype = chance.random(), chance.choice(("A", "AAAA"))
            if zone or draw < 0.75:
                yield chance.randrange(WARM), rdtype
            elif draw < 0.95 or not self.cold:
                yield chance.choice(STATIC), rdtype
            else:
                yield next(self.next_cold), rdtype

    def _asker(self, check, zone="example.com"):
        return Asker(self.port, check, zone, lost_after=seconds(UDP_PATIENCE))

    def _datagrams(self, rate, zone):
        def check(number, rdtype, reply, when, took):
            kind = self._note(number, zone, False, reply, when, took)
            if kind == "TC" and not zone and not self.again.full():
                self.again.put((number, rdtype))

        names = self._names(random.Random(f"{self.seed} {rate}"), zone)
        with self._asker(check, zone or "example.com") as asker:
            while not self.ends.is_set():
                asker.at_rate(names, rate, 0.25)
            asker.finish()

    def ask_warm(self):
        """Ask for each warm name once, over UDP."""
        with self._asker(self._check) as asker:
            asker.each(each_type(range(WARM)))

    def herd(self, numbers, duration):
        """Ask for most of these names, which were never resolved, over UDP, within so many seconds."""
        names = ((number, rdtype) for number in numbers for rdtype in ("A", "AAAA"))
        with self._asker(self._check) as asker:
            asker.at_rate(names, 2 * 0.95 * len(numbers) / duration, duration)
            asker.finish()

    def _check(self, number, _, reply, when, took):
        self._note(number, None, False, reply, when, took)

    def _streams(self, number):
        names = self._names(random.Random(f"{self.seed} TCP {number}"), None)
        while not self.ends.wait(PAUSE):
            try:
                # The last one has warm and static names to itself.
                each = self.again.get_nowait() if number < STREAMS - 1 else next(names)
            except queue.Empty:
                each = next(names)
            self._ask_tcp(*each)

    def _ask_tcp(self, number, rdtype):
        start = time.monotonic()
        reply = None
        try:
            with socket.create_connection(("127.0.0.1", self.port), seconds(PATIENCE)) as sock:
                sock.sendall(frame(question(number, rdtype)))
                reply = parse(read_exactly(sock, int.from_bytes(read_exactly(sock, 2), "big")))
        except (OSError, EOFError):
            pass
        now = time.monotonic()
        self._note(number, None, True, reply, now, now - start)

    # Judging

    def _note(self, number, zone, tcp, reply, when, took):
        what = ("other" if zone else "warm" if number < WARM else "static" if number in STATIC else "cold")
        kind = self._kind(what, number, tcp, reply)
        self.seen.append(Seen(when - took, took, what, tcp, kind, reply.generation if reply else -1,
                              reply.ttl if reply else -1, f"n{number} {reply}"))
        return kind

    def _kind(self, what, number, tcp, reply):
        """What the reply is to its client; wrong is also what no client may ever get."""
        if reply is None or reply.kind == "lost":
            return "none"
        if reply.kind == "answer" and reply.number == number and (
                reply.generation in ((1,) if what in ("static", "other") else self.generations)):
            if reply.ede is None:
                return "fresh"
            return "stale" if reply.ede == STALE and 0 < reply.ttl <= 30 else "wrong"
        if reply.kind == "TC" and not tcp:
            return "TC"
        if reply.kind == "SERVFAIL" and (
                reply.ede in self.reasons or tcp and reply.ede == NOT_READY):
            return "SERVFAIL"
        return "wrong"

    # Looking back

    def select(self, what=None, since=0, until=float("inf"), tcp=None):
        """What was asked within that time, for these kinds of names, separated by blanks."""
        return [each for each in list(self.seen)
                if (what is None or each.what in what.split()) and since <= each.sent < until
                and tcp in (None, each.tcp)]


def tally(seen):
    return collections.Counter(each.kind for each in seen)


def worst(seen):
    return max((each.took for each in seen if each.kind != "none"), default=0)
