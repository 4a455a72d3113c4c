# SPDX-License-Identifier: GPL-2.0-or-later
"""A NODATA that comes of a target lives as long as the target's negative answer; any other one as the zone says."""

import pytest

import lab as labs
from autosign import policy
from client import STALE, addresses, alias, ede, is_answer, rrset
from knotd import HEAD, Zone
from timing import until
from upstream import failure, host, nodata, nxdomain
from zonecheck import REFUSED, knows_alias, only_malformed

ALIAS_TTL, NEGATIVE, ZONE = 60, 5, 3600

SIGNING = {
    "unsigned": {},
    "nsec": {"extra": "dnssec-signing: on\ndnssec-policy: test"},
    "nsec3": {"extra": "dnssec-signing: on\ndnssec-policy: nsec3"},
    "onlinesign": {"module": "[ mod-alias/default, mod-onlinesign ]"},
}
POLICIES = policy("algorithm: ecdsap256sha256") + "\n  - id: nsec3\n    nsec3: on"

OWNERS = {
    "gone": "gone.example.net", "empty": "empty.example.net", "v4": "v4.example.net", "*.wild": "gone.example.net",
    "slow": "slow.example.net", "denied": "denied.example.net", "ruledout": "ruledout.example.org",
}


def text():
    lines = [f"{owner} {ALIAS_TTL} {alias(target)}" for owner, target in OWNERS.items()]
    return "\n".join([*lines, "short 2 " + alias("gone.example.net"), "to CNAME gone",
                      f"both {ALIAS_TTL} {alias('gone.example.net')}", f"both {ALIAS_TTL} {alias('slow.example.net')}",
                      *only_malformed(r"broken TYPE65401 \# 1 01")])


@pytest.fixture(scope="module", name="lab", params=SIGNING)
def fixture_lab(place, upstream, request):
    upstream.both("gone.example.net", nxdomain(NEGATIVE, 3600))
    upstream.both("empty.example.net", nodata(3600, NEGATIVE))
    upstream.script("v4.example.net", "A", host("192.0.2.4"))
    upstream.script("v4.example.net", "AAAA", nodata(NEGATIVE))
    upstream.both("slow.example.net", nodata(3600))
    upstream.host("denied.example.net", "198.51.100.1", "2001:db8::1")
    head = HEAD.replace("86400 300", f"86400 {ZONE}")
    zones = [Zone("example.com", text(), head=head, **{"module": "mod-alias/default", **SIGNING[request.param]})]
    with labs.lab(place, upstream, zones=zones, extra=POLICIES, negative_ttl_max="30s",
                  deny_address=["198.51.100.0/24", "2001:db8::/32"], deny_target=["example.org"]) as lab:
        lab.signed = request.param != "unsigned"
        until(lambda: rrset(lab.ask("example.com", "SOA", do=True), "RRSIG") or not lab.signed)
        yield lab


def ttls(reply):
    """The TTLs of the authority section, of which SOA and what proves NODATA have to be there."""
    assert reply.rcode() == 0 and not addresses(reply) and rrset(reply, "SOA", "authority")
    return [found.ttl for found in reply.authority]


def is_whole(lab, reply, do):
    """Whether the reply has what a validator needs."""
    types = {found.rdtype for found in reply.authority}
    return not (lab.signed and do) or 46 in types and types & {47, 50}


@pytest.mark.parametrize("owner, rdtype, most", [
    ("gone", "A", NEGATIVE), ("empty", "AAAA", NEGATIVE), ("v4", "AAAA", NEGATIVE), ("x.wild", "A", NEGATIVE),
    ("to", "A", NEGATIVE), ("both", "AAAA", NEGATIVE), ("slow", "A", 30), ("short", "A", 2),
])
def test_of_target(lab, owner, rdtype, most):
    """At most what is left, negative-ttl-max, and the TTL of the ALIAS: in SOA, NSEC, NSEC3 and RRSIG."""
    name = f"{owner}.example.com"
    lab.warm(name)
    for do in (False, True):
        for tcp in (False, True):
            reply = lab.ask(name, rdtype, tcp=tcp, do=do)
            assert is_whole(lab, reply, do)
            assert all(0 < ttl <= most for ttl in ttls(reply)), reply
            lowest = lab.ask(name, "MX", tcp=tcp, do=do)
            assert rrset(lowest, "MX") or set(ttls(lowest)) == {ZONE}


@pytest.mark.parametrize("owner", ["denied", "ruledout", pytest.param("broken", marks=pytest.mark.skipif(
    knows_alias(), reason=REFUSED))])
def test_of_zone(lab, owner):
    """What the policy or the record itself denies has the zone's own TTL."""
    name = f"{owner}.example.com"
    lab.warm(name)
    for do in (False, True):
        for tcp in (False, True):
            reply = lab.ask(name, "A", tcp=tcp, do=do)
            assert is_whole(lab, reply, do) and set(ttls(reply)) == {ZONE}, reply


def test_stale(lab, upstream):
    """An old one, while it is refreshed and when that fails, has no longer TTL than a new one."""
    upstream.both("old.example.net", nxdomain(1))
    lab.add("old 3600 " + alias("old.example.net"))
    lab.warm("old.example.com")
    upstream.both("old.example.net", failure("SERVFAIL"))

    def stale():
        reply = lab.ask("old.example.com", do=True)
        assert set(ttls(reply)) <= {0, 1}
        return ede(reply) == STALE
    until(stale)
    upstream.host("old.example.net", "192.0.2.7")
    until(lambda: is_answer(lab.ask("old.example.com"), "192.0.2.7"), 10)
