# SPDX-License-Identifier: GPL-2.0-or-later
"""A signed zone on a primary and on a secondary that does not sign it, both real: without the keys on the secondary, with
copies of some, and while the primary rolls its keys.
"""

import contextlib

import pytest

import lab as labs
import proof
from client import addresses, has, is_answer, is_nodata, rrset
from delv import Delv
from keycopy import KEYS, copy_keys, signing_keys
from knotd import QUICK_HEAD, Knotd, Zone
from test_key_rollover import ASKED, TEXT, V4, V6, Asking, asking_all, keymgr
from timing import until
from validators import VALIDATORS, anchor, fresh, is_signed, proven

ZONE = "example.com"
OWNERS = ["", "www", "*.wild"]
BRIEF = "    dnskey-ttl: 1\n    zone-max-ttl: 1\n    propagation-delay: 3\n"
POLICY = f"policy:\n  - id: test\n{BRIEF}"
MANUAL = f"policy:\n  - id: test\n    manual: on\n{BRIEF}"
SIGNING = "dnssec-signing: on\ndnssec-policy: test\n"


class Secondary(Knotd):
    """All its zones come by transfer."""

    def write_zone(self, zone):
        pass


@contextlib.contextmanager
def pair(place, upstream, primary=POLICY, secondary=""):
    """A primary and a secondary with these policies; "" for none, and no signing."""
    upstream.host("t.example.net", V4, V6)
    servers = []
    for sort, policy, link in ((Knotd, primary, "notify"), (Secondary, secondary, "master")):
        zone = Zone(ZONE, TEXT, extra=f"{SIGNING if policy else ''}{link}: other", head=QUICK_HEAD)
        servers.append(sort(place(), [zone], {"default": labs.options(upstream)}, {"automatic-acl": "on"}))
    for server, other, policy in zip(servers, reversed(servers), (primary, secondary)):
        server.extra = f"remote:\n  - id: other\n    address: 127.0.0.1@{other.port}\n{policy}"
    with servers[0], servers[1]:
        yield servers


def wait_signed(*servers):
    for server in servers:
        until(lambda server=server: is_signed(server, ZONE), 20)


def wait_warm(upstream, server):
    """Until it has the targets and, of the keys, what is to be had."""
    wait_signed(server)
    lab = labs.Lab(server, upstream)
    for owner in ("", "www.", "x.wild."):
        lab.warm(owner + ZONE)
        lab.settle(owner + ZONE, do=True)


def keys(server):
    return set(rrset(server.ask(ZONE, "DNSKEY", tcp=True), "DNSKEY"))


def check_denied(server):
    """Clients with DO get what the primary has signed, others the addresses."""
    zone = proof.Zone(server, ZONE)
    for label, rdtype, expected in ASKED:
        reply = server.ask(label + ZONE, rdtype, tcp=True, do=True)
        assert not addresses(reply, rdtype) and has(reply, "AA"), reply
        zone.check(reply, zone.keys(), truth=False)
        if expected:
            assert is_nodata(reply)
            assert is_answer(server.ask(label + ZONE, rdtype, tcp=True), *expected, rdtype=rdtype)


def check_signed(server, other):
    """Its replies are proven, also by the keys that the other one publishes: a resolver asks either."""
    zone = proof.Zone(server, ZONE, OWNERS)
    for label, rdtype, expected in ASKED:
        reply = zone.ask(label + ZONE, rdtype, tcp=True)
        assert addresses(reply, rdtype) == expected, reply
        zone.check(reply, proof.Zone(other, ZONE).keys())


def roll(primary, kind="zsk"):
    """Begin a rollover. Returns a function that says whether it is over on a server."""
    old = keys(primary)
    primary.knotc("-b", "zone-key-rollover", ZONE, kind)
    return lambda server: keys(server) != old and len(keys(server)) == len(old)


def test_without_keys(place, upstream):
    """Clients with DO get the zone as the primary signed it; nothing is bogus; the log says which key is missing."""
    with pair(place, upstream) as (primary, secondary):
        wait_warm(upstream, secondary)
        check_denied(secondary)
        with fresh(place, secondary, "unbound", ZONE) as validator:
            for label, rdtype, _ in ASKED:
                assert not proven(validator, label + ZONE, rdtype).answer
        [file] = signing_keys(primary)
        [line] = [line for line in secondary.log().splitlines() if "signed elsewhere" in line]
        assert f"ID {file.removesuffix('.pem')} " in line and "error" in line
        # Nothing was made in its place.
        assert not (secondary.path / KEYS).exists()


@pytest.mark.parametrize("denial", ["nsec", "nsec3"])
def test_one_key(place, upstream, denial):
    """A copy of the one key that signs is enough, whenever it comes: it is looked for by itself."""
    policy = POLICY + ("    nsec3: on\n" if denial == "nsec3" else "")
    with pair(place, upstream, policy) as (primary, secondary):
        wait_warm(upstream, secondary)
        check_denied(secondary)
        copy_keys(primary, secondary)
        assert len(list((secondary.path / KEYS).iterdir())) == 1 < len(keys(primary))
        until(lambda: rrset(secondary.ask(f"www.{ZONE}", do=True, tcp=True), "RRSIG"), 15)
        check_signed(secondary, primary)
        for sort in VALIDATORS:
            with fresh(place, secondary, sort, ZONE) as validator:
                for label, rdtype, expected in ASKED:
                    assert addresses(proven(validator, label + ZONE, rdtype), rdtype) == expected
        delv = Delv(place(), secondary.port, ZONE, anchor(secondary, ZONE))
        assert delv.ask(f"www.{ZONE}").is_validated
        # A reload of one whose key is gone goes on with what it has read.
        secondary.reload()
        check_signed(secondary, primary)
        assert secondary.log().count("ALIAS is not served") == 1


def test_other_keys(place, upstream):
    """Keys that the zone publishes, but that do not sign it, are never used, and neither is one that it does not have."""
    with pair(place, upstream) as (primary, secondary):
        wait_signed(primary)
        signers = signing_keys(primary)
        keymgr(primary, ZONE, "generate", "zsk=yes", "ksk=no", "active=+1y")
        keymgr(primary, "other.example", "generate", "zsk=yes", "ksk=no")
        primary.knotc("-b", "zone-keys-load", ZONE)
        others = [path.name for path in (primary.path / KEYS).iterdir() if path.name not in signers]
        assert len(others) == 3  # with the KSK
        copy_keys(primary, secondary, others)
        wait_warm(upstream, secondary)
        until(lambda: len(keys(secondary)) == 3)
        check_denied(secondary)
        copy_keys(primary, secondary, signers)
        until(lambda: rrset(secondary.ask(f"www.{ZONE}", do=True, tcp=True), "RRSIG"), 15)
        check_signed(secondary, primary)


def test_rollover(place, upstream):
    """With its keys copied again and again, a rollover on the primary leaves no gap on the secondary."""
    with pair(place, upstream) as (primary, secondary):
        wait_signed(primary)
        copy_keys(primary, secondary)
        wait_warm(upstream, secondary)
        with asking_all(place, secondary, ZONE, ZONE) as asking:
            is_over = roll(primary)

            def done():
                copy_keys(primary, secondary)
                return asking.failures or (is_over(primary) and is_over(secondary))
            until(done, 40, step=0.2)
            count = asking.replies
            until(lambda: asking.failures or asking.replies > count + 500)
        check_signed(secondary, primary)
        assert len(list((secondary.path / KEYS).iterdir())) == 2


def test_late_copy(place, upstream):
    """A copy that comes too late makes names lose their addresses, never bogus; they come back with it."""
    with pair(place, upstream) as (primary, secondary):
        wait_signed(primary)
        copy_keys(primary, secondary)
        wait_warm(upstream, secondary)
        with fresh(place, secondary, "unbound", ZONE) as validator:
            def check(name, rdtype, expected):
                assert addresses(proven(validator, name, rdtype), rdtype) in (expected, [])
            asking = Asking()
            asking.start(check, ZONE)
            try:
                is_over = roll(primary)
                until(lambda: asking.failures or is_over(secondary), 40, step=0.2)
                assert not asking.failures, asking.failures[0]
                check_denied(secondary)
                copy_keys(primary, secondary)
                until(lambda: addresses(secondary.ask(f"www.{ZONE}", do=True, tcp=True)), 15)
                check_signed(secondary, primary)
                until(lambda: addresses(proven(validator, f"www.{ZONE}", "A")))
            finally:
                asking.stop()
            assert not asking.failures, asking.failures[0]
        assert secondary.log().count("ALIAS is not served") == 1


def test_unsigned_primary(place, upstream):
    """A hidden primary need not sign: the secondary signs all, with keys that were imported there."""
    with pair(place, upstream, primary="", secondary=MANUAL) as (primary, secondary):
        keymgr(secondary, ZONE, "generate", "ksk=yes", "zsk=yes")
        secondary.knotc("zone-refresh", ZONE)
        wait_warm(upstream, secondary)
        check_signed(secondary, secondary)
        primary.add("new 60 TXT text")
        until(lambda: rrset(secondary.ask(f"new.{ZONE}", "TXT", tcp=True, do=True), "RRSIG"), 10)
        proof.Zone(secondary, ZONE, OWNERS).ask(f"new.{ZONE}", "TXT")
