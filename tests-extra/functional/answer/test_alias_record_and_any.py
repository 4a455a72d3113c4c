# SPDX-License-Identifier: GPL-2.0-or-later
"""The ALIAS record itself: hidden from clients, carried by transfers and control."""

import dns.query
import dns.rdatatype
import dns.zone
import pytest

import lab as labs
from client import ALIAS, addresses, alias, is_answer, is_nodata, name_of
from knotd import Zone
from timing import seconds
from upstream import host

TEXT = "\n".join([
    "@ " + alias("t.example.net"),
    "alone 300 " + alias("t.example.net"),
    "beside " + alias("t.example.net"), "beside TXT text",
    "v6only " + alias("six.example.net"),
    "empty " + alias("none.example.net"),
    "*.wild " + alias("t.example.net"),
    "to CNAME alone",
])


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    upstream.host("t.example.net", "192.0.2.1", "2001:db8::1")
    upstream.host("six.example.net", "2001:db8::6")
    upstream.host("none.example.net")
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


@pytest.mark.parametrize("label", ["beside.", ""])
def test_any_shows_another(lab, label):
    """ANY shows another RRset of the name, never the ALIAS."""
    for tcp in (False, True):
        reply = lab.ask(f"{label}example.com", "ANY", tcp=tcp)
        assert reply.rcode() == 0 and reply.answer and ALIAS not in types(reply)


@pytest.mark.parametrize("label, rdtype, expected", [
    ("alone", "A", "192.0.2.1"), ("x.wild", "A", "192.0.2.1"), ("v6only", "AAAA", "2001:db8::6")])
def test_any_of_alias_alone(lab, label, rdtype, expected):
    """With nothing but an ALIAS at the name, ANY shows its addresses."""
    name = f"{label}.example.com"
    lab.warm(name)
    for tcp in (False, True):
        reply = lab.ask(name, "ANY", tcp=tcp)
        assert types(reply) == {dns.rdatatype.from_text(rdtype)}
        assert addresses(reply, rdtype) == [expected]


def test_any_without_addresses(lab):
    """ANY is NODATA when the target has no addresses."""
    lab.warm("empty.example.com")
    assert is_nodata(lab.ask("empty.example.com", "ANY"))


def test_any_of_unknown(lab):
    """ANY is NODATA while the addresses are not known, and starts to find them out."""
    name, target = lab.alias("unknown")
    gate = lab.upstream.gate()
    lab.upstream.both(target, gate(host("192.0.2.7")))
    assert is_nodata(lab.ask(name, "ANY"))
    lab.upstream.wait_both(target)
    gate.open()


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
    assert wire.hex().upper() in lab.knot.knotc("zone-read", "example.com", "alone").stdout
    lab.knot.knotc("zone-begin", "example.com")
    lab.knot.knotc("zone-set", "example.com", "bycontrol", "60", "TYPE65401",
                   f"\\# {len(wire)} {wire.hex()}")
    lab.knot.knotc("zone-commit", "example.com")
    assert is_answer(lab.ask("bycontrol.example.com", tcp=True), "192.0.2.1")
