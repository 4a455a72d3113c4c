# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias and the module's names: both are the module, unless Knot has a mod-alias of its own."""

import json
import subprocess

import pytest

import names
from client import alias
from kalias import Knot
from knotd import KNOTC

# Stands for Knot's own module where Knot has none: it has no options, either.
BUILTIN = """\
#include <knot/module.h>
static int load(knotd_mod_t *mod) { (void)mod; return KNOT_EOK; }
KNOTD_MOD_API(alias, KNOTD_MOD_FLAG_SCOPE_ZONE | KNOTD_MOD_FLAG_OPT_CONF, load, NULL, NULL, NULL);
"""


def check(knot, upstream, status, env=None):
    done = knot.kalias("check", "--json", "--resolver", upstream.address, check=False, env=env)
    assert done.returncode == status, done.stdout + done.stderr
    return {record["owner"]: record for record in json.loads(done.stdout)["records"]}


@pytest.mark.parametrize("name", names.FILES)
def test_each_name(place, upstream, name):
    """The options are those of its section."""
    upstream.host("t.example.net", "192.0.2.1")
    text = f"a {alias('t.example.net')}\na A 192.0.2.2"
    with names.knotd(place(), {"example.com": ["mod-stats", f"{name}/default"]}, {"example.com": text}, make=Knot,
                     options=[f"resolver: {upstream.address}", "sibling: override"]) as knot:
        assert check(knot, upstream, 0)["a.example.com."]["status"] == "ok"
        assert json.loads(knot.kalias("check", "--json").stdout)["counts"]["ok"] == 1
        assert knot.kalias("set", "example.com", "b", "t.example.net").stderr == ""


@pytest.fixture(name="builtin")
def fixture_builtin(place):
    """The file of Knot's own module: none if it is a part of knotd."""
    path = place()
    path.joinpath("knot.conf").write_text("zone:\n  - domain: example.com\n    module: mod-alias\n")
    if subprocess.run([KNOTC, "-c", "knot.conf", "conf-check"], cwd=path, capture_output=True,
                      check=False).returncode == 0:
        return {}
    path.joinpath("alias.c").write_text(BUILTIN)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "alias.so", "alias.c"], cwd=path, check=True)
    return {"mod-alias": path / "alias.so"}


def test_builtin(place, upstream, builtin, libknot):
    """Knot's own module serves only targets in zones of the same server. Others are told."""
    upstream.host("t.example.net", "192.0.2.1")
    upstream.host("t.example.org", "192.0.2.2")
    here, elsewhere = alias("T.Example.org"), alias("t.example.net")
    zones = {"example.com": f"a {elsewhere}\nb {here}\nc {here}\nc {elsewhere}\nd {alias('example.org')}",
             "other.example": f"a {elsewhere}", "example.org": "t A 192.0.2.2\n@ A 192.0.2.3"}
    with names.knotd(place(), {"example.com": ["mod-stats", "mod-alias"]}, zones, files=builtin, make=Knot) as knot:
        found = check(knot, upstream, 1, libknot["new"])
        assert {owner for owner, record in found.items() if "builtin" in record["problems"]} == {
            "a.example.com.", "c.example.com."}
        for label in "ac":
            assert found[f"{label}.example.com."]["status"] == "builtin"
            assert found[f"{label}.example.com."]["details"][0].endswith(
                "targets in zones of this server are served, not t.example.net.")
        assert "alias in its configuration" in found["a.other.example."]["details"][0]
        said = knot.kalias("set", "example.com", "e", "t.example.net", env=libknot["new"]).stderr
        assert said.startswith("warning: zone example.com. has ") and "serves only targets in zones of this server" in said


def test_no_builtin(place, upstream, libknot, builtin):
    """A Knot that does not know ALIAS has no module of its own, whatever it says of the module's options."""
    upstream.host("t.example.net", "192.0.2.1")
    zones = {"example.com": f"a {alias('t.example.net')}"}
    with names.knotd(place(), {"example.com": ["mod-stats", "mod-alias"]}, zones, files=builtin, make=Knot) as knot:
        assert "builtin" not in check(knot, upstream, 1, libknot["old"])["a.example.com."]["problems"]
        assert "serves only" not in knot.kalias("set", "example.com", "b", "t.example.net", env=libknot["old"]).stderr
