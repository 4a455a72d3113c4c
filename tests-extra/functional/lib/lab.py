# SPDX-License-Identifier: GPL-2.0-or-later
"""The usual arrangement: a knotd whose module asks a scripted resolver."""

import contextlib

from client import NOT_READY, alias, is_servfail, is_truncated, rrset
from knotd import Knotd, Zone
from timing import until

COLD_WAIT = 10.0  # the longest there is: a client that waits for its end by mistake gives up before


class Lab:
    """One zone of a knotd and the resolver behind it."""

    def __init__(self, knot, upstream, zone="example.com"):
        self.knot = knot
        self.upstream = upstream
        self.zone = zone
        self.ask = knot.ask

    def alias(self, label, *addresses, ttl=3600, target_ttl=3600, more=()):
        """Add an ALIAS with other records; return its name and target.

        With addresses the target is healthy, else the test scripts it.
        """
        name, target = f"{label}.{self.zone}", f"{label}.{self.zone}.example.net"
        if addresses:
            self.upstream.host(target, *addresses, ttl=target_ttl)
        self.add(f"{label} {ttl} {alias(target)}", *(f"{label} 3600 {record}" for record in more))
        return name, target

    def add(self, *records):
        self.knot.update(self.zone, records)

    def warm(self, name):
        """Resolve a name ahead of the test, both families."""
        def is_known(rdtype):
            return not is_servfail(self.ask(name, rdtype, tcp=True), NOT_READY)
        until(lambda: is_known("A") and is_known("AAAA"))

    def known(self, label, *addresses, life=1):
        """A name that has been answered once, and its target; its addresses live so long."""
        name, target = self.alias(label, *addresses, target_ttl=life)
        self.warm(name)
        return name, target

    def everywhere(self, name, check, *rdtypes):
        """The same answer over TCP while nothing is known, and over both once it is."""
        assert is_truncated(self.ask(name, rdtypes[0]))
        for rdtype in rdtypes:
            assert check(self.ask(name, rdtype, tcp=True), rdtype)
            for tcp in (False, True):
                assert check(self.ask(name, rdtype, tcp=tcp), rdtype)

    def settle(self, name, rdtype="A", limit=5, **options):
        """Ask over UDP until the resolution has ended, well or not; return that reply."""
        last = []

        def settled():
            last[:] = [self.ask(name, rdtype, **options)]
            return not is_truncated(last[0])
        until(settled, limit)
        return last[0]


def options(*upstreams, **more):
    """A section of mod-alias with one try, and time-outs that no stall of the machine reaches."""
    return {"resolver": [upstream.address for upstream in upstreams], "timeout": 60000, "retry": 0,
            "cold_wait": int(1000 * COLD_WAIT), "failure_ttl": "1s", "keep_warm": 0, **more}


def presigned(place, text):
    """example.com as a hidden primary has signed it, to be served without signing."""
    with Knotd(place(), [Zone("example.com", text, module="", extra="dnssec-signing: on")]) as primary:
        until(lambda: rrset(primary.ask("example.com", "SOA", do=True), "RRSIG"))
        primary.knotc("-b", "-f", "zone-flush", "example.com")
        return Zone("example.com", primary.path.joinpath("example.com.zone").read_text(), head="")


@contextlib.contextmanager
def lab(place, *upstreams, zones=None, sections=None, server=None, database=False, extra="", template=(), **more):
    """A lab; the first upstream is the one to script.

    The section `default` has the options given by name, `sections` adds others.
    """
    with Knotd(place(), zones or [Zone("example.com")],
               {"default": options(*upstreams, **more), **(sections or {})}, server,
               extra=extra, template=template, database=database) as knot:
        yield Lab(knot, upstreams[0])
