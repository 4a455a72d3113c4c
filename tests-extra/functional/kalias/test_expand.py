# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias expand: A and AAAA of names with ALIAS are what the targets have, and nothing good is lost."""

import contextlib
import json
import re
import signal
import subprocess
import time

import pytest

import lab as labs
import proof
import secondaries
from client import addresses, alias
from kalias import KALIAS, Knot
from knotd import Knotd, Zone
from relay import Relay, item
from timing import seconds, until
from upstream import Upstream, failure, host, in_turn, nodata, nxdomain, silence

OLD, NEW, OTHER, OWN, SIX = "192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1", "2001:db8::1"


@pytest.fixture(name="upstream")
def fixture_upstream():
    with Upstream() as server:
        server.default = failure("SERVFAIL")
        yield server


def text(*labels):
    return "\n".join(f"{label} 300 {alias(f'{label}.example.net')}" for label in labels)


@contextlib.contextmanager
def served(place, upstream, *zones, **section):
    options = labs.options(upstream, **section)
    with Knot(place(), zones, {"default": options, "merging": {**options, "sibling": "merge"}}) as knot:
        yield knot


def written(knot, label, zone="example.com"):
    """A and AAAA that the zone has: {address: TTL}."""
    owner = f"{label}.{zone}." if label != "@" else f"{zone}."
    found = {}
    for rdtype in ("A", "AAAA"):
        said = knot.knotc("zone-read", zone, owner, rdtype, check=False).stdout
        found |= {address: int(ttl) for ttl, address in re.findall(rf" (\d+) {rdtype} (\S+)$", said, re.M)}
    return found


def once(knot, *arguments, status=0):
    done = knot.kalias("expand", "--once", *arguments, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def age(knot, by):
    """Makes all that is remembered older."""
    file = knot.path / "alias" / "expand"
    lines = []
    for line in file.read_text().splitlines():
        words = line.split(" ")
        for i in {"zone": [3], "set": [3, 6], "address": [2, 3]}.get(words[0], []):
            words[i] = str(max(0, int(words[i]) - by))
        lines.append(" ".join(words))
    file.write_text("\n".join(lines) + "\n")


def test_once(place, upstream):
    """The addresses get into the zone, with the ALIAS's TTL; a second run changes nothing."""
    upstream.host("a.example.net", OLD, SIX, ttl=7)
    upstream.host("b.example.net", OLD)
    more = f"\n@ 60 {alias('a.example.net')}\nb {alias('a.example.net')}\nmx MX 10 a\nother A {OWN}"
    with served(place, upstream, Zone("example.com", text("a", "b") + more), Zone("example.org", text("a"))) as knot:
        before = knot.serial("example.com")
        done = once(knot)
        assert set(done.stdout.splitlines()) == {
            f"changed example.com.: a.example.com. A {OLD} AAAA {SIX}", f"changed example.com.: b.example.com. A {OLD} AAAA {SIX}",
            f"changed example.com.: example.com. A {OLD} AAAA {SIX}", f"changed example.org.: a.example.org. A {OLD} AAAA {SIX}",
            "4 names with ALIAS: 4 changed in 2 zones, 0 left alone, 0 with a target that fails"}
        assert knot.serial("example.com") == before + 1
        assert written(knot, "a") == {OLD: 300, SIX: 300} and written(knot, "@") == {OLD: 60, SIX: 60}
        assert written(knot, "other") == {OWN: 3600} and not written(knot, "mx")
        done = once(knot)
        assert done.stdout == "4 names with ALIAS: 0 changed in 0 zones, 0 left alone, 0 with a target that fails\n"
        assert knot.serial("example.com") == before + 1


def test_few_requests(place, upstream):
    """What has not changed is not read again: the log of knotd has a few lines for a run, not some for each name."""
    labels = [f"n{i}" for i in range(50)]
    for label in labels:
        upstream.host(f"{label}.example.net", OLD)
    with served(place, upstream, *(Zone(f"z{i}.example", text(*labels[:5])) for i in range(20))) as knot:
        once(knot)
        once(knot)
        before = knot.log().count("control, received command")
        once(knot)
        assert knot.log().count("control, received command") - before < 30


def test_failures(place, upstream):
    """A resolver that fails, refuses or is silent changes nothing, however long."""
    for label in "abc":
        upstream.host(f"{label}.example.net", OLD)
    with served(place, upstream, Zone("example.com", text(*"abc"))) as knot:
        once(knot)
        serial = knot.serial("example.com")
        for label, fault in zip("abc", (failure("SERVFAIL"), silence, failure("REFUSED"))):
            upstream.both(f"{label}.example.net", fault)
        for _ in range(4):
            age(knot, 1000)
            done = once(knot, status=1)
            assert done.stdout.endswith("0 left alone, 3 with a target that fails\n")
        assert knot.serial("example.com") == serial
        assert all(OLD in written(knot, label) for label in "abc")


@pytest.mark.parametrize("reply, option, stays", [
    (nodata(), "nodata", False), (nxdomain(), "nodata", False), (nodata(), "hold", False), (nxdomain(), "hold", True)])
def test_negative(place, upstream, reply, option, stays):
    """Addresses go after three negative answers over two minutes; with `nxdomain: hold` not because a name is gone."""
    upstream.host("a.example.net", OLD, SIX)
    with served(place, upstream, Zone("example.com", text("a")), nxdomain=option) as knot:
        once(knot)
        upstream.both("a.example.net", reply)
        for _ in range(4):  # all within two minutes
            once(knot)
        assert written(knot, "a") == {OLD: 300, SIX: 300}
        age(knot, 121)
        done = once(knot)
        assert bool(written(knot, "a")) == stays != ("a.example.com. has none" in done.stdout)
        # The name stays its own.
        upstream.host("a.example.net", NEW)
        age(knot, 31)
        once(knot)
        assert NEW in written(knot, "a")


def test_keep(place, upstream):
    """--keep says how many."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot:
        once(knot)
        upstream.both("a.example.net", nodata())
        for count in range(1, 6):
            assert written(knot, "a") == {OLD: 300}
            once(knot, "--keep", "5")
            age(knot, 60)
        assert not written(knot, "a")


def test_moves_and_settles(place, upstream):
    """A target that moves is followed at once; an address among others comes or goes when that has lasted."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot:
        once(knot)
        upstream.host("a.example.net", NEW)
        once(knot)
        assert written(knot, "a") == {NEW: 300}
        upstream.host("a.example.net", NEW, OTHER)
        for _ in range(3):
            once(knot)
            assert written(knot, "a") == {NEW: 300}
        age(knot, 301)
        once(knot)
        assert written(knot, "a") == {NEW: 300, OTHER: 300}
        upstream.host("a.example.net", OTHER)
        once(knot)
        assert OTHER in written(knot, "a") and SIX not in written(knot, "a")


def test_pause(place, upstream):
    """A zone changes once in half a minute, unless clients have bad addresses."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot:
        once(knot)
        knot.kalias("set", "example.com", "a", "60", "a.example.net")
        once(knot)
        assert written(knot, "a") == {OLD: 300}
        age(knot, 31)
        once(knot)
        assert written(knot, "a") == {OLD: 60}
        upstream.host("a.example.net", NEW)
        once(knot)
        assert written(knot, "a") == {NEW: 60}


def test_policy(place, upstream):
    """The rules of the zone's section hold for what is written."""
    upstream.host("a.example.net", OLD, "203.0.113.1")
    upstream.host("b.example.net", "203.0.113.1")
    upstream.host("x.bad.example.net", NEW)
    zone = Zone("example.com", text("a", "b") + f"\nc {alias('x.bad.example.net')}\nc {alias('a.example.net')}")
    with served(place, upstream, zone, deny_address=["203.0.113.0/24"], deny_target=["bad.example.net"],
                ttl_max=200) as knot:
        once(knot)
        assert written(knot, "a") == written(knot, "c") == {OLD: 200} and not written(knot, "b")


def test_denied_later(place, upstream):
    """An address that the section rules out from now on goes at once."""
    upstream.host("a.example.net", OLD, NEW)
    with served(place, upstream, Zone("example.com", text("a"))) as knot:
        once(knot)
        knot.sections["default"]["deny-address"] = [OLD]
        knot.reload()
        upstream.both("a.example.net", failure("SERVFAIL"))
        once(knot, status=1)
        assert written(knot, "a") == {NEW: 300}


def test_foreign(place, upstream):
    """Addresses of somebody else are left alone, until --adopt; those that are the target's own are no others'."""
    upstream.host("a.example.net", OLD)
    upstream.host("b.example.net", OLD, NEW)
    with served(place, upstream, Zone("example.com", text("a", "b") + f"\na A {OWN}\nb 60 A {OLD}")) as knot:
        done = once(knot, status=1)
        assert "warning: zone example.com.: a.example.com. has addresses that are none of its targets'" in done.stderr
        assert written(knot, "a") == {OWN: 3600} and written(knot, "b") == {OLD: 300, NEW: 300}
        once(knot, "--adopt")
        assert written(knot, "a") == {OLD: 300}
        # Somebody adds to it: it is ours now.
        knot.update("example.com", add=[f"a.example.com. 300 A {OWN}"])
        age(knot, 31)
        once(knot)
        assert written(knot, "a") == {OLD: 300}


def test_foreign_in_part(place, upstream):
    """One address that is not the targets' is enough: all are left alone, of both types."""
    upstream.host("a.example.net", OLD)
    upstream.host("b.example.net", OLD, SIX)
    own = f"\na A {OLD}\na A {OWN}\nb A {OWN}\nb AAAA {SIX}"
    with served(place, upstream, Zone("example.com", text("a", "b") + own)) as knot:
        for _ in range(2):
            done = once(knot, status=1)
            assert done.stderr.count("has addresses that are none of its targets'") == 2
            assert written(knot, "a") == {OLD: 3600, OWN: 3600} and written(knot, "b") == {OWN: 3600, SIX: 3600}
        once(knot, "--adopt")
        assert written(knot, "a") == {OLD: 300} and written(knot, "b") == {OLD: 300, SIX: 300}


def test_lost_file_of_rotation(place, upstream):
    """Addresses that the target has in turn are its own, once all were seen."""
    upstream.both("a.example.net", nodata(ttl=0, minimum=0))
    upstream.script("a.example.net", "A", in_turn(*(host(OLD, ttl=0), host(NEW, ttl=0)) * 50))
    with served(place, upstream, Zone("example.com", text("a") + f"\na A {OLD}\na A {NEW}")) as knot, daemon(knot):
        file = knot.path / "alias" / "expand"
        until(lambda: file.exists() and "name a.example.com." in file.read_text(), 20)
        assert set(written(knot, "a")) == {OLD, NEW}


def test_unknown_at_first(place, upstream):
    """Whose addresses they are is not known while the resolver fails: nothing is said or done."""
    with served(place, upstream, Zone("example.com", text("a") + f"\na A {OWN}")) as knot:
        done = once(knot, status=1)
        assert not done.stderr and written(knot, "a") == {OWN: 3600}


def test_alias_leaves(place, upstream):
    """With its ALIAS a name loses the addresses that were written, and no others."""
    for label in "ab":
        upstream.host(f"{label}.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a", "b") + "\na MX 10 a")) as knot:
        once(knot)
        # Seen, but not written yet.
        upstream.host("a.example.net", OLD, NEW)
        once(knot)
        age(knot, 31)
        knot.kalias("unset", "example.com", "a")
        knot.update("example.com", add=[f"a.example.com. 300 A {OWN}", f"a.example.com. 300 A {NEW}"])
        assert once(knot).stdout.splitlines()[0] == "changed example.com.: a.example.com. has none"
        for _ in range(2):
            assert written(knot, "a") == {OWN: 300, NEW: 300} and written(knot, "b") == {OLD: 300}
            once(knot)


def test_dry_run(place, upstream):
    """Nothing is changed or remembered, and all is told."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot:
        serial = knot.serial("example.com")
        done = once(knot, "--dry-run")
        assert done.stdout.splitlines()[0] == f"would change example.com.: a.example.com. A {OLD}"
        assert knot.serial("example.com") == serial and not (knot.path / "alias" / "expand").exists()


def test_json(place, upstream):
    """--json prints an object for each pass."""
    upstream.host("a.example.net", OLD, SIX)
    with served(place, upstream, Zone("example.com", text("a", "bad"))) as knot:
        said = json.loads(once(knot, "--json", status=1).stdout)
        assert abs(said.pop("time") - time.time()) < 60
        assert said == {"changed": [{"zone": "example.com.", "owner": "a.example.com.", "a": [OLD], "aaaa": [SIX]}],
                        "names": 2, "changed_names": 1, "changed_zones": 1, "foreign": 0, "unresolved": 1, "failed_zones": 0}


def test_lost_connection(place, upstream):
    """Nothing is written by options that could not be read."""
    upstream.host("a.example.net", OLD, NEW)
    with served(place, upstream, Zone("example.com", text("a")), deny_address=[NEW]) as knot:
        cut = []

        def on_request(data):
            if item("deny-address") in data and not cut:
                cut.append(data)
                return False
            return True
        with Relay(knot.path / "relay.sock", knot.path / "knot.sock", on_request):
            done = knot.kalias("expand", "--once", check=False, socket="relay.sock")
        assert cut and done.returncode == 1
        assert "error: the connection to knotd was lost: nothing changed in this pass" in done.stderr
        assert not written(knot, "a")
        once(knot)
        assert written(knot, "a") == {OLD: 300}


def test_zones(place, upstream):
    """Only the zones that are named; one that is not there is told, and the others are done."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a")), Zone("example.org", text("a")),
                Zone("merge.example", text("a"), module="mod-alias/merging")) as knot:
        done = once(knot, "nowhere.example", "example.org", status=1)
        assert "nowhere.example" in done.stderr
        assert not written(knot, "a") and written(knot, "a", "example.org")
        done = once(knot, status=1)
        assert "error: zone merge.example.: option 'sibling' of mod-alias/merging must be 'fallback'" in done.stderr
        assert written(knot, "a") and not written(knot, "a", "merge.example")


def test_damaged_file(place, upstream):
    """A damaged file is set aside, and names whose addresses are their targets' go on."""
    upstream.host("a.example.net", OLD, NEW)
    with served(place, upstream, Zone("example.com", text("a", "b"))) as knot:
        once(knot, status=1)
        file = knot.path / "alias" / "expand"
        for damage in (lambda lines: lines[:-1], lambda lines: [*lines[:2], "nonsense", *lines[2:]], lambda lines: ["x"]):
            whole = file.read_text().splitlines()
            file.write_text("\n".join(damage(whole)) + "\n")
            done = once(knot, "--dry-run", status=1)
            assert re.search(r"warning: .*/alias/expand: line [0-9]+ is damaged\n", done.stderr) and file.exists()
            done = once(knot, status=1)
            assert re.search(r"warning: .*/alias/expand: line [0-9]+ is damaged, moved to .*/alias/expand\.bad", done.stderr)
            assert file.with_name("expand.bad").exists()
            assert written(knot, "a") == {OLD: 300, NEW: 300}
            assert file.read_text().splitlines()[-1] == "end"
        file.unlink()
        serial = knot.serial("example.com")
        once(knot, status=1)
        assert knot.serial("example.com") == serial


def test_crash(place, upstream):
    """What was written by a run that was killed is known by the next one, and so it leaves with its ALIAS."""
    zones = [f"z{i}.example" for i in range(300)]
    upstream.host("a.example.net", OLD)
    with served(place, upstream, *(Zone(zone, text("a")) for zone in zones)) as knot:
        serial = knot.serial("z0.example")
        with subprocess.Popen([KALIAS, "-s", knot.path / "knot.sock", "expand", "--once"], stdout=subprocess.DEVNULL) as process:
            until(lambda: knot.serial("z0.example") != serial, 20, 0)  # knotc would have to wait for its end
            process.kill()
        assert process.returncode == -signal.SIGKILL
        for zone in zones:
            knot.knotc("zone-abort", zone, check=False)  # the one that it may have had open
        done = [zone for zone in zones if written(knot, "a", zone)]
        for zone in done[:20]:
            knot.kalias("unset", zone, "a")
        once(knot)
        for zone in done[:20]:
            assert not written(knot, "a", zone)
        assert all(written(knot, "a", zone) == {OLD: 300} for zone in zones if zone not in done[:20])


def test_file_can_not_be_written(place, upstream):
    """Nothing gets into a zone that could not be remembered."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot:
        fresh = knot.path / "alias" / "expand.new"
        fresh.mkdir(parents=True)
        done = once(knot, status=1)
        assert re.search(r"error: .*/alias/expand: .*; it is tried again", done.stderr) and not written(knot, "a")
        fresh.rmdir()
        once(knot)
        assert written(knot, "a") == {OLD: 300}


def test_not_expanded_any_more(place, upstream):
    """A zone that can't be expanded from now on keeps what it has."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot:
        once(knot)
        knot.sections["default"]["sibling"] = "merge"
        knot.reload()
        for _ in range(2):
            assert "must be 'fallback'" in once(knot, status=1).stderr
        assert written(knot, "a") == {OLD: 300}


def test_twice(place, upstream):
    """Two of them don't work with one file."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot, daemon(knot):
        until(lambda: written(knot, "a"), 10)
        assert "/alias/expand: another kalias expand runs with this file" in once(knot, status=1).stderr


@pytest.mark.parametrize("arguments, text", [
    (("--interval", "0"), "--interval '0' must be"), (("--settle", "x"), "--settle 'x' must be"),
    (("--keep", "0"), "--keep '0' must be a number from 1 to 1000"), (("--file",), "--file takes an argument"),
    (("--nonsense",), "unknown option '--nonsense'"), (("a..b",), "'a..b' is not a name"),
    (("--resolver", "x"), "--resolver takes ADDR[@PORT]")])
def test_misuse(place, upstream, arguments, text):
    with served(place, upstream, Zone("example.com", "")) as knot:
        assert f"error: {text}" in knot.refused("expand", *arguments, status=2)


@contextlib.contextmanager
def daemon(knot, *arguments):
    process = subprocess.Popen([KALIAS, "-s", knot.path / "knot.sock", "expand", "--interval", "1s", *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=seconds(20))
        assert process.returncode == 0, said
    finally:
        process.kill()


def test_daemon(place, upstream):
    """It follows targets, waits for transactions and restarts of others, and ends with a signal."""
    upstream.host("a.example.net", OLD)
    with served(place, upstream, Zone("example.com", text("a"))) as knot, daemon(knot):
        until(lambda: written(knot, "a") == {OLD: 300}, 10)
        upstream.host("a.example.net", NEW)
        until(lambda: written(knot, "a") == {NEW: 300}, 10)
        knot.knotc("zone-begin", "example.com")
        upstream.host("a.example.net", OTHER)
        asked = upstream.count("a.example.net", "A")
        upstream.wait("a.example.net", "A", asked + 3, 30)
        assert written(knot, "a") == {NEW: 300}
        knot.knotc("zone-abort", "example.com")
        until(lambda: written(knot, "a") == {OTHER: 300}, 20)
        # It comes back with its zone file, which has no addresses.
        knot.stop()
        knot.start()
        until(lambda: written(knot, "a") == {OTHER: 300}, 45)


def test_ends_soon(place, upstream):
    """It ends also while a resolver is silent for many targets."""
    upstream.default = silence
    with served(place, upstream, Zone("example.com", text(*(f"n{i}" for i in range(900))))) as knot, daemon(knot):
        until(lambda: len(upstream.queries()) >= 200, 20)


SIGNING = {"unsigned": "", "nsec": "dnssec-signing: on\n", "nsec3": "dnssec-signing: on\ndnssec-policy: denying\n"}


@contextlib.contextmanager
def fleet(place, upstream, signing, names):
    """A primary with the module, and secondaries without it."""
    with contextlib.ExitStack() as stack:
        zone = Zone("example.com", text("a", "b"), extra=SIGNING[signing] + f"notify: [ {', '.join(names)} ]")
        primary = Knot(place(), [zone], {"default": labs.options(upstream)})
        servers = {name: secondaries.ALL[name][0](place(), primary.port) for name in names if name != "Knot"}
        servers["Knot"] = Knotd(place(), [Zone("example.com", head="", module="", extra="master: primary")],
                                extra=f"remote:\n  - id: primary\n    address: 127.0.0.1@{primary.port}",
                                server={"automatic-acl": "on"})
        remotes = "".join(f"  - id: {name}\n    address: 127.0.0.1@{server.port}\n" for name, server in servers.items())
        primary.extra = f"remote:\n{remotes}policy:\n  - id: denying\n    nsec3: on\n    single-type-signing: on"
        stack.enter_context(primary)
        for server in servers.values():
            stack.enter_context(server)
        yield primary, servers


@pytest.mark.parametrize("signing", SIGNING)
def test_fleet(place, upstream, signing):
    """Secondaries that know no ALIAS have what the targets have, through all that happens to these; nothing is bogus."""
    names = ["Knot", *(name for name in secondaries.ALL if secondaries.is_installed(name))]
    assert len(names) == 4
    upstream.host("a.example.net", OLD, SIX, ttl=1)
    upstream.host("b.example.net", OTHER, ttl=1)
    with fleet(place, upstream, signing, names) as (primary, servers), daemon(primary):
        def have(label, *expected):
            def found(server):
                replies = [server.ask(f"{label}.example.com", rdtype) for rdtype in ("A", "AAAA")]
                return sorted(sum((addresses(reply, rdtype) for reply, rdtype in zip(replies, ("A", "AAAA"))), []))
            return all(found(server) == sorted(expected) for server in servers.values())
        until(lambda: have("a", OLD, SIX) and have("b", OTHER), 60, 0.2)
        upstream.both("b.example.net", silence)
        upstream.host("a.example.net", NEW, SIX, ttl=1)  # one family moves
        until(lambda: have("a", NEW, SIX), 60, 0.2)
        assert have("b", OTHER)
        if signing != "unsigned":
            for server in servers.values():
                zone = proof.Zone(server)
                for label, rdtype, expected in (("a", "A", [NEW]), ("b", "A", [OTHER]), ("b", "AAAA", [])):
                    reply = server.ask(f"{label}.example.com", rdtype, do=True)
                    zone.check(reply, zone.keys(), truth=False)  # these servers show the ALIAS in denials
                    assert addresses(reply, rdtype) == expected
        # The primary answers live, with its module.
        until(lambda: addresses(primary.ask("a.example.com")) == [NEW], 10)
