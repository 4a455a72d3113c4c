# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of zones with the module: one cache and one thread for all of them."""

import pathlib
import time

from client import alias, is_answer
from common import memory
from knotd import Knotd, Zone
from stage import SANITIZED, Numbers, addresses, section
from timing import until

ZONES = 3000
MIB = 1 << 20
OF_A_ZONE = 64 << 10  # octets, with all that Knot has for one


def threads(pid):
    names = [task.joinpath("comm").read_text() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return names.count("alias\n"), len(names)


def fds(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def ask_all(knot):
    """Ask each zone for its apex over UDP until it has its address; return the seconds that took."""
    start = time.monotonic()
    left = set(range(ZONES))

    def resolved():
        left.difference_update([i for i in left if is_answer(knot.ask(f"z{i}.example"),
                                                             addresses(i, 1)["A"])])
        return not left
    until(resolved, 120)
    return time.monotonic() - start


def test_thousands(place, report):
    """3000 zones load, answer, are reloaded as a whole, and each is answered on; two threads, no more descriptors."""
    with Numbers(ttl=3600) as upstream:
        zones = [Zone(f"z{i}.example", f"@ {alias(f'n{i}.example.net')}", module="mod-alias/default")
                 for i in range(ZONES)]
        knot = Knotd(place(), zones, {"default": section(upstream.address)})
        with Knotd(place(), [Zone("z0.example", module="")]) as empty:
            bare = memory(empty.process.pid)[1], threads(empty.process.pid)[1], fds(empty.process.pid)
        begin = time.monotonic()
        with knot:
            loaded = time.monotonic() - begin
            pid = knot.process.pid
            first = ask_all(knot)
            used = memory(pid)[1], fds(pid)
            until(lambda: upstream.count() >= 2 * ZONES)  # also for the family that nobody has waited for
            asked = upstream.count()
            # A change of an option loads the module of each zone anew.
            times = []
            for number in range(3):
                knot.sections["default"]["ttl-max"] = 3600 + number
                begin = time.monotonic()
                knot.reload()
                times.append(time.monotonic() - begin)
                again = ask_all(knot)
            after = memory(pid)[1], fds(pid)
            print(f"{ZONES} zones: loaded in {loaded:.1f} s, all answered {first:.1f} s later; reload "
                  f"{max(times):.1f} s, then all answered in {again:.1f} s; "
                  f"{(used[0] - bare[0]) / ZONES / 1024:.1f} KiB for a zone, {after[0] / MIB:.0f} MiB after three "
                  f"reloads, {used[0] / MIB:.0f} MiB before; {after[1]} descriptors; {threads(pid)} threads")
            report({"queries": 4 * ZONES, "fresh": 4 * ZONES, "asked": upstream.count()})
            assert threads(pid) == (1, bare[1] + 2), (threads(pid), bare)  # the engine's, and the store's
            assert after[1] <= bare[2] + 16
            # A busy machine has retransmissions; a cache that got lost would have all asked for again.
            assert 2 * ZONES <= asked < 3 * ZONES and upstream.count() < asked + ZONES, (asked, upstream.count())
            assert SANITIZED or used[0] - bare[0] < ZONES * OF_A_ZONE
            assert SANITIZED or after[0] < 1.5 * used[0] + 16 * MIB
