# SPDX-License-Identifier: GPL-2.0-or-later
"""Many names that nobody has asked for yet, each asked for once: the time until its client has the address.

The clients do as resolvers do: UDP, TCP when told so, and again after SERVFAIL or when nothing comes.
"""

import contextlib
import pathlib
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from cases import HALF, is_right, write_csv
from client import exchange
from clients import parse, question
from common import percentiles, separate
from knotd import Knotd, Zone
from powerdns import Powerdns
from stub import Stub, aliases

DELAY = 20     # ms to the resolver
CLIENTS = 64   # at a time
TRIES = 20
PAUSE = 0.1    # s after a failure
RATE = 100000  # max-rate where it is not to bound the result
STEPS = 200    # of the curve


def run(limits):
    rival = "\n".join(f"n{i} ALIAS n{i}.example.net." for i in range(limits.names))
    servers = {
        "Knot ALIAS": lambda path, stub: knot(path, stub, limits.names),
        f"Knot ALIAS (max-rate: {RATE})": lambda path, stub: knot(path, stub, limits.names, max_rate=RATE),
        "PowerDNS ALIAS": lambda path, stub: Powerdns(path, [Zone("example.com", rival)], stub.address, HALF),
    }
    results = {}
    for title, server in servers.items():
        with tempfile.TemporaryDirectory(prefix="mod-alias.") as place, contextlib.ExitStack() as stack:
            path = pathlib.Path(place)
            stub = stack.enter_context(Stub(path / "stub", delay=DELAY))
            results[title] = Clients(stack.enter_context(server(path, stub)), stub)
            separate(results[title].server.process.pid, stub.process.pid, processors=HALF)
            results[title].ask(limits.names)

    shares = [step / STEPS for step in range(1, STEPS)]
    write_csv(limits.results / "cold.csv", ["per_cent", *results], zip(
        (100 * share for share in (0, *shares, 1)),
        *(percentiles(clients.times, *shares) for clients in results.values())))
    print(f"\ncold start: {limits.names} names, {CLIENTS} clients at a time, {DELAY} ms to the resolver; "
          "ms until the client has the address\n"
          f"{'':32}{'names/s':>9}{'p50':>9}{'p99':>9}{'most':>9}{'upstream/name':>15}  exchanges")
    for title, clients in results.items():
        clients.show(title)


def knot(path, stub, names, **section):
    return Knotd(path, [Zone("example.com", aliases(names))], {"default": {"resolver": [stub.address], **section}},
                 {"udp-workers": HALF, "tcp-workers": 10})


class Clients:
    """What they saw."""

    def __init__(self, server, stub):
        self.server, self.stub = server, stub
        self.times = []         # ms, one for each name
        self.kinds = Counter()  # of exchanges
        self.took = self.upstream = None

    def ask(self, names):
        start = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            self.times = list(pool.map(self.one, range(names)))
        self.took = time.monotonic() - start
        self.upstream = self.stub.control()

    def one(self, number):
        start = time.monotonic()
        for _ in range(TRIES):
            reply = self.exchange(number, False)
            if reply == "TC":
                reply = self.exchange(number, True)
            if reply == "right":
                break
            time.sleep(PAUSE)
        assert reply == "right", f"n{number}: {reply}"
        return 1000 * (time.monotonic() - start)

    def exchange(self, number, tcp):
        try:
            reply = parse(exchange(question(number, "A"), "127.0.0.1", self.server.port, tcp))
            kind = "right" if is_right(number, reply) else reply.kind
        except OSError:
            kind = "nothing"
        self.kinds[("TCP " if tcp else "UDP ") + kind] += 1
        return kind

    def show(self, title):
        half, most, last = percentiles(self.times, 0.5, 0.99)[1:]
        print(f"{title:32}{len(self.times) / self.took:9.0f}{half:9.1f}{most:9.1f}{last:9.1f}"
              f"{self.upstream / len(self.times):15.2f}  {dict(self.kinds)}", flush=True)
