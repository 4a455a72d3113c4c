# SPDX-License-Identifier: GPL-2.0-or-later
"""Running kalias."""

import os
import pathlib
import subprocess

from client import rrset
from knotd import MODULE, Knotd, from_server
from process import FINDINGS
from timing import seconds

KALIAS = os.environ.get("KALIAS", str(pathlib.Path(MODULE).parents[1] / "kalias"))


def kalias(*arguments, check=True, input=None, env=None):
    """Run it with a text as input and return the finished process.

    Text is what it was octet for octet, line ends too.
    """
    done = subprocess.run([KALIAS, *arguments], input=_encode(input or ""), capture_output=True,
                          timeout=seconds(60), check=False, env={**os.environ, "LC_ALL": "C", **(env or {})})
    done.stdout, done.stderr = from_server(_decode(done.stdout)), from_server(_decode(done.stderr))
    assert not any(finding in done.stderr for finding in FINDINGS), done.stderr
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def _encode(text):
    return text.encode("utf-8", "surrogateescape")


def _decode(octets):
    return octets.decode("utf-8", "surrogateescape")


class Knot(Knotd):
    """A knotd to run kalias with; its template `served` has the module. Zone files are written, but not during a test."""

    def _template_lines(self):
        lines = super()._template_lines()
        lines[lines.index("    zonefile-sync: -1")] = "    zonefile-sync: 1d"
        served = ["  - id: served", f"    storage: {self.path}", "    module: mod-alias"]
        return [*lines, *(served if self.sections else [])]

    def kalias(self, *arguments, check=True, socket="knot.sock", env=None):
        return kalias("-s", str(self.path / socket), *arguments, check=check, env=env)

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
