# SPDX-License-Identifier: GPL-2.0-or-later
"""While the resolver says nothing: the rate of static answers with and without queries for ALIAS
names that can't be resolved, in turns, and the longest time that one of these waits for a reply.

The static queries come at a rate that the machine can stand next to all the rest, so that what is
seen is workers that wait, not programs that compete for processors.
"""

import collections
import select
import socket
import threading
import time
from statistics import median

import dns.flags
import dns.rcode

from client import alias, connect, query
from common import options, run, servers, verdict

GOAL_RATIO, GOAL_MS = 0.95, 50
NAMES = 1000


def main():
    limits = options(__doc__, rounds=5, seconds=3, static=40000, rate=1000)
    zone = "static A 192.0.2.1\n" + "\n".join(
        f"n{i} {alias(f'n{i}.example.net')}" for i in range(NAMES))
    # Nobody reads from this socket: silence that takes no processor time from the others.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silence:
        silence.bind(("127.0.0.1", 0))
        resolver = f"127.0.0.1@{silence.getsockname()[1]}"
        with servers(zone, udp_workers=2, resolver=[resolver]) as (knot, _):
            rounds, replies = measure(knot, limits)
    show("median", [median(column) for column in zip(*rounds)])
    print("ALIAS replies:", ", ".join(f"{count} {kind}" for kind, count in replies.items()))
    ratio, longest = median(r[2] for r in rounds), max(r[3] for r in rounds)
    verdict(ratio >= GOAL_RATIO and longest <= GOAL_MS and not replies["lost"],
            f"ratio at least {GOAL_RATIO}, a reply to each query within {GOAL_MS} ms")


def measure(knot, limits):
    def alone():
        return run(knot, ["static.example.com A"], limits.seconds,
                   "-Q", str(limits.static)).rate

    def accompanied():
        with Asker(knot, limits.rate) as asker:
            return alone(), asker

    rounds, replies = [], collections.Counter()
    print(f"round   static/s   with {limits.rate} ALIAS queries/s   ratio   longest ms")
    for number in range(limits.rounds):
        # Each goes first as often as the other.
        if number % 2:
            (with_alias, asker), without = accompanied(), alone()
        else:
            without, (with_alias, asker) = alone(), accompanied()
        replies += asker.replies
        rounds.append((without, with_alias, with_alias / without, asker.longest * 1000))
        show(number + 1, rounds[-1])
    return rounds, replies


class Asker:
    """Asks for one name after the other at an even rate; dnsperf would spin in between."""

    def __init__(self, knot, rate):
        self.sock = connect("127.0.0.1", knot.port, False)
        self.rate = rate
        self.queries = [query(f"n{i}.example.com", id=i).to_wire() for i in range(NAMES)]
        self.asked = {}  # since when, by message ID
        self.replies = collections.Counter()
        self.longest = 0
        self.ends = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()
        self.sock.close()

    def _run(self):
        start, count = time.monotonic(), 0
        while not self.ends:
            number = count % NAMES
            if number in self.asked:
                self.replies["lost"] += 1
            self.asked[number] = time.monotonic()
            self.sock.send(self.queries[number])
            count += 1
            self._read(start + count / self.rate)
        self._read(time.monotonic() + 0.5)
        self.replies["lost"] += len(self.asked)

    def _read(self, end):
        while select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
            reply = self.sock.recv(4096)
            now = time.monotonic()
            self.longest = max(self.longest, now - self.asked.pop(reply[0] << 8 | reply[1]))
            truncated = (reply[2] << 8 | reply[3]) & dns.flags.TC
            self.replies["TC" if truncated else dns.rcode.to_text(reply[3] & 15)] += 1


def show(title, figures):
    print("{:6}  {:9.0f}  {:27.0f}  {:6.3f}  {:11.1f}".format(title, *figures), flush=True)


if __name__ == "__main__":
    main()
