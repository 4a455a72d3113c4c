# SPDX-License-Identifier: GPL-2.0-or-later
"""Which names are flattened, and what their answers look like."""

import itertools

import dns.flags
import dns.name
import dns.rdatatype
import pytest

import lab as labs
from client import alias, has, is_answer, name_of, rrset
from knotd import Zone
from timing import until

TEXT = "\n".join([
    "@ " + alias("apex.example.net"),
    "exact " + alias("exact.example.net"),
    "*.wild " + alias("wild.example.net"),
    "a.b.empty " + alias("exact.example.net"),
    "direct CNAME exact",
    "twice CNAME direct",
    "into.the CNAME deep.in.wild",
    "moved DNAME wild",
])

# Where the question goes: name asked, owner of the addresses, their last octet
NAMES = [
    ("exact.example.com", "exact.example.com", 1),
    ("example.com", "example.com", 2),
    ("any.wild.example.com", "any.wild.example.com", 3),
    ("deep.er.wild.example.com", "deep.er.wild.example.com", 3),
    ("a.b.empty.example.com", "a.b.empty.example.com", 1),
    ("direct.example.com", "exact.example.com", 1),
    ("twice.example.com", "exact.example.com", 1),
    ("into.the.example.com", "deep.in.wild.example.com", 3),
    ("x.moved.example.com", "x.wild.example.com", 3),
]

WAYS = [dict(tcp=tcp, v6=v6, edns=edns)
        for tcp, v6, edns in itertools.product((False, True), (False, True), (None, 512, 1232))]


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    for label, octet in (("exact", 1), ("apex", 2), ("wild", 3)):
        upstream.host(f"{label}.example.net", f"192.0.2.{octet}", f"2001:db8::{octet}")
    with labs.lab(place, upstream, zones=[Zone("example.com", TEXT)]) as lab:
        yield lab


@pytest.mark.parametrize("name, owner, octet", NAMES)
def test_addresses(lab, name, owner, octet):
    """A and AAAA are answered under the owner's name, over every transport."""
    lab.warm(name)
    for way in WAYS:
        for rdtype, address in (("A", f"192.0.2.{octet}"), ("AAAA", f"2001:db8::{octet}")):
            reply = lab.ask(name, rdtype, **way)
            assert is_answer(reply, address, rdtype=rdtype), way
            assert rrset(reply, rdtype).name == name_of(owner)
            assert (reply.edns >= 0) == (way["edns"] is not None)
            assert not reply.authority


@pytest.mark.parametrize("name, chain", [
    ("direct", ["direct"]), ("twice", ["twice", "direct"]), ("into.the", ["into.the"])])
def test_cname_stays(lab, name, chain):
    """CNAMEs of the zone that lead to the ALIAS stand before the addresses."""
    lab.warm(f"{name}.example.com")
    reply = lab.ask(f"{name}.example.com")
    cnames = [r for r in reply.answer if r.rdtype == dns.rdatatype.CNAME]
    assert [r.name.to_text() for r in cnames] == [f"{label}.example.com." for label in chain]
    assert reply.answer[-1].rdtype == dns.rdatatype.A


@pytest.mark.parametrize("name", ["exact.example.com", "example.com", "any.wild.example.com"])
def test_case_of_owner(lab, name):
    """The owner is written as the client wrote it."""
    lab.warm(name)
    asked = dns.name.from_text(name.title().swapcase())
    for tcp in (False, True):
        reply = lab.ask(asked, tcp=tcp)
        assert asked.to_wire() in reply.raw
        assert [r.name.labels for r in reply.answer] == [asked.labels]


def test_flags(lab):
    """AA is set, RA and AD are not, RD is copied."""
    lab.warm("exact.example.com")
    for rd in (0, dns.flags.RD):
        reply = lab.ask("exact.example.com", flags=rd)
        assert has(reply, "AA") and not has(reply, "RA") and not has(reply, "AD")
        assert reply.flags & dns.flags.RD == rd


def test_rotation(place, upstream):
    """server.answer-rotation turns the addresses; without it their order is fixed."""
    expected = [f"192.0.2.{i}" for i in range(1, 5)]
    for rotation in ("on", "off"):
        with labs.lab(place, upstream, server={"answer-rotation": rotation}) as lab:
            name, _ = lab.alias("many", *expected)
            lab.warm(name)
            replies = [lab.ask(name, id=i) for i in range(16)]
            assert all(is_answer(reply, *expected) for reply in replies)
            orders = {tuple(r.address for r in reply.answer[0]) for reply in replies}
            assert len(orders) == (len(expected) if rotation == "on" else 1)


def test_big_answer(lab):
    """64 addresses: whole where they fit, else TC and no part of them; all over TCP."""
    v4 = [f"192.0.2.{i}" for i in range(64)]
    v6 = sorted(f"2001:db8::{i:x}" for i in range(1, 65))
    name, _ = lab.alias("big", *v4, *v6)
    lab.warm(name)
    for rdtype, edns in (("A", None), ("A", 512), ("AAAA", 512), ("AAAA", 1232)):
        reply = lab.ask(name, rdtype, edns=edns)
        assert has(reply, "TC") and has(reply, "AA") and not reply.answer
        assert reply.rcode() == 0
    assert is_answer(lab.ask(name, edns=1232), *v4)
    for edns in (None, 512, 1232):
        assert is_answer(lab.ask(name, tcp=True, edns=edns), *v4)
        assert is_answer(lab.ask(name, "AAAA", tcp=True, edns=edns), *v6, rdtype="AAAA")


def test_no_more_than_64(lab):
    """Of 300 addresses the 64 lowest are served, whatever the order in the reply; it is counted, and logged once."""
    sent = {f"198.51.100.{i}" for i in range(150)} | {f"203.0.113.{i}" for i in range(150)}
    name, target = lab.alias("flood", *sent)
    lowest = [f"198.51.100.{i}" for i in range(64)]
    before = lab.knot.stats()["resolver-limited[addresses]"]
    for tcp in (True, False, True):
        assert is_answer(lab.ask(name, tcp=tcp), *lowest)
    until(lambda: lab.knot.stats()["resolver-limited[addresses]"] == before + 1)
    line = f"target {target}., more than 64 addresses for A, the 64 lowest are served"
    until(lambda: lab.ask(name) and line in lab.knot.log())
    lab.ask(name)
    assert lab.knot.log().count("more than 64 addresses") == 1
    assert {q.transport for q in lab.upstream.queries(target, "A")} == {"udp", "tcp"}


def test_closer_name_wins(lab):
    """A name of its own below the wildcard is not flattened, nor denied."""
    lab.add("here.wild 3600 TXT text", "one.wild 3600 A 192.0.2.99")
    assert not lab.ask("here.wild.example.com", tcp=True).answer
    assert is_answer(lab.ask("one.wild.example.com"), "192.0.2.99")


def test_alias_is_removed_and_changed(lab):
    """A change of the zone is followed by the next query."""
    name, _ = lab.alias("moving", "192.0.2.10")
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.10")
    lab.upstream.host("other.example.net", "192.0.2.11")
    lab.knot.update("example.com", ["moving 60 " + alias("other.example.net")], ["moving"])
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.11")
    lab.knot.update("example.com", ["moving 60 A 192.0.2.12"], ["moving"])
    assert is_answer(lab.ask(name), "192.0.2.12")
