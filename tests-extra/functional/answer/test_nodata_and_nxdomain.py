# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets without addresses: NODATA and NXDOMAIN, how long they are believed, and the option `nxdomain`."""

import pytest

import lab as labs
from client import STALE, addresses, ede, is_answer, is_nodata, is_servfail, rrset, ttl
from knotd import Zone
from timing import sleep_until, until
from upstream import SOA, answer, host, nodata, nxdomain
from zonecheck import REFUSED, knows_alias

NEGATIVE = {"nodata": nodata, "nxdomain": nxdomain}
OLD, NEW = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zones = [Zone("example.com"), Zone("example.org", module="mod-alias/strict")]
    strict = labs.options(upstream, nxdomain="servfail", negative_ttl_max="1s")
    with labs.lab(place, upstream, zones=zones, sections={"strict": strict}) as lab:
        yield lab


@pytest.fixture(scope="module", name="strict")
def fixture_strict(lab):
    """The zone with `nxdomain: servfail` and `negative-ttl-max: 1s`."""
    return labs.Lab(lab.knot, lab.upstream, "example.org")


@pytest.mark.parametrize("kind", NEGATIVE)
@pytest.mark.parametrize("edns", [None, 1232])
def test_nodata(lab, kind, edns):
    """NODATA and NXDOMAIN of the target are NODATA of the name, with the zone's own SOA."""
    name, target = lab.alias(f"{kind}-{edns}".lower())
    lab.upstream.both(target, NEGATIVE[kind]())
    for rdtype in ("A", "AAAA"):
        for tcp in (True, False):
            reply = lab.ask(name, rdtype, tcp=tcp, edns=edns)
            assert is_nodata(reply) and ede(reply) is None
            soa = rrset(reply, "SOA", "authority")
            assert soa.name.to_text() == "example.com." and soa.ttl == 300
    assert lab.upstream.count(target) == 2


@pytest.mark.parametrize("kind", NEGATIVE)
def test_other_family(lab, kind):
    """One family may be missing while the other is answered."""
    name, target = lab.alias(f"v4only-{kind}")
    lab.upstream.script(target, "A", host("192.0.2.1"))
    lab.upstream.script(target, "AAAA", NEGATIVE[kind]())
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    assert is_nodata(lab.ask(name, "AAAA", tcp=True))


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
def test_end_of_chain(lab, rcode):
    """CNAMEs that lead nowhere are negative answers too."""
    name, target = lab.alias(f"chain-{rcode}".lower())
    lab.upstream.both(target, answer(
        "@ 3600 CNAME end.example.net.", rcode=rcode,
        authority=[SOA.format(ttl=3600, minimum=3600)]))
    assert is_nodata(lab.ask(name, tcp=True))
    assert lab.ask(name, "MX").rcode() == 0


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
def test_without_soa(lab, rcode):
    """Without SOA it is believed all the same, for a while."""
    name, target = lab.alias(f"nosoa-{rcode}".lower())
    lab.upstream.both(target, answer(rcode=rcode))
    assert is_nodata(lab.ask(name, tcp=True))
    assert is_nodata(lab.ask(name))
    assert lab.upstream.count(target, "A") == 1


def asked_again(lab, name, target):
    """The time after which a name that is always in use was asked upstream again."""
    def again():
        assert not addresses(lab.ask(name))
        return lab.upstream.count(target, "A") >= 2
    until(again, step=0.05)
    first, second = lab.upstream.queries(target, "A")[:2]
    return second.time - first.time


@pytest.mark.parametrize("kind", NEGATIVE)
@pytest.mark.parametrize("ttl, minimum", [(1, 3600), (3600, 1)])
def test_negative_ttl(lab, kind, ttl, minimum):
    """A negative answer lives as long as the SOA's TTL or MINIMUM, whichever is less."""
    name, target = lab.alias(f"life-{kind}-{ttl}")
    lab.upstream.both(target, NEGATIVE[kind](ttl, minimum))
    assert is_nodata(lab.ask(name, tcp=True))
    assert asked_again(lab, name, target) >= 0.9


def test_negative_ttl_max(lab, strict):
    """negative-ttl-max limits that; what the SOA allows is otherwise used in full."""
    long, long_target = lab.alias("long")
    short, short_target = strict.alias("short")
    for target in (long_target, short_target):
        lab.upstream.both(target, nodata())
    assert is_nodata(lab.ask(long, tcp=True))
    assert is_nodata(lab.ask(short, tcp=True))
    assert asked_again(strict, short, short_target) >= 0.9
    sleep_until(lab.upstream.queries(long_target, "A")[0].time + 1.5)
    assert is_nodata(lab.ask(long))
    assert lab.upstream.count(long_target, "A") == 1


def test_change_to_addresses(lab):
    """When the target gets addresses they are served as soon as the negative answer is over."""
    name, target = lab.alias("born")
    lab.upstream.both(target, nxdomain(1, 1))
    assert is_nodata(lab.ask(name, tcp=True))
    lab.upstream.host(target, "192.0.2.2")
    until(lambda: addresses(lab.ask(name)) == ["192.0.2.2"], step=0.05)


def test_change_to_nothing(lab):
    """When the target loses its addresses the old ones are not kept."""
    name, target = lab.alias("gone", "192.0.2.3", target_ttl=1)
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.3")
    lab.upstream.both(target, nxdomain())
    until(lambda: is_nodata(lab.ask(name)), step=0.05)
    for rdtype in ("A", "AAAA", "A"):
        assert is_nodata(lab.ask(name, rdtype))


def test_nxdomain_servfail(strict):
    """`nxdomain: servfail` makes SERVFAIL of NXDOMAIN, with EDE 0 (Other), and only of that."""
    name, target = strict.alias("missing")
    strict.upstream.both(target, nxdomain())
    for tcp in (True, False):
        assert is_servfail(strict.ask(name, tcp=tcp), 0)
    assert strict.ask(name, "MX").rcode() == 0
    name, target = strict.alias("empty")
    strict.upstream.both(target, nodata())
    assert is_nodata(strict.ask(name, tcp=True))


@pytest.mark.skipif(knows_alias(), reason=REFUSED)
def test_malformed_is_not_nxdomain(strict):
    """Where nothing can be followed there is no NXDOMAIN either: the name is as without ALIAS."""
    strict.add(r"malformed 3600 TYPE65401 \# 1 01")
    assert is_nodata(strict.ask("malformed.example.org"))


# nxdomain: hold

@pytest.fixture(scope="module", name="hold")
def fixture_hold(place, upstream):
    with labs.lab(place, upstream, nxdomain="hold") as lab:
        yield lab


def test_hold(hold):
    """nxdomain: hold keeps the addresses, as stale, when the target disappears."""
    name, target = hold.known("gone", OLD)
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
    name, target = hold.known("empty", OLD)
    hold.upstream.both(target, nodata())
    until(lambda: is_nodata(hold.ask(name)))
