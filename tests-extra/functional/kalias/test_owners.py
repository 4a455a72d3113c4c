# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an ALIAS is served: at each owner the server, kalias set, kalias check, kzonecheck and the manual agree."""

import json
import re
import shutil
import subprocess

import pytest

import lab as labs
from client import addresses, alias
from kalias import Knot, kalias
from knotd import Zone
from timing import until
from tree import TOP

pytestmark = pytest.mark.usefixtures("free")

KZONECHECK = "/usr/bin/kzonecheck"

FIRST, SECOND = "192.0.2.1", "192.0.2.2"

TEXT = "\n".join([
    "name TXT text",
    "cname CNAME ns", "*.wildcname CNAME ns",
    "dname DNAME example.net.", "*.wilddname DNAME example.net.",
    "sub NS ns.example.net.", "*.wildsub NS ns.example.net.",
])
# DNAME at the apex, below which there may be no other name
APEX_HEAD = ("$ORIGIN {name}.\n$TTL 3600\n@ SOA ns.example.net. admin.example.net. 1 3600 600 86400 300\n"
             "@ NS ns.example.net.\n@ DNAME example.net.\n")

# By the items of the manual's list: owners in the zone of TEXT, and in that of APEX_HEAD
OWNERS = {
    "at any other name": (["@", "name", "new", "*.wild"], []),
    "below a CNAME": (["a.cname", "*.cname", "a.wildcname", "a.*.wildcname"], []),
    "at a DNAME": (["dname", "*.wilddname"], ["@"]),
    "at a CNAME": (["cname", "*.wildcname"], []),
    "below a DNAME": (["a.dname", "a.b.dname", "*.dname", "a.*.wilddname"], ["a", "*"]),
    "at or below a delegation": (["sub", "a.sub", "a.b.sub", "*.sub", "*.wildsub", "a.*.wildsub"], []),
}
MODES = {
    "unsigned": {},
    "nsec": {"extra": "dnssec-signing: on"},
    "nsec3": {"extra": "dnssec-signing: on\ndnssec-policy: nsec3"},
    "online": {"module": "[ mod-alias/default, mod-onlinesign ]"},
}
ZONES = [zone for mode, settings in MODES.items() for zone in (
    Zone(f"{mode}.example", TEXT, **settings), Zone(f"{mode}-apex.example", head=APEX_HEAD, **settings))]
CASES = [(mode, kind) for mode in MODES for kind in OWNERS]
CHECKED = {"served": "ok", "not served": "not-served", "refused": None}


def manual():
    """The manual's list: what it says of each kind of owner."""
    text = re.search(r"^The record\n=+\n(.*?)^Module reference\n", (TOP / "src/mod-alias.rst").read_text(), re.S | re.M)[1]
    return dict(re.findall(r"^- (.+): (served|not served|refused)\b", text, re.M))


def owners(mode, kind):
    """(zone, owner) of all owners of a kind."""
    return [(f"{mode}{suffix}.example", owner) for suffix, found in zip(("", "-apex"), OWNERS[kind]) for owner in found]


def absolute(zone, owner):
    return f"{zone}." if owner == "@" else f"{owner}.{zone}."


def asked(zone, owner):
    """The owner, or a name that the wildcard covers."""
    return absolute(zone, re.sub(r"^\*", "x", owner))


class Server:
    """A knotd in whose zones ALIAS has been put at all owners that it lets in, and what it made of that."""

    def __init__(self, knot, upstream):
        self.knot = knot
        everything = [case for mode, kind in CASES for case in owners(mode, kind)]
        self.refused = {case for case in everything if not self._put(*case)}
        lab = labs.Lab(knot, upstream)
        self.serving = {case for case in everything if self._serves(lab, *case)}
        done = knot.kalias("check", "--json", check=False)
        self.statuses = {record["owner"]: record["status"] for record in json.loads(done.stdout)["records"]}

    def _put(self, zone, owner):
        """Whether knotd lets an ALIAS in, by knotc."""
        rdtype, rdata = alias("first.example.net").split(maxsplit=1)
        self.knot.knotc("zone-begin", zone)
        self.knot.knotc("zone-set", zone, owner, "60", rdtype, rdata)
        if self.knot.knotc("zone-commit", zone, check=False).returncode == 0:
            return True
        self.knot.knotc("zone-abort", zone, check=False)
        return False

    def _serves(self, lab, zone, owner):
        return addresses(lab.settle(asked(zone, owner))) == [FIRST]

    def verdict(self, zone, owner):
        """In the manual's words."""
        if (zone, owner) in self.refused:
            return "refused"
        return "served" if (zone, owner) in self.serving else "not served"

    def status(self, zone, owner):
        """What kalias check said; None if it has no such owner."""
        return self.statuses.get(absolute(zone, owner))

    def sets(self, zone, owner):
        """Whether kalias set lets an ALIAS in; then it is the one that is served."""
        before = self.knot.serial(zone)
        done = self.knot.kalias("set", zone, owner, "second.example.net", check=False)
        if done.returncode:
            assert done.stderr.startswith("error: ") and self.knot.serial(zone) == before
            return False
        until(lambda: addresses(self.knot.ask(asked(zone, owner), tcp=True)) == [SECOND])
        return True


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    upstream.host("first.example.net", FIRST, "2001:db8::1")
    upstream.host("second.example.net", SECOND)
    extra = "policy:\n  - id: nsec3\n    nsec3: on"
    with Knot(place(), ZONES, {"default": labs.options(upstream)}, extra=extra) as knot:
        yield knot


@pytest.fixture(scope="module", name="server")
def fixture_server(knot, upstream):
    return Server(knot, upstream)


def passes_kzonecheck(path, zone, owner):
    """Whether the zone as a file, converted, is one that knotd loads."""
    [text] = [known.file_text() for known in ZONES if known.name == zone]
    path.write_text(kalias("convert", "-o", zone, input=f"{text}{owner} ALIAS first.example.net.\n").stdout)
    return subprocess.run([KZONECHECK, "-o", zone, path], capture_output=True, check=False).returncode == 0


def test_manual():
    """It has the kinds of owners that are tested."""
    assert manual().keys() == OWNERS.keys()


@pytest.mark.parametrize("mode, kind", CASES)
def test_agree(server, tmp_path, mode, kind):
    """What the server does is what the manual and kalias check say; set lets in what is served, and nothing else."""
    for zone, owner in owners(mode, kind):
        verdict = server.verdict(zone, owner)
        assert verdict == manual()[kind], (zone, owner)
        assert server.status(zone, owner) == CHECKED[verdict], (zone, owner)
        assert server.sets(zone, owner) == (verdict == "served"), (zone, owner)
        if shutil.which(KZONECHECK):
            assert passes_kzonecheck(tmp_path / "zone", zone, owner) == (verdict != "refused"), (zone, owner)
