# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias set, unset, and list against a running knotd."""

import os
import signal
import subprocess
import threading

import pytest

import lab as labs
from client import alias, is_answer, rrset
from kalias import KALIAS, kalias
from knotd import Knotd, Zone
from relay import Relay, item
from timing import seconds, until

SERVED = ["example.com", "online.example", "signed.example"]

TEXT = "\n".join([
    "www " + alias("old.example.net"),
    "cname CNAME ns", "sub NS ns.example.net.", "dname DNAME example.net.",
    "broken TYPE65401 \\# 2 0161",
])


class Knot(Knotd):
    """With a template that has the module, and a zone in it."""

    def _template_lines(self):
        served = ["  - id: served", f"    storage: {self.path}", "    module: mod-alias"]
        return [*super()._template_lines(), *(served if self.sections else [])]

    def kalias(self, *arguments, check=True, socket="knot.sock"):
        return kalias("-s", str(self.path / socket), *arguments, check=check)

    def records(self, zone, owner="@"):
        """(TTL, target) of each ALIAS of an owner, as list says."""
        name = f"{zone}." if owner == "@" else f"{owner}.{zone}."
        lines = [line.split() for line in self.kalias("list", zone).stdout.splitlines()]
        return [(int(ttl), target) for found, ttl, target in lines if found == name]

    def serial(self, zone):
        return rrset(self.ask(zone, "SOA", tcp=True), "SOA")[0].serial

    def refused(self, *arguments, status=1):
        """Run it, see it fail, and return what it said."""
        done = self.kalias(*arguments, check=False)
        assert done.returncode == status, done.stderr
        assert not done.stdout
        return done.stderr

    def is_free(self, zone):
        """Whether no transaction is open."""
        return (self.knotc("zone-begin", zone, check=False).returncode == 0
                and self.knotc("zone-abort", zone).returncode == 0)


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    zones = [Zone("example.com", TEXT),
             Zone("online.example", TEXT, module="[ mod-alias/default, mod-onlinesign ]"),
             Zone("signed.example", TEXT, extra="dnssec-signing: on"),
             Zone("template.example", module="", extra="template: served"),
             Zone("plain.example", module=""),
             Zone("dname.example", "@ DNAME example.net.", head="$ORIGIN {name}.\n"
                  "@ 60 SOA ns admin 1 3600 600 86400 300\n@ 60 NS ns.example.net.\n"),
             Zone("absent.example", extra="file: nowhere.zone"),
             Zone("secondary.example", extra="master: nobody")]
    extra = "remote:\n  - id: nobody\n    address: 127.0.0.1@1"
    with Knot(place(), zones, {"default": labs.options(upstream)}, extra=extra) as knot:
        until(lambda: rrset(knot.ask("ns.signed.example", do=True), "RRSIG"))
        yield knot


@pytest.fixture(name="free", autouse=True)
def fixture_free(knot):
    """No command leaves a transaction open."""
    yield
    assert all(knot.is_free(zone.name) for zone in knot.zones)


@pytest.fixture(name="owner")
def fixture_owner(request):
    """A name that no other test uses."""
    return request.node.name.translate({ord(c): "-" for c in "[]_"}).strip("-").lower()


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


@pytest.mark.parametrize("owner", ["*.wild", "_odd", r"back\\slash", r"a\.b", "7"])
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
    (["set", "example.com", "dname", "t."], "at or below the DNAME of dname.example.com."),
    (["set", "example.com", "a.dname", "t."], "at or below the DNAME of dname.example.com."),
    (["set", "dname.example", "@", "t."], "at or below the DNAME of dname.example."),
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
    (["set", "example.com", "@", "-1", "t."], "TTL '-1' is not a number of seconds"),
    (["set", "example.com", "@", "1h", "t."], "TTL '1h' is not a number of seconds"),
    (["set", "example.com", "@", "", "t."], "TTL '' is not a number of seconds"),
    (["set", "example.com", "@", "2147483648", "t."], "from 0 to 2147483647"),
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
    assert said == ("" if served else f"warning: zone {zone}. does not have mod-alias in the "
                    "configuration: its ALIAS are not served\n")
    assert knot.records(zone, "served") == [(3600, "t.example.net.")]


def test_relative(knot):
    """An owner that was meant to be absolute is easily seen."""
    assert knot.kalias("set", "example.com", "a.example.com", "t.example.net").stderr == (
        "warning: owner 'a.example.com' has no final dot, it means a.example.com.example.com.\n")
    knot.kalias("unset", "example.com", "a.example.com")


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


# Transactions

@pytest.mark.parametrize("arguments", [["set", "example.com", "ours", "t."],
                                       ["unset", "example.com", "www"]])
def test_not_ours(knot, arguments):
    """Somebody else's transaction is left as it is."""
    knot.knotc("zone-begin", "example.com")
    knot.knotc("zone-set", "example.com", "theirs", "60", "TXT", "text")
    assert "zone example.com.: somebody else has a transaction open" in knot.refused(*arguments)
    assert "theirs" in knot.knotc("zone-diff", "example.com").stdout
    knot.knotc("zone-abort", "example.com")


def test_commit_fails(place, upstream):
    """A change that knotd does not accept leaves the zone as it was."""
    zones = [Zone("signed.example", TEXT, extra="dnssec-signing: on")]
    with Knot(place(), zones, {"default": labs.options(upstream)}) as knot:
        until(lambda: rrset(knot.ask("ns.signed.example", do=True), "RRSIG"))
        before = knot.serial("signed.example")
        for key in knot.path.glob("keys/keys/*.pem"):
            key.unlink()
        assert "zone signed.example.: the change was not accepted: " in knot.refused(
            "set", "signed.example", "new", "t.example.net")
        assert knot.serial("signed.example") == before
        assert knot.is_free("signed.example")


@pytest.mark.parametrize("command", ["zone-get", "zone-unset", "zone-set"])
def test_connection_lost(knot, place, command):
    """When knotd goes away in the middle, the transaction is ended on another connection."""
    path = place() / "knot.sock"
    with Relay(path, knot.path / "knot.sock", lambda data: item(command) not in data):
        done = kalias("-s", str(path), "set", "example.com", "www", "new.example.net", check=False)
    assert done.returncode == 1
    assert f"nothing changed: control socket {path}: " in done.stderr
    assert knot.records("example.com", "www") == [(3600, "old.example.net.")]


def test_begin_lost(knot, place):
    """A transaction that may be somebody else's is told, not ended."""
    def lose(data):
        if item("zone-begin") in data:
            relay.mute.set()
        return True

    path = place() / "knot.sock"
    with Relay(path, knot.path / "knot.sock", lose) as relay:
        done = kalias("-s", str(path), "unset", "example.com", "www", check=False)
    assert done.returncode == 1
    assert "a transaction may be open now, see knotc zone-status" in done.stderr
    knot.knotc("zone-abort", "example.com")
    assert knot.records("example.com", "www") == [(3600, "old.example.net.")]


def test_nobody_reads(knot, owner):
    """Messages that nobody reads any more don't end the program within a transaction."""
    knot.kalias("set", "example.com", owner, "t.example.net")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = subprocess.run([KALIAS, "-s", str(knot.path / "knot.sock"), "set", "--add",
                               "example.com", owner, "t.example.net"], check=False, stderr=pipe,
                              timeout=seconds(10))
    assert done.returncode == -signal.SIGPIPE


@pytest.mark.parametrize("made", [False, True])
def test_commit_lost(knot, place, owner, made):
    """A commit without a reply may have been made or not: that is told, and nothing is left open."""
    def lose(data):
        if item("zone-commit") in data:
            if not made:
                return False
            relay.mute.set()
        return True

    path = place() / "knot.sock"
    with Relay(path, knot.path / "knot.sock", lose) as relay:
        done = kalias("-s", str(path), "set", "example.com", owner, "t.example.net", check=False)
    assert done.returncode == 1
    assert "see kalias list whether the change was made" in done.stderr
    assert bool(knot.records("example.com", owner)) == made


def test_left_open(knot, place):
    """When knotd can't be reached any more, it is told what is left to do."""
    def leave(data):
        if item("zone-set") in data:
            os.unlink(path)
            return False
        return True

    path = place() / "knot.sock"
    with Relay(path, knot.path / "knot.sock", leave):
        done = kalias("-s", str(path), "set", "example.com", "www", "new.example.net", check=False)
    assert done.returncode == 1
    assert "zone example.com.: the transaction is left open: " in done.stderr
    assert "end it with knotc zone-abort" in done.stderr
    knot.knotc("zone-abort", "example.com")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["zone-begin", "zone-set"])
def test_signal(knot, place, command, number):
    """A signal ends the transaction before it ends the program."""
    came, gate = threading.Event(), threading.Event()

    def hold(data):
        if item(command) in data:
            came.set()
            assert gate.wait(seconds(10))
        return True

    before, path = knot.serial("example.com"), place() / "knot.sock"
    with Relay(path, knot.path / "knot.sock", hold), subprocess.Popen(
            [KALIAS, "-s", str(path), "set", "example.com", "signal", "t.example.net"],
            stderr=subprocess.PIPE, text=True) as process:
        assert came.wait(seconds(10))
        process.send_signal(number)
        gate.set()
        assert "zone example.com.: nothing changed: interrupted" in process.communicate(
            timeout=seconds(10))[1]
    assert process.returncode == -number
    assert knot.serial("example.com") == before


def test_timeout(knot, place):
    """A knotd that hangs is told after the time-out."""
    gate = threading.Event()
    path = place() / "knot.sock"
    with Relay(path, knot.path / "knot.sock", lambda data: gate.wait(seconds(10)) and False):
        done = kalias("-s", str(path), "-t", "1", "list", check=False)
        gate.set()
    assert done.returncode == 1
    assert done.stderr == f"error: control socket {path}: knotd did not answer in time\n"


# The socket

def said_of(*arguments, prefix=()):
    """What kalias says when it can't reach knotd."""
    done = subprocess.run([*prefix, KALIAS, *arguments, "list"], capture_output=True, text=True,
                          timeout=seconds(10), check=False, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 1 and not done.stdout
    return done.stderr


@pytest.mark.parametrize("listen, rundir", [
    ("knot.sock", "{path}"), ('"knot.sock"', '"{path}"'), ("{path}/knot.sock", "/nowhere"),
    ("[ knot.sock, other.sock ]", "{path}"), (None, "{path}"), ("{path}/knot.sock", None)])
def test_config(knot, place, listen, rundir):
    """The configuration file says where the socket is, in all the ways that knotd reads."""
    lines = ["# comment", "server:", "    version: off"]
    lines += [f"    rundir: {rundir.format(path=knot.path)}"] if rundir else []
    lines += [f"control:\n    listen: {listen.format(path=knot.path)}"] if listen else []
    file = place() / "knot.conf"
    file.write_text("\n".join([*lines, "xdp:", "    listen: other.sock", ""]))
    assert kalias("-c", str(file), "list", "template.example").returncode == 0


@pytest.mark.parametrize("pattern", ["knot.d/*.conf", "knot.d/b.conf", "{path}/knot.d/[ab].conf"])
def test_config_include(knot, place, pattern):
    """Included files count, by relative path, absolute path, and wildcard, several levels deep."""
    path = place()
    include = path / "knot.d"
    include.mkdir()
    include.joinpath("directory.conf").mkdir()
    include.joinpath("b.conf").write_text("include: ../c.conf\n")
    path.joinpath("c.conf").write_text(f"include: no*thing\nserver:\n  rundir: {knot.path}\n")
    path.joinpath("knot.conf").write_text(f'include: "{pattern.format(path=path)}"\n')
    assert kalias("-c", str(path / "knot.conf"), "list", "template.example").returncode == 0


@pytest.mark.parametrize("text, expected", [
    ("server:\n  rundir: [\n", "knot.conf, line 2: "),
    ("include: missing.conf\n", "include 'missing.conf': no such file"),
    ("include: knot.conf\n", "include 'knot.conf': more than 6 levels deep"),
])
def test_config_wrong(place, text, expected):
    """A configuration file that can't be read is told, with the place."""
    file = place() / "knot.conf"
    file.write_text(text)
    said = said_of("-c", str(file))
    assert said.startswith(f"error: {file}") and expected in said


def test_config_none(place):
    """Neither a file that is missing nor a configuration database is a configuration file."""
    path = place()
    assert said_of("-c", f"{path}/knot.conf") == f"error: {path}/knot.conf: No such file or directory\n"
    assert "a configuration database, not a file; give the control socket with --socket" in said_of(
        "-c", str(path))


@pytest.mark.skipif(os.path.exists("/run/knot/knot.sock"), reason="a knotd is running here")
def test_default():
    """Without options it is the socket of the knotd of the system."""
    assert said_of() == ("error: control socket /run/knot/knot.sock: "
                         "no such socket, is knotd running?\n")


def test_no_socket(place):
    """The error names the socket, and says whether it is knotd that is missing or the right."""
    path = place() / "knot.sock"
    error = f"error: control socket {path}: "
    assert said_of("-s", str(path)) == error + "no such socket, is knotd running?\n"
    path.write_text("")
    assert said_of("-s", str(path)) == error + "nobody listens there, is knotd running?\n"
    path.chmod(0)
    # Root may do anything, unless it lacks this capability.
    prefix = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []
    assert said_of("-s", str(path), prefix=prefix) == (
        error + "permission denied, run this as root or as the user of knotd\n")
    assert "longer than the path of a socket can be" in said_of("-s", "x" * 200)


def test_stopped(place):
    """A knotd that has been stopped is not running."""
    with Knot(place(), [Zone("example.com", module="")]) as knot:
        knot.kalias("list", "example.com")
        knot.stop()
        assert "is knotd running?" in knot.refused("list")
