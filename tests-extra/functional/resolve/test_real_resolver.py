# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole way with real parts: knotd with the module, unbound, and the target's knotd."""

import ctypes
import time

import dns.name
import pytest

import lab as labs
from client import addresses, alias, is_answer, is_nodata, is_servfail, ttl
from knotd import Knotd, Zone
from timing import ms, until
from unbound import Unbound

TARGETS = """\
@ 60 A 198.51.100.1
host 60 A 198.51.100.2
host 60 AAAA 2001:db8::2
v4 60 A 198.51.100.3
far 30 CNAME host
changing 1 A 198.51.100.4
many 60 A 198.51.100.5
many 60 A 198.51.100.6
UPPER.Case 60 A 198.51.100.7
"""

# Names with octets that need escaping in text
ODD = {
    "dot": dns.name.Name((b"a.b", b"example", b"net", b"")),
    "space": dns.name.Name((b"a b", b"example", b"net", b"")),
    "binary": dns.name.Name((b"\x00\x01\xff", b"example", b"net", b"")),
    "backslash": dns.name.Name((b"a\\b\"c", b"example", b"net", b"")),
    "underscore": dns.name.Name((b"_a", b"*", b"example", b"net", b"")),
    "label": dns.name.Name((b"x" * 63, b"example", b"net", b"")),
    "name": dns.name.Name((*(b"x" * 60,) * 3, b"x" * 58, b"example", b"net", b"")),
}
NO_HOST_NAMES = {"space", "binary", "backslash"}


@pytest.fixture(scope="module", name="chain")
def fixture_chain(place):
    """The target's authority, a resolver for both zones, and the server with the ALIAS zone."""
    records = [TARGETS] + [f"{name.to_text()} 60 A 203.0.113.{i}"
                           for i, name in enumerate(ODD.values())]
    authority = Knotd(place(), [Zone("example.net", "\n".join(records), module="")])
    server = Knotd(place(), [Zone("example.com"), Zone("example.edu", module="mod-alias/brief")])
    resolver = Unbound(place(), {"example.net": authority.port, "example.com": server.port,
                                 "example.edu": server.port})
    server.sections = {
        "default": labs.options(resolver),
        "brief": labs.options(resolver, timeout=ms(1500), retry=2, cold_wait=ms(1000))}
    with authority, resolver, server:
        lab = labs.Lab(server, authority)
        lab.resolver = resolver
        yield lab


@pytest.fixture(scope="module", name="brief")
def fixture_brief(chain):
    """A zone with time-outs that are meant to end."""
    lab = labs.Lab(chain.knot, chain.upstream, "example.edu")
    lab.resolver = chain.resolver
    return lab


def point(lab, label, target):
    lab.add(f"{label} 3600 {alias(target)}")
    return f"{label}.{lab.zone}"


@pytest.mark.parametrize("label, rdtype, expected", [
    ("host", "A", ["198.51.100.2"]), ("host", "AAAA", ["2001:db8::2"]),
    ("far", "A", ["198.51.100.2"]), ("many", "A", ["198.51.100.5", "198.51.100.6"])])
def test_resolved(chain, label, rdtype, expected):
    """Addresses come from somebody else's zone, through a real resolver."""
    name = point(chain, f"r-{label}", f"{label}.example.net")
    assert is_answer(chain.ask(name, rdtype, tcp=True), *expected, rdtype=rdtype)
    assert is_answer(chain.ask(name, rdtype), *expected, rdtype=rdtype)
    assert ttl(chain.ask(name, rdtype), rdtype) <= (30 if label == "far" else 60)


def test_apex_of_target(chain):
    """The target may be an apex."""
    assert is_answer(chain.ask(point(chain, "toapex", "example.net"), tcp=True), "198.51.100.1")


def test_nodata_and_nxdomain(chain):
    """What the target lacks, the name lacks."""
    assert is_nodata(chain.ask(point(chain, "v4", "v4.example.net"), "AAAA", tcp=True))
    assert is_nodata(chain.ask(point(chain, "missing", "missing.example.net"), tcp=True))


def test_dead_target(brief):
    """A target that nobody serves is SERVFAIL."""
    assert is_servfail(brief.ask(point(brief, "dead", "host.example.org"), tcp=True))


def cares_version():
    version = ctypes.CDLL("libcares.so.2").ares_version
    version.restype = ctypes.c_char_p
    return tuple(int(part) for part in version(None).decode().split("."))


@pytest.mark.parametrize("label", ODD)
def test_odd_names(chain, label):
    """Targets are octets, not text."""
    if label in NO_HOST_NAMES and cares_version() >= (1, 34):
        pytest.skip("c-ares 1.34 refuses names that a host can't have")
    name = point(chain, f"odd-{label}", ODD[label])
    expected = f"203.0.113.{list(ODD).index(label)}"
    assert is_answer(chain.ask(name, tcp=True), expected)
    assert is_answer(chain.ask(name), expected)


def test_case_of_target(chain):
    """Case does not matter in a target, nor does it make two of one."""
    for label, target in (("c1", "UPPER.Case.example.net"), ("c2", "upper.case.EXAMPLE.net")):
        assert is_answer(chain.ask(point(chain, label, target), tcp=True), "198.51.100.7")
    asked = [line for line in chain.resolver.log().lower().splitlines()
             if " upper.case.example.net. a in" in line]
    assert len(asked) == 1


def test_change_is_followed(chain):
    """A change in the target's zone is served when its TTL is over."""
    name = point(chain, "changing", "changing.example.net")
    assert is_answer(chain.ask(name, tcp=True), "198.51.100.4")
    chain.upstream.update("example.net", ["changing 1 A 198.51.100.44"], ["changing"])
    until(lambda: addresses(chain.ask(name)) == ["198.51.100.44"], 10)


def test_alias_to_alias(chain):
    """An ALIAS to another one of this server is resolved through the resolver."""
    point(chain, "inner", "host.example.net")
    name = point(chain, "outer", "inner.example.com")
    until(lambda: addresses(chain.ask(name, tcp=True)) == ["198.51.100.2"], 10, 0.1)


def test_alias_of_own_zone(chain):
    """The target may be a plain name of the same zone."""
    chain.add("here 3600 A 192.0.2.1")
    assert is_answer(chain.ask(point(chain, "near", "here.example.com"), tcp=True), "192.0.2.1")


def test_loop_of_two(brief):
    """Two ALIAS that lead to each other are SERVFAIL in bounded time, without a storm."""
    names = [point(brief, "loop-a", "loop-b.example.edu"),
             point(brief, "loop-b", "loop-a.example.edu")]
    until(lambda: is_servfail(brief.ask(names[0], tcp=True)) and is_servfail(brief.ask(names[0])),
          10, 0.02)
    before, start = sum(map(brief.resolver.queries, names)), time.monotonic()
    replies = 0
    while time.monotonic() < start + 3:
        for name in names:
            reply = brief.ask(name)
            assert not reply.answer
            replies += 1
        time.sleep(0.01)
    rate = (sum(map(brief.resolver.queries, names)) - before) / (time.monotonic() - start)
    assert rate <= 8 and replies > 20
