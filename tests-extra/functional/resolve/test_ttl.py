# SPDX-License-Identifier: GPL-2.0-or-later
"""How long an answer may be kept, and when the target is asked again."""

import time

import pytest

import lab as labs
from client import addresses, alias, every_ttl, is_answer, is_truncated, ttl
from knotd import Zone
from timing import seconds, sleep_until, until
from upstream import answer, host


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zones = [Zone("example.com"), Zone("bounds.example.com", module="mod-alias/bounds")]
    bounds = labs.options(upstream, ttl_min="100", ttl_max="200")
    with labs.lab(place, upstream, zones=zones, sections={"bounds": bounds}) as lab:
        yield lab


@pytest.fixture(scope="module", name="bounded")
def fixture_bounded(lab):
    """A zone with ttl-min 100 and ttl-max 200."""
    return labs.Lab(lab.knot, lab.upstream, "bounds.example.com")


def near(value, expected):
    """The record may have lost some seconds since it came."""
    return expected - seconds(3) <= value <= expected


@pytest.mark.parametrize("own, target_ttl, expected", [
    (100, 3600, 100), (3600, 50, 50), (77, 77, 77), (0, 3600, 0), (86400, 604800, 86400)])
def test_lower_of_both(lab, own, target_ttl, expected):
    """The TTL is that of the ALIAS or what is left of the target's, whichever is less."""
    name, _ = lab.alias(f"min-{own}-{target_ttl}", "192.0.2.1", ttl=own, target_ttl=target_ttl)
    reply = lab.ask(name, tcp=True)
    assert is_answer(reply, "192.0.2.1") and near(ttl(reply), expected)


@pytest.mark.parametrize("label, ttls", [
    ("first", (40, 3600, 3600)), ("second", (3600, 40, 3600)), ("address", (3600, 3600, 40))])
def test_chain(lab, label, ttls):
    """Every CNAME on the way to the addresses counts."""
    name, target = lab.alias(f"chain-{label}")
    lab.upstream.script(target, "A", answer(
        f"@ {ttls[0]} CNAME one.example.net.", f"one.example.net. {ttls[1]} CNAME two.example.org.",
        f"two.example.org. {ttls[2]} A 192.0.2.2"))
    reply = lab.ask(name, tcp=True)
    assert is_answer(reply, "192.0.2.2") and near(ttl(reply), 40)


def test_lowest_of_set(lab):
    """Of records with different TTLs the lowest counts."""
    name, target = lab.alias("mixed")
    lab.upstream.script(target, "A", answer("@ 500 A 192.0.2.1", "@ 60 A 192.0.2.2",
                                            "@ 500 A 192.0.2.3"))
    reply = lab.ask(name, tcp=True)
    assert len(addresses(reply)) == 3 and near(ttl(reply), 60)


def test_countdown(lab):
    """The TTL counts down with the target's life, and no query goes out for that."""
    name, target = lab.alias("countdown", "192.0.2.1", target_ttl=50)
    lab.ask(name, tcp=True)
    known = time.monotonic()
    born = lab.upstream.queries(target, "A")[0].time
    seen = set()

    def counted():
        youngest = time.monotonic() - known
        value = ttl(lab.ask(name))
        oldest = time.monotonic() - born
        assert 50 - oldest - 0.1 <= value <= 51 - youngest + 0.1
        seen.add(value)
        return len(seen) >= 3
    until(counted, 10)
    assert lab.upstream.count(target, "A") == 1


def test_alias_ttl_does_not_count_down(lab):
    """While the ALIAS has the lower TTL, that is what clients get."""
    name, _ = lab.alias("steady", "192.0.2.1", ttl=30, target_ttl=3600)
    first = ttl(lab.ask(name, tcp=True))
    sleep_until(time.monotonic() + 1.2)
    assert first == ttl(lab.ask(name)) == 30


@pytest.mark.parametrize("own, target_ttl, expected", [
    (10, 3600, 100), (3600, 10, 100), (3600, 3600, 200), (150, 3600, 150), (3600, 150, 150)])
def test_bounds(bounded, own, target_ttl, expected):
    """ttl-min and ttl-max limit what clients get."""
    name, _ = bounded.alias(f"b-{own}-{target_ttl}", "192.0.2.1", ttl=own, target_ttl=target_ttl)
    assert near(ttl(bounded.ask(name, tcp=True)), expected)


def test_default_ttl_max(lab):
    """Nothing is kept longer than the default ttl-max of one day."""
    name, _ = lab.alias("weeks", "192.0.2.1", ttl=604800, target_ttl=604800)
    assert ttl(lab.ask(name, tcp=True)) == 86400


def test_asked_again_by_alias_ttl(lab):
    """A low TTL of the ALIAS makes the target be asked that often, behind the present answer."""
    name, target = lab.alias("often", "192.0.2.1", ttl=1, target_ttl=3600)
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    gate = lab.upstream.gate()
    lab.upstream.script(target, "A", gate(host("192.0.2.2")))

    def asked_again():
        assert is_answer(lab.ask(name), "192.0.2.1")
        return lab.upstream.count(target, "A") >= 2
    until(asked_again, step=0.1)
    first, second = lab.upstream.queries(target, "A")[:2]
    assert second.time - first.time >= 0.9
    gate.open()
    until(lambda: addresses(lab.ask(name)) == ["192.0.2.2"])


def test_target_change_is_followed(lab):
    """Changed addresses are served when the TTL is over; no client waits for them."""
    name, target = lab.alias("follow", "192.0.2.1", target_ttl=2)
    lab.warm(name)
    lab.upstream.host(target, "192.0.2.2", ttl=2)

    def changed():
        reply = lab.ask(name)
        assert not is_truncated(reply) and ttl(reply) <= 5
        return addresses(reply) == ["192.0.2.2"]
    until(changed)


def test_target_without_life(lab):
    """TTL 0 of a target is served as 1, and the target asked once a second at most."""
    name, target = lab.alias("zero", "192.0.2.1", target_ttl=0)
    lab.warm(name)

    def asked_twice_more():
        reply = lab.ask(name)
        assert is_answer(reply, "192.0.2.1") and ttl(reply) <= 1
        return lab.upstream.count(target, "A") >= 3
    until(asked_twice_more, step=0)
    times = [q.time for q in lab.upstream.queries(target, "A")]
    assert all(later - earlier >= 0.9 for earlier, later in zip(times, times[1:]))


def test_one_ttl_for_the_set(lab):
    """All addresses of an answer have the same TTL."""
    name, target = lab.alias("one")
    lab.upstream.script(target, "A", answer("@ 90 A 192.0.2.1", "@ 60 A 192.0.2.2"))
    lab.ask(name, tcp=True)
    assert len(set(every_ttl(lab.ask(name)))) == 1


def test_shared_target(lab, bounded):
    """Two zones with one resolver share what was found; each applies its own TTL rules."""
    first, target = lab.alias("shared", "192.0.2.1", ttl=50)
    lab.warm(first)
    bounded.add(f"other 3600 {alias(target)}")
    assert ttl(bounded.ask("other.bounds.example.com")) == 200
    assert ttl(lab.ask(first)) == 50
    assert lab.upstream.count(target, "A") == 1
