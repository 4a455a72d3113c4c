# SPDX-License-Identifier: GPL-2.0-or-later
"""Signing: CPU per DO query, warm, of a static A, of an ALIAS with automatic signing and with mod-onlinesign, in turns;
then many owners whose target changes: the worst reply meanwhile, and memory per owner.
"""

import contextlib
import pathlib
import tempfile
import time
from statistics import median

from client import addresses, alias, rrset
from common import Load, cpu_seconds, memory, options, run, separate, verdict
from knotd import Knotd, Zone
from timing import until
from upstream import Upstream

SHARE, PART = 1.10, 1 / 8  # the goals: of the static record, and of mod-onlinesign
ADDRESSES = ["192.0.2.1", "192.0.2.2"]
STATIC, FLAT, ONLINE = "static.example.com", "flatid.example.com", "online.example.org"
AUTOMATIC = f"static A {ADDRESSES[0]}\nstatic A {ADDRESSES[1]}\nflatid {alias('cdn.example.net')}"
WORST = 0.1  # seconds that a reply may take while everything is signed anew


@contextlib.contextmanager
def signing(upstream, text):
    """A knotd with a zone of each sort, its own text in that with automatic signing."""
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as path:
        zones = [Zone("example.com", text, extra="dnssec-signing: on"),
                 Zone("example.org", f"online {alias('cdn.example.net')}", module="[ mod-alias/default, mod-onlinesign ]")]
        section = {"resolver": [upstream.address], "keep-warm": 0, "stale-max": 0}
        with Knotd(pathlib.Path(path), zones, {"default": section}, {"udp-workers": 1}) as knot:
            until(lambda: rrset(knot.ask("example.com", "SOA", do=True), "RRSIG"), 300, 0.2)
            yield knot


def main():
    limits = options(__doc__, rounds=5, seconds=5, owners=10000)
    with Upstream() as upstream:
        upstream.host("cdn.example.net", *ADDRESSES, ttl=86400)
        ratios = cpu(upstream, limits)
        worst = change(upstream, limits.owners)
    verdict(ratios[0] <= SHARE and ratios[1] <= PART and worst <= WORST,
            f"at most {SHARE} of a static record, {PART} of mod-onlinesign, no reply later than {WORST} s")


def cpu(upstream, limits):
    """Ratios of an ALIAS with automatic signing to a static record, and to an ALIAS with mod-onlinesign."""
    names = (STATIC, FLAT, ONLINE)
    with signing(upstream, AUTOMATIC) as knot:
        for name in names:
            until(lambda: addresses(knot.ask(name, do=True, tcp=True)) == ADDRESSES)
        separate(knot.process.pid)
        print("round   static us  ALIAS us  onlinesign us")
        rounds = []
        for number in range(limits.rounds):
            spent, queries = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
            for turn in range(limits.seconds):
                for name in names if turn % 2 == 0 else reversed(names):
                    before = cpu_seconds(knot.process.pid)
                    result = run(knot, [f"{name} A"], 1, "-D")
                    spent[name] += cpu_seconds(knot.process.pid) - before
                    queries[name] += result.completed
                    assert result.rcodes == {"NOERROR": result.completed}, result
            rounds.append([spent[name] / queries[name] * 1e6 for name in names])
            show(number + 1, rounds[-1])
    static, flat, online = (median(column) for column in zip(*rounds))
    show("median", (static, flat, online))
    print(f"ALIAS / static {flat / static:.3f}, ALIAS / onlinesign {flat / online:.3f}")
    return flat / static, flat / online


def show(title, figures):
    print("{:6}  {:9.3f}  {:8.3f}  {:13.3f}".format(title, *figures), flush=True)


def change(upstream, owners):
    """All owners have one target, whose address changes under load. The longest time to a reply, in seconds."""
    upstream.host("many.example.net", "192.0.2.1", ttl=3)
    text = "\n".join(f"n{i:05} {alias('many.example.net')}" for i in range(owners))
    with signing(upstream, text) as knot:
        questions = [f"n{i:05}.example.com A" for i in range(owners)]
        until(lambda: addresses(knot.ask("n00000.example.com", do=True, tcp=True)))
        before = memory(knot.process.pid)[1]
        spent = cpu_seconds(knot.process.pid)
        # One turn of all of them, signed for the first time.
        first = run(knot, questions, 60, "-D", "-n", "1", "-q", "1")
        signed = memory(knot.process.pid)[1]
        spent = cpu_seconds(knot.process.pid) - spent
        print(f"{owners} owners signed: {1e6 * spent / owners:.0f} us of CPU each, with the query, "
              f"{(signed - before) / owners:.0f} octets each; longest reply {1000 * first.longest:.1f} ms")
        with Load(knot, questions, 12, "-D", "-Q", "5000") as load:
            time.sleep(2)
            upstream.host("many.example.net", "192.0.2.2", ttl=3)
        result = load.wait()
        print(f"target changed under {result.rate:.0f} queries/s: longest reply {1000 * result.longest:.1f} ms, "
              f"{result.lost} lost, {(memory(knot.process.pid)[1] - before) / owners:.0f} octets each")
        assert set(result.rcodes) == {"NOERROR"}, result
    return result.longest


if __name__ == "__main__":
    main()
