# SPDX-License-Identifier: GPL-2.0-or-later
"""The ALIAS record itself: hidden from clients, carried by transfers and control."""

import dns.query
import dns.rdatatype
import dns.zone
import pytest

import lab as labs
from client import ALIAS, alias, is_answer, is_nodata, name_of
from knotd import Zone
from timing import seconds
from zonecheck import knows_alias

TEXT = "\n".join([
    "@ " + alias("t.example.net"),
    "alone 300 " + alias("t.example.net"),
    "beside " + alias("t.example.net"), "beside TXT text",
    "*.wild " + alias("t.example.net"),
    "to CNAME alone",
])


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    upstream.host("t.example.net", "192.0.2.1", "2001:db8::1")
    zones = [Zone("example.com", TEXT), Zone("example.org", TEXT, module="mod-alias/shown")]
    shown = labs.options(upstream, expose="on")
    with labs.lab(place, upstream, zones=zones, sections={"shown": shown}) as lab:
        yield lab


@pytest.fixture(scope="module", name="shown")
def fixture_shown(lab):
    """The zone with `expose: on`."""
    return labs.Lab(lab.knot, lab.upstream, "example.org")


def types(reply):
    return {r.rdtype for r in reply.answer}


@pytest.mark.parametrize("label", ["alone.", "beside.", "", "x.wild."])
def test_hidden(lab, label):
    """A question for the ALIAS itself gets NODATA with the zone's SOA."""
    for way in (dict(), dict(tcp=True), dict(edns=None)):
        assert is_nodata(lab.ask(f"{label}example.com", "TYPE65401", **way))


def test_hidden_behind_cname(lab):
    """Also where a CNAME of the zone leads there."""
    reply = lab.ask("to.example.com", "TYPE65401")
    assert types(reply) == {dns.rdatatype.CNAME} and reply.rcode() == 0


@pytest.mark.parametrize("label", ["alone.", "beside.", "", "x.wild."])
def test_exposed(shown, label):
    """`expose: on` shows the record as it is in the zone, and still flattens."""
    name = f"{label}example.org"
    reply = shown.ask(name, "TYPE65401")
    assert types(reply) == {ALIAS}
    assert reply.answer[0][0].to_generic().data == name_of("t.example.net").to_wire()
    assert reply.answer[0].name == name_of(name)
    assert is_answer(shown.ask(name, tcp=True), "192.0.2.1")


def test_transfer(lab):
    """Transfers carry the record."""
    zone = dns.zone.from_xfr(dns.query.xfr(
        "127.0.0.1", "example.com", port=lab.knot.port, lifetime=seconds(5)))
    for label in ("@", "alone", "beside", "*.wild"):
        record = zone.get_rdataset(label, ALIAS)[0]
        assert record.to_generic().data == name_of("t.example.net").to_wire()
        assert not zone.get_rdataset(label, "A")


def test_control(lab):
    """knotc shows and sets the record."""
    wire = name_of("t.example.net").to_wire()
    shown = "ALIAS t.example.net." if knows_alias() else wire.hex().upper()
    assert shown in lab.knot.knotc("zone-read", "example.com", "alone").stdout
    lab.knot.knotc("zone-begin", "example.com")
    lab.knot.knotc("zone-set", "example.com", "bycontrol", "60", "TYPE65401",
                   f"\\# {len(wire)} {wire.hex()}")
    lab.knot.knotc("zone-commit", "example.com")
    assert is_answer(lab.ask("bycontrol.example.com", tcp=True), "192.0.2.1")
