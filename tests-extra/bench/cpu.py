# SPDX-License-Identifier: GPL-2.0-or-later
"""CPU of knotd per query: a static A against a warm ALIAS in the same zone, in turns.

Names of one length, two addresses each, one TTL: the replies differ in nothing but their origin.
The speed of a machine drifts by more than what is to be seen, so a turn lasts a second only, and
a round consists of many.
"""

from statistics import median

from client import addresses, alias
from common import cpu_seconds, options, run, separate, servers, verdict

GOAL = 1.05
ADDRESSES = ["192.0.2.1", "192.0.2.2"]
STATIC, FLAT = "static.example.com", "flatid.example.com"
ZONE = f"static A {ADDRESSES[0]}\nstatic A {ADDRESSES[1]}\nflatid {alias('cdn.example.net')}"


def main():
    limits = options(__doc__, rounds=5, seconds=5)
    with servers(ZONE) as (knot, upstream):
        upstream.host("cdn.example.net", *ADDRESSES)
        for name in STATIC, FLAT:
            assert addresses(knot.ask(name, tcp=True)) == ADDRESSES
        separate(knot.process.pid)
        print("round   static us  ALIAS us  ratio")
        rounds = []
        for number in range(limits.rounds):
            static, flat = one_round(knot, limits.seconds)
            rounds.append((static, flat, flat / static))
            show(number + 1, rounds[-1])
        middle = [median(column) for column in zip(*rounds)]
        show("median", middle)
        assert upstream.count() == 2, "the ALIAS was not warm"
    verdict(middle[2] <= GOAL, f"ratio at most {GOAL}")


def one_round(knot, seconds):
    """Microseconds per query for each of the names."""
    spent, queries = {STATIC: 0, FLAT: 0}, {STATIC: 0, FLAT: 0}
    for turn in range(seconds):
        for name in (STATIC, FLAT) if turn % 2 == 0 else (FLAT, STATIC):
            before = cpu_seconds(knot.process.pid)
            result = run(knot, [f"{name} A"], 1)
            spent[name] += cpu_seconds(knot.process.pid) - before
            queries[name] += result.completed
            assert result.rcodes == {"NOERROR": result.completed}, result
    return [spent[name] / queries[name] * 1e6 for name in (STATIC, FLAT)]


def show(title, figures):
    print("{:6}  {:9.3f}  {:8.3f}  {:5.3f}".format(title, *figures), flush=True)


if __name__ == "__main__":
    main()
