# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones that are signed elsewhere: never a bogus answer."""

import dataclasses

import dns.rcode
import pytest

import lab as labs
from client import ALIAS, alias, has, is_answer, is_nodata, is_truncated, query, rrset
from knotd import Knotd
from unbound import Unbound
from upstream import host

TEXT = "\n".join([
    "@ " + alias("t.example.net"), "@ TXT text",
    "www " + alias("t.example.net"),
    "*.wild " + alias("t.example.net"),
    "to CNAME www",
    "own " + alias("t.example.net"), "own A 192.0.2.100",
    "plain A 192.0.2.101",
    "cold " + alias("cold.example.net"),
    *("many " + alias(f"t{i}.{'x' * 60}.example.net") for i in range(8)),
])

NAMES = ["www.example.com", "example.com", "x.wild.example.com", "to.example.com"]


@pytest.fixture(scope="module", name="signed")
def fixture_signed(place):
    return labs.presigned(place, TEXT)


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream, signed):
    upstream.host("t.example.net", "192.0.2.1", "2001:db8::1")
    with labs.lab(place, upstream, zones=[signed]) as lab:
        lab.settle("www.example.com", do=True)  # until it is known that there are no keys
        yield lab


@pytest.fixture(scope="module", name="validator")
def fixture_validator(place, lab):
    key = rrset(lab.ask("example.com", "DNSKEY", tcp=True), "DNSKEY").to_text() + "\n"
    with Unbound(place(), {"example.com": lab.knot.port}, {"example.com": key}) as unbound:
        yield unbound


@pytest.mark.parametrize("name", NAMES)
def test_without_do(lab, name):
    """Who does not ask for signatures gets the addresses."""
    for edns in (None, 1232):
        for rdtype, address in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1")):
            assert is_answer(lab.ask(name, rdtype, tcp=True, edns=edns), address, rdtype=rdtype)
            assert is_answer(lab.ask(name, rdtype, edns=edns), address, rdtype=rdtype)


def test_cold_without_do(lab):
    """The whole table holds there: cold is TC."""
    name = "cold.example.com"
    gate = lab.upstream.gate()
    lab.upstream.both("cold.example.net", gate(host("192.0.2.2")))
    assert is_truncated(lab.ask(name))
    assert is_nodata(lab.ask(name, do=True))
    gate.open()
    assert is_answer(lab.settle(name), "192.0.2.2")


@pytest.mark.parametrize("name", ["www.example.com", "example.com", "x.wild.example.com"])
def test_with_do(lab, name):
    """Who asks for signatures gets Knot's own denial, signed and whole."""
    for rdtype in ("A", "AAAA"):
        for tcp in (False, True):
            reply = lab.ask(name, rdtype, tcp=tcp, do=True)
            assert is_nodata(reply)
            assert rrset(reply, "NSEC", "authority") and reply.authority


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rdtype", ["A", "AAAA", "MX", "TXT"])
def test_never_bogus(validator, name, rdtype):
    """Whatever a validator asks is proven."""
    reply = validator.ask(name, rdtype, do=True)
    assert reply.rcode() == dns.rcode.NOERROR and has(reply, "AD")


def test_log(lab):
    """One error says what to do."""
    for name in NAMES:
        lab.ask(name, do=True)
    assert lab.knot.log().count("the zone is signed elsewhere") == 1


def test_truncated(lab):
    """The record stays hidden also where it has room, but not with its signature."""
    truncated = 0
    for size in range(512, 1232, 16):
        for rdtype in ("TYPE65401", "ANY"):
            reply = lab.ask("many.example.com", rdtype, do=True, edns=size)
            assert all(found.rdtype != ALIAS for found in reply.answer)
            truncated += has(reply, "TC")
    assert truncated > 0


def test_own_addresses(lab, validator):
    """Own addresses are served as signed."""
    reply = lab.ask("own.example.com", do=True)
    assert is_answer(reply, "192.0.2.100") and rrset(reply, "RRSIG")
    reply = validator.ask("own.example.com", do=True)
    assert has(reply, "AD") and rrset(reply)[0].address == "192.0.2.100"


def test_own_reply(place, lab, signed):
    """With DO the reply is, but for nothing, that of a knotd without the module."""
    with Knotd(place(), [dataclasses.replace(signed, module="")]) as plain:
        for name in [*NAMES, "own.example.com", "plain.example.com", "no.example.com"]:
            for rdtype in ("A", "AAAA", "MX", "SOA", "DNSKEY"):
                wire = query(name, rdtype, do=True).to_wire()
                assert plain.ask_raw(wire) == lab.knot.ask_raw(wire)
