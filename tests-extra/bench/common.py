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

PROCESSORS = sorted(os.sched_getaffinity(0))


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
    times: list      # the same of each reply, with -v


class Load:
    """dnsperf with the same questions, or those of a file, over and over; use it with `with`, or run()."""

    def __init__(self, knot, questions, seconds, *arguments):
        self.own_file = None
        if not isinstance(questions, str):
            # dnsperf opens its input again at each turn, so that a pipe won't do.
            with tempfile.NamedTemporaryFile("w", delete=False) as file:
                file.writelines(f"{question}\n" for question in questions)
            questions = self.own_file = file.name
        self.command = ["setpriv", "--pdeathsig", "KILL", "dnsperf", "-s", "127.0.0.1",
                        "-p", str(knot.port), "-d", questions, "-l", str(seconds), *arguments]
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
        if self.own_file:
            os.unlink(self.own_file)

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
                  number(r"Queries per second: +([\d.]+)"), number(r"max ([\d.]+)\)"),
                  [float(time) for time in re.findall(r"^> [A-Z]{2,} .* ([\d.]+)$", text, re.M)])


def cpu_seconds(pid):
    """User and system time of a process so far."""
    return _cpu_seconds(pathlib.Path(f"/proc/{pid}"))


def alias_thread(pid):
    """The directory in /proc of the thread that resolves."""
    return next(task for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                if task.joinpath("comm").read_text() == "alias\n")


def alias_cpu_seconds(pid):
    """User and system time of the thread that resolves so far."""
    return _cpu_seconds(alias_thread(pid))


def _cpu_seconds(place):
    fields = place.joinpath("stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def separate(pid, *clients, processors=1):
    """Keep a server on the first processors, and its clients and this program on the others."""
    own, others = PROCESSORS[:processors], PROCESSORS[processors:]
    if others:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), own)
        for client in 0, *clients:
            os.sched_setaffinity(client, others)


def memory(pid):
    """Resident memory in octets: all, and what is not of files."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [1024 * int(re.search(rf"{field}:\s+(\d+) kB", text)[1]) for field in ("VmRSS", "RssAnon")]


def percentiles(values, *shares):
    """The least, those at the shares, and the greatest."""
    values = sorted(values)
    return [values[min(len(values) - 1, int(share * len(values)))] for share in (0, *shares, 1)]


def verdict(holds, rule):
    """Ends the program; the figures were printed before."""
    print(f"{rule}: {'yes' if holds else 'NO'}")
    sys.exit(not holds)
