# SPDX-License-Identifier: GPL-2.0-or-later
"""How kalias finds the control socket of knotd, and what it says when it can't."""

import os
import subprocess

import pytest

import lab as labs
from kalias import KALIAS, Knot, kalias
from knotd import Zone
from timing import seconds

pytestmark = pytest.mark.usefixtures("free")


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    zones = [Zone("template.example", module="", extra="template: served")]
    with Knot(place(), zones, {"default": labs.options(upstream)}) as knot:
        yield knot


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
