# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias set, unset, and list against a running knotd."""

import re

import pytest

import lab as labs
from client import alias, is_answer, rrset
from kalias import Knot, kalias
from knotd import Zone
from relay import Relay, item
from timing import until
from upstream import failure, host, nodata, nxdomain, silence
from zonecheck import REFUSED, knows_alias, only_malformed

pytestmark = pytest.mark.usefixtures("free")

SERVED = ["example.com", "online.example", "signed.example"]

TEXT = "\n".join([
    "www " + alias("old.example.net"),
    "cname CNAME ns", "sub NS ns.example.net.", "dname DNAME example.net.",
    *only_malformed("broken TYPE65401 \\# 2 0161"),
])


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    zones = [Zone("example.com", TEXT),
             Zone("online.example", TEXT, module="[ mod-alias/default, mod-onlinesign ]"),
             Zone("signed.example", TEXT, extra="dnssec-signing: on"),
             Zone("template.example", module="", extra="template: served"),
             Zone("plain.example", module=""),
             Zone("tenant.example", module="mod-alias/strict"),
             Zone("dname.example", "@ DNAME example.net.", head="$ORIGIN {name}.\n"
                  "@ 60 SOA ns admin 1 3600 600 86400 300\n@ 60 NS ns.example.net.\n"),
             Zone("absent.example", extra="file: nowhere.zone"),
             Zone("secondary.example", extra="master: nobody")]
    extra = "remote:\n  - id: nobody\n    address: 127.0.0.1@1"
    upstream.host("t.example.net", "192.0.2.1")
    strict = labs.options(upstream, deny_address=["192.0.2.0/24"], deny_target=["example.org"])
    with Knot(place(), zones, {"default": labs.options(upstream), "strict": strict}, extra=extra) as knot:
        until(lambda: rrset(knot.ask("ns.signed.example", do=True), "RRSIG"))
        yield knot


# Changes

@pytest.mark.parametrize("zone", SERVED)
def test_served(knot, upstream, zone):
    """What has been set is answered by the module, and no longer once it has been unset."""
    name, target = f"new.{zone}", f"new.{zone}.example.net"
    upstream.host(target, "192.0.2.1")
    done = knot.kalias("set", zone, "new", target)
    assert not done.stdout and not done.stderr
    assert is_answer(labs.Lab(knot, upstream).settle(name), "192.0.2.1")
    done = knot.kalias("unset", zone, "new")
    assert not done.stdout and not done.stderr
    assert not knot.ask(name, tcp=True).answer
    assert not knot.records(zone, "new")


@pytest.mark.parametrize("zone", SERVED)
def test_replace(knot, zone):
    """Set leaves one target, whatever was there; its TTL stays unless another is given."""
    knot.kalias("set", zone, "replace", "600", "one.example.net.")
    knot.kalias("set", "--add", zone, "replace", "two.example.net.")
    assert knot.records(zone, "replace") == [(600, "one.example.net."), (600, "two.example.net.")]
    knot.kalias("set", zone, "replace", "three.example.net")
    assert knot.records(zone, "replace") == [(600, "three.example.net.")]
    knot.kalias("set", zone, "replace", "0", "four.example.net")
    assert knot.records(zone, "replace") == [(0, "four.example.net.")]


@pytest.mark.parametrize("given", ["@", "example.com.", "EXAMPLE.com."])
def test_apex(knot, given):
    """The apex may be given in all ways; its SOA says the TTL."""
    knot.kalias("set", "Example.COM", given, "Apex.Example.net")
    assert knot.records("example.com") == [(3600, "Apex.Example.net.")]
    knot.kalias("unset", "example.com.", given)
    assert not knot.records("example.com")


@pytest.mark.parametrize("owner", ["*.wild", "_odd", r"back\\slash", r"a\.b", "7-"])
def test_owners(knot, owner):
    """Wildcards and names with odd octets are names like others."""
    knot.kalias("set", "example.com", owner, "x.example.net")
    knot.kalias("unset", "example.com", owner)


def test_add_ttl(knot, owner):
    """A TTL is that of all targets; no other target changes or goes."""
    for target in ("b", "a", "c"):
        knot.kalias("set", "--add", "example.com", owner, f"{target}.example.net")
    knot.kalias("set", "--add", "example.com", owner, "60", "b.example.net")
    assert knot.records("example.com", owner) == [(60, f"{t}.example.net.") for t in "abc"]
    knot.kalias("set", "--add", "example.com", owner, "61", "d.example.net")
    assert knot.records("example.com", owner) == [(61, f"{t}.example.net.") for t in "abcd"]


def test_limit(knot, owner):
    """Eight targets are served, so that is what there can be."""
    for i in range(8):
        knot.kalias("set", "--add", "example.com", owner, f"{i}.example.net")
    assert "has 8 targets, and there can be 8" in knot.refused(
        "set", "--add", "example.com", owner, "8.example.net")
    assert len(knot.records("example.com", owner)) == 8
    knot.kalias("set", "--add", "example.com", owner, "5", "7.example.net")
    knot.kalias("set", "example.com", owner, "8.example.net")
    assert knot.records("example.com", owner) == [(5, "8.example.net.")]


@pytest.mark.parametrize("zone", SERVED)
def test_idempotent(knot, zone):
    """What is there already, in whatever case, is no change: the serial stays."""
    def serials(*arguments):
        before = knot.serial(zone)
        said = knot.kalias("set", *arguments).stderr
        return knot.serial(zone) != before, said

    assert serials(zone, "same", "t.example.net") == (True, "")
    assert serials(zone, "same", "T.Example.net.") == (False, "")
    assert serials(zone, "SAME", "3600", "t.example.net") == (False, "")
    assert serials("--add", zone, "same", "t.example.net") == (
        False, f"warning: same.{zone}. has the target t.example.net. already\n")
    assert serials(zone, "same", "3601", "t.example.net") == (True, "")


@pytest.mark.skipif(knows_alias(), reason=REFUSED)
def test_repair(knot):
    """RDATA that is no name is told, and replaced."""
    assert "ALIAS of broken.example.com. is ignored: RDATA" in knot.kalias("list").stderr
    assert "RDATA" in knot.kalias("set", "example.com", "broken", "t.example.net").stderr
    assert knot.records("example.com", "broken") == [(3600, "t.example.net.")]
    assert not knot.kalias("list", "example.com").stderr


def test_unset_all(knot, owner):
    """Unset takes all targets, and nothing else."""
    knot.update("example.com", [f"{owner} 60 TXT text"])
    knot.kalias("set", "example.com", owner, "a.example.net")
    knot.kalias("set", "--add", "example.com", owner, "b.example.net")
    knot.kalias("unset", "example.com", owner)
    assert not knot.records("example.com", owner)
    assert rrset(knot.ask(f"{owner}.example.com", "TXT"), "TXT")


# Refusals

@pytest.mark.parametrize("arguments, text", [
    (["set", "example.com", "cname", "t."], "cname.example.com. has a CNAME"),
    (["set", "example.com", "sub", "t."], "at or below the delegation of sub.example.com."),
    (["set", "example.com", "a.b.sub", "t."], "at or below the delegation of sub.example.com."),
    (["set", "example.com", "a.dname", "t."], "a.dname.example.com. is below the DNAME of dname.example.com."),
    (["set", "dname.example", "a.b", "t."], "a.b.dname.example. is below the DNAME of dname.example."),
    (["set", "absent.example", "@", "t."], "zone absent.example. is not loaded"),
    (["set", "secondary.example", "@", "t."], "comes from a primary: it has to be changed there"),
    (["set", "unknown.example", "@", "t."], "zone unknown.example.: no such zone found"),
    (["unset", "example.com", "nothing"], "nothing.example.com. has no ALIAS"),
    (["unset", "example.com", "@"], "example.com. has no ALIAS"),
    (["unset", "secondary.example", "www"], "comes from a primary"),
    (["unset", "unknown.example", "@"], "no such zone found"),
    (["list", "unknown.example"], "zone unknown.example.: no such zone found"),
    (["list", "absent.example"], "error: zone absent.example. is not loaded"),
])
def test_refused(knot, arguments, text):
    """What the zone does not allow is refused, with the reason, and changes nothing."""
    before = knot.serial("example.com")
    assert text in knot.refused(*arguments)
    assert knot.serial("example.com") == before


@pytest.mark.parametrize("arguments, text", [
    (["set"], "a zone, an owner, and a target are needed"),
    (["set", "example.com", "@"], "a zone, an owner, and a target are needed"),
    (["set", "example.com", "@", "1", "t.", "x"], "nothing else but a TTL"),
    (["set", "--all", "example.com", "@", "t."], "unknown option"),
    (["set", "example..com", "@", "t."], "zone 'example..com' is not a name"),
    (["set", "@", "@", "t."], "zone '@' is not a name"),
    (["set", "example.com", "a..b", "t."], "owner 'a..b' is not a name"),
    (["set", "example.com", "l" * 64, "t."], "is not a name"),
    (["set", "example.com", "www.example.org.", "t."],
     "owner www.example.org. is not in zone example.com."),
    (["set", "example.com", "@", "t..x"], "target 't..x' is not a name"),
    (["set", "example.com", "@", ""], "target '' is not a name"),
    (["set", "example.com", "@", "@"], "target '@' is not a name"),
    (["set", "example.com", "@", "."], "the target can't be the root"),
    (["set", "example.com", "www", "WWW.example.com"], "www.example.com. can't be its own target"),
    (["set", "example.com", "@", "-1", "t."], "TTL '-1' must be seconds"),
    (["set", "example.com", "@", "1y", "t."], "TTL '1y' must be seconds"),
    (["set", "example.com", "@", "", "t."], "TTL '' must be seconds"),
    (["set", "example.com", "@", "2147483648", "t."], "up to 2147483647"),
    (["set", "example.com", "3600", "a.example.net"], "owner '3600' is a TTL"),
    (["set", "example.com", "1h", "a.example.net"], "owner '1h' is a TTL"),
    (["set", "example.com", "@", "192.0.2.1"], "target '192.0.2.1' is an address"),
    (["set", "example.com", "@", "2001:db8::1"], "is an address"),
    (["set", "example.com", "@", "https://a.example.net"], "is a URL"),
    (["set", "example.com", "@", "a.example.net:443"], "has a port"),
    (["set", "example.com", "@", "cdn"], "target 'cdn' has one label only"),
    (["set", "example.com", "a.Example.com", "a.example.net"], "owner 'a.Example.com' ends with the name of the zone"),
    (["set", "example.com", "example.com", "a.example.net"], "has no final dot"),
    (["unset", "example.com", "a.example.com"], "has no final dot"),
    (["unset", "example.com"], "a zone and an owner are needed"),
    (["unset", "--add", "example.com", "@"], "unknown option"),
    (["unset", "example.com", "@", "t."], "and nothing else"),
    (["list", "example.com", "@"], "at most one zone"),
    (["list", "a..b"], "'a..b' is not a name"),
])
def test_misuse(knot, arguments, text):
    """A wrong command line is told from other errors by the exit status, and how it should be."""
    said = knot.refused(*arguments, status=2)
    assert text in said and f"Usage: kalias [options] {arguments[0]} " in said


# Warnings

@pytest.mark.parametrize("zone, served", [
    ("example.com", True), ("template.example", True), ("plain.example", False)])
def test_module(knot, zone, served):
    """A record that nobody serves is set, but told."""
    said = knot.kalias("set", zone, "served", "t.example.net").stderr
    absent = re.search(rf"^warning: zone {zone}\. does not have mod-x?alias in the configuration: its ALIAS are not served$",
                       said, re.M)
    assert bool(absent) == (not served)
    assert knot.records(zone, "served") == [(3600, "t.example.net.")]


@pytest.mark.parametrize("target, script, reason", [
    ("missing", nxdomain(), "does not exist"), ("empty", nodata(), "no addresses"),
    ("failing", failure("SERVFAIL"), "the resolver fails, refuses or can't be reached"),
    ("silent", silence, "no reply in time")])
def test_unresolved(knot, upstream, target, script, reason):
    """A target without addresses is set, but told; with --check it is refused, and nothing changes."""
    upstream.both(f"{target}.example.net", script)
    arguments = "example.com", target, f"{target}.example.net"
    said = f"target {target}.example.net.: {reason} (resolver {upstream.address})\n"
    assert knot.refused("set", "--check", *arguments) == f"error: zone example.com.: nothing changed: {said}"
    assert not knot.records("example.com", target)
    assert knot.kalias("set", *arguments).stderr == f"warning: {said}"
    assert knot.records("example.com", target)


def test_denied(knot, upstream):
    """Whom the zone's section lets clients have no address of is told."""
    upstream.host("both.example.net", "192.0.2.1", "2001:db8::1")
    upstream.host("t.example.org", "203.0.113.1")
    for target, reason in {"t.example.net": "only addresses that deny-address rules out",
                           "t.example.org": "deny-target or allow-target rules it out"}.items():
        said = knot.kalias("set", "tenant.example", "denied", target).stderr
        assert said == f"warning: target {target}.: {reason} (resolver {upstream.address})\n"
        assert "nothing changed" in knot.refused("set", "--check", "tenant.example", "denied", target)
    assert not knot.kalias("set", "--check", "tenant.example", "denied", "both.example.net").stderr


def test_resolved_by_half(knot, upstream):
    """Addresses of one family are enough, whatever becomes of the other."""
    upstream.script("half.example.net", "AAAA", host("2001:db8::1"))
    upstream.script("half.example.net", "A", failure("SERVFAIL"))
    assert not knot.kalias("set", "--check", "example.com", "half", "half.example.net").stderr


def test_warm(knot, upstream):
    """The first client finds the addresses there."""
    upstream.host("warm.example.net", "192.0.2.1", "2001:db8::1")
    knot.kalias("set", "example.com", "warm", "warm.example.net")
    until(lambda: upstream.count("warm.example.net") == 4)  # two by kalias, then two by the module, whom nobody else asked
    lab = labs.Lab(knot, upstream)
    assert is_answer(lab.settle("warm.example.com"), "192.0.2.1")
    assert is_answer(lab.settle("warm.example.com", "AAAA"), "2001:db8::1", rdtype="AAAA")
    assert upstream.count("warm.example.net") == 4


def test_ttl_units(knot):
    """A TTL may have units; an owner that looks like a TTL needs one."""
    knot.kalias("set", "example.com", "3600", "1h30m", "t.example.net")
    assert knot.records("example.com", "3600") == [(5400, "t.example.net.")]
    knot.kalias("unset", "example.com", "3600")


def test_odd_target(knot):
    """A target that can hardly be one is set, but told."""
    assert "warning: target 'a=b.example.net' has octets" in knot.kalias("set", "example.com", "odd",
                                                                        "a=b.example.net").stderr
    knot.kalias("unset", "example.com", "odd")


# Lists

def test_list(place):
    """A table in the order of zones and names; what is not loaded or not there is no data."""
    zones = [Zone("b.example", "*.x 7 " + alias("w.example.net") + "\n@ " + alias("A.example.net")
                  + "\n@ " + alias("b.example.net"), module=""),
             Zone("empty.example", module=""), Zone("absent.example", "", "", "file: nowhere.zone"),
             Zone("a.example", "www 86400 " + alias("longer.name.example.net"), module="")]
    table = ["www.a.example.  86400  longer.name.example.net.",
             "b.example.       3600  A.example.net.",
             "b.example.       3600  b.example.net.",
             "*.x.b.example.      7  w.example.net."]
    with Knot(place(), zones) as knot:
        done = knot.kalias("list")
        assert done.stdout.splitlines() == table
        assert done.stderr == "warning: zone absent.example. is not loaded\n"
        done = knot.kalias("list", "A.Example")
        assert done.stdout.splitlines() == table[:1] and not done.stderr
        done = knot.kalias("list", "empty.example.")
        assert not done.stdout and not done.stderr
        assert "absent.example. is not loaded" in knot.refused("list", "absent.example")


def test_list_mnemonic(knot, place):
    """Versions of Knot DNS that know ALIAS by name print it like any other record."""
    target = "0161076578616D706C65036E657400"
    names = [(item("TYPE65401"), item("ALIAS")), (item(f"\\# 15 {target}"), item("a.example.net."))]
    knot.kalias("set", "plain.example", "mnemonic", "a.example.net")
    path = place() / "knot.sock"
    with Relay(path, knot.path / "knot.sock", replies=names):
        listed = kalias("-s", str(path), "list", "plain.example").stdout
        assert ["mnemonic.plain.example.", "3600", "a.example.net."] in map(str.split, listed.splitlines())
        before = knot.serial("plain.example")
        kalias("-s", str(path), "set", "plain.example", "mnemonic", "a.example.net")
        assert knot.serial("plain.example") == before
