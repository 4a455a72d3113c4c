# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones signed by mod-onlinesign: every answer is proven by a validating resolver."""

import dns.flags
import dns.rcode
import pytest

import lab as labs
from client import ALIAS, addresses, alias, has, is_answer, is_truncated, rrset
from knotd import Knotd, Zone
from timing import until
from unbound import Unbound
from upstream import delayed, failure, host, nxdomain

SIGNED = "[ mod-alias/default, mod-onlinesign ]"

TEXT = "\n".join([
    "@ " + alias("both.example.net"), "@ TXT text",
    "both " + alias("both.example.net"),
    "v4 " + alias("v4.example.net"), "v4 TXT text",
    "none " + alias("none.example.net"),
    "missing " + alias("missing.example.net"),
    "*.wild " + alias("both.example.net"),
    "to CNAME both", "towild CNAME x.wild",
    *(f"c{i} CNAME c{i + 1}" for i in range(4)), "c4 CNAME both",
    "own " + alias("none.example.net"), "own A 192.0.2.100",
    "plain A 192.0.2.101",
    "big " + alias("big.example.net"),
    "failing " + alias("failing.example.net"),
    "cold " + alias("cold.example.net"),
])

BIG = [f"2001:db8::{i:x}" for i in range(1, 65)]


def anchor(knot, zone):
    """The zone's DNSKEY as a trust anchor file."""
    return rrset(knot.ask(zone, "DNSKEY", tcp=True), "DNSKEY").to_text() + "\n"


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    upstream.host("both.example.net", "192.0.2.1", "2001:db8::1")
    upstream.host("v4.example.net", "192.0.2.4")
    upstream.host("none.example.net")
    upstream.both("missing.example.net", nxdomain())
    upstream.host("big.example.net", *BIG)
    upstream.both("failing.example.net", failure("SERVFAIL"))
    zones = [Zone("example.com", TEXT, module=SIGNED)]
    with labs.lab(place, upstream, zones=zones) as lab:
        for label in ("both.", "v4.", "none.", "missing.", "big.", ""):
            lab.warm(f"{label}example.com")
        yield lab


@pytest.fixture(scope="module", name="validator")
def fixture_validator(place, lab):
    """An unbound that trusts the zone's key and thinks nothing of unsigned answers."""
    keys = {"example.com": anchor(lab.knot, "example.com")}
    with Unbound(place(), {"example.com": lab.knot.port}, keys) as unbound:
        yield unbound


def proven(validator, name, rdtype, tcp=False):
    """The validator's reply, proven; a signed one and a bare one."""
    for do in (True, False):
        reply = validator.ask(name, rdtype, tcp, do=do, flags=dns.flags.RD | dns.flags.AD)
        assert reply.rcode() == 0, reply.to_text()
        assert has(reply, "AD"), reply.to_text()
    return reply


@pytest.mark.parametrize("name, rdtype, expected", [
    ("both", "A", "192.0.2.1"), ("both", "AAAA", "2001:db8::1"), ("v4", "A", "192.0.2.4"),
    ("", "A", "192.0.2.1"), ("", "AAAA", "2001:db8::1"),
    ("x.wild", "A", "192.0.2.1"), ("y.z.wild", "AAAA", "2001:db8::1"),
    ("to", "A", "192.0.2.1"), ("towild", "A", "192.0.2.1"), ("own", "A", "192.0.2.100"),
    ("plain", "A", "192.0.2.101")])
def test_addresses(validator, name, rdtype, expected):
    """Flattened addresses are signed: exact names, the apex, wildcards, behind CNAMEs."""
    assert addresses(proven(validator, f"{name}.example.com".lstrip("."), rdtype), rdtype) == [
        expected]


def test_big_answer(lab, validator):
    """64 signed addresses are truncated over UDP, never SERVFAIL, and whole over TCP."""
    for edns, do in ((None, False), (512, True), (1232, False), (1232, True), (4096, True)):
        reply = lab.ask("big.example.com", "AAAA", edns=edns, do=do)
        assert has(reply, "TC") and reply.rcode() == 0
    reply = lab.ask("big.example.com", "AAAA", tcp=True, do=True)
    assert addresses(reply, "AAAA") == sorted(BIG)
    assert rrset(reply, "RRSIG")
    reply = proven(validator, "big.example.com", "AAAA", tcp=True)
    assert addresses(reply, "AAAA") == sorted(BIG)


@pytest.mark.parametrize("count", range(20, 45))
def test_every_size(lab, count):
    """Whatever the size: the whole answer with its signature, or TC; never SERVFAIL."""
    name, target = lab.alias(f"size-{count}")
    lab.upstream.script(target, "AAAA", host(*BIG[:count]))
    lab.upstream.script(target, "A", host(*(f"192.0.2.{i}" for i in range(count + 20))))
    lab.warm(name)
    for rdtype in ("A", "AAAA"):
        whole = lab.ask(name, rdtype, tcp=True, do=True)
        reply = lab.ask(name, rdtype, do=True)
        assert reply.rcode() == 0 and rrset(whole, "RRSIG")
        if has(reply, "TC"):
            # Knot reserves nothing for what it may add: a little room may be left unused.
            assert len(whole.raw) > 1000
        else:
            assert addresses(reply, rdtype) == addresses(whole, rdtype) and rrset(reply, "RRSIG")


def test_every_payload(lab):
    """The same behind CNAMEs, each with its signature, for whatever the client can take."""
    whole = lab.ask("c0.example.com", tcp=True, do=True)
    assert addresses(whole) == ["192.0.2.1"] and len(whole.answer) == 12
    for payload in range(512, 1232, 16):
        reply = lab.ask("c0.example.com", edns=payload, do=True)
        assert reply.rcode() == 0
        assert has(reply, "TC") or len(reply.answer) == len(whole.answer), payload


@pytest.mark.parametrize("count", range(12, 26))
def test_every_size_behind_long_name(lab, count):
    """The same where the way leads over a long name, whose signature has to repeat it."""
    name, target = lab.alias(f"end-{count}")
    long = ".".join(["c" * 60, "d" * 60, f"e{count}"])
    lab.add(f"start-{count} 60 CNAME {long}.example.com.", f"{long} 60 CNAME {name}.")
    lab.upstream.script(target, "AAAA", host(*BIG[:count]))
    lab.upstream.script(target, "A", host("192.0.2.1"))
    lab.warm(name)
    reply = lab.ask(f"start-{count}.example.com", "AAAA", do=True)
    assert reply.rcode() == 0
    assert has(reply, "TC") or addresses(reply, "AAAA") == sorted(BIG[:count])


@pytest.mark.parametrize("name, rdtype", [
    ("v4", "AAAA"), ("none", "A"), ("none", "AAAA"), ("missing", "A"), ("missing", "AAAA"),
    ("own", "AAAA"), ("", "MX"), ("both", "MX"), ("both", "HTTPS"), ("x.wild", "MX"),
    ("x.wild", "TXT"), ("plain", "AAAA")])
def test_nodata(validator, name, rdtype):
    """What is not there is denied with proof: a family of the target, other types at the name."""
    assert not proven(validator, f"{name}.example.com".lstrip("."), rdtype).answer


def test_other_data(validator):
    """Other types of the name are signed as ever, and other names denied."""
    assert rrset(proven(validator, "example.com", "TXT"), "TXT")
    assert rrset(proven(validator, "v4.example.com", "TXT"), "TXT")
    reply = validator.ask("nothing.example.com", "A", do=True)
    assert has(reply, "AD") and not reply.answer


def test_denial_does_not_hide_addresses(place, lab):
    """A proven denial of one type does not lead the validator to deny the addresses."""
    keys = {"example.com": anchor(lab.knot, "example.com")}
    with Unbound(place(), {"example.com": lab.knot.port}, keys) as fresh:
        for rdtype in ("MX", "TYPE65400", "HTTPS"):
            assert not proven(fresh, "both.example.com", rdtype).answer
        assert addresses(proven(fresh, "both.example.com", "A")) == ["192.0.2.1"]
        assert not proven(fresh, "v4.example.com", "AAAA").answer
        assert addresses(proven(fresh, "v4.example.com", "A")) == ["192.0.2.4"]


@pytest.mark.parametrize("name", ["both.example.com", "example.com", "x.wild.example.com"])
def test_alias_is_refused(lab, name):
    """The ALIAS itself is REFUSED: its absence could not be proven."""
    for way in (dict(), dict(do=True), dict(tcp=True), dict(edns=None)):
        reply = lab.ask(name, "TYPE65401", **way)
        assert reply.rcode() == dns.rcode.REFUSED
        assert not reply.answer


@pytest.mark.parametrize("name", ["both.example.com", "example.com", "v4.example.com"])
def test_any(lab, name):
    """ANY does not show it either."""
    reply = lab.ask(name, "ANY", tcp=True, do=True)
    assert reply.rcode() == 0
    assert ALIAS not in {r.rdtype for r in reply.answer}


def test_cold(lab):
    """Never resolved: truncated over UDP, signed after the wait over TCP."""
    for rdtype, address in (("A", "192.0.2.9"), ("AAAA", "2001:db8::9")):
        lab.upstream.script("cold.example.net", rdtype, delayed(0.2, host(address)))
    assert is_truncated(lab.ask("cold.example.com", do=True))
    reply = lab.ask("cold.example.com", tcp=True, do=True)
    assert is_answer(reply, "192.0.2.9") and rrset(reply, "RRSIG")


def test_failure_is_not_a_denial(lab, validator):
    """A target that fails is SERVFAIL also here, and never denied."""
    for do in (True, False):
        assert lab.settle("failing.example.com", do=do).rcode() == dns.rcode.SERVFAIL
    assert validator.ask("failing.example.com", do=True).rcode() == dns.rcode.SERVFAIL


def test_change_is_signed(lab, validator):
    """Changed addresses carry a new signature."""
    name, target = lab.alias("change", "192.0.2.5", ttl=1, target_ttl=1)
    lab.warm(name)
    assert addresses(proven(validator, name, "A")) == ["192.0.2.5"]
    lab.upstream.host(target, "192.0.2.6", ttl=1)
    until(lambda: addresses(validator.ask(name)) == ["192.0.2.6"], 15)
    assert addresses(proven(validator, name, "A")) == ["192.0.2.6"]


def test_without_do(lab):
    """Without DO the answer is as in a plain zone."""
    reply = lab.ask("both.example.com")
    assert is_answer(reply, "192.0.2.1") and not rrset(reply, "RRSIG")


def test_template(place, upstream):
    """Both modules by way of a template; in the wrong order there they are refused for each of its zones."""
    upstream.host("both.example.net", "192.0.2.1", "2001:db8::1")
    zone = Zone("example.com", "@ " + alias("both.example.net"), module="")
    with Knotd(place(), [zone], {"default": labs.options(upstream)}) as knot:
        for order in (SIGNED, "[ mod-onlinesign, mod-alias/default ]"):
            knot.template = [f"    module: {order}"]
            knot.reload()
            if order == SIGNED:
                until(lambda: is_answer(knot.ask("example.com", tcp=True), "192.0.2.1"))
                assert rrset(knot.ask("example.com", do=True), "RRSIG")
            else:
                knot.wait_log("error: [example.com.] module 'mod-alias/default', must be listed before mod-onlinesign")
