# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that make TCP workers wait do not keep the workers from others, nor a reload from its end."""

import itertools
import statistics
import time

import lab as labs
from attack import attacked
from client import NOT_READY, is_answer, is_servfail
from knotd import Zone
from timing import ms, seconds, until
from upstream import Upstream, delayed, host, root, silence

WAIT = seconds(1.0)           # cold-wait
AT_ONCE = labs.COLD_WAIT / 2  # where it is the longest there is


def test_others_are_not_held_up(place):
    """Half of the workers would have no time for anything but waits."""
    with attacked(place) as (_, innocents):
        time.sleep(4 * WAIT)
    medians = sorted(statistics.median(client.took) for client in innocents)
    assert medians[-1] <= WAIT / 4, medians


def test_reload_is_not_held_up(place):
    """A reload has several grace periods in a row, and each would wait for waits that began since the one before."""
    with attacked(place) as (lab, _):
        took = []
        for _ in range(3):
            time.sleep(WAIT)
            start = time.monotonic()
            lab.knot.reload()
            took.append(time.monotonic() - start)
    assert max(took) <= 1.3 * WAIT, took


def timed(ask, name):
    start = time.monotonic()
    return ask(name, tcp=True), time.monotonic() - start


def test_resolver_down(place):
    """While the resolver is known to be down, nobody waits for it; when it is back, clients wait again."""
    zones = [Zone("example.com"), Zone("example.org", module="mod-alias/patient")]
    with Upstream() as upstream, labs.lab(place, upstream, zones=zones, sections={"patient": labs.options(upstream)},
                                          timeout=ms(300)) as lab:
        other = labs.Lab(lab.knot, upstream, "example.org")
        name, target = lab.known("known", "192.0.2.1")
        for each in (target, ""):
            upstream.both(each, silence)
        cold, cold_target = other.alias("cold")
        upstream.both(cold_target, silence)

        def is_down():
            lab.ask(name)
            return lab.knot.stats()["resolver-down"] == 1
        until(is_down, 20, 0.1)
        reply, took = timed(lab.ask, cold)
        assert is_servfail(reply, NOT_READY) and took <= AT_ONCE

        upstream.host(target, "192.0.2.1", ttl=1)
        upstream.script("", "A", root())
        numbers = itertools.count()

        def waits():
            lab.ask(name)
            cold, target = other.alias(f"cold{next(numbers)}")
            upstream.both(target, delayed(0.2, host("192.0.2.2")))
            return is_answer(lab.ask(cold, tcp=True), "192.0.2.2")
        until(waits, 20, 0.1)


def test_tenant_with_dead_targets(place):
    """After a wait in vain clients of that zone do not wait for a while, those of others do."""
    zones = [Zone("example.com"), Zone("example.org", module="mod-alias/patient")]
    with Upstream() as upstream, labs.lab(place, upstream, zones=zones, sections={"patient": labs.options(upstream)},
                                          cold_wait=ms(1000)) as lab:
        lab.warm(lab.alias("alive", "192.0.2.1")[0])
        upstream.default = silence
        other = labs.Lab(lab.knot, upstream, "example.org")
        dead = [lab.alias(f"dead{i}")[0] for i in range(3)]
        reply, took = timed(lab.ask, dead[0])
        assert is_servfail(reply, NOT_READY) and took >= WAIT
        numbers = itertools.count()

        def others_wait():
            name, target = other.alias(f"cold{next(numbers)}")
            upstream.both(target, delayed(0.2, host("192.0.2.2")))
            return is_answer(lab.ask(name, tcp=True), "192.0.2.2")
        until(others_wait)
        time.sleep(WAIT / 2)  # the pause after which there may be waits again, see cold-wait
        for name in dead[1:]:
            reply, took = timed(lab.ask, name)
            assert is_servfail(reply, NOT_READY) and took <= WAIT / 2
