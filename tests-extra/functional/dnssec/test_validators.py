# SPDX-License-Identifier: GPL-2.0-or-later
"""Signed zones: every record of every reply judged, and validating resolvers that must believe all of it.

Resolvers that use denials they have cached (RFC 8198) take an NSEC that tells half of the truth for all
of it: they are given denials first, and asked for addresses then.
"""

import contextlib
import itertools

import dns.flags
import dns.rcode
import pytest

import lab as labs
from client import FAILED, addresses, alias, has, is_servfail, name_of
from delv import Delv
from knotd import QUICK_HEAD, Knotd, Zone
from signedzone import SignedZone, types_shown
from timing import until
from upstream import failure, host, nodata, nxdomain
from validators import VALIDATORS, anchor, fresh, is_signed, proven

V4, V6 = "192.0.2.1", "2001:db8::1"

# How zones are signed: the policy. Each way to deny has an algorithm of its own in KINDS, and others besides.
POLICIES = {
    "nsec": {"algorithm": "rsasha256"},
    "nsec3": {"algorithm": "ecdsap256sha256", "nsec3": "on", "nsec3-salt-length": 0},
    "optout": {"algorithm": "ed25519", "nsec3": "on", "nsec3-opt-out": "on", "nsec3-salt-length": 8},
    "csk": {"single-type-signing": "on", "algorithm": "ed25519"},
    "rsa": {"algorithm": "rsasha256", "nsec3": "on", "nsec3-salt-length": 0},
    "shown": {},
    "online": {},
}

# Their modules, where it is not mod-alias/default
MODULES = {"shown": "mod-alias/shown", "online": "[ mod-alias/default, mod-onlinesign ]"}

KINDS = ["nsec", "nsec3", "optout", "online"]

TEXT = "\n".join([
    "@ " + alias("both.example.net"), "@ TXT text",
    "www " + alias("both.example.net"), "www MX 10 mail",
    "*.wild " + alias("both.example.net"),
    "v4 " + alias("v4.example.net"), "v4 TXT text",
    "*.wild4 " + alias("v4.example.net"),
    "none " + alias("none.example.net"),
    "missing " + alias("missing.example.net"),
    "own " + alias("v4.example.net"), "own A 192.0.2.100", "own AAAA 2001:db8::100",
    "many " + alias("many.example.net"),
    "failing " + alias("failing.example.net"), "failing TXT text",
    "*.cname CNAME v4", "dname DNAME wild",
    "to CNAME www", "towild CNAME x.wild", "to4 CNAME v4", "tonothing CNAME nothing",
    "plain A 192.0.2.101", "plain TXT text",
    "*.plainwild A 192.0.2.102",
    "a.b.empty " + alias("both.example.net"),
    "insecure NS ns.insecure", "insecure2 NS ns.insecure", "ns.insecure A 192.0.2.103",
])

# Names of a zone by what they are
OWNERS = {"apex": "", "below": "www.", "wildcard": "x.wild."}

# Labels asked for, and the A and AAAA there; None if that is left open
BOTH, ONLY4, NEITHER = ([V4], [V6]), ([V4], []), ([], [])
ASKED = {
    "": BOTH, "www.": BOTH, "WWW.": BOTH, "x.wild.": BOTH, "y.z.wild.": BOTH, "*.wild.": BOTH,
    "v4.": ONLY4, "x.wild4.": ONLY4, "none.": NEITHER, "missing.": NEITHER,
    "own.": ([V4], ["2001:db8::100"]), "many.": None,
    "to.": BOTH, "towild.": BOTH, "to4.": ONLY4, "tonothing.": NEITHER,
    "x.cname.": ONLY4, "x.dname.": BOTH, "y.z.dname.": BOTH, "dname.": NEITHER,
    "plain.": (["192.0.2.101"], []), "x.plainwild.": (["192.0.2.102"], []),
    "a.b.empty.": BOTH, "b.empty.": NEITHER, "empty.": NEITHER,
    "wild.": NEITHER, "0.": NEITHER, "www0.": NEITHER, "x.www.": NEITHER, "wild0.": NEITHER, "x.v4.": NEITHER,
    "zz.": NEITHER,
    "ns.": (["127.0.0.1"], []), "insecure.": None, "x.insecure2.": None,
}
TYPES = ["A", "AAAA", "MX", "TXT", "NS", "SOA", "DS", "NSEC", "DNSKEY", "TYPE65401", "HTTPS", "CNAME", "ANY",
         "RRSIG"]

REFUSED = [("online", "TYPE65401"), ("online", "ANY")]

MANY = [f"2001:db8:1::{i:x}" for i in range(1, 65)]


def policies():
    """The policy sections, and the default for those not given."""
    lines = ["policy:"]
    for kind, settings in POLICIES.items():
        lines += [f"  - id: {kind}", *(f"    {key}: {value}" for key, value in settings.items())]
    return "\n".join(lines)


def quick_text(target):
    """Each of OWNERS, with one target."""
    return "\n".join(f"{owner} 1 {alias(target)}" for owner in ("@", "www", "*.wild"))


def zone_of(kind, name, text, **more):
    signing = "" if kind == "online" else f"dnssec-signing: on\ndnssec-policy: {kind}"
    return Zone(name, text, module=MODULES.get(kind, "mod-alias/default"), extra=signing, **more)


class ZoneLab(labs.Lab):
    """A lab that has its zones as they were transferred, by kind."""

    def __init__(self, knot, upstream):
        super().__init__(knot, upstream)
        self.zones = {kind: SignedZone(knot, f"{kind}.example", shown=kind == "shown") for kind in POLICIES}


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    upstream.host("both.example.net", V4, V6)
    upstream.host("v4.example.net", V4)
    upstream.host("none.example.net")
    upstream.both("missing.example.net", nxdomain())
    upstream.both("failing.example.net", failure("SERVFAIL"))
    upstream.script("many.example.net", "A", host(*(f"192.0.2.{i}" for i in range(1, 65))))
    upstream.script("many.example.net", "AAAA", host(*MANY))
    zones = [zone_of(kind, f"{kind}.example", TEXT) for kind in POLICIES]
    for kind in KINDS:
        turn(upstream, kind, [V4], [])
        text = quick_text(f"{kind}.turn.example.net")
        zones.append(zone_of(kind, f"{kind}-turn.example", text, head=QUICK_HEAD))
    sections = {"default": labs.options(upstream), "shown": labs.options(upstream, expose="on")}
    with Knotd(place(), zones, sections, extra=policies()) as knot:
        for zone in zones:
            until(lambda: is_signed(knot, zone.name), 20)
        lab = ZoneLab(knot, upstream)
        for label in ("", "v4.", "none.", "missing.", "many."):
            lab.warm(f"{label}online.example")
        yield lab


# Denials

MISSING = {"apex": ["0.", "x."], "below": ["www0.", "x.www."], "wildcard": ["wild0."]}

# What is asked at an owner and next to it before the addresses: labels and types
DENIALS = {
    "missing": lambda owner: itertools.product(MISSING[owner], ("A", "MX", "AAAA")),
    "types": lambda owner: itertools.product([OWNERS[owner]], ("HTTPS", "SRV", "TYPE65400")),
    "direct": lambda owner: [(OWNERS[owner], "TYPE65401"), (OWNERS[owner].replace("x.", "*."), "NSEC")],
}


def deny(validator, zone, kind, owner, denial):
    """Have a validator cache denials at one of OWNERS and next to it."""
    for label, rdtype in DENIALS[denial](owner):
        if (kind, rdtype) == ("online", "TYPE65401"):
            assert validator.ask(label + zone, rdtype).rcode() == dns.rcode.SERVFAIL  # REFUSED by mod-alias
            continue
        weak = kind == "optout" and (denial == "missing" or label == OWNERS["wildcard"])
        reply = proven(validator, label + zone, rdtype, weak)
        assert not reply.answer or rdtype == "NSEC", f"{reply}"


def same_owner(zone, owner):
    """Names that an owner of OWNERS answers for."""
    return [label + zone for label in ([OWNERS[owner]] if owner != "wildcard" else ["x.wild.", "y.wild."])]


# Replies of knotd

@pytest.mark.parametrize("kind, label", [
    (kind, label) for kind, label in itertools.product(POLICIES, ASKED)
    # What mod-onlinesign says below delegations and DNAME is Knot's own affair.
    if kind != "online" or not ("insecure" in label or "dname" in label)])
def test_records(lab, kind, label):
    """Whatever is asked, each record is signed, each denial true, and nothing is shown without DO."""
    zone = lab.zones[kind]
    name = f"{label}{kind}.example"
    for rdtype, do in itertools.product(TYPES, (True, False)):
        whole = lab.ask(name, rdtype, tcp=True, do=do)
        if whole.rcode() == dns.rcode.REFUSED:
            # No reply without the ALIAS could be proven: the NSEC of mod-onlinesign has all types of a name,
            # and in every zone RRSIG is one of them.
            assert not whole.answer and (rdtype == "RRSIG" or (kind, rdtype) in REFUSED), f"{whole}"
            continue
        check(zone, whole, do)
        reply = lab.ask(name, rdtype, do=do)
        if has(reply, "TC"):
            assert len(whole.raw) > 1232, f"{name} {rdtype}: {reply}"
        else:
            check(zone, reply, do)
            assert reply.rcode() == whole.rcode() and len(reply.answer) == len(whole.answer)


@pytest.mark.parametrize("label, rdtype", [
    ("towild.", "AAAA"), ("to4.", "AAAA"), ("x.wild4.", "AAAA"), ("x.wild.", "MX"), ("x.www.", "A"),
    ("", "HTTPS"), ("www.", "NSEC"), ("towild.", "TYPE65401"), ("x.dname.", "TYPE65401"), ("many.", "ANY")])
@pytest.mark.parametrize("kind", POLICIES)
def test_every_payload(lab, kind, label, rdtype):
    """Whatever the client can take: the whole reply, or TC, and nothing untrue along with it."""
    zone = lab.zones[kind]
    whole = lab.ask(f"{label}{kind}.example", rdtype, tcp=True, do=True)
    for payload in range(512, 1233, 8):
        reply = lab.ask(f"{label}{kind}.example", rdtype, edns=payload, do=True)
        assert len(reply.raw) <= payload and reply.rcode() == whole.rcode()
        if has(reply, "TC"):
            assert not (zone.chain and zone.hidden & types_shown(reply)), f"{payload}: {reply}"
        elif reply.rcode() != dns.rcode.REFUSED:
            assert content(reply) == content(whole), f"{payload}: {reply}"
            check(zone, reply)


def content(reply):
    """What is in the answer and authority sections, whatever the signatures."""
    return sorted((str(found.name), found.rdtype, found.covers, len(found))
                  for section in (reply.answer, reply.authority) for found in section)


def check(zone, reply, do=True):
    try:
        zone.check(reply, do)
    except Exception as failure:
        raise AssertionError(f"{failure}\n{reply}") from failure


@pytest.mark.parametrize("label", [label for label in ASKED if ASKED[label]])
@pytest.mark.parametrize("kind", POLICIES)
def test_addresses(lab, kind, label):
    """The addresses are the target's, with DO and without, over UDP and TCP."""
    name = f"{label}{kind}.example"
    for (rdtype, expected), tcp, do in itertools.product(zip(("A", "AAAA"), ASKED[label]), (False, True),
                                                         (False, True)):
        reply = lab.ask(name, rdtype, tcp=tcp, do=do)
        assert addresses(reply, rdtype) == sorted(expected), f"{reply}"


@pytest.mark.parametrize("kind", POLICIES)
def test_header(lab, kind):
    """AD and CD of a client are treated as with any other name."""
    for bits in itertools.product((0, dns.flags.AD), (0, dns.flags.CD), (0, dns.flags.RD)):
        www, plain = (lab.ask(f"{label}.{kind}.example", do=True, flags=sum(bits)).flags
                      for label in ("www", "plain"))
        assert www == plain


@pytest.mark.parametrize("kind", KINDS)
def test_failure(place, lab, kind):
    """A target that fails is SERVFAIL, with the reason, and never denied; the rest of the name is there."""
    name = f"failing.{kind}.example"
    for do, rdtype in itertools.product((True, False), ("A", "AAAA")):
        assert is_servfail(lab.settle(name, rdtype, do=do), FAILED)
    for sort in VALIDATORS:
        with fresh(place, lab.knot, sort, f"{kind}.example") as validator:
            for rdtype in ("A", "AAAA"):
                assert validator.ask(name, rdtype, do=True).rcode() == dns.rcode.SERVFAIL
            assert not proven(validator, name, "MX").answer
            assert proven(validator, name, "TXT").answer


@pytest.mark.parametrize("kind", KINDS)
def test_zone_changes(lab, kind):
    """What has been signed for one version of a zone is not what the next one needs."""
    name = f"{kind}-turn.example"
    asked = [("www.", "HTTPS"), ("www0.", "A"), ("new.", "A"), ("x.new.", "A"), ("", "MX")]
    for added in [], [f"new 1 {alias('both.example.net')}"], ["www 1 TXT text"], ["www5 1 TXT text"]:
        lab.knot.update(name, added)
        zone = SignedZone(lab.knot, name)
        for label, rdtype in asked:
            check(zone, lab.ask(label + name, rdtype, tcp=True, do=True))


# What validators make of them

@pytest.fixture(scope="module", name="validators")
def fixture_validators(place, lab):
    """One of each sort for all zones."""
    zones = [f"{kind}.example" for kind in POLICIES]
    with contextlib.ExitStack() as stack:
        yield {sort: stack.enter_context(fresh(place, lab.knot, sort, *zones)) for sort in VALIDATORS}


@pytest.mark.parametrize("kind", POLICIES)
@pytest.mark.parametrize("sort", VALIDATORS)
def test_all_is_proven(lab, validators, sort, kind):
    """Whatever a validator asks is proven, and the addresses are there."""
    for label, state in ASKED.items():
        if "insecure" in label:
            continue  # its servers are not there
        name = f"{label}{kind}.example"
        weak = kind == "optout" and not is_exact(lab.zones[kind], name)
        for rdtype in ("MX", "TXT", "HTTPS", "A", "AAAA"):
            reply = proven(validators[sort], name, rdtype, weak)
            if state and rdtype in ("A", "AAAA"):
                assert addresses(reply, rdtype) == sorted(state[rdtype == "AAAA"]), f"{reply}"


def is_exact(zone, name):
    return zone.source(name_of(name)) == name_of(name) and not name.startswith("to")


@pytest.mark.parametrize("denial", DENIALS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("sort", VALIDATORS)
def test_denials_hide_nothing(place, lab, sort, owner, kind, denial):
    """A validator that knows nothing but denials at an owner, or next to it, still gets the addresses."""
    zone = f"{kind}.example"
    with fresh(place, lab.knot, sort, zone) as validator:
        deny(validator, zone, kind, owner, denial)
        for name, (rdtype, address) in itertools.product(same_owner(zone, owner), (("AAAA", V6), ("A", V4))):
            reply = proven(validator, name, rdtype, kind == "optout" and owner == "wildcard")
            assert addresses(reply, rdtype) == [address], f"{reply}"


def test_denials_are_used(place):
    """What the test above relies on: a validator denies a name by a denial of another one that it knows."""
    zone = Zone("static.example", "a A 192.0.2.1", module="", extra="dnssec-signing: on")
    with contextlib.ExitStack() as stack:
        with Knotd(place(), [zone]) as knot:
            until(lambda: is_signed(knot, zone.name), 20)
            started = [stack.enter_context(fresh(place, knot, sort, zone.name))
                       for sort in ("aggressive", "kresd", "bind")]
            for validator in started:
                proven(validator, f"0.{zone.name}", "A")
        for validator in started:
            assert proven(validator, f"00.{zone.name}", "A").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("kind", POLICIES)
def test_delv(place, lab, kind):
    """delv, which takes nothing on trust but the key, believes addresses and denials."""
    zone = f"{kind}.example"
    delv = Delv(place(), lab.knot.port, zone, anchor(lab.knot, zone))
    for label, rdtype, expected, weak in (
            ("", "A", [V4], False), ("www.", "AAAA", [V6], False), ("x.wild.", "A", [V4], True),
            ("v4.", "A", [V4], False), ("v4.", "AAAA", [], False), ("x.wild4.", "AAAA", [], True),
            ("", "HTTPS", [], False), ("x.www.", "A", [], True)):
        answer = delv.ask(label + zone, rdtype)
        assert answer.is_validated or (weak and kind == "optout" and "unsigned" in answer.status), answer.text
        assert answer.addresses(rdtype) == expected, answer.text


# A target that changes

OLD, BOTH_NEW, NEW = ([V4], []), (["192.0.2.2"], [V6]), ([], ["2001:db8::2"])


def turn(upstream, kind, v4, v6):
    for rdtype, found in (("A", v4), ("AAAA", v6)):
        upstream.script(f"{kind}.turn.example.net", rdtype,
                        host(*found, ttl=1) if found else nodata(ttl=1, minimum=1))


@pytest.mark.parametrize("kind", KINDS)
def test_target_turns(place, lab, kind):
    """IPv4 only, then both, then IPv6 only: known to old validators within seconds, to new ones at once."""
    zone = f"{kind}-turn.example"
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(fresh(place, lab.knot, sort, zone)) for sort in VALIDATORS]
        for state in OLD, BOTH_NEW, NEW:
            turn(lab.upstream, kind, *state)
            for label in OWNERS.values():
                until(lambda: shows(lab, label + zone, state), 15)
            for sort, denial in itertools.product(VALIDATORS, DENIALS):
                with fresh(place, lab.knot, sort, zone) as new:
                    for owner in OWNERS:
                        deny(new, zone, kind, owner, denial)
                        assert learns(new, zone, kind, owner, state), (sort, owner, state)
            for validator, owner in itertools.product(old, OWNERS):
                until(lambda: learns(validator, zone, kind, owner, state), 10)
                for denial in DENIALS:
                    deny(validator, zone, kind, owner, denial)


def shows(lab, name, state):
    return all(addresses(lab.ask(name, rdtype, tcp=True), rdtype) == expected
               for rdtype, expected in zip(("A", "AAAA"), state))


def learns(validator, zone, kind, owner, state):
    """Whether it has the addresses of now, asked for what is denied first; whatever it has is proven."""
    weak = kind == "optout" and owner == "wildcard"
    order = sorted(zip(("A", "AAAA"), state), key=lambda wanted: len(wanted[1]))
    return all(addresses(proven(validator, name, rdtype, weak), rdtype) == expected
               for name in same_owner(zone, owner) for rdtype, expected in order)
