# SPDX-License-Identifier: GPL-2.0-or-later
"""CPU per query, and memory, as targets grow in number; static addresses of as many names beside them."""

import tempfile

from cases import Spread, write_csv
from clients import warm
from common import memory, separate
from knotd import Zone
from scale import ALIAS, FEW, STATIC, one_turn, write_questions
from stub import aliases, stubbed

COUNTED = 10000  # targets, before which memory says nothing about one


def run(limits):
    statics = "\n".join(f"n{i} A 192.0.2.1\nn{i} AAAA 2001:db8::1" for i in range(limits.targets))
    with stubbed(aliases(limits.targets), [Zone(STATIC, statics, module="")], settings={"ttl": 86400},
                 max_rate=1000000, store='""') as (knot, stub):
        separate(knot.process.pid, stub.process.pid)
        rows = list(grow(knot, limits))
    write_csv(limits.results / "growth.csv", ["targets", "octets_per_target", *(
        name + end for name in ("alias_us", "static_us", "ratio") for end in ("", "_least", "_most"))], rows)


def grow(knot, limits):
    """Rows of results, ten times as many targets in each."""
    print("\n  targets  octets/target             ALIAS us            static us         ALIAS/static")
    before, filled, count = memory(knot.process.pid)[1], 0, FEW
    while count <= limits.targets:
        warm(knot.port, range(filled, count), window=128)
        octets = (memory(knot.process.pid)[1] - before) / count if count >= COUNTED else None
        spreads = list(measure(knot, count, limits))
        print(f"{count:9}", f"{octets:14.0f}" if octets else f"{'-':>14}",
              *(f"{spread.text('.2f'):>20}" for spread in spreads), flush=True)
        yield count, octets, *(number for spread in spreads for number in spread)
        filled, count = count, 10 * count


def measure(knot, count, limits):
    """us per query of ALIAS and of static addresses, and their ratio."""
    with tempfile.NamedTemporaryFile("w") as alias, tempfile.NamedTemporaryFile("w") as static:
        files = (ALIAS, alias), (STATIC, static)
        for zone, file in files:
            write_questions(file, zone, range(count))
        rounds = []
        for number in range(limits.rounds):
            spent = {zone: one_turn(knot, file.name, limits.seconds)
                     for zone, file in (files if number % 2 else files[::-1])}
            rounds.append((spent[ALIAS], spent[STATIC], spent[ALIAS] / spent[STATIC]))
    return map(Spread.of, zip(*rounds))
