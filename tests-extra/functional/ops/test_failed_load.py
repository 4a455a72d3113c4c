# SPDX-License-Identifier: GPL-2.0-or-later
"""A zone whose module can't be loaded: SERVFAIL where the zone alone would be wrong, and nothing else changed."""

import itertools

import dns.query
import dns.rcode
import dns.rdatatype
import pytest

import autosign
import lab as labs
from client import ALIAS, NOT_READY, addresses, alias, is_answer, is_nodata, is_servfail, rrset
from knotd import Knotd, Zone
from timing import seconds, until

TEXT = "\n".join([
    "@ " + alias("t.example.net"), "@ MX 10 mail", "static A 192.0.2.100", "*.wild " + alias("t.example.net"),
    "www " + alias("t.example.net"), "www TXT text", "own " + alias("t.example.net"), "own A 192.0.2.101",
    "to CNAME www", "out CNAME www.example.net.", "dname DNAME wild", "sub NS ns.sub", "ns.sub A 192.0.2.102",
    "sub " + alias("t.example.net"), "plain TXT text",
])
OWNERS = ["example.com", "www.example.com", "own.example.com", "x.wild.example.com", "x.dname.example.com"]
FALSE = [*itertools.product(OWNERS, ["A", "AAAA", "ANY", "TYPE65401", "NSEC"]),
         *itertools.product(["to.example.com"], ["A", "AAAA", "TYPE65401"])]

TOO_LONG = "x" * 1024
# The zone's modules, options of the section, and the rule that the log names
WAYS = {
    "after-onlinesign": ("[ mod-onlinesign, mod-alias/default ]", {}, "must be listed before mod-onlinesign"),
    "twice": ("[ mod-alias/default, mod-alias/other ]", {}, "must be listed only once"),
    "around": ("[ mod-alias/default, mod-onlinesign, mod-alias/other ]", {}, "must be listed only once"),
    "store": ("mod-alias/default", {"store": TOO_LONG}, "path in option 'store' is too long"),
}
EFFECT = ", names with ALIAS get SERVFAIL until this is corrected"


def is_failed(reply):
    return is_servfail(reply, NOT_READY) and not reply.authority


def unharmed(knot, do):
    """What the zone itself knows."""
    assert is_answer(knot.ask("static.example.com", do=do), "192.0.2.100")
    assert rrset(knot.ask("example.com", "SOA", do=do), "SOA")
    assert rrset(knot.ask("example.com", "MX", do=do), "MX")
    assert rrset(knot.ask("www.example.com", "TXT", do=do), "TXT")
    assert rrset(knot.ask("to.example.com", "TXT", do=do), "TXT")
    assert is_nodata(knot.ask("plain.example.com", do=do))
    assert rrset(knot.ask("out.example.com", do=do), "CNAME")
    assert rrset(knot.ask("www.sub.example.com", do=do), "NS", "authority")
    assert rrset(knot.ask("sub.example.com", do=do), "NS", "authority")


def is_safe(knot):
    """Names with ALIAS get SERVFAIL for all that would be false, and all else is the zone's."""
    for (name, rdtype), tcp, do in itertools.product(FALSE, (False, True), (False, True)):
        reply = knot.ask(name, rdtype, tcp=tcp, do=do)
        assert is_failed(reply), (name, rdtype, tcp, do, reply.to_text())
    for name, edns in itertools.product(OWNERS, (1232, None)):
        reply = knot.ask(name, "RRSIG", edns=edns)
        assert reply.rcode() in (dns.rcode.SERVFAIL, dns.rcode.REFUSED) and not reply.answer
    for do in (False, True):
        unharmed(knot, do)
    assert is_nodata(knot.ask("www.example.com", "MX"))
    assert knot.ask("none.example.com").rcode() == dns.rcode.NXDOMAIN
    zone = [rr for message in dns.query.xfr("127.0.0.1", "example.com", port=knot.port, lifetime=seconds(5))
            for rr in message.answer]
    assert len([rr for rr in zone if rr.rdtype == ALIAS]) == 5


def is_logged(log, rule):
    """One error for each instance, with the rule and what it means for clients; none of Knot's."""
    errors = [line for line in log.splitlines() if "error:" in line and "mod-alias" in line]
    assert errors
    for line in errors:
        assert "[example.com.]" in line and rule in line and line.endswith(EFFECT), line


def configure(knot, upstream, way):
    module, options, rule = WAYS[way]
    knot.zones = [Zone("example.com", TEXT, module=module), Zone("example.org", "@ " + alias("t.example.net"))]
    knot.sections = {"default": labs.options(upstream, **options), "other": labs.options(upstream)}
    if options:
        knot.zones[1].module = "mod-alias/other"
    return rule


@pytest.fixture(name="knot")
def fixture_knot(place, upstream):
    upstream.host("t.example.net", "192.0.2.1", "2001:db8::1")
    return Knotd(place(), [Zone("example.com", TEXT)], {"default": labs.options(upstream)})


def is_well(knot, zone="example.com"):
    return (is_answer(knot.ask(zone, tcp=True), "192.0.2.1") and
            is_answer(knot.ask(zone, "AAAA", tcp=True), "2001:db8::1", rdtype="AAAA"))


@pytest.mark.parametrize("way", WAYS)
def test_start(knot, upstream, way):
    """At start, until the configuration is right."""
    rule = configure(knot, upstream, way)
    with knot:
        is_safe(knot)
        is_logged(knot.log(), rule)
        assert is_well(knot, "example.org")
        configure(knot, upstream, "store")
        knot.zones[0].module = "mod-alias/other"
        knot.reload()
        until(lambda: is_well(knot))
        unharmed(knot, True)


@pytest.mark.parametrize("way", WAYS)
def test_reload(knot, upstream, way):
    """At a reload of a zone that was served before, and again after each reload."""
    with knot:
        until(lambda: is_well(knot))
        right = knot.zones, knot.sections
        since = len(knot.log())
        rule = configure(knot, upstream, way)
        for _ in range(2):
            knot.reload()
            until(lambda: is_failed(knot.ask("www.example.com")))
            is_safe(knot)
        is_logged(knot.log()[since:], rule)
        knot.zones, knot.sections = right
        knot.reload()
        until(lambda: is_well(knot))


def test_zone_that_changes(knot, upstream):
    """A name that gets its ALIAS later, and one that loses it."""
    configure(knot, upstream, "store")
    with knot:
        knot.add("more 60 " + alias("t.example.net"), "*.late 60 " + alias("t.example.net"))
        assert is_failed(knot.ask("more.example.com")) and is_failed(knot.ask("x.late.example.com"))
        knot.update("example.com", delete=["more.example.com."])
        assert knot.ask("more.example.com").rcode() == dns.rcode.NXDOMAIN


# Signed zones: what is left must not deny the addresses, either

def denials(reply):
    """Types that each NSEC and NSEC3 lists."""
    for section in (reply.answer, reply.authority, reply.additional):
        for each in section:
            if each.rdtype in (dns.rdatatype.NSEC, dns.rdatatype.NSEC3):
                text = each[0].to_text()
                yield set(text.split())


def is_true(reply):
    return all({"A", "AAAA"} <= types for types in denials(reply) if "TYPE65401" in types)


@pytest.fixture(scope="module", name="signed", params=["nsec", "nsec3"])
def fixture_signed(place, upstream, request):
    with autosign.start(place, upstream, [f"nsec3: {'on' if request.param == 'nsec3' else 'off'}"],
                        store=TOO_LONG) as lab:
        autosign.is_signed(lab)
        yield lab


SIGNED_OWNERS = ["example.com", "both.example.com", "x.wild.example.com", "own.example.com", "plain.example.com",
                 "svc.example.com", "none1.example.com", "bothx.example.com", "x.both.example.com", "to.example.com",
                 "towild.example.com", "x.cname.example.com", "x.sub.example.com", "deep.under.example.com",
                 "under.example.com"]


def test_denials(signed):
    """No denial leaves that a resolver could take for one of the addresses, and no name is denied that exists."""
    failed = 0
    for name, rdtype, tcp in itertools.product(SIGNED_OWNERS, ("A", "AAAA", "MX", "TXT", "HTTPS", "NSEC", "ANY", "DS"),
                                               (False, True)):
        reply = signed.ask(name, rdtype, tcp=tcp, do=True)
        assert is_true(reply), reply.to_text()
        if is_failed(reply):
            failed += 1
        else:
            assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    assert failed > 50
    assert is_nodata(signed.ask("own.example.com", "MX", do=True))
    assert is_failed(signed.ask("both.example.com", "TXT", do=True))
    assert is_nodata(signed.ask("both.example.com", "TXT"))
    assert addresses(signed.ask("plain.example.com", do=True)) == ["192.0.2.101"]


@pytest.mark.parametrize("name", ["svc.example.com", "svc2.example.com"])
def test_additional(signed, name):
    """Denials beside the answer leave, and the answer stays, however much room there is."""
    for payload in range(512, 1232, 40):
        reply = signed.ask(name, "HTTPS", do=True, edns=payload)
        assert is_true(reply), (payload, reply.to_text())
        assert rrset(reply, "HTTPS")
    assert "HTTPS" in signed.ask(name, "HTTPS", do=True, tcp=True).to_text()


@pytest.mark.parametrize("name", ["mx.both.example.com", "no.such.name.that.is.rather.long.example.com"])
def test_truncated(signed, name):
    """Nor with little room."""
    for payload in range(512, 1232, 40):
        assert is_true(signed.ask(name, "MX", do=True, edns=payload))
