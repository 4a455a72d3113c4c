# SPDX-License-Identifier: GPL-2.0-or-later
"""The additional section: nothing of names with ALIAS, for which it would show other addresses than an answer does.

That goes for denials of their types, too, whatever room the reply has.
"""

import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import pytest

import lab as labs
import proof
from autosign import policy
from client import ALIAS, addresses, alias, has, name_of, query, rrset
from knotd import Zone
from timing import seconds, until

SECRET = "c2VjcmV0LW9mLXRoZS10ZXN0cw=="
KEY = ["key:", "  - id: test.", "    algorithm: hmac-sha256", f"    secret: {SECRET}",
       "acl:", "  - id: key", "    key: test.", "    action: query"]
KEYRING = dns.tsigkeyring.from_text({"test.": SECRET})

OWN, OWN6, PLAIN = "192.0.2.100", "2001:db8::100", "192.0.2.101"
OWNERS = ["a", "aonly", "x.ent", "*.wild", "whole"]

TEXT = "\n".join([
    *(f"{owner} {alias('both.example.net')}" for owner in OWNERS),
    f"a A {OWN}", f"a AAAA {OWN6}", f"aonly A {OWN}", f"whole A {OWN}", f"whole AAAA {OWN6}", "whole HTTPS 1 .",
    f"plain A {PLAIN}", f"*.bare A {PLAIN}",
    "mx MX 10 a", "mx MX 20 plain", "mx MX 30 q.wild", "mx MX 40 q.bare", "srv SRV 1 1 80 aonly", "srv SRV 2 1 80 plain",
    "hs HTTPS 1 x.ent", "hs HTTPS 2 aonly", "hs HTTPS 3 a", "hs HTTPS 4 plain", "sv SVCB 1 q.wild", "sv SVCB 2 whole",
    "*.wm MX 10 a", "*.wm MX 20 plain", "to CNAME mx", "w HTTPS 1 whole",
    "sub NS ns.sub", "sub NS a", "sub NS plain", "ns.sub A 192.0.2.102", "ns.sub " + alias("both.example.net"),
    *(f"many MX {i} o{i}" for i in range(40)), *(f"o{i} A 192.0.2.{i + 1}" for i in range(40)), "many MX 50 a",
    *(f"all MX {i} x{i}.wild" for i in range(40)),
])

# What is asked, and the names whose addresses go with the answer
QUERIES = [("mx", "MX", {"plain", "q.bare"}), ("srv", "SRV", {"plain"}), ("hs", "HTTPS", {"plain"}), ("sv", "SVCB", set()),
           ("z.wm", "MX", {"plain"}), ("to", "MX", {"plain", "q.bare"}), ("w", "HTTPS", set()), ("all", "MX", set()),
           ("x.sub", "A", {"ns.sub", "plain"}), ("sub", "NS", {"ns.sub", "plain"})]

SIGNING = {"unsigned": "", "nsec": "dnssec-signing: on\ndnssec-policy: test",
           "nsec3": "dnssec-signing: on\ndnssec-policy: nsec3"}
POLICIES = policy("algorithm: ecdsap256sha256") + "\n  - id: nsec3\n    nsec3: on\n    zsk-size: 2048\n    algorithm: rsasha256"


@pytest.fixture(scope="module", name="lab", params=SIGNING)
def fixture_lab(place, upstream, request):
    upstream.host("both.example.net", "192.0.2.1", "2001:db8::1")
    zones = [Zone("example.com", TEXT, extra=f"{SIGNING[request.param]}\nacl: [local, key]".strip())]
    with labs.lab(place, upstream, zones=zones, extra="\n".join([*KEY, POLICIES])) as lab:
        lab.signed = request.param != "unsigned"
        until(lambda: rrset(lab.ask("example.com", "SOA", do=True), "RRSIG") or not lab.signed)
        yield lab


def shown(reply):
    """Names that have addresses in the additional section; nothing there may tell of an ALIAS."""
    for found in reply.additional:
        if found.rdtype in (proof.NSEC, proof.NSEC3):
            assert ALIAS not in proof.types_of(found[0])
        assert ALIAS not in (found.rdtype, found.covers)
    return {found.name for found in reply.additional if found.rdtype in (proof.A, proof.AAAA)}


def names(*labels):
    return {name_of(f"{label}.example.com") for label in labels}


@pytest.mark.parametrize("do", [False, True])
@pytest.mark.parametrize("label, rdtype, expected", QUERIES)
def test_names(lab, label, rdtype, expected, do):
    """Only names without ALIAS have addresses there, and glue stays."""
    for _ in ("cold", "warm"):
        reply = lab.ask(f"{label}.example.com", rdtype, tcp=True, do=do)
        assert reply.rcode() == dns.rcode.NOERROR and shown(reply) == names(*expected)
        lab.warm("aonly.example.com")


def test_bound(lab):
    """The first names count if there are very many."""
    reply = lab.ask("many.example.com", "MX", tcp=True)
    assert len(rrset(reply, "MX")) == 41 and 30 < len(shown(reply)) <= 32
    assert shown(reply) <= names(*(f"o{i}" for i in range(40)))


@pytest.mark.parametrize("label, rdtype, expected", QUERIES)
@pytest.mark.parametrize("tsig", [False, True])
def test_without_room(lab, label, rdtype, expected, tsig):
    """At each size: whatever has no room, nothing of names with ALIAS leaves."""
    for size in range(512, 1233, 20):
        message = query(f"{label}.example.com", rdtype, edns=size, do=True)
        if tsig:
            message.use_tsig(KEYRING, "test.")
        reply = dns.query.udp(message, "127.0.0.1", seconds(5), lab.knot.port)
        assert shown(reply) <= names(*expected) and reply.had_tsig == tsig
        assert has(reply, "TC") or any(found.rdtype in (dns.rdatatype.from_text(rdtype), proof.NS)
                                       for found in (*reply.answer, *reply.authority))


def test_override(place, upstream):
    """`sibling: override` keeps them: an answer has the same ones. What they lack is not denied."""
    zones = [Zone("example.com", TEXT, extra=SIGNING["nsec"]), Zone("example.org", TEXT)]
    with labs.lab(place, upstream, zones=zones, extra=POLICIES, sibling="override") as lab:
        until(lambda: rrset(lab.ask("example.com", "SOA", do=True), "RRSIG"))
        for do in (False, True):
            reply = lab.ask("mx.example.com", "MX", tcp=True, do=do)
            assert shown(reply) == names("a", "plain", "q.bare")
            assert addresses(lab.ask("a.example.com", do=do)) == [OWN]
            assert shown(lab.ask("w.example.com", "HTTPS", tcp=True, do=do)) == names("whole")
        assert shown(lab.ask("hs.example.com", "HTTPS", tcp=True)) == names("a", "aonly", "plain")
        assert shown(lab.ask("hs.example.com", "HTTPS", tcp=True, do=True)) == names("plain")
        # Resolvers set DO in any case.
        unsigned = shown(lab.ask("hs.example.org", "HTTPS", tcp=True, do=True))
        assert unsigned == {name_of(f"{label}.example.org") for label in ("a", "aonly", "plain")}
