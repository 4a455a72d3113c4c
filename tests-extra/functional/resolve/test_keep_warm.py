# SPDX-License-Identifier: GPL-2.0-or-later
"""Names in use are refreshed by the server itself, as `keep-warm` says: their clients never wait."""

import time

import pytest

import lab as labs
from client import ede, is_answer, is_nodata, ttl
from timing import ms, seconds, sleep_until, until
from upstream import Upstream, delayed, host, nodata

OLD, NEW = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    with labs.lab(place, upstream, keep_warm="1d", timeout=ms(2000)) as lab:
        yield lab


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
    name, target = lab.known("self", OLD)
    asked = lab.upstream.count(target, "A")
    lab.upstream.host(target, NEW, ttl=1)
    lab.upstream.wait(target, "A", asked + 2)
    reply = lab.ask(name)
    assert is_answer(reply, NEW) and ede(reply) is None


def test_before_expiry(lab):
    """A refresh comes after 70 % of the life, and before its end."""
    _, target = lab.known("share", OLD, life=3)
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
        _, target = lab.known("once", OLD)
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
            names.append(lab.known(f"n{i}", OLD))
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
            lab.known(f"n{i}", OLD)
        until(lambda: "max-rate" in (lab.ask("n0.example.com") and lab.knot.log()), 10)
        name, target = lab.alias("new", NEW)
        assert is_answer(lab.ask(name, tcp=True), NEW)
        asked = lab.upstream.queries(target, "A")[0].time
        before = [q for q in upstream.queries() if asked - 0.5 <= q.time < asked]
        assert len(before) <= 8
