# SPDX-License-Identifier: GPL-2.0-or-later
"""Old addresses: served while they are refreshed, and when that fails, as `stale-max` says."""

import concurrent.futures
import time

import pytest

import lab as labs
from client import STALE, addresses, ede, is_answer, is_nodata, is_servfail, is_truncated, ttl
from timing import ms, seconds, sleep_until, until
from upstream import Upstream, answer, failure, host, nodata, silence

OLD, NEW = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    with labs.lab(place, upstream, timeout=ms(2000)) as lab:
        yield lab


def expired(lab, label, script, ttl=1, own=3600):
    """A name whose addresses expired a moment ago, and a target that now does as scripted."""
    name, target = lab.alias(label, OLD, ttl=own, target_ttl=ttl)
    # One query: a second one might find them expired already, and have them refreshed.
    assert is_answer(lab.ask(name, tcp=True), OLD)
    lab.upstream.wait_both(target)
    born = lab.upstream.queries(target, "A")[-1].time
    lab.upstream.both(target, script)
    sleep_until(born + ttl + 0.2)
    return name, target, born + ttl


def test_ttl_max_is_kept(place, upstream):
    """Stale addresses too have no TTL above ttl-max."""
    with labs.lab(place, upstream, ttl_max=2) as lab:
        name, _, _ = expired(lab, "bound", failure("SERVFAIL"))
        until(lambda: ede(lab.ask(name)) == STALE)
        assert ttl(lab.ask(name)) == 2


def test_grace(lab):
    """Just expired: the old addresses at once, no longer than they lived, while a refresh runs."""
    gate = lab.upstream.gate()
    name, target, _ = expired(lab, "grace", gate(host(NEW)), ttl=2)
    asked = lab.upstream.count(target, "A")
    for _ in range(3):
        reply = lab.ask(name)
        assert is_answer(reply, OLD) and ttl(reply) == 2 and ede(reply) is None
    lab.upstream.wait(target, "A", asked + 1)
    assert is_answer(lab.ask(name, tcp=True), OLD)
    gate.open()
    until(lambda: addresses(lab.ask(name)) == [NEW])


@pytest.mark.parametrize("label, fault", [
    ("error", failure("SERVFAIL")), ("silence", silence), ("loop", answer("@ 60 CNAME @"))])
def test_stale(lab, label, fault):
    """Expired, and the resolver fails: the old addresses, 30 seconds at most, marked as stale."""
    name, target, _ = expired(lab, label, fault)

    def is_stale():
        reply = lab.ask(name)
        assert is_answer(reply, OLD)
        return ede(reply) == STALE
    until(is_stale)
    for tcp in (False, True):
        reply = lab.ask(name, tcp=tcp)
        assert is_answer(reply, OLD) and 0 < ttl(reply) <= 30 and ede(reply) == STALE
        assert is_answer(lab.ask(name, tcp=tcp, edns=None), OLD)
    # Failures are suppressed here too.
    asked = lab.upstream.count(target, "A")
    for _ in range(20):
        assert is_answer(lab.ask(name), OLD)
    assert lab.upstream.count(target, "A") <= asked + 1
    # Back in health, the next attempt ends the stale time; nobody meets TC or SERVFAIL.
    lab.upstream.host(target, NEW)

    def is_fresh():
        reply = lab.ask(name)
        assert is_answer(reply, OLD) or is_answer(reply, NEW)
        return addresses(reply) == [NEW] and ede(reply) is None
    until(is_fresh, 10, 0.05)


def test_stale_max(place):
    """Old addresses end with stale-max."""
    with Upstream() as upstream, labs.lab(place, upstream, stale_max="3s", failure_ttl="60s") as lab:
        name, target = lab.known("old", OLD)
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
        name, target = lab.known("strict", OLD)
        upstream.both(target, gate(answer(f"@ 60 A {NEW}")))
        until(lambda: is_truncated(lab.ask(name)))
        gate.open()
        until(lambda: addresses(lab.ask(name)) == [NEW])


# Outages

def outage(place, fault):
    """The old addresses serve as stale; when the resolver is back, all that is asked for is fresh soon."""
    with Upstream() as upstream, \
            labs.lab(place, upstream, keep_warm="1d", timeout=ms(500), failure_ttl="5s") as lab:
        names = [lab.known(f"n{i}", OLD)[0] for i in range(10)]
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
        names = [lab.known(f"n{i}", OLD) for i in range(20)]
        upstream.scripts, upstream.default = {}, failure("SERVFAIL")
        start = time.monotonic()
        while time.monotonic() < start + 10:
            for name, _ in names:
                assert is_answer(lab.ask(name), OLD)
        lasted = time.monotonic() - start
        sent = [sum(query.time > start for query in upstream.queries(target, "A")) for _, target in names]
        assert all(count >= 1 for count in sent)
        assert sum(sent) <= 20 * 2 + lasted / 0.5


def test_outages(place):
    """The resolver silent, failing and refusing, side by side."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(outage, place, fault) for fault in
                     (silence, failure("SERVFAIL"), failure("REFUSED"))] + [pool.submit(no_storm, place)]:
            done.result()


# What needs much real time happens at once, each scenario with servers of its own.

def long_expired(place):
    """Expired for more than ten seconds: as never resolved; what is old serves if that fails."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=ms(4000),
                                          cold_wait=ms(1500)) as lab:
        gate = upstream.gate()
        name, target, end = expired(lab, "long", gate(host(NEW)))
        late, late_target, _ = expired(lab, "late", failure("SERVFAIL"))
        healed, healed_target, _ = expired(lab, "healed", host(NEW))
        sleep_until(end + 13)
        assert upstream.count(target, "A") == upstream.count(late_target, "A") == 1
        # First, as nobody in the zone waits for a while after a wait in vain.
        reply = lab.ask(healed, tcp=True)
        assert is_answer(reply, NEW) and ede(reply) is None
        assert is_truncated(lab.ask(name))
        upstream.wait(target, "A", 2)
        assert is_truncated(lab.ask(name))
        for each in (lab.ask(name, tcp=True), lab.settle(name), lab.ask(name, tcp=True)):
            assert is_answer(each, OLD) and ttl(each) <= 30 and ede(each) == STALE
        assert is_truncated(lab.ask(late))
        reply = lab.settle(late)
        assert is_answer(reply, OLD) and ede(reply) == STALE
        gate.open()


def end_of_grace(place):
    """Expired for almost ten seconds: the old addresses at once, for five seconds at most."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        gate = upstream.gate()
        alive = [(expired(lab, f"edge-{own}-{life}", gate(host(NEW)), life, own), expected)
                 for own, life, expected in ((3600, 6, 5), (3600, 1, 1), (2, 6, 2))]
        for (name, target, end), expected in alive:
            sleep_until(end + 8)
            assert upstream.count(target, "A") == 1
            reply = lab.ask(name)
            assert is_answer(reply, OLD) and ede(reply) is None
            assert ttl(reply) == expected
            upstream.wait(target, "A", 2)
        gate.open()


def negative_without_soa(place):
    """NODATA without SOA is believed for 30 seconds at most."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        name, target = lab.alias("nosoa")
        upstream.both(target, answer())
        assert is_nodata(lab.ask(name, tcp=True))

        def asked_again():
            assert is_nodata(lab.ask(name))
            return upstream.count(target, "A") == 2
        until(asked_again, 35, 0.1)
        first, second = upstream.queries(target, "A")
        assert 5 < second.time - first.time <= 33


def test_slow(place):
    """Long expiry and long negative answers, side by side."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(scenario, place)
                     for scenario in (long_expired, end_of_grace, negative_without_soa)]:
            done.result()
