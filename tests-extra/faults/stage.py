# SPDX-License-Identifier: GPL-2.0-or-later
"""The arrangement of all scenarios: a knotd with two zones, their resolvers, a bad network, and the clients.

example.com has warm, static and cold names, and its resolver is the one that gets into trouble. example.org has
warm names only, and a resolver of its own that is always well.
"""

import contextlib
import ipaddress
import os
import time
from statistics import median

import crowd as crowds
from clients import warm
from knotd import Knotd, Zone
from network import Network
from stub import alias_record, aliases
from timing import ms, seconds, until
from upstream import Upstream, failure

TTL = 2            # s, of addresses
COLD_WAIT = 1      # s
FAULT = 8          # s: some TTLs, so that everything expires
RECOVERED = 10     # s, at most until all is fresh again ...
PARTLY = 40        # ... and if the resolver has never been down as a whole, so that each target has its own back-off
FRESH = 4          # s without anything that is not: by then each name has been asked for
PROMPT = 0.25      # s: most replies over UDP take less, on a busy machine, too
TARGETS = "example.net"
# Then memory is the sanitizers' business, and nothing else of the sort may be preloaded.
SANITIZED = "KNOTD_PRELOAD" in os.environ

TEXT = "\n".join([aliases(crowds.WARM), *map(alias_record, crowds.COLD)])
STATICS = "\n".join(f"n{i} A 1.0.0.{i}\nn{i} AAAA 2001:db8:1::{i:x}" for i in crowds.STATIC)


def addresses(number, generation):
    """As stub.c has them, and clients.py knows them again."""
    return {"A": f"{generation}.0.{number >> 8}.{number & 255}",
            "AAAA": str(ipaddress.IPv6Address(f"2001:db8:{generation:x}::{number:x}"))}


class Numbers(Upstream):
    """A resolver that knows the targets of all names n0, n1, ..."""

    def __init__(self, address="127.0.0.1", port=None, ttl=TTL):
        super().__init__(address, port)
        self.generation, self.ttl = 1, ttl
        self.default = self.well

    async def well(self, exchange):
        question = exchange.query.question[0]
        label, _, parent = question.name.to_text(omit_final_dot=True).lower().partition(".")
        if parent != TARGETS:
            await failure("REFUSED")(exchange)
            return
        rdtype = "A" if question.rdtype == 1 else "AAAA"
        address = addresses(int(label[1:]), self.generation)[rdtype]
        with contextlib.suppress(OSError):  # no route while a link is down
            exchange.send(exchange.reply([f"@ {self.ttl} {rdtype} {address}"]))


class Stage:
    """One scenario: servers, clients, and its figures."""

    def __init__(self, knot, upstream, network, crowd, count):
        self.knot, self.upstream, self.network, self.crowd = knot, upstream, network, crowd
        self.count = count  # of queries that the resolver got
        self.began = self.ended = None
        self.asked = 0

    # What happens

    def calm(self, wait=2):
        """Time without a fault, on which all is fresh."""
        since = time.monotonic()
        time.sleep(wait)
        seen = self.crowd.select("warm static other", since, time.monotonic() - 0.5)
        assert len(seen) > 50 and set(crowds.tally(seen)) == {"fresh"}, crowds.tally(seen)

    @contextlib.contextmanager
    def fault(self):
        """Around a fault, the last of which is its end. The targets have other addresses then: what is fresh shows."""
        self.began = time.monotonic()
        self.asked = self.count()
        yield
        self.ended = time.monotonic()

    def new_addresses(self):
        self.crowd.generations.add(self.upstream.generation + 1)
        self.upstream.generation += 1

    def is_new(self, each):
        """Whether a reply is as it has to be after the fault."""
        return each.kind == "fresh" and (each.what != "warm" or each.generation == self.upstream.generation)

    def is_fresh(self, since):
        """Whether all that was answered since then, for each name in use, is fresh and new."""
        seen = self.crowd.select("warm other", since)
        return len(seen) >= 4 * crowds.WARM and all(map(self.is_new, seen))

    def recover(self):
        """Wait until all is fresh again."""
        until(lambda: self.is_fresh(time.monotonic() - FRESH), PARTLY + FRESH, 0.1)

    def at_once(self):
        """What each warm name is answered with now, over UDP: a row of the table."""
        since, self.asked = time.monotonic(), self.count()
        self.crowd.ask_warm()
        return self.row(since)

    def recovery(self):
        """How long old addresses were served after the end of the fault, in seconds."""
        old = [each.sent for each in self.crowd.select("warm other", self.ended) if not self.is_new(each)]
        return max(old) - self.ended if old else 0

    # What was promised

    def promise(self, stale=True, unresolved=False, whole=False, slow_tcp=False, within=RECOVERED):
        """The answer table. `stale`: the fault was one that makes warm names stale; `unresolved`: one that makes
        cold ones fail; `whole`: one of the server as a whole, so that other zones are stale, too; `slow_tcp`: TCP
        clients may have waited for its end."""
        seen = self.crowd.select()
        wrong = [each for each in seen if each.kind == "wrong"]
        assert not wrong, wrong[:5]
        self.only("fresh stale", "warm")
        self.only("fresh", "static")
        self.only("fresh stale" if whole else "fresh", "other")
        self.only("fresh stale TC SERVFAIL", "cold", tcp=False)
        self.only("fresh stale SERVFAIL", "cold", tcp=True)
        udp = median(each.took for each in seen if not each.tcp)
        assert udp < seconds(PROMPT), udp
        tcp = self.crowd.select(tcp=True)
        assert tcp and (slow_tcp or crowds.worst(tcp) < COLD_WAIT + seconds(3)), crowds.worst(tcp)
        assert self.recovery() < seconds(within), self.recovery()
        # Was there a fault at all?
        during = crowds.tally(self.crowd.select("warm", self.began, self.ended))
        assert during.total() > 100 and bool(during["stale"]) >= stale, during
        cold = crowds.tally(self.crowd.select("cold", self.began, self.ended))
        assert not unresolved or cold["SERVFAIL"] > 0, cold

    def only(self, kinds, what, tcp=None):
        others = [each for each in self.crowd.select(what, tcp=tcp) if each.kind not in kinds.split()]
        assert not others, (len(others), others[:5])

    def row(self, since):
        """Figures of all that was asked since then."""
        seen = self.crowd.select(since=since)
        kinds = crowds.tally(seen)
        return {"queries": len(seen), **{kind: kinds[kind] for kind in crowds.KINDS},
                "UDP ms": round(1000 * crowds.worst([each for each in seen if not each.tcp])),
                "TCP ms": round(1000 * crowds.worst([each for each in seen if each.tcp])),
                "back s": round(self.recovery(), 1) if self.ended else "", "asked": self.count() - self.asked}


def zones(text=TEXT):
    return [Zone("example.com", f"{text}\n{STATICS}"),
            Zone("example.org", aliases(crowds.WARM), module="mod-alias/other")]


def section(address, **more):
    """Defaults but for waits, which are short, so that a scenario is."""
    return {"resolver": [address], "timeout": ms(1000), "cold_wait": ms(1000 * COLD_WAIT), **more}


@contextlib.contextmanager
def stage(place, seed, report, resolver=None, upstream=None, count=None, prepare=lambda knot: None, cold=True, **more):
    """A scenario that is under way, all warm. `upstream` is another one than the usual, `resolver` another one than it
    behind a network, with the count of its queries; prepare(knot) comes before the start; `more` goes to the section
    of example.com."""
    with contextlib.ExitStack() as stack:
        upstream, other = upstream or stack.enter_context(Numbers()), stack.enter_context(Numbers())
        network = stack.enter_context(Network(upstream, seed))
        sections = {"default": section((resolver or network).address, **more), "other": section(other.address)}
        knot = Knotd(place(), zones(), sections)
        prepare(knot)
        stack.enter_context(knot)
        for zone in "example.com", crowds.OTHER_ZONE:
            warm(knot.port, range(crowds.WARM), zone=zone)
        this = Stage(knot, upstream, network, crowds.Crowd(knot.port, seed, cold), count or upstream.count)
        try:
            with this.crowd:
                this.calm(3)
                yield this
        finally:
            if this.began:
                report(this.row(this.began))
