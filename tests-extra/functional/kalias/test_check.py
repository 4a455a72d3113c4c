# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias check: finds what is wrong with the ALIAS of a running server, and nothing else."""

import json
import os
import pty
import re
import struct
import subprocess
import time

import dns.name
import dns.rdataclass
import dns.rdatatype
import pytest

import lab as labs
from client import STALE, alias, ede, name_of, rrset
from kalias import KALIAS, kalias
from knotd import Knotd, Zone, from_server
from ports import free_port
from timing import seconds, undisturbed, until
from tree import TOP
from upstream import Upstream, answer, failure, forged, host, nodata, nxdomain, silence
from zonecheck import only_malformed

A, AAAA, OLD, NEW, OWN = "192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3", "192.0.2.100"

GOOD = alias("t.example.net")

TEXT = "\n".join([
    f"@ 60 {GOOD}",
    f"www {GOOD}",
    f"*.wild {GOOD}",
    f'q\\"\\\\\\200\\@ {GOOD}',
    f"several {alias('t.example.net')}", f"several {alias('u.example.net')}",
    f"own {GOOD}", f"own A {OWN}",
    f"rotating {alias('rotating.example.net')}",
    f"moved {alias('moved.example.net')}",
    f"gone {alias('gone.example.net')}",
    f"half {alias('gone.example.net')}", f"half {GOOD}",
    f"empty {alias('empty.example.net')}",
    f"failing {alias('failing.example.net')}",
    f"stale {alias('stale.example.net')}",
    *only_malformed("malformed TYPE65401 \\# 3 026162", "partly TYPE65401 \\# 3 026162", f"partly {GOOD}"),
    *(f"many {alias(f'm{i}.example.net')}" for i in range(9)),
    f"self {alias('Self.example.com')}",
    f"ring1 {alias('ring2.example.com')}", f"ring2 {alias('ring3.example.com')}",
    "ring3 CNAME ring1",
    f"tail {alias('ring1.example.com')}",
    f"outside {alias('cname1.example.net')}",
    f"*.rewild {alias('x.rewild.example.com')}",
    f"*.exact {alias('x.exact.example.com')}", f"x.exact A {A}",
    "sub NS ns.example.net.", f"a.sub {GOOD}",
])

EXPECTED = {
    "example.com.": [],
    "www.example.com.": [],
    "*.wild.example.com.": [],
    'q\\"\\\\\\200\\@.example.com.': [],
    "several.example.com.": [],
    "own.example.com.": [],
    "rotating.example.com.": [],
    "moved.example.com.": ["differs"],
    "gone.example.com.": ["dangling"],
    "half.example.com.": ["dangling"],
    "empty.example.com.": ["no-address"],
    "failing.example.com.": ["unresolved", "servfail"],
    "stale.example.com.": ["unresolved", "stale"],
    **{owner: ["malformed"] for owner in only_malformed("malformed.example.com.", "partly.example.com.")},
    "many.example.com.": ["malformed"],
    "self.example.com.": ["loop", "servfail"],
    "ring1.example.com.": ["loop", "unresolved", "servfail"],
    "ring2.example.com.": ["loop", "unresolved", "servfail"],
    "tail.example.com.": ["loop", "unresolved", "servfail"],
    "outside.example.com.": ["loop", "unresolved", "servfail"],
    "*.rewild.example.com.": ["loop", "unresolved", "servfail"],
    "*.exact.example.com.": ["unresolved", "servfail"],
    "a.sub.example.com.": ["not-served"],
    "a.merge.example.": [],
    "a.override.example.": [],
    "none.override.example.": [],
    "a.template.example.": [],
    "a.off.example.": ["not-served"],
    "a.online.example.": [],
    "a.frozen.example.": ["unsigned"],
    "own.frozen.example.": ["unsigned"],
}

ONLINESIGN = ("mod-onlinesign of the server has CVE-2026-39155, by which anyone can make validating resolvers "
              "deny names that exist")

SAID = {"kind": str, "addresses": list, "ttl": (int, type(None)), "rcode": (int, type(None)),
        "ede": (int, type(None)), "signed": bool}
RECORD = {"zone": str, "owner": str, "asked": str, "ttl": int, "status": str, "problems": list,
          "details": list, "targets": list, "server": dict, "own": dict}
ZONE = {"zone": str, "module": (str, type(None)), "resolver_asked": list, "resolver": (list, type(None)),
        "resolver_from": (str, type(None))}
STATUSES = {"ok", "malformed", "cname", "loop", "builtin", "no-answer", "unresolved", "dangling", "no-address",
            "servfail", "not-served", "incomplete", "stale", "unsigned", "denied", "differs"}


def script(upstream):
    """What the resolver says in the beginning."""
    upstream.host("t.example.net", A, AAAA)
    upstream.host("u.example.net", OLD)
    upstream.host("moved.example.net", OLD)
    upstream.host("rotating.example.net", A, OLD)
    upstream.host("stale.example.net", A, AAAA, ttl=1)
    upstream.both("gone.example.net", nxdomain())
    upstream.both("empty.example.net", nodata())
    for i in range(9):
        upstream.host(f"m{i}.example.net", f"198.51.100.{i}")
    for i, name in enumerate(["cname1.example.net", "cname2.example.net"]):
        upstream.script(name, "CNAME", answer(f"@ 60 CNAME cname{2 - i}.example.net."))
    upstream.default = failure("SERVFAIL")


def signed_text(place):
    """A zone as somebody else has signed it."""
    text = f"a {GOOD}\nown {GOOD}\nown A {OWN}"
    zone = Zone("frozen.example", text, module="", extra="dnssec-signing: on")
    with Knotd(place(), [zone]) as knot:
        until(lambda: rrset(knot.ask("own.frozen.example", do=True), "RRSIG"))
        knot.knotc("-b", "-f", "zone-flush", zone.name)
        return knot.path.joinpath(f"{zone.name}.zone").read_text()


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    script(upstream)
    zones = [
        Zone("example.com", TEXT),
        Zone("good.example", f"@ {GOOD}\n*.w {GOOD}"),
        Zone("merge.example", f"a {GOOD}\na A {OWN}", module="mod-alias/merge"),
        Zone("override.example", f"a {GOOD}\na A {OWN}\nnone {GOOD}", module="mod-alias/override"),
        Zone("template.example", f"a {GOOD}", module="", extra="template: other"),
        Zone("off.example", f"a {GOOD}", module=""),
        Zone("online.example", f"a {GOOD}", module="[ mod-alias/default, mod-onlinesign ]"),
        Zone("frozen.example", signed_text(place), head=""),
    ]
    sections = {mode: labs.options(upstream, sibling=mode) for mode in ("merge", "override")}
    knot = Knotd(place(), zones, {"default": labs.options(upstream, stale_max="1h"), **sections})
    knot.template = ["  - id: other", f"    storage: {knot.path}", "    module: mod-alias/default"]
    with knot:
        change(knot, upstream)
        yield knot


def change(knot, upstream):
    """Let the resolver change its mind about what the server has in its cache."""
    lab = labs.Lab(knot, upstream)
    for label in ("moved", "rotating", "stale"):
        lab.warm(f"{label}.example.com")
    upstream.host("moved.example.net", NEW)
    upstream.host("rotating.example.net", OLD, NEW)
    upstream.both("stale.example.net", failure("SERVFAIL"))
    until(lambda: all(ede(knot.ask("stale.example.com", rdtype, tcp=True)) == STALE
                      for rdtype in ("A", "AAAA")), 20)


def onlinesign_warning(knot, *zones):
    """What is said of zones with mod-onlinesign: nothing, unless its denials of other names cover `www`."""
    def crafted(zone):
        """wwv\\255 below the zone, with labels of \\255 before it that leave no room for a longer name."""
        labels = [b"wwv\xff", *name_of(zone).labels]
        while (room := 255 - sum(len(label) + 1 for label in labels)) > 1:
            labels.insert(0, b"\xff" * min(63, room - 1))
        return dns.name.Name(labels)

    def denies_www(zone):
        nsec = rrset(knot.ask(crafted(zone), "TXT", tcp=True, do=True), "NSEC", "authority")
        return nsec.name < name_of(f"www.{zone}") < nsec[0].next

    faulty = [zone for zone in zones if denies_www(zone)]
    more = f" and {len(faulty) - 1} more" if len(faulty) > 1 else ""
    return f"warning: zone {faulty[0]}.{more}: {ONLINESIGN}\n" if faulty else ""


def check(knot, *arguments, status=None):
    """Run kalias check and return the finished process."""
    done = kalias("-s", str(knot.path / "knot.sock"), "check", *arguments, check=False)
    assert status is None or done.returncode == status, done.stdout + done.stderr
    return done


def check_json(knot, *arguments, status, warning=""):
    """The same with --json; return its records by owner, with all else proven."""
    done = check(knot, "--json", *arguments, status=status)
    assert done.stderr == warning
    document = json.loads(done.stdout)
    validate(document)
    assert document["complete"] is True
    return {record["owner"]: record for record in document["records"]}


def has_keys(value, schema):
    assert set(value) == set(schema)
    for key, kind in schema.items():
        assert isinstance(value[key], kind), key


def validate(document):
    """Each key is there, has its type, and nothing else is."""
    has_keys(document, {"complete": bool, "checked": int, "counts": dict, "zones": list, "records": list})
    for zone in document["zones"]:
        has_keys(zone, ZONE)
    assert {zone["zone"] for zone in document["zones"]} == {record["zone"] for record in document["records"]}
    assert set(document["counts"]) == STATUSES
    assert document["checked"] == len(document["records"]) == sum(document["counts"].values())
    for record in document["records"]:
        has_keys(record, RECORD)
        assert record["status"] == (record["problems"] or ["ok"])[0]
        assert STATUSES >= set(record["problems"])
        assert len(record["details"]) == len(record["problems"]) and all(record["details"])
        for target in record["targets"]:
            has_keys(target, {"name": str, "a": dict, "aaaa": dict})
            has_keys(target["a"], SAID)
            has_keys(target["aaaa"], SAID)
        assert set(record["own"]) == {"a", "aaaa"}
        assert set(record["server"]) in ({"a", "aaaa"}, {"a", "aaaa", "a_dnssec", "aaaa_dnssec"})
        for said in record["server"].values():
            has_keys(said, SAID)


@pytest.fixture(scope="module", name="records")
def fixture_records(knot):
    """All of the server, checked once."""
    return check_json(knot, status=1, warning=onlinesign_warning(knot, "online.example"))


# What is found

@pytest.mark.parametrize("owner", EXPECTED)
def test_problems(records, owner):
    """Each owner has its problems and no others."""
    assert records[owner]["problems"] == EXPECTED[owner]


def test_nothing_else(records):
    """All owners of all zones are there."""
    assert set(records) == {*EXPECTED, "good.example.", "*.w.good.example."}


def test_details(records):
    """What is wrong is told with the names and addresses that matter."""
    def detail(label):
        return records[f"{label}.example.com."]["details"][0]
    assert OLD in detail("moved") and NEW in detail("moved")
    assert detail("half") == "gone.example.net. does not exist"
    assert "failing.example.net." in detail("failing")
    assert "alias in its configuration" in records["a.off.example."]["details"][0]
    assert "EDE 3" in records["stale.example.com."]["details"][1]


def test_facts(records):
    """A record has what both sides say."""
    record = records["example.com."]
    assert record["zone"] == record["asked"] == "example.com." and record["ttl"] == 60
    assert [target["name"] for target in record["targets"]] == ["t.example.net."]
    for said in (record["targets"][0], record["server"]):
        assert said["a"]["kind"] == said["aaaa"]["kind"] == "addresses"
        assert said["a"]["addresses"] == [A] and said["aaaa"]["addresses"] == [AAAA]
    assert record["targets"][0]["a"]["ttl"] == 3600 and 0 < record["server"]["a"]["ttl"] <= 60
    assert records["self.example.com."]["server"]["a"]["rcode"] == 2
    assert records["gone.example.com."]["targets"][0]["a"]["kind"] == "nxdomain"
    assert records["empty.example.com."]["server"]["a"]["kind"] == "nodata"
    assert records["stale.example.com."]["server"]["a"]["ede"] == STALE


def test_wildcard(records):
    """A wildcard is asked for by a name below it."""
    assert records["*.wild.example.com."]["asked"] == "kalias-check.wild.example.com."
    assert records["*.wild.example.com."]["server"]["a"]["addresses"] == [A]


def test_several_targets(records):
    """The server's answer is compared with all of them."""
    record = records["several.example.com."]
    assert sorted(target["name"] for target in record["targets"]) == ["t.example.net.",
                                                                       "u.example.net."]
    assert record["server"]["a"]["addresses"] == [A, OLD]
    assert len(records["many.example.com."]["targets"]) == 8


def test_siblings(records):
    """Own addresses are shown, and expected where `sibling` says so."""
    assert records["own.example.com."]["own"] == {"a": [OWN], "aaaa": []}
    assert records["own.example.com."]["server"]["a"]["addresses"] == [A]
    assert records["a.merge.example."]["server"]["a"]["addresses"] == [A, OWN]
    assert records["a.override.example."]["server"]["a"]["addresses"] == [OWN]


def test_signed(records):
    """In signed zones clients that ask for signatures are looked after, too."""
    online, frozen = records["a.online.example."]["server"], records["a.frozen.example."]["server"]
    assert online["a_dnssec"]["signed"] and online["aaaa_dnssec"]["signed"]
    assert frozen["a"]["addresses"] == [A] and frozen["a_dnssec"]["kind"] == "nodata"
    assert 'see "Signed elsewhere" under DNSSEC in mod-alias(5): A ' in records["a.frozen.example."]["details"][0]
    manual = (TOP / "src/mod-alias.rst").read_text()
    assert "\n**Signed elsewhere**" in manual.partition("\nDNSSEC\n===")[2].partition("\nOther limits\n===")[0]
    assert "a_dnssec" not in records["example.com."]["server"]


def test_onlinesign(place, upstream):
    """A server whose mod-onlinesign denies too much is told of once; automatic signing denies what it should."""
    upstream.host("t.example.net", A, AAAA)
    # The second one leaves a name below it 254 octets, the first one 255.
    online = ["a.example", f"{'b' * 63}.{'c' * 39}.example"]
    zones = [*(Zone(zone, f"@ {GOOD}\n* {GOOD}", module="[ mod-alias/default, mod-onlinesign ]") for zone in online),
             Zone("signed.example", f"@ {GOOD}", extra="dnssec-signing: on")]
    with labs.lab(place, upstream, zones=zones) as lab:
        assert check(lab.knot, status=0).stderr == onlinesign_warning(lab.knot, *online)
        assert check(lab.knot, online[1], status=0).stderr == onlinesign_warning(lab.knot, online[1])
        assert not check(lab.knot, "signed.example", status=0).stderr


def said_of_sections(place, zones, *sections, template=""):
    """What check warns of, beside nothing that is wrong; `template` is the module of zones without one."""
    knot = Knotd(place(), [Zone(zone, module=module, extra="" if module else "template: t")
                           for zone, module in zones.items()],
                 {section: {"resolver": "127.0.0.1@1"} for section in sections})
    knot.template = ["  - id: t", f"    storage: {knot.path}", f"    module: {template}"] if template else []
    with knot:
        assert not check(knot, next(iter(zones)), status=0).stderr
        return check(knot, status=0).stderr.splitlines()


def test_section_not_used(place):
    """A section that no zone and no template has is told of."""
    zones = {"a.example": "[ mod-stats, mod-alias/own ]", "b.example": ""}
    assert said_of_sections(place, zones, "own", "used", "b", "a_b", "used2", template="mod-alias/used") == [
        f"warning: section mod-alias/{section} is not used by any zone or template" for section in ("a_b", "b", "used2")]


def test_default_section(place):
    """The module without a section has nothing of a section called default, unlike a zone without a template."""
    def warning(who):
        return (f"warning: {who}: module 'mod-alias' without a section means the default of each option, not section "
                "'default': write mod-alias/default")
    section = "mod-alias/default"
    assert said_of_sections(place, {"a.example": section, "b.example": section}, "default") == []
    assert said_of_sections(place, {"a.example": "mod-alias"}, "default") == [warning("zone a.example.")]
    zones = {"a.example": section, "b.example": "mod-alias", "c.example": "mod-alias", "d.example": ""}
    assert said_of_sections(place, zones, "default", template="mod-alias") == [warning("zone b.example. and 2 more")]
    zones = {"d.example": "", "e.example": "mod-alias/other"}
    assert said_of_sections(place, zones, "default", "other", template="mod-alias") == [warning("template t")]
    assert said_of_sections(place, {"a.example": "mod-alias", "e.example": "mod-alias/other"}, "other") == []


# How it is told

def test_table(knot):
    """For people: what is wrong comes last, with the reason below, and then the numbers."""
    done = check(knot, "example.com", status=1)
    lines = done.stdout.splitlines()
    assert lines[-2].startswith("resolver ")
    statuses = [line.split()[0] for line in lines[1:-2] if not line.startswith(" ")]
    fine = sum(not EXPECTED[owner] for owner in EXPECTED if owner.endswith("example.com."))
    assert statuses[:fine] == ["ok"] * fine and "ok" not in statuses[fine:]
    assert lines[0].split()[:3] == ["STATUS", "OWNER", "TARGETS"]
    row = next(i for i, line in enumerate(lines) if " gone.example.com. " in line)
    assert lines[row].split() == ["dangling", "gone.example.com.", "gone.example.net."]
    assert lines[row + 1].strip() == "gone.example.net. does not exist"
    assert lines[-1].startswith(f"{len(statuses)} checked: {fine} ok, {len(only_malformed(1, 2)) + 1} malformed, ")
    assert not done.stderr


def test_column(place, upstream):
    """A name of more than 60 characters moves its own line only; one of 60 has room."""
    upstream.host("t.example.net", A, AAAA)
    names = ["www.example.com.", f"{'m' * 47}.example.com.", f"{'n' * 48}.example.com."]
    zone = Zone("example.com", "\n".join(f"{name} {GOOD}" for name in names))
    with labs.lab(place, upstream, zones=[zone]) as lab:
        lines = check(lab.knot, status=0).stdout.splitlines()
    columns = {line.split()[1]: line.index("t.example.net.") for line in lines[1:4]}
    assert columns == {names[0]: 74, names[1]: 74, names[2]: 75}
    assert lines[0].index("TARGETS") == 74


def test_fine(knot):
    """Exit status 0 if, and only if, there is nothing to report."""
    done = check(knot, "good.example", status=0)
    assert done.stdout.splitlines()[-1] == "2 checked: 2 ok"
    assert all(not record["problems"] for record in check_json(knot, "Good.Example", status=0).values())


def test_empty(knot, place):
    """A server without ALIAS has none that are wrong."""
    with Knotd(place(), [Zone("example.com", module="")]) as plain:
        assert check(plain, status=0).stdout == "0 checked: 0 ok\n"
        assert not check_json(plain, status=0)


# Who is asked

def test_cold(place, upstream):
    """A target that the server has yet to resolve is fine, also without its waiting for it."""
    upstream.host("t.example.net", A, AAAA)
    zones = [Zone("example.com", f"@ {GOOD}\nwww {GOOD}")]
    for cold_wait in (0, 10000):
        with labs.lab(place, upstream, zones=zones, cold_wait=cold_wait) as lab:
            assert len(check_json(lab.knot, status=0)) == 2


def test_server(knot):
    """--server asks at another address; one that refuses is told."""
    check(knot, "--server", f"::1@{knot.port}", "good.example", status=0)
    port = free_port()
    records = check_json(knot, "--server", f"127.0.0.1@{port}", "good.example", status=1)
    assert all(record["problems"] == ["no-answer"] for record in records.values())
    assert "refused" in records["good.example."]["details"][0]


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
def test_wildcard_address(place, upstream, listen):
    """A server that listens on all addresses is asked on loopback."""
    upstream.host("t.example.net", A, AAAA)
    zones = [Zone("example.com", f"@ {GOOD}")]
    with labs.lab(place, upstream, zones=zones, database=True) as lab:
        # It takes effect with a restart only, but is there to be read.
        for command in (["conf-begin"], ["conf-unset", "server.listen"],
                        ["conf-set", "server.listen", f"{listen}@{lab.knot.port}"], ["conf-commit"]):
            lab.knot.knotc(*command)
        check_json(lab.knot, "--resolver", upstream.address, status=0)


def test_server_fails(place, upstream):
    """What the server can't resolve is SERVFAIL, when another resolver can."""
    with Upstream() as broken:
        broken.default = failure("SERVFAIL")
        zones = [Zone("example.com", f"@ {GOOD}")]
        with labs.lab(place, broken, zones=zones) as lab:
            records = check_json(lab.knot, "--resolver", upstream.address, status=1)
    assert records["example.com."]["problems"] == ["servfail"]
    assert "EDE 23" in records["example.com."]["details"][0]


def test_resolver(knot):
    """--resolver asks another one, the first that answers of several."""
    with Upstream() as other:
        other.both("t.example.net", host(NEW))
        other.both("t.example.net", nodata())
        other.script("t.example.net", "A", host(NEW))
        refusing = f"127.0.0.1@{free_port()}"
        records = check_json(knot, "--resolver", refusing, "--resolver", other.address,
                             "good.example", status=0)  # as CDNs do that
        assert other.count("t.example.net") >= 2
    for record in records.values():
        assert record["problems"] == ["differs"]
        assert record["targets"][0]["a"]["addresses"] == [NEW]


def test_resolver_refuses(knot):
    """A resolver that is not there is told, and that is all that is wrong."""
    records = check_json(knot, "--resolver", f"127.0.0.1@{free_port()}", "good.example", status=1)
    assert all(record["problems"] == ["unresolved"] for record in records.values())


def test_resolver_is_named(place, upstream):
    """Whom it asked for which zones, and whom the server asks: those of the option, or else of resolv.conf."""
    upstream.host("t.example.net", A, AAAA)
    modules = {"a.example": "mod-alias/default", "b.example": "mod-alias/default", "c.example": "mod-alias/system",
               "d.example": "mod-alias", "e.example": ""}
    system = labs.options()
    del system["resolver"]
    with Knotd(place(), [Zone(zone, f"@ {GOOD}", module=module) for zone, module in modules.items()],
               {"default": labs.options(upstream), "system": system}) as knot, Upstream() as other:
        other.host("t.example.net", A, AAAA)
        found = re.search("resolver (.*) from the system's resolv.conf", knot.log())
        if found is None:
            pytest.skip("resolv.conf has no resolver")
        done = check(knot, "--resolver", other.address)
        document = json.loads(check(knot, "--json", "--resolver", other.address).stdout)
        own = check(knot, "b.example", status=0)
        alone = check_json(knot, "a.example", status=0)
    ours, theirs = f"resolver {other.address} asked for", found.group(1)
    assert done.stdout.splitlines()[-5:-1] == [
        f"{ours} 2 zones; the server asks {upstream.address}: option 'resolver' of mod-alias/default",
        f"{ours} 1 zone; the server asks {theirs}: resolv.conf, without option 'resolver' of mod-alias/system",
        f"{ours} 1 zone; the server asks {theirs}: resolv.conf, without option 'resolver' of mod-alias",
        f"{ours} 1 zone without mod-alias"]
    assert own.stdout.splitlines()[-2] == (
        f"resolver {upstream.address} asked for 1 zone, as the server does: option 'resolver' of mod-alias/default")
    assert set(alone) == {"a.example."}

    validate(document)
    assert all(zone["resolver_asked"] == [other.address] for zone in document["zones"])
    assert {zone["zone"]: (zone["resolver"], zone["resolver_from"], from_server(zone["module"] or ""))
            for zone in document["zones"]} == {
        "a.example.": ([upstream.address], "option", "mod-alias/default"),
        "b.example.": ([upstream.address], "option", "mod-alias/default"),
        "c.example.": (theirs.split(", "), "resolv.conf", "mod-alias/system"),
        "d.example.": (theirs.split(", "), "resolv.conf", "mod-alias"), "e.example.": (None, None, "")}


def without_rdata(rdtype):
    """A reply with a record of class ANY that has no RDATA, as in an update (RFC 2136, section 2.4)."""
    def edit(message):
        message.use_edns(False)
        wire = message.to_wire()
        return wire[:6] + b"\0\1" + wire[8:] + b"\xc0\x0c" + struct.pack("!HHIH", rdtype, dns.rdataclass.ANY, 0, 0)
    return forged(edit, answer())


def test_no_rdata(place):
    """Records without RDATA are nothing to go by, and harm nobody."""
    zone = Zone("example.com", f"@ {GOOD}\nu {alias('u.example.net')}\nv {alias('v.example.net')}")
    with Upstream() as odd, labs.lab(place, odd, zones=[zone]) as lab:
        odd.host("t.example.net", A, AAAA)
        odd.both("u.example.net", without_rdata(dns.rdatatype.RRSIG))
        odd.both("v.example.net", failure("SERVFAIL"))
        odd.script("v.example.net", "CNAME", without_rdata(dns.rdatatype.CNAME))
        lab.warm("example.com")
        records = check_json(lab.knot, status=1)
        assert odd.queries("v.example.net", "CNAME")
        assert {seen.name for seen in odd.queries()} == {f"{label}.example.net" for label in "tuv"}
    assert records["v.example.com."]["problems"] == ["unresolved", "servfail"]


def test_denied(place, upstream):
    """What the zone's section rules out is told, and is no failure."""
    rules = {"deny_address": ["192.0.2.0/24", "198.51.100.7", "203.0.113.1-203.0.113.9"],
             "allow_target": ["example.net"], "deny_target": ["bad.example.net"]}
    targets = {
        "half.example.net": ([A, AAAA], "ok"), "net.example.net": ([A, OLD], "denied"),
        "one.example.net": (["198.51.100.7"], "denied"), "range.example.net": (["203.0.113.5"], "denied"),
        "beside.example.net": (["203.0.113.10"], "ok"), "x.bad.example.net": (["203.0.113.10"], "denied"),
        "x.example.org": (["203.0.113.10"], "denied"), "void.example.net": ([], "no-address")}
    for target, (addresses, _) in targets.items():
        upstream.host(target, *addresses)
    zone = Zone("example.com", "\n".join(f"n{i} {alias(target)}" for i, target in enumerate(targets)))
    with labs.lab(place, upstream, zones=[zone], **rules) as lab:
        records = check_json(lab.knot, status=1)
        assert {record["targets"][0]["name"].rstrip("."): record["status"] for record in records.values()} == {
            target: status for target, (_, status) in targets.items()}
        assert records["n1.example.com."]["details"] == [
            "deny-address of the section rules out all addresses of net.example.net."]
        assert records["n5.example.com."]["details"] == ["deny-target or allow-target of the section rules out x.bad.example.net."]
        lab.knot.update("example.com", delete=["n7.example.com."])
        assert check(lab.knot, status=0).stdout.splitlines()[-1] == "7 checked: 2 ok, 5 denied"
        assert check(lab.knot, "example.com", status=0).stdout.splitlines()[-1] == "7 checked: 2 ok, 5 denied"


def test_requests(place, upstream):
    """knotd logs each request: there is one for each name, and a few more, however many zones there are."""
    upstream.host("t.example.net", A, AAAA)
    zones = [Zone(f"z{i}.example", f"@ {GOOD}\nwww {GOOD}") for i in range(50)]
    with labs.lab(place, upstream, zones=zones) as lab:
        before = lab.knot.log().count("control, received command")
        assert check(lab.knot, status=0).stdout.splitlines()[-1] == "100 checked: 100 ok"
        assert lab.knot.log().count("control, received command") - before <= 100 + 20


def test_resolver_is_silent(place, upstream):
    """A dead resolver is soon given up; on a terminal one is told how far it is."""
    labels = [f"n{i}" for i in range(100)]
    for label in labels:
        upstream.host(f"{label}.example.net", A)
    zone = Zone("example.com", "\n".join(f"{n} {alias(f'{n}.example.net')}" for n in labels))
    with Upstream() as silent, labs.lab(place, upstream, zones=[zone], timeout=2000, retry=2,
                                        max_rate=1000000) as lab:
        silent.default = silence
        primary, secondary = pty.openpty()
        done = subprocess.run([KALIAS, "-s", str(lab.knot.path / "knot.sock"), "check", "--json",
                               "--resolver", silent.address], stderr=secondary,
                              stdout=subprocess.PIPE, timeout=seconds(40), check=False)
        os.close(secondary)
        shown = os.read(primary, 65536).decode()
        os.close(primary)
        # Three tries for each of two types; and, if it were not given up, the same once more.
        assert silent.count() < 1.5 * 6 * len(labels)
    assert re.search("\rchecked [0-9]+ of 100 ", shown) and shown.endswith("\r")
    document = json.loads(done.stdout)
    validate(document)
    assert document["counts"]["unresolved"] == 100 and done.returncode == 1


def test_targets_are_silent(place, upstream):
    """A resolver that answers to others is not given up for targets whose servers are dead."""
    upstream.host("z.example.net", A)
    dead = [f"a{i}.silent.example.net" for i in range(40)]
    for name in dead:
        upstream.both(name, silence)
    zone = Zone("example.com", "\n".join([*(f"a{i} {alias(name)}" for i, name in enumerate(dead)),
                                          *(f"z{i} {alias('z.example.net')}" for i in range(3))]))
    with labs.lab(place, upstream, zones=[zone], timeout=1000, cold_wait=0, failure_ttl="5m") as lab:
        records = check_json(lab.knot, status=1)
    assert all(records[f"z{i}.example.com."]["status"] == "ok" for i in range(3))
    assert all(records[f"a{i}.example.com."]["status"] == "unresolved" for i in range(40))
    assert not any("down" in record["details"][0] for record in records.values() if record["details"])


def test_thousand_silent_targets(place, upstream):
    """Targets whose servers are dead are waited for side by side, as a resolver that works takes as long for each."""
    upstream.host("z.example.net", A)
    dead = [f"a{i}.dead.example.net" for i in range(1000)]
    for name in dead:
        upstream.both(name, silence)
    zone = Zone("example.com", "\n".join([*(f"a{i} {alias(name)}" for i, name in enumerate(dead)),
                                          *(f"z{i} {alias('z.example.net')}" for i in range(3))]))
    with labs.lab(place, upstream, zones=[zone], timeout=2000, retry=2) as lab:
        begin = time.monotonic()
        done = check(lab.knot, status=1)
        took = time.monotonic() - begin
    assert done.stdout.splitlines()[-1] == "1003 checked: 3 ok, 1000 unresolved"
    assert took < seconds(30)


def test_many(place, upstream):
    """Hundreds are asked for side by side, each target once."""
    names = [f"n{i}" for i in range(250)]
    for name in names:
        upstream.host(f"{name}.many.example.net", A)
    zone = Zone("example.com", "\n".join(f"{n} {alias(f'{n}.many.example.net')}" for n in names))

    def attempt(_):
        with labs.lab(place, upstream, zones=[zone], timeout=5000, retry=2, max_rate=1000) as lab:
            before = upstream.count()
            done = check(lab.knot, status=0)  # within the limit of kalias()
            assert done.stdout.splitlines()[-1] == "250 checked: 250 ok"
            # A and AAAA, by the server and by the tool; a few are lost on the way.
            return upstream.count() - before < 5 * len(names)
    assert undisturbed(attempt)


def test_help():
    """Each status is explained, and each option."""
    text = kalias("check", "--help").stdout
    for word in [*STATUSES, "--json", "--resolver", "--server"]:
        assert re.search(rf"^ +{word}( <\S+>)? +[A-Z]", text, re.M), word


# What can't be done

def test_broken_off(knot, tmp_path):
    """Without a server or zone there is an error, exit status 1, and JSON that says so."""
    socket = str(tmp_path / "no.sock")
    for done in (kalias("-s", socket, "check", "--json", check=False),
                 check(knot, "--json", "unknown.example")):
        document = json.loads(done.stdout)
        validate(document)
        assert done.returncode == 1 and done.stderr.startswith("error: ")
        assert document["complete"] is False and not document["records"]
    done = check(knot, "unknown.example", status=1)
    assert not done.stdout and "unknown.example.: no such zone" in done.stderr


def test_unloaded(place, upstream):
    """A zone that is not loaded can't be fine; the others are checked."""
    zones = [Zone("example.com", f"@ {GOOD}"), Zone("absent.example", extra="file: nowhere.zone")]
    upstream.host("t.example.net", A, AAAA)
    with labs.lab(place, upstream, zones=zones) as lab:
        done = check(lab.knot, "--json", status=1)
        document = json.loads(done.stdout)
        assert document["complete"] is False and document["counts"]["ok"] == 1
        assert done.stderr == "warning: zone absent.example. is not loaded\n"


@pytest.mark.parametrize("arguments", [
    ["a.example", "b.example"], ["--xml"], ["--resolver"], ["--resolver", "localhost"],
    ["--resolver", "192.0.2.1@0"], ["--resolver", "224.0.0.1"], ["--resolver", "0.0.0.0"],
    ["--server", "127.0.0.1@65536"], ["--server", "127.0.0.1@"], ["--server", ""],
    ["a..example"], ["--resolver", "127.0.0.1"] * 9,
], ids=" ".join)
def test_usage(knot, arguments):
    """A wrong command line has exit status 2, and nobody is asked."""
    done = check(knot, *arguments, status=2)
    assert not done.stdout and done.stderr.startswith("error: ") and "check [--json]" in done.stderr
