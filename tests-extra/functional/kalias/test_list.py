# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias list: its JSON, and columns that one long name does not widen."""

import json
import shutil
import subprocess

import pytest

from client import alias
from kalias import Knot
from knotd import Zone
from zonecheck import only_malformed

LONG = ".".join(["l" * 20] * 4)
MALFORMED = only_malformed("malformed TYPE65401 \\# 3 026162")
ZONES = [Zone("b.example", "\n".join([f"www 7 {alias('b.example.net')}", f"www 7 {alias('A.example.net')}",
                                      f'q\\"\\\\\\200 {alias("a.example.net")}', f"{LONG} {alias('a.example.net')}",
                                      *MALFORMED]), module=""),
         Zone("a.example", f"@ 60 {alias('a.example.net')}", module="")]
RECORDS = [("a.example.", "a.example.", 60, "a.example.net."),
           ("b.example.", f"{LONG}.b.example.", 3600, "a.example.net."),
           *(("b.example.", "malformed.b.example.", 3600, None) for _ in MALFORMED),
           ("b.example.", 'q\\"\\\\\\200.b.example.', 3600, "a.example.net."),
           ("b.example.", "www.b.example.", 7, "A.example.net."),
           ("b.example.", "www.b.example.", 7, "b.example.net.")]


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place):
    with Knot(place(), ZONES) as knot:
        yield knot


def objects(*records):
    return [dict(zip(("zone", "owner", "ttl", "target"), record)) for record in records]


def test_json(knot):
    """One document with all records, malformed ones without a target, or with those of one zone."""
    done = knot.kalias("list", "--json")
    assert json.loads(done.stdout) == {"complete": True, "records": objects(*RECORDS)}
    assert len(done.stdout.splitlines()) == 1 + len(RECORDS) and not done.stderr
    done = knot.kalias("list", "--json", "A.Example")
    assert json.loads(done.stdout) == {"complete": True, "records": objects(RECORDS[0])}


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_jq(knot):
    """The command of the manual."""
    listed = knot.kalias("list", "--json").stdout
    for query, expected in ((".records[] | select(.ttl < 600) | .owner", ["a.example."] + ["www.b.example."] * 2),
                            ('.records[] | select(.owner | startswith("q")) | .owner', [RECORDS[-3][1]]),
                            (".complete", ["true"])):
        done = subprocess.run(["jq", "-r", query], input=listed, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == expected


def test_json_is_incomplete(place, tmp_path):
    """Without a zone or a server there is JSON that says so."""
    zones = [ZONES[1], Zone("absent.example", "", "", "file: nowhere.zone")]
    with Knot(place(), zones) as knot:
        done = knot.kalias("list", "--json")
        assert json.loads(done.stdout) == {"complete": False, "records": objects(RECORDS[0])}
        assert done.stderr == "warning: zone absent.example. is not loaded\n"
        for zone, socket in (("absent.example", "knot.sock"), ("a.example", tmp_path / "no.sock")):
            done = knot.kalias("list", "--json", zone, check=False, socket=socket)
            assert json.loads(done.stdout) == {"complete": False, "records": []}
            assert done.returncode == 1 and done.stderr.startswith("error: ")


def test_column(knot):
    """A name of more than 60 characters moves its own line only."""
    lines = knot.kalias("list", "b.example").stdout.splitlines()
    assert lines[0] == f"{LONG}.b.example.  3600  a.example.net."
    assert lines[-1] == f"{'www.b.example.':{len(RECORDS[-3][1])}}     7  b.example.net."


@pytest.mark.parametrize("arguments", [["--xml"], ["-j"], ["a.example", "b.example"], ["--json", "a..b"]], ids=" ".join)
def test_usage(knot, arguments):
    """A wrong command line has exit status 2."""
    assert "list [--json] [ZONE]" in knot.refused("list", *arguments, status=2)
