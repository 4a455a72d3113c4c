# SPDX-License-Identifier: GPL-2.0-or-later
"""A resolver that fails, lies or keeps silent, and the way back."""

import contextlib
import time

import dns.flags
import dns.name
import dns.rdataclass
import dns.rdatatype
import pytest

import lab as labs
from client import FAILED, OTHER, SILENT, addresses, is_answer, is_servfail, is_truncated
from knotd import Zone
from ports import free_port
from timing import ms, seconds, until
from upstream import (Upstream, answer, by_edns, by_transport, delayed, failure, forged,
                      from_elsewhere, hang_up, host, in_turn, silence, together, truncated)

GOOD = host("192.0.2.1")
EVIL = host("192.0.2.66")


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zones = [Zone("example.com"), Zone("example.org", module="mod-alias/brief"),
             Zone("example.edu", module="mod-alias/again")]
    sections = {"brief": labs.options(upstream, timeout=ms(500), failure_ttl="60s"),
                "again": labs.options(upstream, timeout=ms(2500), retry=2, failure_ttl="60s")}
    with labs.lab(place, upstream, zones=zones, sections=sections, failure_ttl="60s") as lab:
        yield lab


@pytest.fixture(scope="module", name="brief")
def fixture_brief(lab):
    """A zone with a timeout that is meant to end."""
    return labs.Lab(lab.knot, lab.upstream, "example.org")


@pytest.fixture(scope="module", name="again")
def fixture_again(lab):
    """A zone with two retransmissions and a timeout above the default one."""
    return labs.Lab(lab.knot, lab.upstream, "example.edu")


def chain(length):
    """An address behind so many CNAMEs."""
    names = ["@", *(f"c{i}.example.net." for i in range(1, length + 1))]
    return answer(*(f"{a} 3600 CNAME {b}" for a, b in zip(names, names[1:])),
                  f"{names[-1]} 3600 A 192.0.2.1")


# Forgeries: each makes of a good reply one that does not fit the question

def wrong_id(message):
    message.id ^= 1
    return message


def question(**changes):
    def edit(message):
        record = message.question[0]
        for attribute, value in changes.items():
            setattr(record, attribute, value)
        return message
    return edit


def no_question(message):
    message.question = []
    return message


def not_a_reply(message):
    message.flags &= ~dns.flags.QR
    return message


MISFITS = {
    "id": forged(wrong_id, EVIL),
    "name": forged(question(name=dns.name.from_text("other.example.net")), EVIL),
    "type": forged(question(rdtype=dns.rdatatype.AAAA), EVIL),
    "class": forged(question(rdclass=dns.rdataclass.CH), EVIL),
    "no-question": forged(no_question, EVIL),
    "query": forged(not_a_reply, EVIL),
    "source": from_elsewhere(EVIL),
    "short": forged(lambda message: message.to_wire()[:7], EVIL),
}

BROKEN = {
    "counts": forged(lambda m: m.to_wire()[:6] + b"\x00\x09" + m.to_wire()[8:], GOOD),
    "cut": forged(lambda m: m.to_wire()[:-16], GOOD),
    "rdata": forged(lambda m: m.to_wire().replace(b"\x00\x04\xc0\x00\x02\x01",
                                                  b"\x00\x05\xc0\x00\x02\x01"), GOOD),
    "noise": forged(lambda m: m.to_wire()[:12] + b"\xc0\x0c" * 30, GOOD),
}

LOOPS = {
    "self": answer("@ 3600 CNAME @"),
    "two": answer("@ 3600 CNAME a.example.net.", "a.example.net. 3600 CNAME @"),
    "later": answer("@ 3600 CNAME a.example.net.", "a.example.net. 3600 CNAME b.example.net.",
                    "b.example.net. 3600 CNAME a.example.net."),
}


def fails(lab, label, script, *codes):
    """The name is SERVFAIL with one of these codes, over UDP and TCP, and stays it quietly.

    It must be soon: far sooner than the timeout, unless the zone's is brief.
    """
    name, target = lab.alias(label)
    lab.upstream.both(target, script)
    assert is_truncated(lab.ask(name))
    assert is_servfail(lab.settle(name), *codes)

    def sent():
        return sum(q.transport == "udp" for q in lab.upstream.queries(target, "A"))
    before = sent()
    for tcp in (False, True):
        assert is_servfail(lab.ask(name, tcp=tcp), *codes)
    assert sent() == before


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "NOTAUTH"])
def test_error(lab, rcode):
    """An error of the resolver is SERVFAIL with EDE 23 to clients, at once, and suppressed."""
    fails(lab, rcode.lower(), failure(rcode), FAILED)


def test_silence(again):
    """Silence ends with `timeout`, after two retransmissions."""
    name, target = again.alias("silence")
    again.upstream.both(target, silence)
    start = time.monotonic()
    assert is_servfail(again.settle(name), SILENT)
    assert time.monotonic() - start >= seconds(2.4)
    again.upstream.wait(target, "A", 3)
    for tcp in (False, True):
        assert is_servfail(again.ask(name, tcp=tcp), SILENT)
    assert again.upstream.count(target, "A") == 3


@pytest.mark.parametrize("fault", BROKEN)
def test_malformed(brief, fault):
    """A reply that fits but does not parse is a failure; nothing of it is served."""
    fails(brief, f"broken-{fault}", BROKEN[fault], FAILED, SILENT)


@pytest.mark.parametrize("fault", LOOPS)
def test_cname_loop(lab, fault):
    """A loop of CNAMEs is a failure."""
    fails(lab, f"loop-{fault}", LOOPS[fault], OTHER)


def test_long_chain(lab):
    """16 CNAMEs are followed, more are a failure."""
    name, target = lab.alias("sixteen")
    lab.upstream.script(target, "A", chain(16))
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    fails(lab, "seventeen", chain(17), OTHER)


@pytest.mark.parametrize("fault", MISFITS)
def test_misfit_alone(brief, fault):
    """A reply that is not to our question counts as none."""
    fails(brief, f"misfit-{fault}", MISFITS[fault], SILENT, FAILED)


@pytest.mark.parametrize("fault", MISFITS)
def test_misfit_before_the_reply(lab, fault):
    """A forged reply that comes first neither serves nor ends the resolution."""
    name, target = lab.alias(f"before-{fault}")
    lab.upstream.both(target, together(MISFITS[fault], delayed(0.05, GOOD)))
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    assert is_answer(lab.ask(name), "192.0.2.1")


@pytest.mark.parametrize("label, records", [
    ("beside", ["@ 3600 A 192.0.2.1", "other.example.net. 3600 A 192.0.2.66"]),
    ("first", ["other.example.net. 3600 A 192.0.2.66", "@ 3600 A 192.0.2.1"]),
    ("type", ["@ 3600 A 192.0.2.1", "@ 3600 TXT evil"])])
def test_strangers_in_the_reply(lab, label, records):
    """Records that do not belong to the chain are not served."""
    name, target = lab.alias(f"stranger-{label}")
    lab.upstream.script(target, "A", answer(*records))
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")


def test_duplicate_and_late_replies(lab, brief):
    """Replies that come twice, or after the answer was given up, do no harm."""
    gate = lab.upstream.gate()
    name, target = lab.alias("twice")
    lab.upstream.both(target, together(GOOD, GOOD, gate(EVIL)))
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    late, target = brief.alias("late")
    lab.upstream.both(target, gate(GOOD))
    assert is_servfail(brief.settle(late), SILENT)
    gate.open()
    # Replies that leave later arrive later.
    after, _ = lab.alias("after", "192.0.2.2")
    assert is_answer(lab.ask(after, tcp=True), "192.0.2.2")
    assert is_answer(lab.ask(name), "192.0.2.1")
    reply = brief.ask(late)
    assert is_servfail(reply, SILENT) or is_answer(reply, "192.0.2.1")


def test_retransmission(again):
    """A lost query is sent again."""
    name, target = again.alias("lost")
    again.upstream.script(target, "A", in_turn(silence, GOOD))
    assert is_answer(again.settle(name), "192.0.2.1")
    assert 2 <= again.upstream.count(target, "A") <= 3


def test_truncated(lab):
    """A truncated reply is asked for again over TCP."""
    name, target = lab.alias("tc")
    lab.upstream.script(target, "A", truncated(GOOD))
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    assert [q.transport for q in lab.upstream.queries(target, "A")] == ["udp", "tcp"]


def test_truncated_and_slow(again):
    """Over TCP a reply may take longer than the wait before a retransmission over UDP."""
    name, target = again.alias("tc-slow")
    again.upstream.script(target, "A", by_transport(truncated(EVIL), delayed(seconds(1.5), GOOD)))
    assert is_answer(again.settle(name), "192.0.2.1")
    assert [q.transport for q in again.upstream.queries(target, "A")] == ["udp", "tcp"]


@pytest.mark.parametrize("label, tcp", [("silent", silence), ("closes", hang_up)])
def test_truncated_and_no_tcp(brief, label, tcp):
    """A truncated reply is never taken for the answer."""
    fails(brief, f"tc-{label}", by_transport(truncated(EVIL), tcp), SILENT, FAILED)


def test_edns(lab):
    """Queries have EDNS with 1232 octets; a resolver that dislikes it is asked without."""
    name, target = lab.alias("plain")
    lab.upstream.script(target, "A", by_edns(failure("FORMERR"), GOOD))
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    assert [q.payload for q in lab.upstream.queries(target, "A")] == [1232, -1]


def test_families_fail_apart(lab):
    """A that fails does not harm AAAA."""
    name, target = lab.alias("apart", "2001:db8::1")
    lab.upstream.script(target, "A", failure("SERVFAIL"))
    assert is_answer(lab.settle(name, "AAAA"), "2001:db8::1", rdtype="AAAA")
    assert is_servfail(lab.settle(name), FAILED)


@pytest.mark.parametrize("fault", ["SERVFAIL", "REFUSED", "silence", "closed"])
def test_second_resolver(place, fault):
    """When the first resolver fails, the second is asked."""
    silent = {"timeout": ms(3000)} if fault in ("silence", "closed") else {}
    with Upstream() as bad, Upstream() as good, \
            labs.lab(place, good, **silent, resolver=[
                f"127.0.0.1@{free_port()}" if fault == "closed" else bad.address,
                good.address]) as lab:
        bad.default = silence if fault == "silence" else failure(fault)
        name, target = lab.alias("failover", "192.0.2.1")
        assert is_answer(lab.settle(name), "192.0.2.1")
        assert good.count(target, "A") == 1
        assert fault == "closed" or bad.count(target, "A") >= 1


def test_many_silent_resolvers(place):
    """The timeout is that of all resolvers together: a new attempt starts when suppression ends."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(Upstream()) for _ in range(4)]
        for server in silent:
            server.default = silence
        with labs.lab(place, *silent, timeout=ms(1000)) as lab:
            name, target = lab.alias("all-silent")
            start = time.monotonic()
            assert is_servfail(lab.ask(name, tcp=True), SILENT)
            assert time.monotonic() - start <= seconds(3)
            for server in silent:
                server.wait(target, "A")

            def asked_again():
                assert not lab.ask(name).answer
                return silent[0].count(target, "A") >= 2
            until(asked_again)
            # A second of suppression after the timeout.
            assert silent[0].queries(target, "A")[1].time - start >= seconds(1) + 0.9


def test_nobody_listens(place, upstream):
    """A closed port is a failure."""
    with labs.lab(place, upstream, resolver=[f"127.0.0.1@{free_port()}"]) as lab:
        name, _ = lab.alias("closed")

        def told():
            replies = [lab.ask(name, rdtype) for rdtype in ("A", "AAAA")]
            assert all(is_truncated(r) or is_servfail(r, FAILED) for r in replies)
            return all(is_servfail(r) for r in replies)
        until(told)


def test_suppression_and_recovery(place, upstream):
    """A failure is not repeated for failure-ttl, then twice as long; a success forgives all."""
    with labs.lab(place, upstream) as lab:
        # The very first success forgives all.
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        name, target = lab.alias("flapping")
        lab.upstream.both(target, failure("SERVFAIL"))

        def attempt(number, least):
            """Ask until the number-th attempt, which is due so long after the one before."""
            def attempted():
                reply = lab.ask(name)
                assert is_servfail(reply, FAILED) or is_truncated(reply) or addresses(reply)
                return lab.upstream.count(target, "A") >= number
            until(attempted, 10, 0.02)
            sent = lab.upstream.queries(target, "A")
            # Twice too long for one of them is too long for the next but one.
            assert least - 0.1 <= sent[number - 1].time - sent[number - 2].time <= least + 1.9

        assert is_servfail(lab.settle(name), FAILED)
        attempt(2, 1)
        attempt(3, 2)
        lab.upstream.host(target, "192.0.2.1", ttl=1)
        attempt(4, 4)
        assert is_answer(lab.settle(name), "192.0.2.1")
        lab.upstream.both(target, failure("SERVFAIL"))
        # Its first failure is again one like any other.
        attempt(5, 1)
        attempt(6, 1)


def test_retry_is_cold(place, upstream):
    """After suppression the next query starts an attempt and is answered as never resolved."""
    with labs.lab(place, upstream) as lab:
        name, target = lab.alias("again")
        lab.upstream.both(target, failure("REFUSED"))
        assert is_servfail(lab.settle(name), FAILED)
        lab.upstream.both(target, delayed(0.1, GOOD))

        def changed():
            reply = lab.ask(name)
            return not is_servfail(reply, FAILED) and reply
        assert is_truncated(until(changed))
        assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")


def test_ipv6_resolver(place):
    """A resolver may have an IPv6 address."""
    with Upstream("::1") as upstream, labs.lab(place, upstream) as lab:
        name, target = lab.alias("six", "192.0.2.1")
        upstream.script(target, "A", truncated(GOOD))
        assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
