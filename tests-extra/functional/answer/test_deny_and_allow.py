# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy against misuse: addresses that are never served, targets that are never asked for."""

import concurrent.futures

import pytest

import lab as labs
from client import (STALE, addresses, alias, ede, every_ttl, has, is_answer, is_nodata, is_servfail,
                    is_truncated, rrset, ttl)
from knotd import Knotd, Zone
from timing import ms, sleep_until, until
from upstream import Upstream, answer, failure, host, nxdomain, silence

# Addresses to serve, to deny, and those of the owner, which are in a denied network, too.
GOOD, GOOD6 = "192.0.2.1", "2001:db8::1"
DENIED, DENIED6 = "10.0.0.1", "fd00::1"
OWN, OWN6 = "10.9.9.9", "fd00::9"
NETWORKS = ["10.0.0.0/8", "192.0.2.128-192.0.2.130", "fc00::/7", "2001:db8:f::-2001:db8:f::ff"]

ADDRESSES_LOG, TARGETS_LOG = "'deny-address'", "'allow-target'"

ZONES = {
    "example.com": ("default", dict(deny_address=NETWORKS)),
    "merge.test": ("merge", dict(deny_address=NETWORKS, sibling="merge")),
    "override.test": ("override", dict(deny_address=NETWORKS, sibling="override")),
    "hold.test": ("hold", dict(deny_address=NETWORKS, nxdomain="hold")),
    "strict.test": ("strict", dict(deny_address=NETWORKS, nxdomain="servfail")),
    "free.test": ("free", dict()),
    "allow.test": ("allow", dict(allow_target=["Good.test", "more.good.test", "self.allow.test"],
                                 deny_target=["bad.good.test"])),
    "deny.test": ("deny", dict(deny_target=["bad.test", "deny.test"])),
    "both.test": ("both", dict(deny_target=["bad.test"], sibling="merge", deny_address=NETWORKS)),
}


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zones = [Zone(zone, module=f"mod-alias/{section}") for zone, (section, _) in ZONES.items()]
    sections = {section: labs.options(upstream, **more) for section, more in ZONES.values()}
    with labs.lab(place, upstream, zones=zones, sections=sections) as lab:
        yield lab


@pytest.fixture(name="zone")
def fixture_zone(lab):
    """Makes a lab of another zone on the same server."""
    return lambda name: labs.Lab(lab.knot, lab.upstream, name)


def logged(lab, name, what):
    return sum(f"ALIAS at {name}.," in line and what in line for line in lab.knot.log().splitlines())


# Addresses

@pytest.mark.parametrize("label, given, rest", [
    ("one", [DENIED, GOOD], [GOOD]),
    ("first-and-last", ["192.0.2.127", "192.0.2.128", "192.0.2.130", "192.0.2.131"],
     ["192.0.2.127", "192.0.2.131"]),
    ("edge", ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
     ["11.0.0.0", "9.255.255.255"]),
    ("six", [DENIED6, GOOD6], [GOOD6]),
    ("range6", ["2001:db8:f::", "2001:db8:f::ff", "2001:db8:f::100"], ["2001:db8:f::100"]),
    ("mapped", ["::ffff:10.0.0.1", "::ffff:192.0.2.129", "::ffff:11.0.0.1", GOOD6],
     ["::ffff:11.0.0.1", GOOD6]),
    ("most", [GOOD, *(f"10.0.0.{i}" for i in range(63))], [GOOD]),
    ("none", [GOOD], [GOOD]),
])
def test_addresses_left_out(lab, label, given, rest):
    """Denied addresses are left out, the others stay; the log tells once per name."""
    name, _ = lab.alias(label, *given)
    rdtype = "AAAA" if ":" in given[0] else "A"
    lab.everywhere(name, lambda reply, rdtype: is_answer(reply, *rest, rdtype=rdtype), rdtype)
    assert logged(lab, name, ADDRESSES_LOG) == (given != rest)


@pytest.mark.parametrize("zone_name", ["example.com", "strict.test", "hold.test"])
def test_nothing_left(zone, zone_name):
    """With nothing left it is NODATA in both families, whatever `nxdomain` says."""
    lab = zone(zone_name)
    name, _ = lab.alias("all", DENIED, "10.0.0.2", DENIED6, "::ffff:10.0.0.1")
    lab.everywhere(name, lambda reply, _: is_nodata(reply) and ede(reply) is None, "A", "AAAA")
    assert logged(lab, name, ADDRESSES_LOG) == 1


def test_one_family_left(lab):
    """The families are judged each by itself."""
    name, _ = lab.alias("family", DENIED, GOOD6)
    lab.everywhere(name, lambda reply, rdtype: is_answer(reply, *([GOOD6] if rdtype == "AAAA" else []),
                                                          rdtype=rdtype), "A", "AAAA")


def test_ttl(lab):
    """What is left has the TTL that all of them would have."""
    name, _ = lab.alias("ttl", DENIED, GOOD, ttl=300)
    lab.warm(name)
    assert every_ttl(lab.ask(name)) == [300]


def test_order(lab):
    """What is left keeps its order."""
    rest = [f"192.0.2.{i}" for i in range(1, 20)]
    name, _ = lab.alias("order", DENIED, *rest, "192.0.2.129")
    lab.warm(name)
    assert [rdata.address for rdata in rrset(lab.ask(name))] == rest


@pytest.mark.parametrize("label, given, rdtype, rest", [
    ("any-part", [DENIED, GOOD, GOOD6], "A", [GOOD]),
    ("any-six", [DENIED, DENIED6, GOOD6], "AAAA", [GOOD6]),
    ("any-none", [DENIED, DENIED6], "A", []),
])
def test_any(lab, label, given, rdtype, rest):
    """ANY shows no denied address either."""
    name, _ = lab.alias(label, *given)
    lab.warm(name)
    for tcp in (False, True):
        reply = lab.ask(name, "ANY", tcp=tcp)
        assert is_answer(reply, *rest, rdtype=rdtype) if rest else is_nodata(reply)
        assert len(reply.answer) == bool(rest)


def test_any_logs(lab):
    """ANY alone makes the log tell, too."""
    name, _ = lab.alias("any-log", DENIED)
    lab.ask(name, "ANY")
    lab.upstream.wait_both(f"{name}.example.net")
    until(lambda: lab.ask(name, "ANY") and logged(lab, name, ADDRESSES_LOG) == 1)


SIBLINGS = {"example.com": ([GOOD], [GOOD6]), "merge.test": ([OWN, GOOD], [OWN6, GOOD6]),
            "override.test": ([OWN], [OWN6])}


@pytest.mark.parametrize("zone_name", SIBLINGS)
def test_siblings(zone, zone_name):
    """The owner's own addresses are the operator's: they are never filtered."""
    lab = zone(zone_name)
    name, _ = lab.alias("own", DENIED, GOOD, DENIED6, GOOD6, more=[f"A {OWN}", f"AAAA {OWN6}"])
    lab.warm(name)
    for rdtype, expected in zip(("A", "AAAA"), SIBLINGS[zone_name]):
        for tcp in (False, True):
            assert is_answer(lab.ask(name, rdtype, tcp=tcp), *expected, rdtype=rdtype)


@pytest.mark.parametrize("zone_name", SIBLINGS)
def test_siblings_of_nothing(zone, zone_name):
    """With nothing of the target left the own addresses are served, with their own TTL."""
    lab = zone(zone_name)
    name, _ = lab.alias("alone", DENIED, OWN, ttl=60, more=[f"A {OWN}"])
    lab.warm(name)
    for tcp in (False, True):
        reply = lab.ask(name, tcp=tcp)
        assert is_answer(reply, OWN) and every_ttl(reply) == [3600]
    assert logged(lab, name, ADDRESSES_LOG) == (zone_name != "override.test")


def several(lab, label, *scripts):
    """A name with a target for each script, known to the server."""
    for i, script in enumerate(scripts):
        lab.upstream.both(f"{label}-{i}.example.net", script)
        lab.add(f"{label} 3600 {alias(f'{label}-{i}.example.net')}")
    name = f"{label}.{lab.zone}"
    lab.warm(name)
    return name


def test_several_targets(lab):
    """Of several targets each gives what it may; one with nothing left has no say in the TTL."""
    name = several(lab, "some", host(DENIED, ttl=5), host(GOOD, "10.0.0.3", ttl=900),
                   host("192.0.2.2", GOOD, ttl=800), host("192.0.2.3", ttl=700))
    for tcp in (False, True):
        reply = lab.ask(name, tcp=tcp)
        assert is_answer(reply, GOOD, "192.0.2.2", "192.0.2.3")
        assert 600 < ttl(reply) <= 700


def test_denied_beside_failure(lab):
    """Denied counts as NODATA: beside a target that fails it is SERVFAIL, and NODATA beside NODATA."""
    assert is_servfail(lab.settle(several(lab, "failing", host(DENIED), failure("SERVFAIL"))))
    assert is_nodata(lab.ask(several(lab, "nothing", host(DENIED), nxdomain())))
    assert is_answer(lab.ask(several(lab, "given", host(DENIED), failure("SERVFAIL"), host(GOOD))), GOOD)


def test_wildcard(lab):
    """The same at a wildcard; the log has its owner, not what clients ask for."""
    lab.alias("*.wild", DENIED, GOOD)
    for label in ("a", "b"):
        lab.warm(f"{label}.wild.example.com")
        assert is_answer(lab.ask(f"{label}.wild.example.com"), GOOD)
    assert logged(lab, "*.wild.example.com", ADDRESSES_LOG) == 1
    assert "a.wild" not in lab.knot.log()


def test_behind_cname(lab):
    """Also where a CNAME of the zone leads to it, and where the target is a CNAME."""
    name, target = lab.alias("chained")
    for rdtype, denied, good in (("A", DENIED, GOOD), ("AAAA", DENIED6, GOOD6)):
        lab.upstream.script(target, rdtype, answer(
            "@ 60 CNAME end.example.net.", f"end.example.net. 60 {rdtype} {denied}",
            f"end.example.net. 60 {rdtype} {good}"))
    lab.add(f"to-chained 60 CNAME {name}.")
    lab.warm(name)
    assert addresses(lab.ask("to-chained.example.com")) == [GOOD]
    assert addresses(lab.ask("to-chained.example.com", "AAAA"), "AAAA") == [GOOD6]


def test_zones_share_facts(zone):
    """Zones with and without the option share one cache, and each has its own answer."""
    target = "shared.example.net"
    strict, free = zone("example.com"), zone("free.test")
    strict.upstream.host(target, DENIED, GOOD)
    for lab in (strict, free):
        lab.add(f"shared 3600 {alias(target)}")
    strict.warm("shared.example.com")
    for tcp in (False, True):
        assert is_answer(free.ask("shared.free.test", tcp=tcp), DENIED, GOOD)
        assert is_answer(strict.ask("shared.example.com", tcp=tcp), GOOD)
    assert strict.upstream.count(target, "A") == strict.upstream.count(target, "AAAA") == 1


# Old addresses

def expired(lab, label, script):
    """A name whose addresses expired a moment ago, and a target that now does as scripted."""
    given = [DENIED, GOOD] if "part" in label else [DENIED]
    name, target = lab.alias(label, *given, target_ttl=1)
    lab.warm(name)
    lab.upstream.both(target, script)
    sleep_until(lab.upstream.queries(target, "A")[-1].time + 1.2)
    return name


@pytest.mark.parametrize("zone_name, script", [
    ("example.com", failure("SERVFAIL")), ("hold.test", nxdomain())])
def test_stale(zone, zone_name, script):
    """Stale addresses, and those held after an NXDOMAIN, are filtered like any others."""
    lab = zone(zone_name)
    part, every = expired(lab, "stale-part", script), expired(lab, "stale-all", script)
    for name, check in ((part, lambda reply: is_answer(reply, GOOD)), (every, is_nodata)):
        def is_stale(name=name, check=check):
            reply = lab.ask(name)
            assert check(reply)
            return ede(reply) == STALE
        until(is_stale)


def test_late(place):
    """Addresses that serve because a resolution does not end in time are filtered, too."""
    with Upstream() as upstream, labs.lab(place, upstream, cold_wait=ms(300),
                                          deny_address=NETWORKS) as lab:
        # One at a time, each is asked for once only: nothing has been refreshed meanwhile.
        names = {}
        for label, given in (("part", [DENIED, GOOD]), ("all", [DENIED])):
            names[label], target = lab.alias(label, *given, target_ttl=1)
            lab.ask(names[label], tcp=True)
            upstream.wait_both(target)
            upstream.both(target, silence)
        sleep_until(upstream.queries(target, "A")[-1].time + 12)
        assert is_truncated(lab.ask(names["part"])) and is_truncated(lab.ask(names["all"]))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            part, every = pool.map(lambda name: lab.ask(name, tcp=True), names.values())
        assert is_answer(part, GOOD) and ede(part) == STALE
        assert is_servfail(every)  # as after an old NODATA: nothing is known now


# Targets

def refused(lab, label, target):
    """A name with a target that would have an address; nobody is to ask for it."""
    lab.upstream.host(target, GOOD, GOOD6)
    lab.add(f"{label} 3600 {alias(target)}")
    return f"{label}.{lab.zone}"


@pytest.mark.parametrize("zone_name, label, target", [
    ("allow.test", "other", "cdn.example.net"),
    ("allow.test", "parent", "test"),
    ("allow.test", "longer", "xgood.test"),
    ("allow.test", "inner", "good.test.example.net"),
    ("allow.test", "denied", "bad.good.test"),
    ("allow.test", "below", "a.Bad.good.TEST"),
    ("allow.test", "itself", "itself.allow.test"),
    ("deny.test", "exact", "bad.test"),
    ("deny.test", "below", "a.b.BAD.test"),
    ("deny.test", "itself", "itself.deny.test"),
])
def test_target_refused(zone, zone_name, label, target):
    """Such a target is as if it were not there, and never asked for; the log tells once."""
    lab = zone(zone_name)
    name = refused(lab, label, target)
    for rdtype in ("A", "AAAA", "TYPE65401", "ANY", "TXT"):
        for tcp in (False, True):
            assert is_nodata(lab.ask(name, rdtype, tcp=tcp))
    assert lab.upstream.count(target) == 0
    assert logged(lab, name, TARGETS_LOG) == 1


@pytest.mark.parametrize("zone_name, label, target", [
    ("allow.test", "exact", "good.test"),
    ("allow.test", "case", "CDN.gOOd.test"),
    ("allow.test", "twice", "x.more.good.test"),
    ("allow.test", "beside", "xbad.good.test"),
    ("deny.test", "other", "other.test"),
    ("deny.test", "parent", "test"),
    ("deny.test", "longer", "xbad.test"),
    ("deny.test", "inner", "bad.test.example.net"),
])
def test_target_used(zone, zone_name, label, target):
    """A target that none of the suffixes rules out is used."""
    lab = zone(zone_name)
    lab.upstream.host(target, GOOD, GOOD6)
    lab.add(f"{label} 3600 {alias(target)}")
    name = f"{label}.{zone_name}"
    lab.everywhere(name, lambda reply, rdtype: is_answer(
        reply, GOOD if rdtype == "A" else GOOD6, rdtype=rdtype), "A", "AAAA")
    assert logged(lab, name, TARGETS_LOG) == 0


def test_self_is_told(zone):
    """A target that is allowed but the name itself is the mistake that it always is."""
    lab = zone("allow.test")
    name = refused(lab, "self", "self.allow.test")
    assert is_servfail(lab.ask(name))
    assert logged(lab, name, "itself") == 1


def test_other_targets_go_on(zone):
    """Refused targets neither hide others of the name nor count among its eight."""
    lab = zone("deny.test")
    for i in range(8):
        name = refused(lab, "mixed", f"t{i}.bad.test")
        lab.upstream.host(f"t{i}.fine.test", f"192.0.2.{i}")
        lab.add(f"mixed 3600 {alias(f't{i}.fine.test')}")
    lab.warm(name)
    for tcp in (False, True):
        assert is_answer(lab.ask(name, tcp=tcp), *(f"192.0.2.{i}" for i in range(8)))
    assert logged(lab, name, TARGETS_LOG) == 1
    assert logged(lab, name, "more than 8") == 0
    assert not any(lab.upstream.count(f"t{i}.bad.test") for i in range(8))


def test_crowd_of_refused(zone):
    """Refused targets count among the 32 records that are looked at."""
    lab = zone("deny.test")
    lab.upstream.host("usable.fine.test", GOOD)
    lab.add(*(f"crowd 3600 {alias(f't{i:02}.bad.test')}" for i in range(32)))
    lab.add(f"crowd 3600 {alias('usable.fine.test')}")
    name = f"crowd.{lab.zone}"
    before = lab.knot.stats(lab.zone)["policy-denied[target]"]
    for tcp in (False, True):
        assert is_nodata(lab.ask(name, tcp=tcp))
    assert lab.knot.stats(lab.zone)["policy-denied[target]"] == before + 2
    assert lab.upstream.count("usable.fine.test") == 0
    assert logged(lab, name, TARGETS_LOG) == logged(lab, name, "more than 32 records") == 1


@pytest.mark.parametrize("zone_name", ["deny.test", "both.test"])
def test_own_addresses_of_refused(zone, zone_name):
    """The owner's own addresses serve where all targets are refused."""
    lab = zone(zone_name)
    name = refused(lab, "own", "own.bad.test")
    lab.add(f"own 3600 A {OWN}")
    for tcp in (False, True):
        assert is_answer(lab.ask(name, tcp=tcp), OWN)
        assert is_nodata(lab.ask(name, "AAAA", tcp=tcp))
        assert is_answer(lab.ask(name, "ANY", tcp=tcp), OWN)
    assert lab.upstream.count("own.bad.test") == 0


def test_target_at_wildcard(zone):
    """At a wildcard the target is refused for all names below."""
    lab = zone("deny.test")
    refused(lab, "*.wild", "wild.bad.test")
    for label in ("a", "b"):
        assert is_nodata(lab.ask(f"{label}.wild.deny.test"))
    assert logged(lab, "*.wild.deny.test", TARGETS_LOG) == 1
    assert lab.upstream.count("wild.bad.test") == 0


def test_both_policies(zone):
    """One zone may have all of them: a refused target, a denied address, a sibling."""
    lab = zone("both.test")
    name, _ = lab.alias("www", DENIED, GOOD, more=[f"A {OWN}"])
    refused(lab, "www", "www.bad.test")
    lab.warm(name)
    for tcp in (False, True):
        assert is_answer(lab.ask(name, tcp=tcp), GOOD, OWN)
    assert logged(lab, name, TARGETS_LOG) == logged(lab, name, ADDRESSES_LOG) == 1


# Configuration

def test_reload(place, upstream):
    """A reload changes the policy at once, both ways, without another query to the resolver."""
    with labs.lab(place, upstream) as lab:
        name, target = lab.alias("www", DENIED, GOOD)
        lab.warm(name)
        default = lab.knot.sections["default"]
        for more, expected in (
                (dict(deny_address=["10.0.0.0/8"]), [GOOD]),
                (dict(deny_address=["192.0.2.1"]), [DENIED]),
                (dict(deny_address=["0.0.0.0/0"]), []),
                (dict(deny_address=["::/0"]), [DENIED, GOOD]),
                (dict(deny_target=["example.net"]), []),
                (dict(allow_target=["example.net"]), [DENIED, GOOD]),
                (dict(allow_target=["example.org"]), []),
                (dict(), [DENIED, GOOD])):
            lab.knot.sections["default"] = {**default, **more}
            lab.knot.reload()
            until(lambda: addresses(lab.ask(name)) == expected, 2)
            for tcp in (False, True):
                reply = lab.ask(name, tcp=tcp)
                assert is_answer(reply, *expected) if expected else is_nodata(reply)
        assert lab.upstream.count(target, "A") == 1


@pytest.mark.parametrize("item, value, rule", [
    ("deny-address", "10.0.0.2-10.0.0.1", "end before it begins"),
    ("deny-address", "[ 10.0.0.0/8, 2001:db8::2-2001:db8::1 ]", "end before it begins"),
    ("deny-address", "10.0.0.0/33", "deny-address"),
    ("deny-address", "localhost", "deny-address"),
    ("deny-address", "10.0.0.0-::1", "deny-address"),
    ("allow-target", ".", "the root"),
    ("allow-target", '[ example.net, "*.example.net" ]', "wildcard"),
    ("allow-target", "a..b", "allow-target"),
    ("deny-target", ".", "the root"),
    ("deny-target", '"*.example.net"', "wildcard"),
])
def test_bad_option(place, item, value, rule):
    """conf-check names the item and the rule, and knotd does not start."""
    server = Knotd(place(), [Zone("example.com")], {"default": {item: value}})
    server.write()
    check = server.knotc("conf-check", check=False)
    assert check.returncode != 0
    complaint = check.stdout + check.stderr
    assert f"item '{item}'" in complaint and rule in complaint
    with pytest.raises(AssertionError, match=rule):
        server.start()


# Signatures

def test_signed(place, upstream):
    """mod-onlinesign signs what is left, and proves that nothing is."""
    zones = [Zone("example.com", module="[ mod-alias/default, mod-onlinesign ]")]
    with labs.lab(place, upstream, zones=zones, deny_address=NETWORKS) as lab:
        part, _ = lab.alias("part", DENIED, GOOD)
        every, _ = lab.alias("all", DENIED)
        lab.warm(part)
        lab.warm(every)
        reply = lab.ask(part, do=True)
        assert is_answer(reply, GOOD) and rrset(reply, "RRSIG")
        reply = lab.ask(every, do=True)
        assert is_nodata(reply) and rrset(reply, "NSEC", "authority") and not has(reply, "TC")
