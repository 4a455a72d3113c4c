# SPDX-License-Identifier: GPL-2.0-or-later
"""What is the resolver's fault and what a target's, and the return of the resolver."""

import time

import lab as labs
from client import STALE, alias, ede, is_answer, is_truncated
from knotd import Zone
from timing import ms, seconds, sleep_until, until
from upstream import Upstream, by_type, failure, host, nodata, root, silence

OLD, NEW = "192.0.2.1", "192.0.2.2"
NAMES = 300


def quiet_return(place, fault, names=NAMES, scripts=(), failure_ttl="5s", away=12, limit=3):
    """Nobody asks while the resolver is away; soon after its return all names are fresh, asked or not."""
    zone = Zone("example.com", "\n".join(f"q{i} {alias(f'q{i}.example.net')}" for i in range(names)))
    with Upstream() as upstream, labs.lab(place, upstream, zones=[zone], keep_warm="1d", timeout=ms(2000), retry=2,
                                          failure_ttl=failure_ttl) as lab:
        upstream.default = by_type(A=host(OLD, ttl=3), AAAA=nodata(ttl=3))
        for i in range(names):
            assert is_truncated(lab.ask(f"q{i}.example.com"))
        for i in range(names):
            assert is_answer(lab.settle(f"q{i}.example.com"), OLD)
        upstream.scripts, upstream.default = dict(scripts), fault
        until(lambda: is_down(lab), 20, 0.1)
        sleep_until(time.monotonic() + away)
        upstream.default = by_type(A=host(NEW), AAAA=nodata())
        sleep_until(time.monotonic() + seconds(limit))
        for i in range(names):
            reply = lab.ask(f"q{i}.example.com")
            assert is_answer(reply, NEW) and ede(reply) is None


def is_down(lab):
    return lab.knot.stats()["resolver-down"] == 1


def test_quiet_return_silent(place):
    quiet_return(place, silence)


def test_quiet_return_failing(place):
    quiet_return(place, failure("SERVFAIL"))


def test_quiet_return_cut_off(place):
    """The resolver answers for the root all the time, out of its cache, so that only few names can tell."""
    quiet_return(place, failure("SERVFAIL"), names=5, scripts={("", "A"): root()}, failure_ttl="1s", away=10)


def test_one_dead_target(place):
    """On a server with few names one that dies is not the resolver, and is not asked ahead of its back-off."""
    with Upstream() as upstream, labs.lab(place, upstream, keep_warm="1d", timeout=ms(500), failure_ttl="5s") as lab:
        for i in range(3):
            lab.known(f"alive{i}", OLD, life=3600)
        name, target = lab.known("dead", OLD)
        upstream.both(target, failure("SERVFAIL"))
        until(lambda: ede(lab.ask(name)) == STALE)
        died = upstream.queries(target, "A")[-1].time
        while time.monotonic() < died + 20:
            assert is_answer(lab.ask(name), OLD)
            time.sleep(0.05)
        times = [query.time for query in upstream.queries(target, "A") if query.time >= died - 0.5]
        # At once, after 5 and after 15 s or somewhat more; what follows at once is no attempt of its own.
        steps = [after - before for before, after in zip(times, times[1:]) if after - before > 1]
        assert 1 <= len(steps) <= 2 and min(steps) >= 4.9
        assert not is_down(lab) and " is down" not in lab.knot.log()
        assert upstream.count("", "A") >= 1
