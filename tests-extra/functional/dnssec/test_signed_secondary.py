# SPDX-License-Identifier: GPL-2.0-or-later
"""A signed zone on a primary and a secondary, both real: without the keys on the secondary, with a copy of them, and while
the primary rolls its keys.
"""

import contextlib

import pytest

import lab as labs
import proof
from client import addresses, has, is_answer, is_nodata, rrset
from keycopy import copy_keys
from knotd import QUICK_HEAD, Knotd, Zone
from test_key_rollover import ASKED, TEXT, V4, V6, Asking, keymgr
from timing import until
from validators import fresh, is_signed

ZONE = "example.com"
OWNERS = ["", "www", "*.wild"]
BRIEF = "    dnskey-ttl: 1\n    zone-max-ttl: 1\n    propagation-delay: 3\n"
AUTOMATIC, MANUAL = f"policy:\n  - id: test\n{BRIEF}", f"policy:\n  - id: test\n    manual: on\n{BRIEF}"
SIGNING = "dnssec-signing: on\ndnssec-policy: test\n"


class Secondary(Knotd):
    """All its zones come by transfer."""

    def write_zone(self, zone):
        pass


@contextlib.contextmanager
def pair(place, upstream, primary=AUTOMATIC, secondary=""):
    """A primary and a secondary with these policies; "" for none, and no signing."""
    upstream.host("t.example.net", V4, V6)
    servers = []
    for sort, policy, link in ((Knotd, primary, "notify"), (Secondary, secondary, "master")):
        zone = Zone(ZONE, TEXT, extra=f"{SIGNING if policy else ''}{link}: other", head=QUICK_HEAD)
        servers.append(sort(place(), [zone], {"default": labs.options(upstream)}, {"automatic-acl": "on"}))
    for server, other, policy in zip(servers, reversed(servers), (primary, secondary)):
        server.extra = f"remote:\n  - id: other\n    address: 127.0.0.1@{other.port}\n{policy}"
    with servers[0], servers[1]:
        if primary:
            until(lambda: is_signed(servers[0], ZONE), 20)
        yield servers


def wait_warm(upstream, *servers):
    for server in servers:
        until(lambda server=server: is_signed(server, ZONE), 20)
        lab = labs.Lab(server, upstream)
        for owner in ("", "www.", "x.wild."):
            lab.warm(owner + ZONE)
            until(lambda lab=lab, owner=owner: rrset(lab.settle(owner + ZONE, do=True), "RRSIG"))


def keys(server):
    return set(rrset(server.ask(ZONE, "DNSKEY", tcp=True), "DNSKEY"))


def check_crossed(primary, secondary):
    """Each server's replies are proven, also by the keys that the other one publishes: a resolver asks either."""
    zones = [proof.Zone(server, ZONE, OWNERS) for server in (primary, secondary)]
    for zone, other in (zones, reversed(zones)):
        for label, rdtype, expected in ASKED:
            reply = zone.ask(label + ZONE, rdtype, tcp=True)
            assert addresses(reply, rdtype) == expected, reply
            other.check(reply, other.keys())


def test_without_keys(place, upstream):
    """Clients with DO get the zone as the primary signed it, others the addresses; nothing is bogus; the log says why."""
    with pair(place, upstream) as (primary, secondary):
        until(lambda: is_signed(secondary, ZONE), 20)
        for label, rdtype, expected in ASKED:
            if expected:
                assert is_nodata(secondary.ask(label + ZONE, rdtype, tcp=True, do=True))
                until(lambda label=label, rdtype=rdtype, expected=expected: is_answer(
                    secondary.ask(label + ZONE, rdtype, tcp=True), *expected, rdtype=rdtype))
        with fresh(place, secondary, "unbound", ZONE) as validator:
            for label, rdtype, _ in ASKED:
                reply = validator.ask(label + ZONE, rdtype, do=True)
                assert has(reply, "AD") and not reply.answer
        assert secondary.log().count("the zone is signed elsewhere") == 1
        wait_warm(upstream, primary)


def test_no_keys_no_zone(place, upstream):
    """With signing and a manual policy, but before it has the keys, the secondary serves nothing."""
    with pair(place, upstream, secondary=MANUAL) as (primary, secondary):
        until(lambda: "no keys are available" in secondary.log())
        assert not rrset(secondary.ask(ZONE, "SOA"), "SOA")
        copy_keys(primary, secondary)
        wait_warm(upstream, primary, secondary)
        check_crossed(primary, secondary)


@pytest.mark.parametrize("kind", ["zsk", "ksk"])
def test_rollover(place, upstream, kind):
    """With its keys copied again and again, a rollover of the primary is one of the secondary, without a gap."""
    with pair(place, upstream, secondary=MANUAL) as (primary, secondary):
        def check(name, rdtype, expected):
            reply = secondary.ask(name, rdtype, tcp=True, do=True)
            assert addresses(reply, rdtype) == expected and (rrset(reply, "RRSIG") or not expected), f"{reply}"
        copy_keys(primary, secondary)
        wait_warm(upstream, primary, secondary)
        asking, old, seen = Asking(), keys(primary), set()
        asking.start(check, ZONE)
        try:
            primary.knotc("-b", "zone-key-rollover", ZONE, kind)

            def done():
                copy_keys(primary, secondary)
                # What differs until the copy is complete is published by both: propagation-delay.
                check_crossed(primary, secondary)
                assert not asking.failures, asking.failures[0]
                seen.update(map(len, (keys(primary), keys(secondary))))
                if kind == "ksk":
                    primary.knotc("zone-ksk-submitted", ZONE, check=False)
                return keys(primary) == keys(secondary) != old and len(keys(primary)) == len(old)
            until(done, 40)
        finally:
            asking.stop()
        assert max(seen) == len(old) + 1


def test_late_copy(place, upstream):
    """Without new copies the secondary goes on with the old keys, and can't verify what the primary signs; a copy mends it."""
    with pair(place, upstream, secondary=MANUAL) as (primary, secondary):
        copy_keys(primary, secondary)
        wait_warm(upstream, primary, secondary)
        zones = [proof.Zone(server, ZONE, OWNERS) for server in (primary, secondary)]
        old = keys(primary)
        primary.knotc("-b", "zone-key-rollover", ZONE, "zsk")
        until(lambda: keys(primary) != old and len(keys(primary)) == len(old), 40)
        primary.add("new 60 TXT text")
        until(lambda: rrset(secondary.ask(f"new.{ZONE}", "TXT"), "TXT"), 10)
        assert keys(secondary) == old
        for name, rdtype in ((f"www.{ZONE}", "A"), (f"new.{ZONE}", "TXT")):
            assert zones[1].ask(name, rdtype, tcp=True).answer
            with pytest.raises(AssertionError, match="not published"):
                zones[1].check(zones[0].ask(name, rdtype, tcp=True), zones[1].keys())
        copy_keys(primary, secondary)
        until(lambda: keys(secondary) == keys(primary))
        check_crossed(primary, secondary)


def test_unsigned_primary(place, upstream):
    """A hidden primary need not sign: the secondary signs all, with keys that were imported there."""
    with pair(place, upstream, primary="", secondary=MANUAL) as (primary, secondary):
        keymgr(secondary, ZONE, "generate", "ksk=yes", "zsk=yes")
        secondary.knotc("zone-refresh", ZONE)
        wait_warm(upstream, secondary)
        zone = proof.Zone(secondary, ZONE, OWNERS)
        for label, rdtype, expected in ASKED:
            assert addresses(zone.ask(label + ZONE, rdtype, tcp=True), rdtype) == expected
        primary.add("new 60 TXT text")
        until(lambda: rrset(secondary.ask(f"new.{ZONE}", "TXT", tcp=True, do=True), "RRSIG"), 10)
        zone.ask(f"new.{ZONE}", "TXT")
