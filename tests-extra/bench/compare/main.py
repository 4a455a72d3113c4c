# SPDX-License-Identifier: GPL-2.0-or-later
"""Static addresses, ALIAS without and with DNSSEC, and ALIAS in PowerDNS, side by side; tables, CSV files and plots."""

import argparse
import pathlib
import subprocess
import sys

import cases
import coldstart
import growth
import timeline

GOAL = 3  # times the queries a second that PowerDNS answers
PLOTS = pathlib.Path(__file__).with_name("plots.gp")


def main():
    limits = arguments()
    limits.results.mkdir(parents=True, exist_ok=True)
    faster, failures = cases.run(limits)
    failures += timeline.run(limits)
    coldstart.run(limits)
    growth.run(limits)
    subprocess.run(["gnuplot", PLOTS], cwd=limits.results, check=True)
    print(f"\nplots and CSV files in {limits.results}")
    print(f"warm ALIAS: {faster:.1f} times the queries a second of PowerDNS; {failures} failures with the resolver dead")
    holds = faster >= GOAL and failures == 0
    print(f"at least {GOAL} times, and no failure: {'yes' if holds else 'NO'}")
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


if __name__ == "__main__":
    main()
