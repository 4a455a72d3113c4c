# SPDX-License-Identifier: GPL-2.0-or-later
"""What the measurements share: the servers of the functional tests, and load from dnsperf."""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from knotd import Knotd, Zone
from upstream import Upstream


def options(text, **numbers):
    """The numbers of the command line, by name and default."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=type(default), default=default,
                            help=f"default {default}")
    return parser.parse_args()


@contextlib.contextmanager
def servers(text, udp_workers=1, **section):
    """A knotd with one zone, example.com, and the scripted resolver behind its module."""
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as path, Upstream() as upstream:
        section = {"resolver": [upstream.address], **section}
        with Knotd(pathlib.Path(path), [Zone("example.com", text)], {"default": section},
                   {"udp-workers": udp_workers}) as knot:
            yield knot, upstream


@dataclasses.dataclass
class Result:
    """What dnsperf reports."""
    sent: int
    completed: int
    lost: int
    rcodes: dict
    rate: float      # replies a second
    longest: float   # seconds from a query to its reply


class Load:
    """dnsperf with the same few questions over and over; use it with `with`, or run()."""

    def __init__(self, knot, questions, seconds, *arguments):
        # dnsperf opens its input again at each turn, so that a pipe won't do.
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.writelines(f"{question}\n" for question in questions)
        self.file = file.name
        self.command = ["setpriv", "--pdeathsig", "KILL", "dnsperf", "-s", "127.0.0.1",
                        "-p", str(knot.port), "-d", self.file, "-l", str(seconds), *arguments]
        self.process = None
        self.result = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.wait()
        os.unlink(self.file)

    def wait(self):
        if not self.result:
            self.result = _parse(self.process.communicate()[0])
        return self.result


def run(*arguments):
    with Load(*arguments) as load:
        return load.wait()


def _parse(text):
    def number(pattern):
        found = re.search(pattern, text)
        if not found:
            sys.exit(f"dnsperf:\n{text}")
        return float(found[1])
    return Result(int(number(r"Queries sent: +(\d+)")), int(number(r"Queries completed: +(\d+)")),
                  int(number(r"Queries lost: +(\d+)")),
                  {name: int(count) for name, count in re.findall(r"([A-Z]+) (\d+) \(", text)},
                  number(r"Queries per second: +([\d.]+)"), number(r"max ([\d.]+)\)"))


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def verdict(holds, rule):
    """Ends the program; the figures were printed before."""
    print(f"{rule}: {'yes' if holds else 'NO'}")
    sys.exit(not holds)
