# SPDX-License-Identifier: GPL-2.0-or-later
"""Transactions of kalias set and unset: none is left open, and nobody else's is touched, whatever goes wrong."""

import os
import signal
import subprocess
import threading

import pytest

import lab as labs
from client import alias, rrset
from kalias import KALIAS, Knot, kalias
from knotd import Zone
from relay import Relay, item
from timing import seconds, until

pytestmark = pytest.mark.usefixtures("free")

TEXT = "www " + alias("old.example.net")


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    with Knot(place(), [Zone("example.com", TEXT)], {"default": labs.options(upstream)}) as knot:
        yield knot


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
    # A shell has background jobs ignore SIGINT, and kalias leaves it so.
    with Relay(path, knot.path / "knot.sock", hold), subprocess.Popen(
            ["env", "--default-signal", KALIAS, "-s", str(path), "set", "example.com", "signal", "t.example.net"],
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
