# SPDX-License-Identifier: GPL-2.0-or-later
"""The resolver dies and comes back: what clients of ALIAS see each second, here and in PowerDNS."""

import contextlib
import pathlib
import tempfile
import threading
import time
from collections import Counter

import cases
from clients import Asker

BEFORE, AFTER = 10, 20  # s
SHOWN = "right", "stale", "failure"
STALE = 3               # EDE


def run(limits):
    """How many replies of ours had no right address."""
    length = BEFORE + limits.outage + AFTER
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as place, contextlib.ExitStack() as stack:
        bench = cases.Bench(pathlib.Path(place), stack)
        clients = [Client(bench, case) for case in (cases.FLAT, cases.RIVAL)]
        threads = [threading.Thread(target=client.run, args=[length]) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(BEFORE)
        bench.trouble(cases.DEAD)
        time.sleep(limits.outage)
        bench.trouble(cases.WARM)
        for thread in threads:
            thread.join()

    cases.write_csv(limits.results / "outage.csv",
                    ["second", *(f"{client.case} {kind}" for client in clients for kind in SHOWN)],
                    ([second, *(client.kinds[second, kind] for client in clients for kind in SHOWN)]
                     for second in range(length)))
    print(f"\nresolver dead for {limits.outage} s, from second {BEFORE} on; {cases.LOOK} queries a second")
    for client in clients:
        print(f"{str(client.case):36}", ", ".join(f"{client.sum(kind)} {kind}" for kind in SHOWN),
              dict(client.failures) or "")
    return clients[0].sum("failure")


class Client:
    """Asks over UDP, and counts replies by the second of the query."""

    def __init__(self, bench, case):
        bench.give_processors(case)
        self.port, self.case = bench.servers[case.server].port, case
        self.kinds = Counter()
        self.failures = Counter()  # by what came instead
        self.start = None

    def run(self, seconds):
        with Asker(self.port, self.check, self.case.zone) as asker:
            self.start = time.monotonic()
            asker.at_rate(cases.questions(), cases.LOOK, seconds)
            asker.finish()

    def check(self, number, _, reply, when, took):
        kind = "failure" if not cases.is_right(number, reply) else "stale" if reply.ede == STALE else "right"
        self.kinds[int(when - took - self.start), kind] += 1
        if kind == "failure":
            self.failures[reply.kind] += 1

    def sum(self, kind):
        return sum(count for (_, each), count in self.kinds.items() if each == kind)
