# SPDX-License-Identifier: GPL-2.0-or-later
"""One target's bad replies do no harm to the lookups of others: malformed ones, forged ones, FORMERR."""

import pytest

import lab as labs
from batch import Batch
from client import is_answer
from upstream import Upstream, by_edns, by_transport, delayed, failure, forged, hang_up, hosts, silence, together, truncated

GOOD = hosts("192.0.2.1")
COUNT = 20


@pytest.fixture(name="lab")
def fixture_lab(place):
    """A server of its own for each test: what c-ares made of a reply may stay."""
    with Upstream() as upstream, labs.lab(place, upstream, failure_ttl="60s") as lab:
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        yield lab


# Malformed replies

def cut(size):
    return forged(lambda message: message.to_wire()[:size], GOOD)


def changed(edit):
    return forged(lambda message: edit(message.to_wire()), GOOD)


def unknown_id(message):
    message.id ^= 1
    return message


BAD = {
    "empty": cut(0),
    "five": cut(5),
    "header": cut(12),
    "half": cut(-8),
    "counts": changed(lambda wire: wire[:6] + b"\x00\x09" + wire[8:]),
    "noise": changed(lambda wire: wire[:12] + b"\xc0\x0c" * 30),
    "five-of-many": together(*[cut(5)] * 100),
    "ids-of-many": together(*[forged(unknown_id, GOOD)] * 100),
}


@pytest.mark.parametrize("fault", BAD)
def test_malformed(lab, fault):
    """Queries under way at that time are answered, without being sent again."""
    batch = Batch(lab, "other", COUNT, delayed(0.7, GOOD))
    bad = Batch(lab, "bad", 1, BAD[fault])
    batch.start()
    batch.wait()
    bad.start()
    assert all(is_answer(reply, "192.0.2.1") for reply in batch.replies())
    assert set(batch.counts()) == {1}


# FORMERR of a server that knows no EDNS

def no_opt(message):
    message.use_edns(False)
    return message


def no_question(message):
    message.question = []
    return no_opt(message)


FORMERR = {"question": forged(no_opt, failure("FORMERR")), "header": forged(no_question, failure("FORMERR"))}
MANY = [f"192.0.2.{i}" for i in range(1, 41)]  # more than 512 octets


@pytest.mark.parametrize("sort", FORMERR)
def test_formerr(lab, sort):
    """The target is asked for without EDNS; others go on with EDNS, and get large replies over UDP."""
    under_way = Batch(lab, "under-way", COUNT, delayed(0.7, GOOD))
    under_way.start()
    under_way.wait()

    plain, target = lab.alias("plain")
    lab.upstream.both(target, by_edns(FORMERR[sort], GOOD))
    assert is_answer(lab.settle(plain), "192.0.2.1")
    assert [query.payload for query in lab.upstream.queries(target, "A")] == [1232, -1]

    assert all(is_answer(reply, "192.0.2.1") for reply in under_way.replies())
    assert set(under_way.counts()) == {1}
    for i in range(3):
        large, target = lab.alias(f"large{i}", *MANY)
        assert is_answer(lab.ask(large, tcp=True, edns=4096), *MANY)
        assert [(query.transport, query.payload) for query in lab.upstream.queries(target, "A")] == [("udp", 1232)]


def test_formerr_of_many(lab):
    """A resolver that knows no EDNS at all."""
    batch = Batch(lab, "plain", COUNT, by_edns(FORMERR["question"], GOOD))
    assert all(is_answer(reply, "192.0.2.1") for reply in batch.resolve())
    assert max(batch.counts()) <= 2


# TCP

async def last(exchange):
    """A reply, and the end of the connection: what else was asked over it gets none."""
    await GOOD(exchange)
    exchange.close()


def test_connection_ends_after_a_reply(lab):
    """Queries that share a connection do not fail because it serves a single one."""
    batch = Batch(lab, "last", COUNT, by_transport(truncated(GOOD), last))
    assert all(is_answer(reply, "192.0.2.1") for reply in batch.resolve())


NO_REPLY = {"closes": hang_up, "silent": silence, "malformed": cut(7)}


@pytest.mark.parametrize("trouble", NO_REPLY)
def test_no_reply_over_tcp(lab, trouble):
    """A target that the server has no reply for over TCP harms no other one that is asked for over TCP."""
    bad = Batch(lab, "bad", 1, by_transport(truncated(GOOD), NO_REPLY[trouble]))
    bad.start()
    batch = Batch(lab, "other", COUNT, by_transport(truncated(GOOD), delayed(0.3, GOOD)))
    assert all(is_answer(reply, "192.0.2.1") for reply in batch.resolve())
