# SPDX-License-Identifier: GPL-2.0-or-later
"""Many targets, A and AAAA each: memory for a target, CPU per query, time to start with a full store.

The CPU time is of replies over UDP to questions for any names, against those for ten: the names of
a large zone are in memory, those of ten in the processor's caches. A zone of the same size with
static addresses shows how much of that is Knot's own.
"""

import contextlib
import os
import random
import tempfile
import time
from statistics import median

import dns.exception

from clients import Asker, each_type, warm
from common import cpu_seconds, memory, options, run, separate, verdict
from knotd import Zone
from stub import aliases, stubbed

GOAL_MEMORY, GOAL_CPU, GOAL_START = 400, 1.25, 0.5
MIB = 1 << 20
QUESTIONS = 200000  # in a file for dnsperf: more than it asks in a turn
FEW = 10
ALIAS, STATIC = "example.com", "example.org"


def main():
    limits = options(__doc__, targets=500000, rounds=9, seconds=1, starts=3)
    statics = "\n".join(f"n{i} A 192.0.2.1\nn{i} AAAA 2001:db8::1" for i in range(limits.targets))
    with stubbed(aliases(limits.targets), [Zone(STATIC, statics, module="")], settings={"ttl": 86400},
                 max_rate=1000000) as (knot, stub):
        octets = fill(knot, limits.targets)
        print(f"stub was asked {stub.control()} times", flush=True)
        with kept_affinity():
            separate(knot.process.pid, stub.process.pid)
            ratio, static = cpu(knot, limits)
        late = starts(knot, limits)
    print(f"any names against {FEW}: ALIAS {ratio:.2f}, static {static:.2f}, the module's part {ratio / static:.2f}")
    verdict(octets <= GOAL_MEMORY and ratio <= GOAL_CPU and late < GOAL_START,
            f"at most {GOAL_MEMORY} octets for a target, {GOAL_CPU} times the CPU of {FEW} names, "
            f"{GOAL_START:g} s later")


@contextlib.contextmanager
def kept_affinity():
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


# Memory

def fill(knot, targets):
    """Octets of resident memory for a target, without pages of files."""
    with tempfile.NamedTemporaryFile("w") as file:
        write_questions(file, STATIC, range(targets))
        run(knot, file.name, 1)
    before = memory(knot.process.pid)
    start = time.monotonic()
    warm(knot.port, range(targets), window=128)
    print(f"{targets} targets filled in {time.monotonic() - start:.1f} s", flush=True)
    time.sleep(3)  # the last batch, and what RCU frees
    after = memory(knot.process.pid)
    whole, private = (now - then for now, then in zip(after, before))
    print(f"resident: {before[0] / MIB:.0f} MiB before, {after[0] / MIB:.0f} MiB after; for a target "
          f"{private / targets:.0f} octets, and {(whole - private) / targets:.0f} of files", flush=True)
    return private / targets


# CPU

def write_questions(file, zone, numbers):
    chance = random.Random(zone)
    pool = list(numbers)
    file.writelines(f"n{number}.{zone} {rdtype}\n" for number, rdtype in zip(
        chance.choices(pool, k=QUESTIONS), chance.choices(("A", "AAAA"), k=QUESTIONS)))
    file.flush()


def cpu(knot, limits):
    """The ratios of any names to few, for ALIAS and static."""
    cases = [(zone, count) for zone in (ALIAS, STATIC) for count in (FEW, limits.targets)]
    rounds = []
    with contextlib.ExitStack() as stack:
        files = {}
        for zone, count in cases:
            files[zone, count] = stack.enter_context(tempfile.NamedTemporaryFile("w"))
            write_questions(files[zone, count], zone, range(count))
        print(f"us per query  ALIAS: {FEW} names      any  ratio   static: {FEW} names      any  ratio")
        for number in range(limits.rounds):
            spent = {case: one_turn(knot, files[case].name, limits.seconds)
                     for case in (cases if number % 2 else cases[::-1])}
            rounds.append(figures([spent[case] for case in cases]))
            show(f"round {number + 1}", rounds[-1])
    middle = [median(column) for column in zip(*rounds)]
    show("median", middle)
    return middle[2], middle[5]


def figures(spent):
    few, any_name, static_few, static_any = spent
    return few, any_name, any_name / few, static_few, static_any, static_any / static_few


def one_turn(knot, file, seconds):
    before = cpu_seconds(knot.process.pid)
    result = run(knot, file, seconds)
    assert result.rcodes == {"NOERROR": result.completed}, result
    return (cpu_seconds(knot.process.pid) - before) / result.completed * 1e6


def show(title, row):
    print("{:12}  {:15.3f}  {:7.3f}  {:5.3f}  {:17.3f}  {:7.3f}  {:5.3f}".format(title, *row), flush=True)


# Start

def starts(knot, limits):
    """How much later a static answer comes with a store than without, in seconds."""
    section = knot.sections["default"]
    section["max_rate"] = 1000
    print("first answer after the start, s   with a store: static  ALIAS, all   without: static  ALIAS")
    rows = []
    for number in range(limits.starts):
        row = []
        for store in ("alias", '""'):
            section["store"] = store
            row += start(knot, limits.targets if store == "alias" else 0)
        rows.append(row)
        print("{:33} {:21.2f}  {:5.2f}  {:4.2f}  {:15.2f}  {:5.2f}".format(f"round {number + 1}", *row), flush=True)
    middle = [median(column) for column in zip(*rows)]
    print("{:33} {:21.2f}  {:5.2f}  {:4.2f}  {:15.2f}  {:5.2f}".format("median", *middle))
    return max(middle[0] - middle[3], middle[1] - middle[4])


def start(knot, targets):
    """Seconds until a static name, an ALIAS and, with targets, all of them are answered."""
    knot.stop()
    knot.write()  # not part of the start
    moments = []
    begin = time.monotonic()

    knot.is_up = lambda: is_answered(knot, f"n1.{STATIC}")
    knot.start()
    moments.append(time.monotonic() - begin)
    while not is_answered(knot, f"n1.{ALIAS}"):
        time.sleep(0.005)
    moments.append(time.monotonic() - begin)
    if targets:
        wait_restored(knot, targets)
        moments.append(time.monotonic() - begin)
    return moments


def is_answered(knot, name):
    try:
        return bool(knot.ask(name).answer)
    except (OSError, dns.exception.DNSException):
        return False


def wait_restored(knot, targets):
    """Until a sample of the names is answered at once."""
    sample = random.Random(1).sample(range(targets), min(targets, 500))
    cold = [True]

    def check(number, _, reply, *__):
        if reply.kind != "answer" or reply.number != number:
            cold.append((number, reply))
    while cold:
        cold.clear()
        with Asker(knot.port, check) as asker:
            asker.each(each_type(sample))


if __name__ == "__main__":
    main()
