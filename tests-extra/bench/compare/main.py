# SPDX-License-Identifier: GPL-2.0-or-later
"""Static addresses, ALIAS without and with DNSSEC, and ALIAS in PowerDNS, side by side; tables, CSV files and plots."""

import argparse
import os
import pathlib
import re
import subprocess
import sys

import cases
import coldstart
import growth
import timeline

GOAL = 3  # times the replies a second of PowerDNS
PACKAGES = "dnsperf", "knot", "libc-ares2", "libuv1", "pdns-server"
PLOTS = pathlib.Path(__file__).with_name("plots.gp")


def main():
    limits = arguments()
    limits.results.mkdir(parents=True, exist_ok=True)
    describe(limits.results / "machine.txt")
    faster, failures = cases.run(limits)
    failures += timeline.run(limits)
    coldstart.run(limits)
    growth.run(limits)
    subprocess.run(["gnuplot", PLOTS], cwd=limits.results, check=True)
    print(f"\nplots and CSV files in {limits.results}")
    for processors, times in faster.items():
        print(f"warm ALIAS, replies a second on {processors} of the processors: {times:.2f} times those of PowerDNS")
    print(f"failures with the resolver dead: {failures}")
    holds = faster[cases.HALF] >= GOAL and failures == 0
    print(f"at least {GOAL} times on {cases.HALF} of the processors, and no failure: {'yes' if holds else 'NO'}")
    sys.exit(not holds)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--results", type=pathlib.Path, default="results", help="directory for CSV files and plots")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each case")
    parser.add_argument("--seconds", type=float, default=1, help="length of each measurement in a turn")
    parser.add_argument("--outage", type=int, default=60, help="seconds that the resolver is dead")
    parser.add_argument("--names", type=int, default=10000, help="names of the cold start")
    parser.add_argument("--targets", type=int, default=1000000, help="most targets")
    return parser.parse_args()


def describe(path):
    """The machine, and what ran on it."""
    def first(file, pattern):
        return re.search(pattern, pathlib.Path(file).read_text(), re.M)[1]
    versions = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
    model = first("/proc/cpuinfo", r"^model name\s*: (.*)")
    memory = int(first("/proc/meminfo", r"^MemTotal: *(\d+)")) >> 20
    system = first("/etc/os-release", r"^PRETTY_NAME=.(.*).$")
    kernel = os.uname().release.partition("-")[0]
    path.write_text(f"{os.cpu_count()} processors, {model}\n{memory} GiB of memory\n"
                    f"{system}, Linux {kernel}\n{versions}")
    print(path.read_text())


if __name__ == "__main__":
    main()
