# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that were never resolved: truncation over UDP, the bounded wait over TCP."""

import select
import statistics
import time

import dns.message
import pytest

import lab as labs
from client import (NOT_READY, addresses, ede, exchange, frame, is_answer, is_servfail,
                    is_truncated, query, read_frame)
from knotd import Zone
from timing import ms, seconds, until
from upstream import Upstream, delayed, failure, host, silence

WAIT = 1.0                    # cold-wait of the zone example.edu
AT_ONCE = labs.COLD_WAIT / 2  # far below that of the others, far above any stall


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zones = [Zone("example.com", "static A 192.0.2.100"),
             Zone("example.org", module="mod-alias/never"),
             Zone("example.edu", module="mod-alias/brief")]
    sections = {"never": labs.options(upstream, cold_wait=0),
                "brief": labs.options(upstream, cold_wait=ms(1000 * WAIT))}
    with labs.lab(place, upstream, zones=zones, sections=sections) as lab:
        yield lab


@pytest.fixture(scope="module", name="brief")
def fixture_brief(lab):
    """The zone with a wait that is meant to end."""
    return labs.Lab(lab.knot, lab.upstream, "example.edu")


def timed(ask, *arguments, **options):
    start = time.monotonic()
    reply = ask(*arguments, **options)
    return reply, time.monotonic() - start


@pytest.mark.parametrize("rdtype", ["A", "AAAA"])
@pytest.mark.parametrize("edns", [None, 1232])
def test_udp_is_truncated(lab, rdtype, edns):
    """Over UDP the client is sent to TCP, with OPT if it sent one; both families are asked for."""
    name, target = lab.alias(f"tc-{rdtype}-{edns}".lower())
    gate = lab.upstream.gate()
    lab.upstream.script(target, "A", gate(host("192.0.2.1")))
    lab.upstream.script(target, "AAAA", gate(host("2001:db8::1")))
    for _ in range(3):
        reply = lab.ask(name, rdtype, edns=edns)
        assert is_truncated(reply)
        assert (reply.edns >= 0) == (edns is not None)
    lab.upstream.wait_both(target)
    gate.open()
    reply = lab.settle(name, rdtype)
    assert addresses(reply, rdtype) == ["192.0.2.1" if rdtype == "A" else "2001:db8::1"]
    assert lab.upstream.count(target) == 2


@pytest.mark.parametrize("label", ["to", "x.wild"])
def test_udp_behind_cname_and_wildcard(lab, label):
    """The same for a wildcard and behind a CNAME of the zone: nothing half is sent."""
    name, target = lab.alias("*.wild" if "wild" in label else "from-to")
    if label == "to":
        lab.add("to 60 CNAME from-to")
    gate = lab.upstream.gate()
    lab.upstream.both(target, gate(silence))
    assert is_truncated(lab.ask(f"{label}.example.com"))
    gate.open()


@pytest.mark.parametrize("edns", [None, 1232])
def test_tcp_waits(lab, edns):
    """Over TCP the answer comes as soon as the resolver has it."""
    name, target = lab.alias(f"wait-{edns}".lower())
    lab.upstream.both(target, delayed(0.3, host("192.0.2.2")))
    reply, took = timed(lab.ask, name, tcp=True, edns=edns)
    assert is_answer(reply, "192.0.2.2")
    assert 0.3 <= took <= AT_ONCE


def test_tcp_wait_ends(brief):
    """After cold-wait the client hears SERVFAIL (Not Ready); the resolution goes on."""
    name, target = brief.alias("late")
    gate = brief.upstream.gate()
    brief.upstream.both(target, gate(host("192.0.2.3")))
    time.sleep(WAIT / 4)  # Without a pause, the waits of the tests before would shorten this one.
    reply, took = timed(brief.ask, name, tcp=True)
    assert is_servfail(reply, NOT_READY)
    assert seconds(WAIT) <= took <= seconds(WAIT + 3)
    assert is_truncated(brief.ask(name))
    gate.open()
    assert is_answer(brief.settle(name), "192.0.2.3")
    assert brief.upstream.count(target, "A") == 1


def test_servfail_without_edns(brief):
    """Without EDNS there is no place for the extended error."""
    name, target = brief.alias("plain")
    brief.upstream.both(target, silence)
    reply = brief.ask(name, tcp=True, edns=None)
    assert is_servfail(reply) and ede(reply) is None


def test_never_wait(lab):
    """cold-wait 0: TCP hears at once that nothing is known yet."""
    other = labs.Lab(lab.knot, lab.upstream, "example.org")
    name, target = other.alias("never")
    gate = lab.upstream.gate()
    lab.upstream.both(target, gate(host("192.0.2.4")))
    times = []
    for _ in range(9):
        reply, took = timed(other.ask, name, tcp=True)
        assert is_servfail(reply, NOT_READY)
        times.append(took)
    # One of them may meet a stall; the default would be a second.
    assert statistics.median(times) <= seconds(0.3)
    assert is_truncated(other.ask(name))
    gate.open()
    assert is_answer(other.settle(name), "192.0.2.4")


def test_half_of_tcp_workers(lab):
    """Two of four TCP workers may wait; others hear SERVFAIL (Not Ready) at once or go on."""
    cold = [lab.alias(f"busy-{i}") for i in range(4)]
    gate = lab.upstream.gate()
    for _, target in cold:
        lab.upstream.both(target, gate(host("192.0.2.5")))
    clients = []
    for name, target in cold:
        clients.append(lab.knot.tcp())
        clients[-1].sendall(frame(query(name).to_wire()))
        lab.upstream.wait(target, "A")
    until(lambda: len(select.select(clients, [], [], 0)[0]) == 2, AT_ONCE)
    told = select.select(clients, [], [], 0)[0]
    reply, took = timed(lab.ask, "static.example.com", tcp=True)
    assert is_answer(reply, "192.0.2.100") and took <= AT_ONCE
    gate.open()
    for sock in clients:
        with sock:
            reply = dns.message.from_wire(read_frame(sock))
            assert is_servfail(reply, NOT_READY) if sock in told else is_answer(reply, "192.0.2.5")
    for name, _ in cold:
        assert is_answer(lab.ask(name, tcp=True), "192.0.2.5")


def test_only_tcp_worker(place, upstream):
    """A server with one TCP worker never lets it wait."""
    with labs.lab(place, upstream, server={"tcp-workers": 1}) as lab:
        name, target = lab.alias("single")
        gate = upstream.gate()
        lab.upstream.both(target, gate(host("192.0.2.8")))
        reply, took = timed(lab.ask, name, tcp=True)
        assert is_servfail(reply, NOT_READY) and took <= AT_ONCE
        gate.open()
        assert is_answer(lab.settle(name), "192.0.2.8")


def test_one_connection_many_queries(lab):
    """Queries behind a waiting one on the same connection are all answered."""
    name, target = lab.alias("pipeline")
    lab.upstream.both(target, delayed(0.2, host("192.0.2.6")))
    messages = [query(name), query("static.example.com"), query(name)]
    with lab.knot.tcp() as sock:
        sock.sendall(b"".join(frame(m.to_wire()) for m in messages))
        replies = [dns.message.from_wire(read_frame(sock)) for _ in messages]
    assert [addresses(r) for r in replies] == [["192.0.2.6"], ["192.0.2.100"], ["192.0.2.6"]]
    assert {r.id for r in replies} == {m.id for m in messages}


@pytest.mark.parametrize("rdtype", ["MX", "TXT", "HTTPS", "TYPE65401"])
def test_any_type_prefetches(lab, rdtype):
    """A query of whatever type has both families resolved before they are asked for."""
    name, target = lab.alias(f"prefetch-{rdtype}".lower(), "192.0.2.7", "2001:db8::7",
                             more=["MX 0 mail"])
    assert lab.ask(name, rdtype).rcode() == 0
    lab.upstream.wait_both(target)
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.7")
    assert lab.upstream.count(target) == 2


def test_udp_never_waits(place):
    """While the resolver is silent or fails, no UDP query waits for it."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        upstream.default = silence
        cold = [lab.alias(f"n{i}") for i in range(20)]
        for _, target in cold[::2]:
            upstream.both(target, failure("SERVFAIL"))
        lab.add("static 3600 A 192.0.2.100")
        times = []
        for _ in range(10):
            for name in [*(name for name, _ in cold), "static.example.com"]:
                wire = query(name).to_wire()
                reply, took = timed(exchange, wire, "127.0.0.1", lab.knot.port)
                reply = dns.message.from_wire(reply)
                assert is_truncated(reply) or is_servfail(reply) or is_answer(reply, "192.0.2.100")
                times.append(took)
            # Some of the rounds meet names that have failed, or are due again.
            time.sleep(0.15)
        assert max(times) <= AT_ONCE and statistics.median(times) <= seconds(0.05)


def test_stop_while_resolving(place):
    """The server stops cleanly in the middle of resolutions and waits, and soon."""
    with Upstream() as upstream:
        upstream.default = silence
        with labs.lab(place, upstream, cold_wait=ms(1000)) as lab:
            cold = [lab.alias(f"n{i}") for i in range(10)]
            for name, target in cold:
                assert is_truncated(lab.ask(name))
                upstream.wait_both(target)
            with lab.knot.tcp() as sock:
                sock.sendall(frame(query(cold[0][0]).to_wire()))
                start = time.monotonic()
                lab.knot.stop()
        assert time.monotonic() - start <= 1 + seconds(9)
