# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias expand with many zones: what a pass costs, and what a set that rotates does to a zone.

The first pass writes the addresses of all targets, the second one reads the zones as they are then, the third one finds
nothing to do. Then the addresses of one zone's target rotate every second, 8 of 24, and a zone has each change in its serial.
"""

import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import tempfile
import time

from client import alias, rrset
from common import options, verdict
from kalias import KALIAS
from knotd import Knotd, Zone
from upstream import Upstream, host, hosts, nodata

PASS, SERIALS = 10, 4  # the goals: seconds for a pass without changes, serials in ten minutes of rotation
TICKS = os.sysconf("SC_CLK_TCK")
LINES = ["    journal-content: changes", "    zonefile-load: difference"]


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def serial(knot, zone):
    return rrset(knot.ask(zone, "SOA", tcp=True), "SOA")[0].serial


def serials(knot, zones):
    said = knot.knotc("zone-status", "+serial").stdout
    return sum(int(number) for number in re.findall(r"serial: (\d+)", said)) - zones


def journal(knot):
    return sum(file.stat().st_blocks * 512 for file in (knot.path / "journal").rglob("*"))


def run_pass(knot, zones, name):
    command = [KALIAS, "-s", knot.path / "knot.sock", "expand", "--once", "--file", knot.path / "expand"]
    before = cpu_of(knot.process.pid), resource.getrusage(resource.RUSAGE_CHILDREN), serials(knot, zones), journal(knot)
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = used.ru_utime + used.ru_stime - before[1].ru_utime - before[1].ru_stime
    raised = serials(knot, zones) - before[2]
    print(f"{name}: {took:.2f} s; CPU of knotd {cpu_of(knot.process.pid) - before[0]:.2f} s, of kalias {own:.2f} s; "
          f"{raised} serials more, journal {(journal(knot) - before[3]) / 1024:.0f} KiB more; "
          f"{done.stdout.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return took, raised


def rotate(knot, upstream, seconds, interval):
    """The serials of a zone whose target has 8 of 24 addresses, others each second."""
    pool = [f"192.0.2.{i}" for i in range(1, 25)]
    before = serial(knot, "z0.example")
    command = [KALIAS, "-s", knot.path / "knot.sock", "expand", "--interval", str(interval), "--file", knot.path / "expand",
               "z0.example"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            upstream.script("n0.example.net", "A", host(*random.sample(pool, 8), ttl=1))
            time.sleep(1)
        process.send_signal(signal.SIGTERM)
    return serial(knot, "z0.example") - before


def main():
    limits = options(__doc__, zones=1000, rotate=600, interval=30)
    zones = [Zone(f"z{i}.example", f"@ 300 {alias(f'n{i}.example.net')}\nwww 300 {alias(f'w{i}.example.net')}")
             for i in range(limits.zones)]
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as path, Upstream() as upstream:
        upstream.default = hosts("192.0.2.1", "2001:db8::1")
        with Knotd(pathlib.Path(path), zones, {"default": {"resolver": [upstream.address]}}, template=LINES) as knot:
            (first, _), (second, _), (third, raised) = (
                run_pass(knot, limits.zones, name) for name in ("first pass", "second pass", "third pass"))
            print(f"{limits.zones} zones with two ALIAS each: {first:.2f}, {second:.2f} and {third:.2f} s")
            changes = 0
            if limits.rotate:
                upstream.script("n0.example.net", "AAAA", nodata())
                changes = rotate(knot, upstream, limits.rotate, limits.interval)
                print(f"8 of 24 addresses, others each second, for {limits.rotate} s: {changes} serials more")
    verdict(third < PASS and raised == 0 and changes <= SERIALS,
            f"a pass without changes takes less than {PASS} s, and a rotation raises the serial {SERIALS} times at most")


if __name__ == "__main__":
    main()
