# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones share the queries to the resolver: what one wants does not hold up what others need."""

import itertools
import time

import lab as labs
from client import alias, ede, is_answer, is_truncated
from knotd import Zone
from timing import ms, seconds, until
from upstream import Upstream, by_type, host, nodata

WARM, FLOOD = 20, 2000
LIFE = 5
COLD_WAIT = 1.0


def test_flood(place):
    """A zone of which 2000 names are asked for once, and a neighbour with warm names and a new one.

    At 200 queries a second the flood takes 20 s.
    """
    quiet = Zone("example.com", "\n".join(f"w{i} {alias(f'w{i}.example.net')}" for i in range(WARM)))
    greedy = Zone("example.org", "\n".join(f"f{i} {alias(f'f{i}.example.net')}" for i in range(FLOOD)))
    with Upstream() as upstream, \
            labs.lab(place, upstream, zones=[quiet, greedy], max_rate=200, keep_warm="1d", timeout=ms(2000),
                     cold_wait=int(1000 * seconds(COLD_WAIT))) as lab:
        upstream.default = by_type(A=host("192.0.2.1"), AAAA=nodata())
        for i in range(WARM):
            upstream.host(f"w{i}.example.net", "192.0.2.1", ttl=LIFE)
            lab.warm(f"w{i}.example.com")
        name, target = lab.alias("new", "192.0.2.2")
        began = time.monotonic()
        for i in range(FLOOD):
            assert is_truncated(lab.ask(f"f{i}.example.org"))
        until(lambda: upstream.count("f99.example.net") > 0)
        assert upstream.count(target) == 0

        start = time.monotonic()
        assert is_answer(lab.ask(name, tcp=True), "192.0.2.2")
        assert time.monotonic() - start <= seconds(COLD_WAIT)
        while time.monotonic() < began + 14:
            for i in range(WARM):
                reply = lab.ask(f"w{i}.example.com")
                assert is_answer(reply, "192.0.2.1") and ede(reply) is None
        assert upstream.count() < 2 * FLOOD
        for i in range(WARM):
            times = [query.time for query in upstream.queries(f"w{i}.example.net", "A")]
            late = max(after - before for before, after in itertools.pairwise([*times, time.monotonic()])) - LIFE
            assert late <= seconds(2)


def test_zone_rate(place):
    """Within a zone-rate, too, names that are waited for come before those that are not, and refreshes have their share.

    The flood alone takes more than a minute.
    """
    zone = Zone("example.com", "\n".join(f"f{i} {alias(f'f{i}.example.net')}" for i in range(200)))
    with Upstream() as upstream, labs.lab(place, upstream, zones=[zone], zone_rate=6, keep_warm="1d", timeout=ms(2000),
                                          cold_wait=int(1000 * seconds(COLD_WAIT))) as lab:
        upstream.default = by_type(A=host("192.0.2.1"), AAAA=nodata())
        warm, target = lab.known("warm", "192.0.2.1", life=LIFE)
        for i in range(200):
            assert is_truncated(lab.ask(f"f{i}.example.com"))
        until(lambda: lab.knot.stats()["resolver-limited[zone-rate]"] > 0)
        for i in range(3):
            name, _ = lab.alias(f"new{i}", f"192.0.2.{i}")
            assert is_answer(lab.ask(name, tcp=True), f"192.0.2.{i}")
        end = time.monotonic() + 2 * LIFE
        while time.monotonic() < end:
            reply = lab.ask(warm)
            assert is_answer(reply, "192.0.2.1") and ede(reply) is None
            time.sleep(0.1)
        assert upstream.count(target, "A") >= 3
        assert upstream.count() < 200
