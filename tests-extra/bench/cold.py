# SPDX-License-Identifier: GPL-2.0-or-later
"""The first answer over TCP for names never asked for, without the time that the resolver takes."""

import time
from statistics import median

import dns.message

from client import addresses, alias, frame, query, read_frame
from common import options, servers, verdict
from upstream import delayed, host

GOAL_MS = 5


def main():
    limits = options(__doc__, names=100, delay=50)
    zone = "\n".join(f"n{i} {alias(f'n{i}.example.net')}" for i in range(limits.names))
    # All names together are waited for within the budget of a single worker.
    with servers(zone, cold_wait=10000) as (knot, upstream):
        upstream.default = delayed(limits.delay / 1000, host("192.0.2.1"))
        more = []
        for number in range(limits.names):
            wire = query(f"n{number}.example.com").to_wire()
            with knot.tcp() as sock:
                start = time.monotonic()
                sock.sendall(frame(wire))
                reply = read_frame(sock)
                more.append((time.monotonic() - start) * 1000 - limits.delay)
            assert addresses(dns.message.from_wire(reply)) == ["192.0.2.1"]
        more.sort()
    print(f"{limits.names} names, upstream delay {limits.delay} ms; on top of it, in ms:")
    print(f"median {median(more):.2f}  least {more[0]:.2f}  90 % {more[int(0.9 * len(more))]:.2f}"
          f"  most {more[-1]:.2f}")
    verdict(median(more) <= GOAL_MS, f"median at most {GOAL_MS} ms")


if __name__ == "__main__":
    main()
