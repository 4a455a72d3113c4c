# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones with automatic signing: addresses and denials are signed with the zone's own keys."""

import dataclasses
import time

import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import pytest

import lab as labs
import proof
from autosign import BRIEF, BRIEF_HEAD, OWNERS, TEXT, hosts, is_ready, is_signed, policy, signed, start
from client import ALIAS, addresses, alias, has, is_answer, is_nodata, is_servfail, is_truncated, query, rrset, ttl
from timing import seconds, until
from unbound import Unbound
from upstream import failure, host

SECRET = "c2VjcmV0LW9mLXRoZS10ZXN0cw=="

BIG = [f"2001:db8::{i:x}" for i in range(1, 65)]

POLICIES = {
    "nsec": ["algorithm: ecdsap256sha256"],
    "nsec3": ["nsec3: on"],
    "optout": ["nsec3: on", "nsec3-opt-out: on", "nsec3-iterations: 5"],
    "csk": ["single-type-signing: on", "algorithm: ed25519"],
    "rsa": ["algorithm: rsasha256", "zsk-size: 1024", "ksk-size: 2048"],
}


@pytest.fixture(scope="module", name="lab", params=POLICIES)
def fixture_lab(place, upstream, request):
    with start(place, upstream, POLICIES[request.param]) as lab:
        is_signed(lab)
        for label in ("both.", "v4.", "none.", "missing.", "many.", ""):
            lab.warm(f"{label}example.com")
        assert is_ready(lab, "both.example.com")
        yield lab


@pytest.fixture(name="zone")
def fixture_zone(lab):
    return proof.Zone(lab.knot, owners=OWNERS)


@pytest.fixture(scope="module", name="validator")
def fixture_validator(place, lab):
    with Unbound(place(), {"example.com": lab.knot.port}, {"example.com": anchor(lab)}) as unbound:
        yield unbound


def is_proven(lab, reply):
    """Opt-out leaves it open what else is in a span, so that there are replies with no more than no objection."""
    return has(reply, "AD") or "nsec3-opt-out" in lab.knot.extra and reply.rcode() != dns.rcode.SERVFAIL


def anchor(lab, zone="example.com"):
    return rrset(lab.ask(zone, "DNSKEY", tcp=True), "DNSKEY").to_text() + "\n"


@pytest.mark.parametrize("name, rdtype, expected", [
    ("both", "A", ["192.0.2.1", "192.0.2.2"]), ("both", "AAAA", ["2001:db8::1"]), ("v4", "A", ["192.0.2.4"]),
    ("", "A", ["192.0.2.1", "192.0.2.2"]), ("", "AAAA", ["2001:db8::1"]),
    ("x.wild", "A", ["192.0.2.1", "192.0.2.2"]), ("y.z.wild", "AAAA", ["2001:db8::1"]),
    ("*.wild", "AAAA", ["2001:db8::1"]), ("x.dname", "AAAA", ["2001:db8::1"]),
    ("to", "AAAA", ["2001:db8::1"]), ("towild", "A", ["192.0.2.1", "192.0.2.2"]),
    ("q.cname", "AAAA", ["2001:db8::1"]),
    ("own", "A", ["192.0.2.4"]), ("own", "AAAA", ["2001:db8::100"]),
    ("many", "A", ["192.0.2.1", "192.0.2.2", "192.0.2.4"]), ("deep.under", "AAAA", ["2001:db8::1"]),
    ("plain", "A", ["192.0.2.101"])])
def test_addresses(zone, lab, validator, name, rdtype, expected):
    """Flattened addresses are signed: exact names, the apex, wildcards, behind CNAMEs, in place of own ones."""
    name = f"{name}.example.com" if name else "example.com"
    for tcp in (False, True):
        reply = zone.ask(name, rdtype, tcp=tcp)
        assert is_answer(reply, *expected, rdtype=rdtype)
        assert is_answer(lab.ask(name, rdtype, tcp=tcp), *expected, rdtype=rdtype)
    proven = validator.ask(name, rdtype, do=True)
    assert is_proven(lab, proven) and addresses(proven, rdtype) == expected


def test_wildcard(zone):
    """Names below a wildcard share its signatures, whoever makes them up."""
    replies = [zone.ask(f"{name}.wild.example.com") for name in ("x", "y.z", "*")]
    [labels] = {rdata.labels for reply in replies for rdata in rrset(reply, "RRSIG")}
    assert labels == len("wild.example.com".split("."))
    [_] = {rdata.signature for reply in replies for rdata in rrset(reply, "RRSIG")}


@pytest.mark.parametrize("name", ["none", "missing", "v4", "tov4", "both", "x.wild", "own", "", "deep.under"])
@pytest.mark.parametrize("rdtype", ["AAAA", "MX", "TXT", "TYPE65401", "HTTPS", "CAA"])
def test_denial(lab, zone, validator, name, rdtype):
    """What is not there is denied, and nothing else along with it."""
    name = f"{name}.example.com" if name else "example.com"
    reply = zone.ask(name, rdtype)
    assert reply.rcode() == dns.rcode.NOERROR
    assert is_proven(lab, validator.ask(name, rdtype, do=True))


@pytest.mark.parametrize("name", ["bothx", "x.both", "a.v4", "under", "x.sub", "z.deep.under", "zzz", "aaa", "x.plain"])
@pytest.mark.parametrize("rdtype", ["A", "AAAA", "TXT", "DS"])
def test_spans(lab, zone, validator, name, rdtype):
    """Names next to, below and above owners: denied, with the truth about the owners; and an empty non-terminal."""
    zone.ask(f"{name}.example.com", rdtype)
    if name != "x.sub":  # which nobody serves
        assert is_proven(lab, validator.ask(f"{name}.example.com", rdtype, do=True))


@pytest.mark.parametrize("rdtype", ["NSEC", "ANY", "NSEC3PARAM", "SOA", "DNSKEY"])
@pytest.mark.parametrize("name", ["both", "v4", "x.wild", "x.dname", "own", "deep.under", "svc", "plain", ""])
def test_direct(lab, zone, name, rdtype):
    """Queries for DNSSEC's own types, and for any: nothing but the truth, and nothing of the ALIAS; also without DO."""
    name = f"{name}.example.com" if name else "example.com"
    for reply in (zone.ask(name, rdtype), lab.ask(name, rdtype)):
        assert reply.rcode() == dns.rcode.NOERROR
        assert ALIAS not in {covered for found in reply.answer for covered in (found.rdtype, found.covers)}
        for found in reply.answer:
            if found.rdtype == dns.rdatatype.NSEC:
                assert ALIAS not in proof.types_of(found[0])


@pytest.mark.parametrize("do", [False, True])
def test_rrsig(lab, do):
    """Signatures of the ALIAS are not shown either."""
    for name in ("both", "x.wild", "deep.under", ""):
        reply = lab.ask(f"{name}.example.com" if name else "example.com", "RRSIG", do=do)
        assert reply.rcode() == dns.rcode.REFUSED or ALIAS not in {found.covers for found in reply.answer}


@pytest.mark.parametrize("first", ["MX", "TXT", "AAAA"])
def test_poisoning(lab, place, first):
    """A resolver that has seen other denials still asks for the addresses."""
    with Unbound(place(), {"example.com": lab.knot.port}, {"example.com": anchor(lab)},
                 more=["aggressive-nsec: yes"]) as validator:
        for name in ("v4", "x.wild", "own", "deep.under"):
            for label in ("0", "zz-", "~"):
                validator.ask(f"{label}{name}.example.com", first, do=True)
            validator.ask(f"{name}.example.com", first, do=True)
            reply = validator.ask(f"{name}.example.com", "A", do=True)
            assert addresses(reply) and is_proven(lab, reply)


# --- Changes of the target, of options, of the zone


@pytest.fixture(scope="module", name="modes")
def fixture_modes(place, upstream):
    """Zones with modes of their own for siblings."""
    text = "own " + alias("both.example.net") + "\nown A 192.0.2.100\nown AAAA 2001:db8::100\nto CNAME own"
    modes = {"example.com": "fallback", "merge.example": "merge", "override.example": "override"}
    zones = [dataclasses.replace(signed(text, name=name), module=f"mod-alias/{mode}") for name, mode in modes.items()]
    sections = {mode: labs.options(upstream, sibling=mode) for mode in modes.values()}
    with start(place, upstream, ["nsec3: off"], zones=zones, sections=sections) as lab:
        for name in modes:
            is_signed(lab, name)
            assert is_ready(lab, f"own.{name}")
        yield lab


@pytest.mark.parametrize("origin, expected", [
    ("example.com", ["192.0.2.1", "192.0.2.2"]), ("merge.example", ["192.0.2.1", "192.0.2.100", "192.0.2.2"]),
    ("override.example", ["192.0.2.100"])])
def test_sibling(modes, origin, expected):
    """In place of own addresses, along with them, or behind them: signed once, as what is there."""
    zone = proof.Zone(modes.knot, origin, owners=["own"])
    labs.Lab(modes.knot, modes.upstream, origin).warm(f"own.{origin}")
    until(lambda: is_answer(zone.ask(f"own.{origin}"), *expected))  # The keys have been read.
    for name in (f"own.{origin}", f"to.{origin}"):
        for tcp in (False, True):
            assert is_answer(zone.ask(name, tcp=tcp), *expected)
            assert is_answer(modes.ask(name, tcp=tcp), *expected)


def test_fallback_to_own(modes):
    """Own addresses serve as signed by the zone when the target has none."""
    zone = proof.Zone(modes.knot, owners=["fallback"])
    name, _ = modes.alias("fallback", "2001:db8::7", more=["A 192.0.2.100"])
    modes.warm(name)
    assert is_answer(zone.ask(name), "192.0.2.100")
    assert is_answer(zone.ask(name, "AAAA"), "2001:db8::7", rdtype="AAAA")


def test_target_changes(modes):
    """Signatures and denials follow the target: it gains a family, loses one, and changes its addresses."""
    zone = proof.Zone(modes.knot, owners=["moves"])
    name, target = modes.alias("moves", "192.0.2.1", target_ttl=1, ttl=1)
    modes.warm(name)
    for addrs in (["192.0.2.1"], ["192.0.2.1", "2001:db8::1"], ["2001:db8::1"], ["192.0.2.9"], ["192.0.2.8", "192.0.2.9"]):
        modes.upstream.host(target, *addrs, ttl=1)
        for rdtype in ("A", "AAAA"):
            expected = [a for a in addrs if (":" in a) == (rdtype == "AAAA")]
            until(lambda: addresses(modes.settle(name, rdtype), rdtype) == expected)
            reply = zone.ask(name, rdtype, tcp=True)
            assert is_answer(reply, *expected, rdtype=rdtype) if expected else is_nodata(reply)


def test_ttl(modes):
    """The TTL goes down with the target's, under one and the same signature."""
    zone = proof.Zone(modes.knot, owners=["ttl"])
    name, _ = modes.alias("ttl", "192.0.2.1", ttl=600, target_ttl=300)
    modes.warm(name)
    first = zone.ask(name)
    until(lambda: ttl(zone.ask(name)) < ttl(first), 5, 0.1)
    assert {rdata.original_ttl for rdata in rrset(first, "RRSIG")} == {600}


def test_ttl_bounds(place, upstream):
    """Bounds of the TTL hold for the signed one, too."""
    with start(place, upstream, ["nsec3: off"], ttl_min=120, ttl_max=200) as lab:
        is_signed(lab)
        for label, own, expected in (("low", 60, 120), ("high", 3600, 200), ("between", 150, 150)):
            name, _ = lab.alias(label, "192.0.2.1", ttl=own, target_ttl=3600)
            assert is_ready(lab, name)
            reply = proof.Zone(lab.knot, owners=[label]).ask(name)
            assert ttl(reply) == expected and {rdata.original_ttl for rdata in rrset(reply, "RRSIG")} == {expected}


def test_renewal(place, upstream):
    """Signatures are made anew before they end."""
    lines = [*BRIEF, "rrsig-lifetime: 8s", "rrsig-refresh: 4s", "rrsig-pre-refresh: 0", "nsec3: off"]
    with start(place, upstream, lines, zones=[dataclasses.replace(signed(), head=BRIEF_HEAD)]) as lab:
        is_signed(lab)
        assert is_ready(lab, "both.example.com")
        zone = proof.Zone(lab.knot, owners=OWNERS)

        def end():
            return min(rdata.expiration for rdata in rrset(zone.ask("both.example.com"), "RRSIG"))
        first = end()
        assert first <= time.time() + 8
        until(lambda: end() >= first + 8, 20, 0.2)


def test_truncation(modes):
    """What does not fit with its signature is for TCP."""
    zone = proof.Zone(modes.knot, owners=["big"])
    name, _ = modes.alias("big", *BIG)
    modes.warm(name)
    for edns in (512, 1232):
        assert has(modes.ask(name, "AAAA", do=True, edns=edns), "TC")
    assert is_answer(zone.ask(name, "AAAA", tcp=True), *BIG, rdtype="AAAA")
    # Each size at which something has just no room.
    name, _ = modes.alias("fits", *BIG[:10])
    modes.warm(name)
    whole = len(zone.ask(name, "AAAA").raw)
    for size in range(max(512, whole - 120), whole + 1):
        reply = modes.ask(name, "AAAA", do=True, edns=size)
        assert has(reply, "TC") == (size < whole) and len(reply.raw) <= size
        assert has(reply, "TC") or is_answer(reply, *BIG[:10], rdtype="AAAA")


LONG = ".".join(["t" * 60] * 3 + ["example.net"])
RSA = ["algorithm: rsasha256", "ksk-size: 2048", "zsk-size: 2048"]


@pytest.fixture(scope="module", name="large")
def fixture_large(place, upstream):
    """A zone whose signatures leave little room, and a key for TSIG."""
    text = "\n".join([TEXT, "long " + alias(LONG)])
    key = ["key:", "  - id: test.", "    algorithm: hmac-sha256", f"    secret: {SECRET}",
           "acl:", "  - id: key", "    key: test.", "    action: query"]
    hosts(upstream)
    with labs.lab(place, upstream, zones=[signed(text, "acl: [local, key]")],
                  extra="\n".join([*key, policy(*RSA)])) as lab:
        is_signed(lab)
        assert is_ready(lab, "v4.example.com")
        yield lab


def shows_alias(reply):
    """Whether anything of a reply, cut off or not, tells of an ALIAS."""
    found = [*reply.answer, *reply.authority, *reply.additional]
    return any(ALIAS in (one.rdtype, one.covers) or one.rdtype in (proof.NSEC, proof.NSEC3)
               and ALIAS in proof.types_of(one[0]) for one in found)


@pytest.mark.parametrize("name, rdtype", [("q.cname4", "AAAA"), ("long", "TYPE65401"), ("long", "TXT")])
def test_cut_off(large, name, rdtype):
    """A reply that Knot has cut off on the way tells nothing untrue and nothing hidden."""
    cut = 0
    for size in range(512, 1233, 5):
        reply = large.ask(f"{name}.example.com", rdtype, do=True, edns=size)
        assert len(reply.raw) <= size and not shows_alias(reply) and reply.edns == 0
        cut += has(reply, "TC")
    assert cut > 0
    assert not shows_alias(large.ask(f"{name}.example.com", rdtype, do=True, tcp=True))


def test_cut_off_tsig(large):
    """The same with TSIG, which stays good."""
    keyring = dns.tsigkeyring.from_text({"test.": SECRET})
    for size in range(512, 1233, 20):
        message = query("q.cname4.example.com", "AAAA", edns=size, do=True)
        message.use_tsig(keyring, "test.")
        reply = dns.query.udp(message, "127.0.0.1", seconds(5), large.knot.port)  # checks it
        assert has(reply, "TC") and reply.had_tsig


def test_cold(modes):
    """The whole table holds with DO: cold is TC, and a failure SERVFAIL."""
    name, target = modes.alias("cold")
    gate = modes.upstream.gate()
    modes.upstream.both(target, gate(host("192.0.2.2")))
    assert is_truncated(modes.ask(name, do=True))
    gate.open()
    assert is_answer(modes.settle(name, do=True), "192.0.2.2")
    name, target = modes.alias("failed")
    modes.upstream.both(target, failure("SERVFAIL"))
    assert is_servfail(modes.settle(name, do=True))


def test_exposed(place, upstream):
    """An ALIAS that may be shown is shown, signed, and listed."""
    with start(place, upstream, ["nsec3: off"], expose="on") as lab:
        is_signed(lab)
        assert is_ready(lab, "both.example.com")
        zone = proof.Zone(lab.knot, owners=OWNERS, exposed=True)
        assert rrset(zone.ask("both.example.com", "TYPE65401"), "TYPE65401")
        assert is_answer(zone.ask("both.example.com", "AAAA"), "2001:db8::1", rdtype="AAAA")
        assert is_nodata(zone.ask("both.example.com", "TXT"))


def test_many_signatures(place, upstream):
    """All signatures are kept, however many names share the few targets that `max-targets` allows."""
    text = "\n".join(f"o{i} " + alias("both.example.net") for i in range(12))
    with start(place, upstream, ["nsec3: off"], zones=[signed(text)], max_targets=2) as lab:
        is_signed(lab)
        assert is_ready(lab, "o0.example.com")
        zone = proof.Zone(lab.knot, owners=[f"o{i}" for i in range(12)])

        def signatures():
            return [rrset(zone.ask(f"o{i}.example.com"), "RRSIG")[0].signature for i in range(12)]
        before = signatures()
        assert signatures() == before
