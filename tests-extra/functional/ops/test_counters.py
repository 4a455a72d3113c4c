# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters of a zone: each moves with its event, by as much as there were of it, and no other does."""

import contextlib
import ctypes
import os
import pathlib
import time

import dns.message
import pytest

import lab as labs
from client import (NOT_READY, SILENT, STALE, alias, connect, ede, is_answer, is_nodata, is_servfail,
                    is_truncated, query)
from knotd import Zone
from timing import ms, seconds, until
from upstream import (Upstream, answer, by_transport, delayed, failure, forged, host, nxdomain, silence, together,
                      truncated)

OF_ALL = ("cache-targets", "cache-removed", "resolver-datagram", "resolver-tcp", "resolver-down", "cache-store")
WALL = 0x40000000  # __WALL: threads too


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    with labs.lab(place, upstream, timeout=ms(500), cold_wait=ms(2000), failure_ttl="1m") as lab:
        yield lab


class Moved:
    """What has moved in the counters of a zone since the beginning, but for common ones."""

    def __init__(self, knot, zone="example.com"):
        self.knot = knot
        self.zone = zone
        self.before = knot.stats(zone)

    def all(self):
        return {name: value - self.before[name] for name, value in self.knot.stats(self.zone).items()
                if value != self.before[name]}

    def own(self):
        """Without those of the upstream as a whole, and how long it took."""
        return {name: value for name, value in self.all().items()
                if name.partition("[")[0] not in (*OF_ALL, "resolver-latency")}

    def are(self, expected):
        """The thread publishes a moment later than it answers."""
        end = time.monotonic() + seconds(5)
        while self.own() != expected and time.monotonic() < end:
            time.sleep(0.05)
        assert self.own() == expected


def test_all_there(lab):
    """All parts are there from the start, so that a graph has no holes."""
    parts = {name.partition("[")[0] for name in lab.knot.stats()}
    assert parts == {"answer-a", "answer-aaaa", "client-wait", "policy-denied", "resolver-suppressed", "resolver-queue-full",
                     "resolver-query", "resolver-result", "resolver-latency", "resolver-limited", *OF_ALL}


def test_cold_and_fresh(lab):
    """A first query over UDP, the same over TCP, then answers from memory."""
    name, _ = lab.alias("fresh", "192.0.2.1", "2001:db8::1")
    gate = lab.upstream.gate()
    lab.upstream.script("fresh.example.com.example.net", "A", gate(host("192.0.2.1")))
    moved = Moved(lab.knot)
    assert is_truncated(lab.ask(name))
    gate.open()
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    until(lambda: not is_truncated(lab.ask(name, "AAAA")))
    counted = moved.all()
    cold = counted.get("answer-aaaa[cold]", 0)
    assert counted.get("client-wait", 0) <= 1
    for _ in range(3):
        assert is_answer(lab.ask(name), "192.0.2.1")
    expected = {"answer-a[cold]": 1, "answer-a[fresh]": 4, "answer-aaaa[fresh]": 1, "resolver-query[first]": 2,
                "resolver-result[addresses]": 2}
    until(lambda: {k: v for k, v in moved.own().items() if k not in ("client-wait", "answer-aaaa[cold]")} == expected)
    assert moved.own().get("answer-aaaa[cold]", 0) == cold


def test_wait(lab):
    """A TCP client that waits."""
    name, target = lab.alias("wait", "192.0.2.1")
    lab.upstream.script(target, "A", delayed(0.1, host("192.0.2.1")))
    moved = Moved(lab.knot)
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    moved.are({"answer-a[fresh]": 1, "client-wait": 1, "resolver-query[first]": 2,
               "resolver-result[addresses]": 1, "resolver-result[nodata]": 1})


def test_negative(lab):
    """No such addresses, and no such name."""
    name, target = lab.alias("negative", "192.0.2.1")
    gone, gone_target = lab.alias("gone")
    lab.upstream.both(gone_target, nxdomain())
    resolved = Moved(lab.knot)
    lab.warm(name), lab.warm(gone)
    until(lambda: {k: v for k, v in resolved.own().items() if k.startswith("resolver-result")} == {
        "resolver-result[addresses]": 1, "resolver-result[nodata]": 1, "resolver-result[nxdomain]": 2})
    moved = Moved(lab.knot)
    assert is_nodata(lab.ask(name, "AAAA")) and is_nodata(lab.ask(gone))
    moved.are({"answer-a[negative]": 1, "answer-aaaa[negative]": 1})


def test_failed_and_suppressed(lab):
    """A failure is counted by its kind, and what it suppresses for each answer."""
    name, target = lab.alias("failed")
    lab.upstream.script(target, "A", failure("SERVFAIL"))
    lab.upstream.script(target, "AAAA", silence)
    moved = Moved(lab.knot)
    assert is_servfail(lab.ask(name, tcp=True))
    assert is_servfail(lab.ask(name, "AAAA", tcp=True), SILENT)
    assert is_servfail(lab.ask(name))
    until(lambda: moved.own().get("resolver-result[timeout]"))
    counted = moved.own()
    assert {k: v for k, v in counted.items() if k not in ("client-wait", "resolver-suppressed")} == {
        "answer-a[failed]": 2, "answer-aaaa[failed]": 1, "resolver-query[first]": 2,
        "resolver-result[failure]": 1, "resolver-result[timeout]": 1}
    assert 1 <= counted["resolver-suppressed"] <= 3 and 1 <= counted["client-wait"] <= 2


def test_stale(lab):
    """Old addresses while the target fails."""
    name, target = lab.alias("stale", "192.0.2.1", target_ttl=1)
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    lab.upstream.both(target, failure("SERVFAIL"))
    until(lambda: ede(lab.ask(name)) == STALE, 10)
    moved = Moved(lab.knot)
    for _ in range(3):
        assert ede(lab.ask(name)) == STALE
    moved.are({"answer-a[stale]": 3, "resolver-suppressed": 3})


def test_sibling(lab):
    """The owner's own address in place of a target that has none."""
    name, target = lab.alias("sibling", more=["A 192.0.2.7"])
    lab.upstream.both(target, nxdomain())
    lab.warm(name)
    moved = Moved(lab.knot)
    assert is_answer(lab.ask(name), "192.0.2.7")
    moved.are({"answer-a[sibling]": 1})


def test_unchanged(place, upstream):
    """The reply of a zone signed elsewhere to who asks for DNSSEC; types that ALIAS has no part in are not counted."""
    zone = labs.presigned(place, f"a {alias('t.example.net')}")
    upstream.host("t.example.net", "192.0.2.1")
    with labs.lab(place, upstream, zones=[zone]) as lab:
        lab.warm("a.example.com")
        moved = Moved(lab.knot)
        lab.ask("a.example.com", do=True)
        lab.ask("a.example.com", "MX")
        lab.ask("ns.example.com")
        lab.ask("none.example.com")
        moved.are({"answer-a[unchanged]": 1})


def test_denied(place, upstream):
    """Answers that the zone's policy has cut down: addresses, and targets, whatever is asked of these."""
    with labs.lab(place, upstream, deny_address=["192.0.2.128/25"], deny_target=["evil.example.net"]) as lab:
        some, _ = lab.alias("some", "192.0.2.1", "192.0.2.129")
        none, _ = lab.alias("none", "192.0.2.129")
        lab.add(f"evil 3600 {alias('a.evil.example.net')}")
        lab.warm(some), lab.warm(none)
        moved = Moved(lab.knot)
        assert is_answer(lab.ask(some), "192.0.2.1")
        assert is_nodata(lab.ask(none)) and is_nodata(lab.ask("evil.example.com"))
        moved.are({"answer-a[fresh]": 1, "answer-a[negative]": 1, "answer-a[unchanged]": 1,
                   "policy-denied[address]": 2, "policy-denied[target]": 1})


def test_denied_any(place, upstream):
    """An answer to ANY that lacks addresses of both types is one."""
    with labs.lab(place, upstream, deny_address=["192.0.2.129", "2001:db8::/32"]) as lab:
        name, _ = lab.alias("any", "192.0.2.129", "2001:db8::1")
        lab.warm(name)
        moved = Moved(lab.knot)
        assert not lab.ask(name, "ANY").answer
        moved.are({"policy-denied[address]": 1})


def test_no_seat(place, upstream):
    """With one TCP worker nobody waits, and no wait is counted."""
    with labs.lab(place, upstream, server={"tcp-workers": 1}) as lab:
        name, target = lab.alias("seat")
        gate = upstream.gate()
        upstream.both(target, gate(host("192.0.2.1")))
        moved = Moved(lab.knot)
        assert is_servfail(lab.ask(name, tcp=True), NOT_READY)
        assert moved.own().get("client-wait", 0) == 0
        gate.open()


def test_latency(lab):
    """Each bucket has all resolutions that took no longer, and the last one has all."""
    name, target = lab.alias("slow")
    lab.upstream.script(target, "A", delayed(0.07, host("192.0.2.1")))
    lab.upstream.script(target, "AAAA", delayed(0.3, host("2001:db8::1")))
    moved = Moved(lab.knot)
    lab.warm(name)
    until(lambda: moved.all().get("resolver-result[addresses]") == 2)
    buckets = {k: v for k, v in moved.all().items() if k.startswith("resolver-latency")}
    assert {"resolver-latency[le-1.024]", "resolver-latency[le-+Inf]"} <= buckets.keys() <= {
        "resolver-latency[le-0.256]", "resolver-latency[le-1.024]", "resolver-latency[le-+Inf]"}
    assert buckets.get("resolver-latency[le-0.256]", 0) <= 1 and buckets["resolver-latency[le-+Inf]"] == 2
    after = {k: v for k, v in lab.knot.stats().items() if k.startswith(("resolver-latency", "resolver-result"))}
    bounds = [k.rstrip("]").partition("[le-")[2] for k in after if k.startswith("resolver-latency")]
    assert bounds == ["0.001", "0.004", "0.016", "0.064", "0.256", "1.024", "+Inf"]
    counts = [v for k, v in after.items() if k.startswith("resolver-latency")]
    assert counts == sorted(counts)
    assert counts[-1] == sum(v for k, v in after.items() if k.startswith("resolver-result"))


def test_tcp(lab):
    """A truncated reply brings a TCP connection to the resolver."""
    name, target = lab.alias("tcp")
    lab.upstream.both(target, truncated(host("192.0.2.1")))
    moved = Moved(lab.knot)
    lab.ask(name, tcp=True)
    until(lambda: moved.all().get("resolver-tcp"))
    assert moved.all()["resolver-tcp"] <= 2


def test_datagram(lab):
    """Each query to the resolver counts, and each datagram from it that is no reply."""
    name, target = lab.alias("datagram")
    good = host("192.0.2.1")
    stranger = forged(lambda message: message.to_wire()[:7], good)
    lab.upstream.both(target, by_transport(together(stranger, truncated(good)), good))
    moved = Moved(lab.knot)
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    until(lambda: moved.all().get("resolver-datagram[sent]") == 4 and moved.all().get("resolver-datagram[dropped]") == 2)


def test_refresh(place, upstream):
    """Refreshes are queries of their own kind."""
    with labs.lab(place, upstream, keep_warm="1d") as lab:
        name, target = lab.alias("refresh", "192.0.2.1", target_ttl=1)
        moved = Moved(lab.knot)
        assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
        lab.upstream.wait(target, "A", 3, 10)
        until(lambda: moved.own().get("resolver-query[refresh]", 0) >= 2)
        assert moved.own()["resolver-query[first]"] == 2


def test_targets_and_evictions(place, upstream):
    """Targets in the cache, and those that had to leave it."""
    with labs.lab(place, upstream, max_targets=3) as lab:
        for i in range(5):
            name, _ = lab.alias(f"t{i}", "192.0.2.1")
            lab.warm(name)
        until(lambda: lab.knot.stats()["cache-targets"] == 3 and lab.knot.stats()["cache-removed[evicted]"] == 2)


def test_max_rate(place, upstream):
    """Queries that max-rate holds up."""
    with labs.lab(place, upstream, max_rate=5) as lab:
        names = [lab.alias(f"r{i}", "192.0.2.1")[0] for i in range(10)]
        for name in names:
            lab.ask(name)
        until(lambda: lab.knot.stats()["resolver-limited[max-rate]"] > 0, 10)


def test_under_way(place, upstream):
    """Queries that other queries without a reply hold up; the log has it, too."""
    text = "\n".join(f"u{i} {alias(f'u{i}.under.example.net')}" for i in range(600))
    with labs.lab(place, upstream, zones=[Zone("example.com", text)]) as lab:
        gate = lab.upstream.gate()
        upstream.default, default = gate(failure("REFUSED")), upstream.default
        for i in range(600):
            lab.ask(f"u{i}.example.com")
        until(lambda: lab.ask("u0.example.com") and "limit of queries under way reached, 0 targets wait to be refreshed, "
              in lab.knot.log(), 20, 0.1)
        gate.open()
        until(lambda: lab.knot.stats()["resolver-limited[under-way]"] > 0, 20)
        upstream.default = default


def test_down(place):
    """A resolver that goes down is counted, and so are queries for failing targets while it is."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=ms(500), keep_warm="1d") as lab:
        name, target = lab.alias("down", "192.0.2.1", target_ttl=1)
        assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
        for each in (target, ""):
            upstream.both(each, failure("SERVFAIL"))

        def is_down():
            assert is_answer(lab.ask(name), "192.0.2.1")
            stats = lab.knot.stats()
            return stats["resolver-down"] == 1 and stats["resolver-query[probe]"] >= 1
        until(is_down, 20, 0.1)


def test_store(place, upstream):
    """Answers written, and read back after a restart."""
    with labs.lab(place, upstream) as lab:
        name, _ = lab.alias("kept", "192.0.2.1")
        lab.knot.zones[0].text = f"kept {alias('kept.example.com.example.net')}"
        lab.warm(name)
        others = iter(range(1000))

        def written():
            lab.warm(lab.alias(f"next{next(others)}", "192.0.2.1")[0])
            return lab.knot.stats()["cache-store[written]"] >= 2
        until(written, 20, 0.2)
        lab.knot.stop()
        lab.knot.start()
        lab.ask(name)
        until(lambda: lab.knot.stats()["cache-store[restored]"] >= 2)


def test_restored_is_counted(place, upstream):
    """A name that comes from the store, and is fresh before anybody asks, is the zone's as soon as somebody does."""
    zone = Zone("example.com", f"kept {alias('kept.example.net')}")
    upstream.host("kept.example.net", "192.0.2.1", ttl=1)
    with labs.lab(place, upstream, zones=[zone], keep_warm="1d") as lab:
        lab.warm("kept.example.com")
        lab.knot.stop()
        before = upstream.count("kept.example.net", "A")
        lab.knot.start()
        upstream.wait("kept.example.net", "A", before + 2, 10)

        def is_counted():
            assert is_answer(lab.ask("kept.example.com"), "192.0.2.1")
            return lab.knot.stats()["resolver-query[refresh]"] >= 2
        until(is_counted, 20, 0.1)


def test_zones_apart(place, upstream):
    """Each zone has what it caused, whoever shares the cache; common counters are the same in both."""
    zones = [Zone(name, f"a {alias(f'a.{name}.example.net')}") for name in ("example.com", "example.org")]
    for zone in zones:
        upstream.host(f"a.{zone.name}.example.net", "192.0.2.1")
    with labs.lab(place, upstream, zones=zones) as lab:
        lab.warm("a.example.com")
        other = Moved(lab.knot, "example.org")
        for _ in range(5):
            lab.ask("a.example.com")
        assert other.own() == {}
        lab.warm("a.example.org")
        first, second = lab.knot.stats("example.com"), lab.knot.stats("example.org")
        assert first["resolver-query[first]"] == second["resolver-query[first]"] == 2
        until(lambda: lab.knot.stats("example.org")["cache-targets"] == 2)


def test_sums(lab):
    """Whatever is asked, answers by outcome add up to the queries, and queries to the resolver to its own count."""
    kinds = {"good": host("192.0.2.1"), "bad": failure("SERVFAIL"), "gone": nxdomain(),
             "loop": answer("@ 60 CNAME @"), "big": truncated(host("192.0.2.1", "192.0.2.2"))}
    names = []
    for label, script in kinds.items():
        name, target = lab.alias(f"sum-{label}")
        lab.upstream.both(target, script)
        names.append(name)
    before, asked = lab.knot.stats(), lab.upstream.count()
    queries = 0
    for turn in range(4):
        for name in names:
            for rdtype in ("A", "AAAA"):
                lab.ask(name, rdtype, tcp=turn % 2 == 1)
                queries += 1

    def settled():
        stats = lab.knot.stats()

        def total(part):
            return sum(stats[k] - before[k] for k in stats if k.partition("[")[0] == part)

        assert total("answer-a") == total("answer-aaaa") == queries // 2
        latency = "resolver-latency[le-+Inf]"
        return (total("resolver-query") == total("resolver-result") == stats[latency] - before[latency] ==
                2 * len(names))
    until(settled)
    # A TC brings a second message of the same query.
    assert lab.upstream.count() - asked == 2 * len(names) + 2


def test_reload(place, upstream):
    """After a reload counters go on from nothing, as Knot's own do, also for what the thread does by itself."""
    with labs.lab(place, upstream, keep_warm="1d") as lab:
        name, target = lab.alias("reload", "192.0.2.1", target_ttl=1)
        lab.warm(name)
        until(lambda: lab.knot.stats()["resolver-query[refresh]"] >= 2)
        lab.knot.reload()
        # Nobody asks for it: it is still in use for half a minute, and its target is there.
        until(lambda: (stats := lab.knot.stats())["resolver-query[refresh]"] >= 1 and stats["cache-targets"] == 1, 10)
        stats = lab.knot.stats()
        assert stats["answer-a[fresh]"] == stats["resolver-query[first]"] == 0
        assert is_answer(lab.ask(name), "192.0.2.1")
        assert lab.knot.stats()["answer-a[fresh]"] == 1


def test_queue_full(place):
    """Requests that the resolver thread has no room for are counted; clients get what there is."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        name, _ = lab.alias("queue", "192.0.2.1")
        with held(thread_of(lab.knot, "alias")), contextlib.closing(connect("127.0.0.1", lab.knot.port, False)) as sock:
            wire = query(name).to_wire()

            def flood():
                for _ in range(100):
                    for _ in range(BURST):
                        sock.send(wire)
                    for _ in range(BURST):
                        assert is_truncated(dns.message.from_wire(sock.recv(4096)))
                return lab.knot.stats()["resolver-queue-full"] > 0
            until(flood, 100, 0)
            assert is_servfail(lab.ask(name, tcp=True), NOT_READY)
        # The thread has to catch up first.
        until(lambda: is_answer(lab.ask(name, tcp=True), "192.0.2.1"))


BURST = 20  # queries that a socket buffer holds easily
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


@contextlib.contextmanager
def held(thread):
    """One thread of a child process stands still."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ptrace(request):
        assert libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())
    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def thread_of(knot, name):
    """The number of a thread of knotd."""
    [found] = [path.parent.name for path in
               pathlib.Path(f"/proc/{knot.process.pid}/task").glob("*/comm") if path.read_text() == f"{name}\n"]
    return int(found)
