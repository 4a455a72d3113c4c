# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion of kalias by bash."""

import os
import re
import subprocess

import pytest

from kalias import KALIAS, kalias
from knotd import KNOTC, Knotd, Zone
from timing import seconds
from tree import TOP

SCRIPT = TOP / "src" / "kalias" / "kalias.bash"

# As bash calls it: with the words of the line, and the last one to be completed.
COMPLETE = """
. "$0" && COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) &&
_kalias "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(script, *arguments, cwd=None):
    path = f"{os.path.dirname(KNOTC)}:{os.environ['PATH']}"
    return subprocess.run(["bash", "--norc", "-c", script, SCRIPT, *arguments], cwd=cwd, check=True,
                          stdout=subprocess.PIPE, text=True, timeout=seconds(10),
                          env={**os.environ, "LC_ALL": "C", "PATH": path}).stdout


def completions(*words, cwd=None):
    return sorted(bash(COMPLETE, KALIAS, *words, cwd=cwd).split())


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place):
    zones = [Zone(name, module="") for name in ("example.com", "example.org", "other.example")]
    with Knotd(place(), zones) as knot:
        yield knot


def test_registered():
    """bash knows whom to ask for kalias."""
    assert bash('. "$0" && complete -p kalias') == "complete -F _kalias kalias\n"


def test_commands():
    """The commands are those of the help, at the place of a command only."""
    commands = re.findall(r"^ ([a-z]+) ", kalias("--help").stdout.partition("Commands:")[2], re.M)
    assert {"rr", "set", "unset", "list", "check", "convert"} <= set(commands)
    assert completions("") == sorted(commands)
    assert completions("-t", "5", "--socket", "=", "x", "un") == ["unset"]
    assert not completions("nothing")
    assert not completions("rr", "")


def test_options():
    """Options before the command and after it are different ones."""
    assert completions("-") == ["--config", "--help", "--socket", "--timeout", "--version"]
    assert completions("--s") == ["--socket"]
    assert completions("set", "-") == ["--add", "--check", "--help"]
    assert completions("convert", "--to") == ["--to-alias"]
    assert completions("unset", "-") == ["--help"]


@pytest.mark.parametrize("command", ["set", "unset", "list", "check"])
def test_zones(knot, command):
    """Zones are those of the knotd that kalias would ask, where a zone is wanted."""
    socket = str(knot.path / "knot.sock")
    for where in (["-s", socket], ["--socket", "=", socket], ["-c", str(knot.path / "knot.conf")]):
        assert completions(*where, command, "") == ["example.com.", "example.org.", "other.example."]
        assert completions(*where, command, "example.o") == ["example.org."]
    assert not completions("-s", socket, command, "example.com", "")


def test_zones_option(knot):
    """An option may come before the zone."""
    assert completions("-s", str(knot.path / "knot.sock"), "set", "--add", "ot") == ["other.example."]
    assert completions("-s", str(knot.path / "knot.sock"), "rr", "--update", "ot") == ["other.example."]
    assert not completions("-s", str(knot.path / "knot.sock"), "rr", "ot")


def test_no_knotd(place):
    """Without a knotd there is nothing to offer, and nothing to say."""
    done = subprocess.run(["bash", "--norc", "-c", COMPLETE, SCRIPT, KALIAS, "-s", str(place() / "knot.sock"),
                           "list", ""], capture_output=True, text=True, timeout=seconds(10), check=True)
    assert not done.stdout.strip() and not done.stderr


def test_files(place):
    """Files are offered where one is wanted, with what is odd in their names."""
    path = place()
    for name in ("a.conf", "a.zone", "$(touch ran)"):
        path.joinpath(name).touch()
    assert completions("-c", "a.", cwd=path) == ["a.conf", "a.zone"]
    assert completions("--config", "=", "a.c", cwd=path) == ["a.conf"]
    assert completions("--config", "=", cwd=path) == completions("-s", "", cwd=path)
    assert "a.conf" in completions("-s", "", cwd=path)
    assert completions("convert", "a.z", cwd=path) == ["a.zone"]
    assert completions("convert", "$", cwd=path) == ["$(touch", "ran)"]
    assert not path.joinpath("ran").exists()
    assert not completions("-t", "", cwd=path)
