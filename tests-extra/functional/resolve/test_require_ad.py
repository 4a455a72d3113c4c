# SPDX-License-Identifier: GPL-2.0-or-later
"""Only what the resolver has validated counts, where a zone says so."""

import dns.flags
import pytest

import lab as labs
from client import STALE, alias, ede, is_answer, is_nodata, is_servfail
from knotd import Zone
from timing import until
from upstream import answer, forged, host, nodata, nxdomain

INSECURE = 9
ZONE, LAX = "example.com", "example.org"


def validated(script):
    """With AD, if the query asks for it; a resolver need not tell who does not (RFC 6840, section 5.7)."""
    def mark(message):
        message.flags |= dns.flags.AD
        return message

    async def marked(exchange):
        asks = exchange.query.flags & dns.flags.AD
        await (forged(mark, script) if asks else script)(exchange)
    return marked


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zones = [Zone(ZONE, module="mod-alias/strict"), Zone(LAX)]
    with labs.lab(place, upstream, zones=zones,
                  sections={"strict": labs.options(upstream, require_ad="on")}) as lab:
        yield lab


@pytest.mark.parametrize("tcp", [False, True])
def test_validated(lab, tcp):
    """Answers with AD are served as ever; AD itself is the resolver's, not passed on."""
    name, target = lab.alias(f"valid-{tcp}")
    lab.upstream.script(target, "A", validated(host("192.0.2.1")))
    lab.upstream.script(target, "AAAA", validated(nodata()))
    lab.warm(name)
    reply = lab.ask(name, tcp=tcp)
    assert is_answer(reply, "192.0.2.1") and not reply.flags & dns.flags.AD
    assert is_nodata(lab.ask(name, "AAAA", tcp=tcp))


@pytest.mark.parametrize("kind, script", [
    ("addresses", host("192.0.2.1")), ("nodata", nodata()), ("nxdomain", nxdomain()),
    ("chain", answer("@ 60 CNAME other.example.net.", "other.example.net. 60 A 192.0.2.1"))])
def test_not_validated(lab, kind, script):
    """Without AD no answer counts, whatever it says."""
    name, target = lab.alias(f"insecure-{kind}")
    lab.upstream.both(target, script)
    for rdtype in ("A", "AAAA"):
        assert is_servfail(lab.settle(name, rdtype), INSECURE)
    line = f"target {target}., A fails to resolve (not validated, but 'require-ad' is on)"
    until(lambda: lab.ask(name) and line in lab.knot.log())


def test_loses_ad(lab):
    """The last validated addresses serve on when a target is no longer validated, and fresh ones when it is again."""
    name, target = lab.alias("loses")
    lab.upstream.both(target, validated(host("192.0.2.1", ttl=1)))
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    lab.upstream.both(target, host("192.0.2.66", ttl=1))

    def is_stale():
        reply = lab.ask(name)
        assert is_answer(reply, "192.0.2.1")
        return ede(reply) == STALE
    until(is_stale, 20)
    lab.upstream.both(target, validated(host("192.0.2.2")))
    until(lambda: is_answer(lab.ask(name), "192.0.2.2"), 20)


def test_sibling(lab):
    """The name's own addresses take the place of those of a target that is not validated."""
    name, target = lab.alias("sibling", more=["A 192.0.2.7"])
    lab.upstream.both(target, host("192.0.2.1"))
    until(lambda: is_answer(lab.ask(name, tcp=True), "192.0.2.7"))


def test_zones_apart(lab):
    """A zone without the option has the answers of the same target; no cache and no store lends them to the other."""
    target = "shared.example.net"
    lab.upstream.both(target, host("192.0.2.1"))
    for zone in (ZONE, LAX):
        lab.knot.add(f"shared 3600 {alias(target)}", zone=zone)
    assert is_answer(lab.ask(f"shared.{LAX}", tcp=True), "192.0.2.1")
    assert is_servfail(lab.settle(f"shared.{ZONE}"), INSECURE)
    assert is_answer(lab.ask(f"shared.{LAX}"), "192.0.2.1")
