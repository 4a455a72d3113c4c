# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys rolled on a live server by a policy of seconds, with validators asking all along: nothing bogus.

The parent zone lies on the same server; Knot itself pushes the DS there and looks for it.
"""

import contextlib
import subprocess
import threading
import time

import dns.dnssec
import dns.rcode
import dns.rdatatype
import pytest

import lab as labs
from client import addresses, alias, has, rrset
from delv import Delv
from knotd import KEYMGR, QUICK_HEAD, Knotd, Zone
from timing import seconds, until
from validators import VALIDATORS, anchor, fresh, is_signed

V4, V6 = "192.0.2.1", "2001:db8::1"

PARENT = "example"

OLD, NEW = "ecdsap256sha256", "ed25519"  # algorithms

# What is rolled, and what the zone's policy has besides; a key of the CSK scheme rolls as a KSK
ROLLS = {"zsk": "nsec3: off", "ksk": "nsec3: on", "csk": "single-type-signing: on", "algorithm": "nsec3: off"}

# The same for zones whose signatures do not last, and whose keys are changed by hand
OTHERS = {"short": "rrsig-lifetime: 8\n    rrsig-refresh: 4\n    rrsig-pre-refresh: 0", "hand": "nsec3: on"}

ZONES = {**ROLLS, **OTHERS}

TEXT = "\n".join(f"{owner} 1 {alias('t.example.net')}" for owner in ("@", "www", "*.wild"))

# What is asked for, and what is there
ASKED = [("www.", "A", [V4]), ("www.", "MX", []), ("", "AAAA", [V6]), ("x.wild.", "A", [V4]),
         ("x.www.", "A", []), ("www.", "AAAA", [V6]), ("", "HTTPS", []), ("0.", "AAAA", []), ("", "A", [V4])]

CONFIG = """\
remote:
  - id: self
    address: 127.0.0.1@{port}
submission:
  - id: parent
    parent: self
    check-interval: 1
    timeout: 0
policy:
  - id: parent
    dnskey-ttl: 1
{policies}"""

POLICY = """\
  - id: {zone}
    algorithm: {algorithm}
    dnskey-ttl: 1
    zone-max-ttl: 1
    propagation-delay: 2
    ksk-submission: parent
    ds-push: self
    {more}
"""


def config(knot, algorithm=OLD):
    """The policies; only the zone whose algorithm rolls ever has another one."""
    policies = "".join(
        POLICY.format(zone=zone, more=more, algorithm=algorithm if zone == "algorithm" else OLD)
        for zone, more in ZONES.items())
    return CONFIG.format(port=knot.port, policies=policies)


def signing(policy):
    return f"dnssec-signing: on\ndnssec-policy: {policy}"


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    upstream.host("t.example.net", V4, V6)
    delegations = "\n".join(f"{label} NS ns.{label}\nns.{label} A 127.0.0.1" for label in ZONES)
    parent = Zone(PARENT, delegations, module="", extra=signing("parent"), head=QUICK_HEAD)
    zones = [Zone(f"{label}.{PARENT}", TEXT, extra=signing(label), head=QUICK_HEAD) for label in ZONES]
    # All may push their DS at a time, each waiting for the update of the parent.
    knot = Knotd(place(), [parent, *zones], {"default": labs.options(upstream)}, {"background-workers": 8})
    knot.extra = config(knot)
    with knot:
        for zone in knot.zones:
            until(lambda: is_signed(knot, zone.name), 20)
        for zone in zones:
            labs.Lab(knot, upstream, zone.name).warm(zone.name)
            until(lambda: ds(knot, zone.name), 20)
        yield knot


def ds(knot, zone):
    return rrset(knot.ask(zone, "DS", tcp=True), "DS")


def keys(knot, zone):
    """(flags, algorithm, key) of the zone's keys."""
    found = rrset(knot.ask(zone, "DNSKEY", tcp=True), "DNSKEY")
    return {(key.flags, key.algorithm, key.key) for key in found}


class Asking:
    """Threads that ask, each its own validator, until told to stop; `failures` are what must not be."""

    def __init__(self):
        self.failures, self.replies = [], 0
        self.threads, self.enough = [], threading.Event()

    def start(self, check, zone):
        def run():
            while not self.enough.is_set():
                for label, rdtype, expected in ASKED:
                    try:
                        check(label + zone, rdtype, expected)
                    except Exception as failure:
                        self.failures.append(f"{time.strftime('%T')} {failure!r}")
                    self.replies += 1
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def stop(self):
        self.enough.set()
        for thread in self.threads:
            thread.join()


def asks_validator(validator):
    def check(name, rdtype, expected):
        reply = validator.ask(name, rdtype, do=True)
        assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and has(reply, "AD"), f"{reply}"
        assert addresses(reply, rdtype) == expected, f"{reply}"
    return check


def asks_delv(delv):
    def check(name, rdtype, expected):
        answer = delv.ask(name, rdtype)
        assert answer.is_validated and answer.addresses(rdtype) == expected, answer.text
    return check


def asks_knotd(knot, zone):
    """Each signature is by the keys that sign the zone at that moment, or the published ones of them.

    Those from before serve while new ones are read.
    """
    def check(name, rdtype, expected):
        def is_right():
            before = states(knot, zone)
            reply = knot.ask(name, rdtype, do=True, tcp=True)
            right = [*before, *states(knot, zone)]
            assert addresses(reply, rdtype) == expected, f"{reply}"
            return all(found in right for found in signers(reply))
        until(is_right, 2, step=0.02)
    return check


def states(knot, zone):
    """What signs the zone's SOA, and what of that is in the DNSKEY set: a new algorithm is not, at first."""
    [active] = signers(knot.ask(zone, "SOA", do=True, tcp=True))
    published = {(dns.dnssec.key_id(key), key.algorithm)
                 for key in rrset(knot.ask(zone, "DNSKEY", tcp=True), "DNSKEY")}
    return active, active & published


def signers(reply):
    """(tag, algorithm) of the signatures of each RRset."""
    return [{(signature.key_tag, signature.algorithm) for signature in found}
            for section in (reply.answer, reply.authority) for found in section
            if found.rdtype == dns.rdatatype.RRSIG]


def begin(knot, roll):
    if roll == "algorithm":
        knot.extra = config(knot, NEW)
        knot.reload()
    else:
        knot.knotc("zone-key-rollover", f"{roll}.{PARENT}", "zsk" if roll == "zsk" else "ksk")


def is_done(roll, old, new):
    """Whether just those keys are new that had to be, and no others are left."""
    kept = {"zsk": {257}, "ksk": {256}}.get(roll, set())
    return len(new) == len(old) and {flags for flags, _, _ in old & new} == kept


@contextlib.contextmanager
def asking_all(place, knot, zone, trusted=PARENT):
    """Meanwhile all validators, which trust the keys of a zone, ask, and knotd's own replies are looked at; at the end
    nothing has failed.
    """
    asking = Asking()
    with contextlib.ExitStack() as stack:
        validators = [stack.enter_context(fresh(place, knot, sort, trusted)) for sort in VALIDATORS]
        stack.callback(asking.stop)
        for check in (*map(asks_validator, validators), asks_knotd(knot, zone),
                      asks_delv(Delv(place(), knot.port, trusted, anchor(knot, trusted)))):
            asking.start(check, zone)
        yield asking
    assert not asking.failures, "\n".join(asking.failures[:10])


@pytest.mark.parametrize("roll", ROLLS)
def test_rollover(place, knot, roll):
    """From the first step of the roll to the last one all answers are there and proven."""
    zone = f"{roll}.{PARENT}"
    old = keys(knot, zone)
    with asking_all(place, knot, zone) as asking:
        begin(knot, roll)
        until(lambda: asking.failures or is_done(roll, old, keys(knot, zone)), 35, step=0.2)
        done = asking.replies
        until(lambda: asking.failures or asking.replies > done + 500)


def test_renewal(place, knot):
    """Signatures that expire within seconds are renewed before they do."""
    seen, zone = set(), f"short.{PARENT}"

    def renewed(times):
        signature = rrset(knot.ask(f"www.{zone}", "A", tcp=True, do=True), "RRSIG")[0]
        seen.add(signature.expiration)
        return len(seen) > times
    with asking_all(place, knot, zone) as asking:
        until(lambda: asking.failures or renewed(2), 20, step=0.2)


def keymgr(knot, zone, *arguments):
    done = subprocess.run([KEYMGR, "-c", "knot.conf", zone, *arguments], cwd=knot.path, capture_output=True,
                          text=True, timeout=seconds(20), check=True)
    return done.stdout


def test_keys_by_hand(knot):
    """A key that an administrator adds signs from when it is active, and one that is retired no longer."""
    zone = f"hand.{PARENT}"
    check = asks_knotd(knot, zone)

    def loaded():
        knot.knotc("-b", "zone-keys-load", zone)
        for label, rdtype, expected in ASKED:
            check(label + zone, rdtype, expected)
        return states(knot, zone)[0]
    [old] = [line.split() for line in keymgr(knot, zone, "list").splitlines() if " ZSK " in line]
    before = loaded()
    new = keymgr(knot, zone, "generate", "zsk=yes", "ksk=no", "active=+1y").strip()
    assert loaded() == before
    keymgr(knot, zone, "set", new, "active=+0")
    assert len(loaded()) == 2
    keymgr(knot, zone, "set", old[0], "retire=+0")
    assert not loaded() & before
