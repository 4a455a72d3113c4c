# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that make TCP workers wait for dead targets, and others that share these workers."""

import contextlib
import itertools
import select
import time

import lab as labs
from client import alias, connect, frame, query, read_frame
from knotd import Zone
from looped import Background
from timing import ms, seconds
from upstream import Upstream, silence

WORKERS = 4
DEAD = 600
INNOCENTS, RATE = 16, 10  # so many that all workers have some; queries/s of each
PIPELINES, PIPELINED_RATE, PIPELINED = 2, 50, 200


class Stream(Background):
    """Asks over one TCP connection at a steady rate, for one thing after the other."""

    def __init__(self, port, wires, rate):
        super().__init__()
        self.sock = connect("127.0.0.1", port, True)
        self.sock.settimeout(seconds(60))
        self.wires, self.rate = wires, rate
        self.next = None

    def due(self):
        """The times at which to ask, until the end."""
        for self.next in itertools.count(time.monotonic(), 1 / self.rate):
            if self.ended.wait(max(0, self.next - time.monotonic())):
                return
            yield self.next

    def send(self):
        self.sock.sendall(frame(next(self.wires)))


class Patient(Stream):
    """Asks when it has the reply to the query before. `took` counts from when it was due to ask, also where it never could."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.took = []

    def run(self):
        with self.sock:
            for due in self.due():
                self.send()
                read_frame(self.sock)
                self.took.append(time.monotonic() - due)
        end = time.monotonic()
        late = itertools.takewhile(lambda due: due < end, itertools.count(self.next, 1 / self.rate))
        self.took += [end - due for due in late]


class Pipelined(Stream):
    """Asks without waiting for replies, with PIPELINED under way at most."""

    def run(self):
        under_way = 0
        with self.sock:
            for _ in self.due():
                if under_way < PIPELINED:
                    self.send()
                    under_way += 1
                while select.select([self.sock], [], [], 0)[0]:
                    read_frame(self.sock)
                    under_way -= 1


def dead_records(target):
    return "\n".join(f"n{i} {alias(f'n{i}.{target}')}" for i in range(DEAD))


def dead_names(zone, first=0):
    names = [f"n{(first + i) % DEAD}.{zone}" for i in range(DEAD)]
    return itertools.cycle([query(name).to_wire() for name in names])


@contextlib.contextmanager
def attacked(place):
    """A server under two attacks, and the innocent clients of its workers.

    One attacker has pipelines of dead names in example.com; example.org has only such names, and two clients.
    """
    zones = [Zone("example.com", f"www {alias('www.example.net')}\n" + dead_records("dead.example")),
             Zone("example.org", dead_records("dying.example"))]
    with Upstream() as upstream, contextlib.ExitStack() as stack:
        upstream.default = silence
        upstream.host("www.example.net", "192.0.2.1", "2001:db8::1")
        lab = stack.enter_context(labs.lab(place, upstream, zones=zones, server={"tcp-workers": WORKERS},
                                           timeout=ms(2000), cold_wait=ms(1000), failure_ttl="5s"))
        lab.warm("www.example.com")
        warm = itertools.repeat(query("www.example.com").to_wire())
        port = lab.knot.port
        innocents = [Patient(port, warm, RATE) for _ in range(INNOCENTS)]
        attackers = [Pipelined(port, dead_names("example.com", DEAD // PIPELINES * i), PIPELINED_RATE) for i in range(PIPELINES)]
        attackers += [Patient(port, dead_names("example.org", DEAD // 2 * i), 1) for i in range(2)]
        for client in innocents + attackers:
            stack.enter_context(client)
        yield lab, innocents
