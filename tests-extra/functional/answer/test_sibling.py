# SPDX-License-Identifier: GPL-2.0-or-later
"""Own addresses beside an ALIAS: the option `sibling`."""

import dns.name
import pytest

import lab as labs
from client import addresses, every_ttl, is_answer, is_truncated
from knotd import Zone
from timing import ms
from upstream import failure, host, nodata, nxdomain

OWN, OWN6, TARGET, TARGET6 = "192.0.2.100", "2001:db8::100", "198.51.100.1", "2001:db8::1"

MODES = {"fallback": "example.com", "merge": "example.net", "override": "example.org"}

# States of a target without addresses to give
NOTHING = {"nodata": nodata(), "nxdomain": nxdomain(), "failing": failure("SERVFAIL")}


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    zones, sections = [], {}
    for mode, zone in MODES.items():
        zones += [Zone(zone, module=f"mod-alias/{mode}"),
                  Zone(f"brief.{zone}", module=f"mod-alias/{mode}-brief")]
        sections[mode] = labs.options(upstream, sibling=mode, failure_ttl="60s")
        sections[f"{mode}-brief"] = {**sections[mode], "cold_wait": ms(300)}
    with labs.lab(place, upstream, zones=zones, sections=sections) as lab:
        yield lab.knot


@pytest.fixture(params=MODES, name="mode")
def fixture_mode(request):
    return request.param


@pytest.fixture(name="lab")
def fixture_lab(knot, upstream, mode):
    return labs.Lab(knot, upstream, MODES[mode])


@pytest.fixture(name="brief")
def fixture_brief(knot, upstream, mode):
    """A zone where a wait is meant to end."""
    return labs.Lab(knot, upstream, f"brief.{MODES[mode]}")


@pytest.fixture(name="plain")
def fixture_plain(knot, upstream):
    """The zone with the default mode."""
    return labs.Lab(knot, upstream)


def with_own(lab, label, *target):
    return lab.alias(label, *target, more=[f"A {OWN}", f"AAAA {OWN6}"])


def test_target_with_addresses(lab, mode):
    """fallback: the target's addresses; merge: both, with one TTL; override: the own ones."""
    name, _ = with_own(lab, "full", TARGET, TARGET6)
    lab.warm(name)
    for rdtype, own, target in (("A", OWN, TARGET), ("AAAA", OWN6, TARGET6)):
        expected = {"fallback": [target], "merge": [own, target], "override": [own]}[mode]
        for tcp in (False, True):
            reply = lab.ask(name, rdtype, tcp=tcp)
            assert is_answer(reply, *expected, rdtype=rdtype)
            assert len(reply.answer) == 1 and len(set(every_ttl(reply))) == 1


def test_merge_has_no_doubles(lab, mode):
    """An address that both have is served once."""
    name, _ = with_own(lab, "same", OWN, TARGET)
    lab.warm(name)
    expected = {"fallback": [OWN, TARGET], "merge": [OWN, TARGET], "override": [OWN]}[mode]
    assert is_answer(lab.ask(name), *expected)


@pytest.mark.parametrize("state", NOTHING)
def test_target_gives_nothing(lab, state):
    """In every mode the own addresses are served when the target has none to give."""
    name, target = with_own(lab, state)
    lab.upstream.both(target, NOTHING[state])
    lab.warm(name)
    for rdtype, own in (("A", OWN), ("AAAA", OWN6)):
        for tcp in (False, True):
            assert is_answer(lab.ask(name, rdtype, tcp=tcp), own, rdtype=rdtype)


def test_own_family_only(lab, mode):
    """A family that the name itself lacks comes from the target in every mode."""
    name, _ = lab.alias("v4", TARGET, TARGET6, more=[f"A {OWN}"])
    lab.warm(name)
    assert is_answer(lab.ask(name, "AAAA"), TARGET6, rdtype="AAAA")
    assert (addresses(lab.ask(name)) == [OWN]) == (mode == "override")


def test_wildcard(lab, mode):
    """The same at a wildcard, under the name that was asked for."""
    with_own(lab, "*.wild", TARGET, TARGET6)
    name = f"Any.wild.{lab.zone}"
    lab.warm(name)
    reply = lab.ask(name)
    expected = {"fallback": [TARGET], "merge": [OWN, TARGET], "override": [OWN]}[mode]
    assert is_answer(reply, *expected)
    assert reply.answer[0].name.labels == dns.name.from_text(name).labels


def test_cold(brief, mode):
    """Never resolved: TC, then the wait, then the own addresses; override needs none of that."""
    name, target = with_own(brief, "cold")
    gate = brief.upstream.gate()
    brief.upstream.script(target, "A", gate(host(TARGET)))
    brief.upstream.script(target, "AAAA", gate(host(TARGET6)))
    if mode == "override":
        assert is_answer(brief.ask(name), OWN)
    else:
        assert is_truncated(brief.ask(name))
    assert is_answer(brief.ask(name, tcp=True), OWN)
    gate.open()
    if mode == "fallback":
        assert is_answer(brief.settle(name), TARGET)


def test_own_ttl(plain):
    """Own addresses are served with their own TTL."""
    name, target = plain.alias("ownttl", ttl=60, more=[f"A {OWN}"])
    plain.upstream.both(target, nodata())
    plain.warm(name)
    assert every_ttl(plain.ask(name)) == [3600]
