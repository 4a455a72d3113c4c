# SPDX-License-Identifier: GPL-2.0-or-later
"""Names in use are refreshed by the server itself: their clients never wait."""

import concurrent.futures
import time

import pytest

import lab as labs
from client import (STALE, addresses, ede, is_answer, is_nodata, is_servfail, is_truncated, ttl)
from timing import ms, seconds, sleep_until, until
from upstream import Upstream, answer, delayed, failure, host, nodata, nxdomain, silence

OLD, NEW = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    with labs.lab(place, upstream, keep_warm="1d", timeout=ms(2000)) as lab:
        yield lab


@pytest.fixture(scope="module", name="hold")
def fixture_hold(place, upstream):
    with labs.lab(place, upstream, nxdomain="hold") as lab:
        yield lab


def known(lab, label, *ips, life=1):
    """A name that has been answered once."""
    name, target = lab.alias(label, *(ips or [OLD]), target_ttl=life)
    lab.warm(name)
    return name, target


def test_no_client_waits(lab):
    """With a TTL of a second and a slow resolver, each query has the addresses at once."""
    name, target = lab.alias("hot")
    lab.upstream.script(target, "A", delayed(0.05, host(OLD, ttl=1)))
    lab.upstream.script(target, "AAAA", nodata())
    lab.warm(name)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        reply = lab.ask(name)
        assert is_answer(reply, OLD) and ttl(reply) <= 1
        time.sleep(0.02)
    times = [q.time for q in lab.upstream.queries(target, "A")]
    assert 4 <= len(times) <= 7
    assert all(later - earlier >= 0.65 for earlier, later in zip(times, times[1:]))


def test_nobody_has_to_ask(lab):
    """The refresh comes from the server, and so does what has changed."""
    name, target = known(lab, "self")
    asked = lab.upstream.count(target, "A")
    lab.upstream.host(target, NEW, ttl=1)
    lab.upstream.wait(target, "A", asked + 2)
    reply = lab.ask(name)
    assert is_answer(reply, NEW) and ede(reply) is None


def test_before_expiry(lab):
    """A refresh comes after 70 % of the life, and before its end."""
    _, target = known(lab, "share", life=3)
    lab.upstream.wait(target, "A", 3, limit=10)
    times = [q.time for q in lab.upstream.queries(target, "A")]
    for earlier, later in zip(times, times[1:]):
        assert 2.0 <= later - earlier <= 2.7 + seconds(1)


def test_negative_is_refreshed(lab):
    """A target that has no addresses yet is looked after, too."""
    name, target = lab.alias("later")
    lab.upstream.both(target, nodata(minimum=1))
    assert is_nodata(lab.ask(name, tcp=True))
    lab.upstream.host(target, NEW)
    until(lambda: lab.upstream.count(target, "A") >= 2)
    until(lambda: is_answer(lab.ask(name), NEW))


def test_unused_is_left_alone(place):
    """After keep-warm nobody asks any more."""
    with Upstream() as upstream, labs.lab(place, upstream, keep_warm="3s") as lab:
        _, target = known(lab, "once")
        start = time.monotonic()
        upstream.wait(target, "A", 3)
        sleep_until(start + 4.5)
        asked = upstream.count(target, "A")
        sleep_until(start + 7)
        assert upstream.count(target, "A") == asked <= 6


def test_late_refresh(place):
    """Where max-rate leaves a refresh undone, the old addresses serve; the log says so, once."""
    with Upstream() as upstream, labs.lab(place, upstream, keep_warm="1d", max_rate=5) as lab:
        names = []
        for i in range(10):
            names.append(known(lab, f"n{i}"))
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for name, _ in names:
                assert is_answer(lab.ask(name), OLD)
        sent = [q.time for q in upstream.queries()]
        for start in sent:
            assert sum(start <= time_ < start + 1 for time_ in sent) <= 5 + 2
        assert lab.knot.log().count("max-rate of 5 queries/s reached") == 1


def test_waiting_clients_first(place):
    """A new name is resolved at once though many refreshes are due."""
    with Upstream() as upstream, labs.lab(place, upstream, keep_warm="1d", max_rate=10) as lab:
        for i in range(15):
            known(lab, f"n{i}")
        until(lambda: "max-rate" in (lab.ask("n0.example.com") and lab.knot.log()), 10)
        name, target = lab.alias("new", NEW)
        assert is_answer(lab.ask(name, tcp=True), NEW)
        asked = lab.upstream.queries(target, "A")[0].time
        before = [q for q in upstream.queries() if asked - 0.5 <= q.time < asked]
        assert len(before) <= 8


# Outages

def outage(place, fault):
    """The old addresses serve as stale; when the resolver is back, all that is asked for is fresh soon."""
    with Upstream() as upstream, \
            labs.lab(place, upstream, keep_warm="1d", timeout=ms(500), failure_ttl="5s") as lab:
        names = [known(lab, f"n{i}")[0] for i in range(10)]
        scripts, upstream.scripts, upstream.default = upstream.scripts, {}, fault
        start = time.monotonic()
        stale = set()
        while time.monotonic() < start + 9 or len(stale) < len(names):
            for name in names:
                reply = lab.ask(name)
                assert is_answer(reply, OLD) and ttl(reply) <= 30
                stale |= {name} if ede(reply) == STALE else set()
            assert time.monotonic() < start + seconds(20)
        for target in scripts:
            upstream.script(*target, host(NEW) if target[1] == "A" else nodata())
        back = time.monotonic()
        while not all(is_answer(lab.ask(name), NEW) for name in names):
            assert time.monotonic() < back + seconds(5)


def no_storm(place):
    """While nothing succeeds, a name is asked for once in a step of its back-off, and one by one as a probe."""
    with Upstream() as upstream, \
            labs.lab(place, upstream, keep_warm="1d", timeout=ms(500), failure_ttl="60s") as lab:
        names = [known(lab, f"n{i}") for i in range(20)]
        upstream.scripts, upstream.default = {}, failure("SERVFAIL")
        start = time.monotonic()
        while time.monotonic() < start + 10:
            for name, _ in names:
                assert is_answer(lab.ask(name), OLD)
        sent = [upstream.count(target, "A") - 1 for _, target in names]
        assert all(count >= 1 for count in sent)
        # Before the outage each was asked for about once in its second of life.
        assert sum(sent) <= 20 * 3 + 10 / 0.5


def test_outages(place):
    """The resolver silent, failing and refusing, side by side."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(outage, place, fault) for fault in
                     (silence, failure("SERVFAIL"), failure("REFUSED"))] + [pool.submit(no_storm, place)]:
            done.result()


# What an outage does not explain: the target says no.

def test_hold(hold):
    """nxdomain: hold keeps the addresses, as stale, when the target disappears."""
    name, target = known(hold, "gone")
    hold.upstream.both(target, nxdomain(minimum=2))
    until(lambda: ede(hold.ask(name)) == STALE)
    for tcp in (False, True):
        reply = hold.ask(name, tcp=tcp)
        assert is_answer(reply, OLD) and 0 < ttl(reply) <= 30
    # It is still looked after, and what comes then is served.
    hold.upstream.host(target, NEW)
    until(lambda: is_answer(hold.ask(name), NEW))
    assert ede(hold.ask(name)) is None


def test_hold_has_nothing(hold):
    """Nothing is held of a target that never had addresses."""
    name, target = hold.alias("never")
    hold.upstream.both(target, nxdomain())
    assert is_nodata(hold.ask(name, tcp=True))


def test_hold_is_for_nxdomain(hold):
    """A target that has lost its addresses, but exists, is believed."""
    name, target = known(hold, "empty")
    hold.upstream.both(target, nodata())
    until(lambda: is_nodata(hold.ask(name)))


# stale-max

def test_stale_max(place):
    """Old addresses end with stale-max."""
    with Upstream() as upstream, labs.lab(place, upstream, stale_max="3s", failure_ttl="60s") as lab:
        name, target = known(lab, "old")
        born = upstream.queries(target, "A")[-1].time
        upstream.both(target, failure("SERVFAIL"))
        until(lambda: ede(lab.ask(name)) == STALE)
        assert is_answer(lab.ask(name), OLD)
        sleep_until(born + 4.2)
        assert is_servfail(lab.ask(name))


def test_no_stale(place, upstream):
    """With stale-max 0 an expired answer is none."""
    with labs.lab(place, upstream, stale_max=0) as lab:
        gate = upstream.gate()
        name, target = known(lab, "strict")
        upstream.both(target, gate(answer(f"@ 60 A {NEW}")))
        until(lambda: is_truncated(lab.ask(name)))
        gate.open()
        until(lambda: addresses(lab.ask(name)) == [NEW])
