# SPDX-License-Identifier: GPL-2.0-or-later
"""Load with faults at random: of the resolver, its replies, the options, the zone, the room in the cache.

No answer may be wrong, and neither memory nor file descriptors may grow.
"""

import collections
import os
import pathlib
import random
import socket
import time
from statistics import median

from client import frame, read_exactly
from clients import Asker, over_and_over, parse, question
from common import memory, options, verdict
from looped import Background
from stub import alias_record, aliases, stubbed

MIB = 1 << 20
SAMPLE_S = 10
EXTRA = 50            # names that come and go
FINE = ("answer", "TC", "SERVFAIL", "lost")
MODES = ("silent", "servfail", "refused", "truncate", "wrongid", "closed", "slow", "partial", "restart")


def main():
    limits = options(__doc__, seconds=600, names=3000, rate=2000, seed=1)
    with stubbed(aliases(limits.names), settings={"ttl": 2}, udp_workers=2) as (knot, stub):
        soak = Soak(knot, stub, limits)
        samples = soak.run()
    print("replies:", dict(soak.kinds))
    print("events:", dict(soak.events), "not right:", len(soak.wrong), soak.wrong[:5])
    rss, anon, fds, threads = zip(*samples)
    holds = [not soak.wrong,
             show("RSS, MiB", rss, lambda then: 1.05 * then + 1),
             show("of that not of files, MiB", anon, lambda then: 1.05 * then + 1),
             show("file descriptors", fds, lambda then: then + 2),
             show("threads", threads, lambda then: then)]
    verdict(all(holds), "no wrong answer, neither memory nor descriptors grow, knotd ends well")


def show(title, values, allowed):
    """Whether the last quarter is not above the second one."""
    quarter = max(1, len(values) // 4)
    then, now = median(values[quarter:2 * quarter]), median(values[-quarter:])
    print(f"{title}: {then:.1f} in the second quarter, {now:.1f} in the last, {max(values):.1f} at most")
    return now <= allowed(then)


class Soak:
    """The load, the events, and what was seen."""

    def __init__(self, knot, stub, limits):
        self.knot, self.stub, self.limits = knot, stub, limits
        self.chance = random.Random(limits.seed)
        self.kinds, self.events = collections.Counter(), collections.Counter()
        self.wrong = []
        self.generation = 1
        self.there = set()     # of the names that come and go
        self.next = dict.fromkeys((self.fault, self.change_options, self.change_zone, self.change_addresses), 0)
        self.faulty = False

    def run(self):
        samples, start = [], time.monotonic()
        with Asker(self.knot.port, self.check) as asker, Streams(self) as streams:
            questions = self.questions()
            while (now := time.monotonic() - start) < self.limits.seconds:
                asker.at_rate(questions, self.limits.rate, 0.25)
                for event, when in self.next.items():
                    if now >= when:
                        event()
                        self.next[event] = now + self.chance.uniform(1, 8)
                if now >= SAMPLE_S * (len(samples) + 1):
                    samples.append(self.sample(now))
            asker.finish()
            assert streams.is_alive()
        return samples

    def questions(self):
        chance = random.Random(2)
        for name in over_and_over(self.limits.names):
            yield name
            if chance.random() < 0.02:
                yield self.limits.names + chance.randrange(EXTRA), "A"

    def check(self, number, _, reply, *__):
        kind = reply.kind
        fine = kind in FINE or kind == "NXDOMAIN" and number >= self.limits.names
        if kind == "answer":
            fine = reply.number == number and 1 <= reply.generation <= self.generation and reply.ede in (None, 3)
            kind += "" if reply.ede is None else f" EDE {reply.ede}"
        self.kinds[kind] += 1
        if not fine:
            self.wrong.append((number, reply))

    # Events

    def fault(self):
        """From good to bad, or back."""
        self.faulty = not self.faulty
        mode = self.chance.choice(MODES) if self.faulty else "normal"
        self.events[mode] += self.faulty
        if mode == "slow":
            self.stub.control(mode="normal", delay=self.chance.choice((100, 800, 2500)))
        elif mode == "partial":
            self.stub.control(mode="servfail", share=90)
        elif mode == "restart":
            self.stub.kill()
            time.sleep(0.2)
            self.stub.start()
        else:
            self.stub.control(mode=mode, share=100, delay=0)

    def change_options(self):
        names = self.limits.names
        item, *values = self.chance.choice((
            ("max-targets", names // 4, names // 2, 2 * names), ("max-rate", 200, 1000, 5000),
            ("keep-warm", "0", "5s", "1d"), ("stale-max", "5s", "1d"), ("timeout", 300, 2000),
            ("retry", 0, 2), ("ttl-max", 5, 3600), ("cold-wait", 0, 500), ("nxdomain", "nodata", "hold")))
        self.knot.sections["default"][item] = self.chance.choice(values)
        self.events["reload"] += 1
        self.knot.reload()

    def change_zone(self):
        number = self.limits.names + self.chance.randrange(EXTRA)
        self.events["update"] += 1
        if number in self.there:
            self.there.discard(number)
            self.knot.update("example.com", delete=[f"n{number}.example.com"])
        else:
            self.there.add(number)
            self.knot.add(alias_record(number).replace(" ", ".example.com. 60 ", 1))

    def change_addresses(self):
        self.generation = min(255, self.generation + 1)  # an octet of the addresses
        self.stub.control(generation=self.generation)

    # Figures

    def sample(self, now):
        pid = self.knot.process.pid
        rss, anon = (octets / MIB for octets in memory(pid))
        fds, threads = (len(os.listdir(f"/proc/{pid}/{what}")) for what in ("fd", "task"))
        store = sum(file.stat().st_size for file in pathlib.Path(self.knot.path, "alias").iterdir())
        print(f"{now:5.0f} s: RSS {rss:.1f} MiB, not of files {anon:.1f} MiB, {fds} fds, {threads} threads, "
              f"store {store / MIB:.1f} MiB, {sum(self.kinds.values())} replies", flush=True)
        return rss, anon, fds, threads


class Streams(Background):
    """Clients over TCP, one after the other."""

    def __init__(self, soak):
        super().__init__()
        self.soak = soak

    def run(self):
        chance = random.Random(3)
        while not self.ended.wait(0.05):
            with socket.create_connection(("127.0.0.1", self.soak.knot.port), 30) as sock:
                for _ in range(chance.randrange(4)):
                    number = chance.randrange(self.soak.limits.names)
                    sock.sendall(frame(question(number, "AAAA")))
                    reply = parse(read_exactly(sock, int.from_bytes(read_exactly(sock, 2), "big")))
                    self.soak.check(number, "AAAA", reply)


if __name__ == "__main__":
    main()
