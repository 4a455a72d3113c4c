# SPDX-License-Identifier: GPL-2.0-or-later
"""ANY at a name with ALIAS: one RRset that a query for its type would get, and NODATA only if all is known to be."""

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

import lab as labs
from autosign import policy
from client import (ALIAS, FAILED, SILENT, addresses, alias, frame, is_answer, is_nodata, is_servfail, is_truncated,
                    query, read_frame, rrset)
from knotd import Zone
from timing import until
from upstream import failure, host, nodata

A, AAAA, OWN = "192.0.2.1", "2001:db8::1", "192.0.2.100"

TEXT = "\n".join([
    "@ " + alias("t.example.net"), "alone 300 " + alias("t.example.net"), "*.wild " + alias("t.example.net"),
    "beside " + alias("t.example.net"), "beside TXT text", "v6only " + alias("six.example.net"), "to CNAME alone",
    f"own {alias('t.example.net')}", f"own A {OWN}", "own TXT text",
])

SIGNING = {"unsigned": {}, "nsec": {"extra": "dnssec-signing: on\ndnssec-policy: test"},
           "onlinesign": {"module": "[ mod-alias/default, mod-onlinesign ]"}}


@pytest.fixture(scope="module", name="lab", params=SIGNING)
def fixture_lab(place, upstream, request):
    upstream.host("t.example.net", A, AAAA)
    upstream.host("six.example.net", "2001:db8::6")
    zones = [Zone("example.com", TEXT, **SIGNING[request.param]), Zone("example.org", TEXT, module="mod-alias/merge"),
             Zone("example.edu", TEXT, module="mod-alias/override")]
    sections = {mode: labs.options(upstream, sibling=mode) for mode in ("merge", "override")}
    with labs.lab(place, upstream, zones=zones, sections=sections, extra=policy("algorithm: ed25519")) as lab:
        lab.refuses = request.param == "onlinesign"  # whose NSEC lists all types of the node
        until(lambda: rrset(lab.ask("example.com", "SOA", do=True), "RRSIG") or request.param == "unsigned")
        yield lab


def types(reply):
    return {found.rdtype for found in reply.answer if found.rdtype != dns.rdatatype.RRSIG}


def is_negative(lab, reply):
    return reply.rcode() == dns.rcode.REFUSED if lab.refuses else is_nodata(reply)


@pytest.mark.parametrize("label", ["beside.", "own.", ""])
def test_static(lab, label):
    """ANY shows another RRset of the name, never the ALIAS."""
    for tcp in (False, True):
        reply = lab.ask(f"{label}example.com", "ANY", tcp=tcp)
        assert reply.rcode() == 0 and types(reply) and not types(reply) & {ALIAS, dns.rdatatype.A}


@pytest.mark.parametrize("label, rdtype, expected", [
    ("alone", "A", "192.0.2.1"), ("x.wild", "A", "192.0.2.1"), ("v6only", "AAAA", "2001:db8::6")])
def test_addresses(lab, label, rdtype, expected):
    """With nothing but an ALIAS at the name, ANY shows its addresses."""
    name = f"{label}.example.com"
    lab.warm(name)
    for tcp in (False, True):
        reply = lab.ask(name, "ANY", tcp=tcp)
        assert types(reply) == {dns.rdatatype.from_text(rdtype)}
        assert addresses(reply, rdtype) == [expected]


def test_unknown(lab):
    """ANY is as A: come back over TCP, and wait there, until there are addresses of a type or both are known."""
    for kind, scripts in {"v4": (host(A), nodata()), "v6": (nodata(), host(AAAA)), "none": (nodata(), nodata())}.items():
        name, target = lab.alias(f"unknown-{kind}")
        gate = lab.upstream.gate()
        for rdtype, script in zip(("A", "AAAA"), scripts):
            lab.upstream.script(target, rdtype, gate(script))
        assert is_truncated(lab.ask(name, "ANY"))
        with lab.knot.tcp() as sock:
            sock.sendall(frame(query(name, "ANY", do=True).to_wire()))
            lab.upstream.wait_both(target)
            gate.open()
            reply = dns.message.from_wire(read_frame(sock))
        assert is_negative(lab, reply) if kind == "none" else reply.answer, kind
        assert types(reply) == types(lab.ask(name, "ANY"))


def test_half_known(lab):
    """Addresses of one type are enough, and NODATA of one is not."""
    for kind, script in {"has": host(A), "lacks": nodata()}.items():
        name, target = lab.alias(f"half-{kind}")
        gate = lab.upstream.gate()
        lab.upstream.script(target, "A", script)
        lab.upstream.script(target, "AAAA", gate(nodata()))
        lab.ask(name, tcp=True)
        reply = lab.ask(name, "ANY")
        assert is_answer(reply, A) if kind == "has" else is_truncated(reply)
        gate.open()


def test_failing(lab):
    """SERVFAIL as for A, also while failures are suppressed."""
    name, target = lab.alias("failing")
    lab.upstream.both(target, failure("SERVFAIL"))
    for tcp in (True, False, True):
        assert is_servfail(lab.ask(name, "ANY", tcp=tcp), FAILED)
    lab.add("self 3600 " + alias("self.example.com"))
    assert is_servfail(lab.ask("self.example.com", "ANY"), SILENT)


def test_negative(lab):
    """Its NODATA lives as long as the target's negative answers."""
    name, target = lab.alias("negative")
    lab.upstream.script(target, "A", nodata(7))
    lab.upstream.script(target, "AAAA", nodata(5))
    lab.warm(name)
    reply = lab.ask(name, "ANY")
    assert is_negative(lab, reply)
    assert lab.refuses or rrset(reply, "SOA", "authority").ttl <= 5


@pytest.mark.parametrize("zone, known, failing", [("example.com", [A], [OWN]), ("example.org", sorted([A, OWN]), [OWN]),
                                                  ("example.edu", [OWN], [OWN])])
def test_siblings(lab, zone, known, failing):
    """Of the owner's own addresses ANY shows what A does, with each mode of `sibling`."""
    zone = labs.Lab(lab.knot, lab.upstream, zone)
    name, _ = zone.alias("beside-own", A, more=[f"A {OWN}"])
    assert is_truncated(zone.ask(name, "ANY")) or known == [OWN]
    zone.warm(name)
    assert addresses(zone.ask(name, "ANY")) == addresses(zone.ask(name)) == known
    name, target = zone.alias("down", more=[f"A {OWN}"])
    zone.upstream.both(target, failure("SERVFAIL"))
    for tcp in (True, False):
        assert addresses(zone.ask(name, "ANY", tcp=tcp)) == addresses(zone.ask(name, tcp=tcp)) == failing
