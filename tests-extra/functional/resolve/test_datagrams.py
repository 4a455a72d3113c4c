# SPDX-License-Identifier: GPL-2.0-or-later
"""How many datagrams the resolvers get, and when: `retry`, `max-rate`, resolvers that fail; `kalias check`."""

import statistics
import time

import pytest

import lab as labs
from batch import Batch
from client import FAILED, SILENT, alias, is_answer, is_servfail
from kalias import kalias
from knotd import Knotd, Zone
from timing import undisturbed
from upstream import Upstream, delayed, failure, hosts, silence

GOOD = hosts("192.0.2.1")
RETRY = (0, 1, 2, 5)
FIRST_WAIT = 0.5


@pytest.fixture(scope="module", name="sections")
def fixture_sections(upstream):
    """Sections with each value of retry, and the timeout by default."""
    return {f"retry{retry}": labs.options(upstream, timeout=2000, retry=retry, failure_ttl="60s") for retry in RETRY}


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream, sections):
    zones = [Zone("example.com"), *(Zone(f"{section}.example", module=f"mod-alias/{section}") for section in sections)]
    with labs.lab(place, upstream, zones=zones, sections=sections) as lab:
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        yield lab


def zone_of(lab, section):
    return labs.Lab(lab.knot, lab.upstream, f"{section}.example")


def test_retry(lab, sections):
    """A lookup in vain takes as many datagrams as configured, and no more where there is no time for them."""
    batches = {section: Batch(zone_of(lab, section), "silent", 5, silence) for section in sections}
    for batch in batches.values():
        batch.start()
    for batch in batches.values():
        for reply in batch.replies():
            assert is_servfail(reply, SILENT)
    counts = {section: batch.counts() for section, batch in batches.items()}
    assert [set(counts[f"retry{retry}"]) for retry in RETRY[:3]] == [{1}, {2}, {3}]
    assert all(3 <= count <= 6 for count in counts["retry5"])


def test_first_wait(lab):
    """The first retransmission comes after half a second, the next one after twice that time."""
    batch = Batch(zone_of(lab, "retry2"), "wait", 10, silence)
    batch.resolve()
    times = [[query.time for query in queries] for queries in batch.sent()]
    assert statistics.median(second - first for first, second, *_ in times) >= FIRST_WAIT - 0.05
    assert statistics.median(third - second for _, second, third in times) >= 2 * FIRST_WAIT - 0.1


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP"])
def test_error_is_not_asked_for_again(lab, rcode):
    """The only resolver has said that it fails: the lookup has ended."""
    def once(i):
        batch = Batch(zone_of(lab, "retry2"), f"{rcode.lower()}{i}-", 5, failure(rcode))
        for reply in batch.resolve():
            assert is_servfail(reply, FAILED)
        time.sleep(FIRST_WAIT)
        return set(batch.counts()) == {1}
    assert undisturbed(once)


def test_error_of_all_resolvers(place):
    """Each of two resolvers is asked once."""
    with Upstream() as first, Upstream() as second, \
            labs.lab(place, first, second, timeout=2000, retry=2, failure_ttl="60s") as lab:
        first.default = second.default = failure("SERVFAIL")

        def once(i):
            batch = Batch(lab, f"both{i}-", 5)
            for reply in batch.resolve():
                assert is_servfail(reply, FAILED)
            return set(batch.counts(first) + batch.counts(second)) == {1}
        assert undisturbed(once)


def test_retry_of_two_resolvers(place):
    """Each of two silent resolvers is asked, and neither more often than configured."""
    with Upstream() as first, Upstream() as second, \
            labs.lab(place, first, second, timeout=2000, retry=1, failure_ttl="60s") as lab:
        first.default = second.default = silence
        batch = Batch(lab, "both", 5)
        for reply in batch.resolve():
            assert is_servfail(reply, SILENT)
        counts = batch.counts(first), batch.counts(second)
        # Once one of the two is known to be silent it is rarely asked.
        assert all(max(each) <= 2 and sum(each) > 0 for each in counts), counts
        assert all(sum(each) >= 2 for each in zip(*counts)), counts


@pytest.mark.parametrize("trouble", ["silence", "SERVFAIL"])
def test_max_rate(place, trouble):
    """max-rate bounds the datagrams, whatever becomes of the queries."""
    rate, count, duration = 50, 200, 3
    zone = Zone("example.com", "\n".join(f"n{i} {alias(f'n{i}.example.net')}" for i in range(count)))
    with Upstream() as upstream, labs.lab(place, upstream, zones=[zone], max_rate=rate, timeout=2000, retry=2) as lab:
        upstream.host("first.example.com.example.net", "192.0.2.1")
        lab.warm(lab.alias("first")[0])
        upstream.default = silence if trouble == "silence" else failure("SERVFAIL")
        before = upstream.count()
        start = time.monotonic()
        while time.monotonic() < start + duration:
            for i in range(count):
                assert not lab.ask(f"n{i}.example.com").answer
        sent, took = upstream.count() - before, time.monotonic() - start
        assert rate * took / 2 <= sent <= 1.25 * rate * took + rate / 5, f"{sent} in {took} s"


# The tool

NAMES = 50


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    """A server with many names, all of which it has; the tool asks another resolver."""
    zone = Zone("example.com", "\n".join(f"n{i} {alias(f't{i}.example.net')}" for i in range(NAMES)))
    with Upstream() as other, Knotd(place(), [zone], {"default": labs.options(other)}) as knot:
        other.default = GOOD
        lab = labs.Lab(knot, other)
        for i in range(NAMES):
            lab.ask(f"n{i}.example.com")
        for i in range(NAMES):
            assert is_answer(lab.settle(f"n{i}.example.com"), "192.0.2.1")
        yield knot


def check(knot, resolver, status):
    """Run kalias check; return the number of queries for each target and type."""
    done = kalias("-s", str(knot.path / "knot.sock"), "check", "--resolver", resolver.address, "example.com", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return [resolver.count(f"t{i}.example.net", rdtype) for i in range(NAMES) for rdtype in ("A", "AAAA")]


def test_kalias_and_slow_resolver(knot):
    """A resolver that takes its time is asked once for each."""
    def once(_):
        with Upstream() as slow:
            slow.default = delayed(0.3, GOOD)
            counts = check(knot, slow, 0)
        return min(counts) == 1 and sum(counts) <= 2 * NAMES * 1.05
    assert undisturbed(once)


def test_kalias_and_failing_resolver(knot):
    """A resolver that fails is asked once in each of two rounds."""
    def once(_):
        with Upstream() as failing:
            failing.default = failure("SERVFAIL")
            counts = check(knot, failing, 1)
        return set(counts) <= {1, 2}
    assert undisturbed(once)


def test_kalias_and_silent_resolver(knot):
    """A resolver that does not answer gets a query and two retransmissions for each, in two rounds at most."""
    with Upstream() as dead:
        dead.default = silence
        counts = check(knot, dead, 1)
    assert max(counts) <= 2 * 3 and sum(counts) <= 2 * NAMES * 3, sum(counts)
