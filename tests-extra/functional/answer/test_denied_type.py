# SPDX-License-Identifier: GPL-2.0-or-later
"""A zone whose deny-address has all addresses of a type: that type is never asked for, and NODATA at once."""

import time

import pytest

import lab as labs
from client import alias, has, is_answer, is_nodata, is_servfail, is_truncated, rrset
from knotd import Zone
from timing import seconds, until
from upstream import failure, nxdomain, silence

GOOD, GOOD6, OWN6 = "192.0.2.1", "2001:db8::1", "2001:db8::9"
EVERY4, EVERY6 = "0.0.0.0/0", "::/0"

ZONES = {
    "example.com": dict(deny_address=[EVERY6]),
    "halves.test": dict(deny_address=["8000::/1", "::-7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "10.0.0.0/8"]),
    "strict.test": dict(deny_address=[EVERY6], nxdomain="servfail"),
    "merge.test": dict(deny_address=[EVERY6], sibling="merge"),
    "override.test": dict(deny_address=[EVERY6], sibling="override"),
    "six.test": dict(deny_address=[EVERY4]),
    "almost.test": dict(deny_address=["::/1", "8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"]),
    "none.test": dict(deny_address=[EVERY4, EVERY6]),
    "free.test": dict(),
}


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zones = [Zone(zone, module=f"mod-alias/{zone.partition('.')[0]}") for zone in ZONES]
    sections = {zone.partition(".")[0]: labs.options(upstream, **more) for zone, more in ZONES.items()}
    with labs.lab(place, upstream, zones=zones, sections=sections) as lab:
        yield lab


@pytest.fixture(name="zone")
def fixture_zone(lab):
    """Makes a lab of another zone on the same server."""
    return lambda name: labs.Lab(lab.knot, lab.upstream, name)


def soa_ttl(reply):
    return rrset(reply, "SOA", "authority").ttl


def is_denied(lab, name, rdtype="AAAA"):
    """NODATA as of any other type that the name lacks, over UDP and TCP, without a wait."""
    begin = time.monotonic()
    other = soa_ttl(lab.ask(name, "TYPE1234"))
    for tcp in (False, True):
        reply = lab.ask(name, rdtype, tcp=tcp)
        assert is_nodata(reply) and soa_ttl(reply) == other
    return time.monotonic() - begin < seconds(1)


@pytest.mark.parametrize("zone_name", ["example.com", "halves.test"])
def test_one_type(zone, zone_name):
    """A is served as ever; for AAAA nobody is asked. It is counted."""
    lab = zone(zone_name)
    before = lab.knot.stats(zone_name)
    name, target = lab.alias("www", GOOD, GOOD6)
    assert is_truncated(lab.ask(name))
    assert is_denied(lab, name)
    assert is_answer(lab.ask(name, tcp=True), GOOD)
    assert is_answer(lab.ask(name), GOOD) and is_denied(lab, name)
    assert lab.upstream.count(target, "A") == 1 and lab.upstream.count(target, "AAAA") == 0
    after = lab.knot.stats(zone_name)
    moved = {counter: after[counter] - before[counter] for counter in after if counter.startswith(("answer-aaaa", "policy"))}
    assert {counter: count for counter, count in moved.items() if count} == {
        "answer-aaaa[negative]": 4, "policy-denied[type]": 4}
    assert f"ALIAS at {name}" not in lab.knot.log()


def test_the_other_type(zone):
    """The same the other way round; IPv4-mapped addresses are not served either."""
    lab = zone("six.test")
    name, target = lab.alias("www", GOOD, GOOD6, "::ffff:192.0.2.7")
    assert is_truncated(lab.ask(name, "AAAA"))
    assert is_denied(lab, name, "A")
    assert is_answer(lab.ask(name, "AAAA", tcp=True), GOOD6, rdtype="AAAA")
    assert lab.upstream.count(target, "AAAA") == 1 and lab.upstream.count(target, "A") == 0


def test_not_quite(zone):
    """Where a single address is left, the type is asked for."""
    lab = zone("almost.test")
    name, target = lab.alias("www", GOOD6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    lab.warm(name)
    assert is_answer(lab.ask(name, "AAAA"), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", rdtype="AAAA")
    assert lab.upstream.count(target, "AAAA") == 1


def test_neither(zone):
    """A zone that denies all asks for nothing."""
    lab = zone("none.test")
    name, target = lab.alias("www", GOOD, GOOD6)
    assert is_denied(lab, name) and is_denied(lab, name, "A")
    assert is_nodata(lab.ask(name, "ANY", tcp=True))
    assert lab.upstream.count(target) == 0


@pytest.mark.parametrize("state", ["silent", "failing", "missing", "self"])
@pytest.mark.parametrize("zone_name", ["example.com", "strict.test"])
def test_whatever_the_target(zone, zone_name, state):
    """Neither a cold nor a failing target, nor one that does not exist or is the name itself, changes that."""
    lab = zone(zone_name)
    name, target = lab.alias(state)
    lab.upstream.both(target, {"silent": silence, "failing": failure("SERVFAIL"), "missing": nxdomain(minimum=5),
                               "self": silence}[state])
    if state == "self":
        lab.knot.update(lab.zone, [f"{state} 3600 {alias(name)}"], delete=[state])
    assert is_denied(lab, name)
    if state != "silent":
        reply = lab.settle(name)
        assert is_nodata(reply) if state == "missing" and zone_name == "example.com" else is_servfail(reply)
        assert is_denied(lab, name)
    assert lab.upstream.count(target, "AAAA") == 0


@pytest.mark.parametrize("zone_name", ["example.com", "merge.test", "override.test"])
def test_own_addresses(zone, zone_name):
    """Own AAAA records are siblings as ever."""
    lab = zone(zone_name)
    name, target = lab.alias("own", GOOD, GOOD6, more=[f"AAAA {OWN6}"])
    for tcp in (False, True):
        assert is_answer(lab.ask(name, "AAAA", tcp=tcp), OWN6, rdtype="AAAA")
    assert is_answer(lab.ask(name, tcp=True), GOOD)
    assert lab.upstream.count(target, "AAAA") == 0


def test_any(zone):
    """ANY goes by the type that is left."""
    lab = zone("example.com")
    name, target = lab.alias("any", GOOD, GOOD6)
    assert is_truncated(lab.ask(name, "ANY"))
    assert is_answer(lab.ask(name, "ANY", tcp=True), GOOD)
    assert lab.upstream.count(target, "AAAA") == 0


def test_several_targets(zone):
    """Of none of several targets AAAA is asked for."""
    lab = zone("example.com")
    targets = [f"several-{i}.example.net" for i in range(3)]
    for i, target in enumerate(targets):
        lab.upstream.host(target, f"192.0.2.{i}", GOOD6)
        lab.add(f"several 3600 {alias(target)}")
    name = "several.example.com"
    assert is_denied(lab, name)
    assert is_answer(lab.ask(name, tcp=True), *(f"192.0.2.{i}" for i in range(3)))
    assert not any(lab.upstream.count(target, "AAAA") for target in targets)


def test_shared_target(zone):
    """A zone that wants both types gets both, of a target that the zones share."""
    denying, free = zone("example.com"), zone("free.test")
    free.upstream.host("shared.example.net", GOOD, GOOD6)
    for lab in (denying, free):
        lab.add(f"shared 3600 {alias('shared.example.net')}")
    denying.warm("shared.example.com")
    assert free.upstream.count("shared.example.net", "AAAA") == 0
    assert is_answer(free.ask("shared.free.test", "AAAA", tcp=True), GOOD6, rdtype="AAAA")
    assert is_answer(free.ask("shared.free.test"), GOOD)
    assert is_denied(denying, "shared.example.com")
    assert free.upstream.count("shared.example.net", "A") == free.upstream.count("shared.example.net", "AAAA") == 1


def refreshes(lab, name, target, duration):
    """Ask for A for a while; return the queries for each type that came meanwhile."""
    before = {rdtype: lab.upstream.count(target, rdtype) for rdtype in ("A", "AAAA")}
    end = time.monotonic() + duration
    while time.monotonic() < end:
        lab.ask(name)
        time.sleep(0.1)
    return [lab.upstream.count(target, rdtype) - before[rdtype] for rdtype in ("A", "AAAA")]


def test_not_kept_warm(place, upstream):
    """What another zone has asked for once is not kept warm because this zone uses the target."""
    zones = [Zone("example.com"), Zone("free.test", module="mod-alias/free")]
    sections = {"free": labs.options(upstream, keep_warm="2s")}
    with labs.lab(place, upstream, zones=zones, sections=sections, keep_warm="2s", deny_address=[EVERY6]) as lab:
        name, target = lab.alias("warm", GOOD, GOOD6, target_ttl=1)
        free = labs.Lab(lab.knot, lab.upstream, "free.test")
        free.add(f"warm 3600 {alias(target)}")
        free.warm("warm.free.test")
        assert lab.upstream.count(target, "AAAA") == 1
        refreshes(lab, name, target, 3.5)
        a, aaaa = refreshes(lab, name, target, 3)
        assert a >= 2 and aaaa == 0


def test_reload(place, upstream):
    """A reload changes it at once: refreshes of what the cache has of the type end, and begin again."""
    with labs.lab(place, upstream, keep_warm="1d") as lab:
        name, target = lab.alias("reload", GOOD, GOOD6, target_ttl=1)
        lab.warm(name)
        assert is_answer(lab.ask(name, "AAAA"), GOOD6, rdtype="AAAA")
        options = lab.knot.sections["default"]
        lab.knot.sections["default"] = {**options, "deny-address": [EVERY6]}
        lab.knot.reload()
        until(lambda: is_nodata(lab.ask(name, "AAAA")))
        refreshes(lab, name, target, 1)
        a, aaaa = refreshes(lab, name, target, 3)
        assert a >= 2 and aaaa == 0
        lab.knot.sections["default"] = options
        lab.knot.reload()
        until(lambda: is_answer(lab.ask(name, "AAAA", tcp=True), GOOD6, rdtype="AAAA"))


@pytest.mark.parametrize("module, extra", [("mod-alias/default", "dnssec-signing: on"),
                                           ("[ mod-alias/default, mod-onlinesign ]", "")])
def test_signed(place, upstream, module, extra):
    """The denial is proven, also while nothing is known of the target."""
    zones = [Zone("example.com", "signed " + alias("signed.example.net"), module=module, extra=extra)]
    with labs.lab(place, upstream, zones=zones, deny_address=[EVERY6]) as lab:
        lab.upstream.script("signed.example.net", "A", silence)
        until(lambda: rrset(lab.ask("example.com", "SOA", do=True), "RRSIG"))
        until(lambda: is_nodata(lab.ask("signed.example.com", "TXT", do=True)))  # the keys have been read
        for tcp in (False, True):
            reply = lab.ask("signed.example.com", "AAAA", tcp=tcp, do=True)
            assert is_nodata(reply) and rrset(reply, "NSEC", "authority") and not has(reply, "TC")
        assert lab.upstream.count("signed.example.net", "AAAA") == 0
