# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias rr --update: what it prints sets the record by nsupdate and by knsupdate."""

import shutil
import subprocess

import pytest

from kalias import Knot, kalias
from knotd import Zone
from timing import seconds

TARGET = "cdn.provider.example."
KEY = "hmac-sha256:update:c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I="
# What knot.conf has for it
SECTION = f"""\
key:
  - id: update
    algorithm: hmac-sha256
    secret: {KEY.rpartition(":")[2]}
"""
RULE = """\
acl:
  - id: update
    key: update
    action: [ update, transfer ]
"""


class Keyed(Knot):
    """Updates need the key, from wherever they come."""

    section = SECTION

    def config(self):
        return super().config().replace("[update, transfer]", "transfer").replace(
            "acl:\n", f"{self.section}{RULE}", 1).replace("acl: local", "acl: [ local, update ]")


@pytest.fixture(name="knot", scope="module")
def fixture_knot(place):
    with Keyed(place(), [Zone("example.com", "cname CNAME ns\na\\;b A 192.0.2.1"), Zone("sub.example.com")],
               {"default": {}}) as knot:
        yield knot


@pytest.fixture(name="send", params=["nsupdate", "knsupdate"])
def fixture_send(request, knot):
    """Sends what kalias prints to the server, with the key or without."""
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")

    def send(*arguments, key=("-y", KEY)):
        text = f"server 127.0.0.1 {knot.port}\n" + kalias("rr", "--update", *arguments).stdout
        return subprocess.run([request.param, *key], input=text, capture_output=True, text=True,
                              timeout=seconds(20), check=False)
    return send


def test_set(knot, send):
    """The record is there with its TTL; a second one replaces it; without a TTL there is one of 3600."""
    for ttl, target in (("1h1s", TARGET), ("60", "new.provider.example.")):
        assert send("example.com", "www", ttl, target).returncode == 0
        assert knot.records("example.com", "www") == [({"1h1s": 3601, "60": 60}[ttl], target)]
    assert send("example.com.", "@", "a\\032b.provider.example").returncode == 0
    assert knot.records("example.com") == [(3600, "a\\032b.provider.example.")]


@pytest.mark.parametrize("owner", ["*", "_a._tcp", "A.b", "a\\032b", "a\\;b", "a\\.b", "a\\255", "\\$ttl", "x.example.com."])
def test_owner(knot, send, owner):
    """Any owner, however it has to be written."""
    before = len(knot.kalias("list", "example.com").stdout.splitlines())
    done = send("EXAMPLE.com", owner, TARGET)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(knot.kalias("list", "example.com").stdout.splitlines()) == before + 1
    knot.kalias("unset", "example.com", owner)


def test_zone_below(knot, send):
    """The zone is the one that is named, not one above it, in whatever case."""
    assert send("Sub.example.com", "@", TARGET).returncode == 0
    assert knot.records("sub.example.com") == [(3600, TARGET)]


def test_cname(knot, send):
    """A name with a CNAME is refused by the server, not left as it is without a word."""
    done = send("example.com", "cname", TARGET)
    assert done.returncode != 0 and "YXRRSET" in done.stdout + done.stderr
    assert not knot.records("example.com", "cname")


def test_key(knot, send):
    """Without the key the server refuses it."""
    assert send("example.com", "no-key", TARGET, key=()).returncode != 0
    assert not knot.records("example.com", "no-key")
