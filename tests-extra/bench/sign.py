# SPDX-License-Identifier: GPL-2.0-or-later
"""Signing: CPU per DO query, warm, of a static A, of an ALIAS with automatic signing and with mod-onlinesign, in turns.

Then for each algorithm what a signature costs, made and kept; many owners whose target changes: the worst reply
meanwhile; and replies for static names while a client asks for more names than can be signed.
"""

import contextlib
import pathlib
import tempfile
import time
from statistics import median

from client import addresses, alias, rrset
from common import Load, cpu_seconds, memory, options, percentiles, run, separate, verdict
from knotd import Knotd, Zone
from timing import until
from upstream import Upstream

SHARE, PART = 1.10, 1 / 8  # the goals: of the static record, and of mod-onlinesign
ADDRESSES = ["192.0.2.1", "192.0.2.2"]
STATIC, FLAT, ONLINE = "static.example.com", "flatid.example.com", "online.example.org"
AUTOMATIC = f"static A {ADDRESSES[0]}\nstatic A {ADDRESSES[1]}\nflatid {alias('cdn.example.net')}"
WORST = 0.1  # seconds that a reply may take while everything is signed anew
FLOODED = 0.05  # seconds: 99 % of replies for static names while more names are asked for than can be signed
ALGORITHMS = ("rsasha256", "ecdsap256sha256", "ecdsap384sha384", "ed25519")


@contextlib.contextmanager
def signing(upstream, text, algorithm="ecdsap256sha256", workers=1):
    """A knotd with a zone of each sort, its own text in that with automatic signing."""
    policy = f"policy:\n  - id: automatic\n    algorithm: {algorithm}"
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as path:
        zones = [Zone("example.com", text, extra="dnssec-signing: on\ndnssec-policy: automatic"),
                 Zone("example.org", f"online {alias('cdn.example.net')}", module="[ mod-alias/default, mod-onlinesign ]")]
        section = {"resolver": [upstream.address], "keep-warm": 0, "stale-max": 0}
        with Knotd(pathlib.Path(path), zones, {"default": section}, {"udp-workers": workers}, extra=policy) as knot:
            until(lambda: rrset(knot.ask("example.com", "SOA", do=True), "RRSIG"), 300, 0.2)
            yield knot


def many(owners, target="cdn.example.net"):
    """A zone of names with one target, and the questions for them."""
    names = [f"n{i:05}" for i in range(owners)]
    text = "\n".join([f"static A {ADDRESSES[0]}", *(f"{name} {alias(target)}" for name in names)])
    return text, [f"{name}.example.com A" for name in names]


def main():
    limits = options(__doc__, rounds=5, seconds=5, owners=10000, signatures=5000)
    with Upstream() as upstream:
        upstream.host("cdn.example.net", *ADDRESSES, ttl=86400)
        ratios = cpu(upstream, limits)
        costs(upstream, limits.signatures)
        worst = change(upstream, limits.owners)
        flooded = flood(upstream, limits.signatures, limits.seconds)
    verdict(ratios[0] <= SHARE and ratios[1] <= PART and worst <= WORST and flooded <= FLOODED,
            f"at most {SHARE} of a static record, {PART} of mod-onlinesign, no reply later than {WORST} s, "
            f"99 % for static names in {FLOODED} s")


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


def costs(upstream, count):
    """What signatures cost, each with the only key of an algorithm. So many workers that none is put off."""
    print("algorithm        made us  kept, with the reply us  octets")
    text, questions = many(count)
    turns = 10
    for algorithm in ALGORITHMS:
        with signing(upstream, text, algorithm, workers=16) as knot:
            until(lambda k=knot: addresses(k.ask("n00000.example.com", do=True, tcp=True)))
            separate(knot.process.pid)
            before = memory(knot.process.pid)[1]
            made, kept = (spent(knot, questions, number) / number / count for number in (1, turns))
            octets = (memory(knot.process.pid)[1] - before) / count
            print(f"{algorithm:15}  {1e6 * (made - kept):7.0f}  {1e6 * kept:23.1f}  {octets:6.0f}", flush=True)


def spent(knot, questions, turns):
    """CPU seconds for all questions, so many times, one after the other."""
    before = cpu_seconds(knot.process.pid)
    result = run(knot, questions, 600, "-D", "-n", str(turns), "-q", "1")
    assert result.rcodes == {"NOERROR": turns * len(questions)}, result
    return cpu_seconds(knot.process.pid) - before


def change(upstream, owners):
    """All owners have one target, whose address changes under load. The longest time to a reply, in seconds."""
    upstream.host("many.example.net", "192.0.2.1", ttl=3)
    text, questions = many(owners, "many.example.net")
    with signing(upstream, text) as knot:
        until(lambda: addresses(knot.ask("n00000.example.com", do=True, tcp=True)))
        # Slowly at first, so that all are signed.
        run(knot, questions, 600, "-D", "-n", "1", "-Q", "1000")
        with Load(knot, questions, 12, "-D", "-Q", "5000") as load:
            time.sleep(2)
            upstream.host("many.example.net", "192.0.2.2", ttl=3)
        result = load.wait()
        print(f"target of {owners} owners changed under {result.rate:.0f} queries/s: "
              f"longest reply {1000 * result.longest:.1f} ms, {result.lost} lost")
        assert set(result.rcodes) == {"NOERROR"}, result
    return result.longest


def flood(upstream, owners, seconds):
    """A client asks for names that were never signed, with RSA. The time to 99 % of replies for a static name, in seconds."""
    text, questions = many(owners)
    with signing(upstream, text, "rsasha256") as knot:
        until(lambda: addresses(knot.ask("n00000.example.com", do=True, tcp=True)))
        for title, load in (("alone", contextlib.nullcontext()),
                            ("with 1000 queries/s for new names", Load(knot, questions, seconds + 2, "-D", "-Q", "1000"))):
            with load:
                result = run(knot, ["static.example.com A"], seconds, "-D", "-v", "-Q", "200")
                least, middle, most, worst = percentiles(result.times, 0.5, 0.99)
                print(f"static name {title}: {1000 * least:.2f} ms, median {1000 * middle:.2f}, 99 % {1000 * most:.2f}, "
                      f"longest {1000 * worst:.1f}, {result.lost} lost", flush=True)
    return most


if __name__ == "__main__":
    main()
