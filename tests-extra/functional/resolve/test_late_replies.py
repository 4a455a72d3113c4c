# SPDX-License-Identifier: GPL-2.0-or-later
"""Replies that take long: each counts that comes within `timeout`, whichever query of the lookup it belongs to."""

import signal
import time

import pytest

import lab as labs
from batch import Batch
from client import SILENT, is_answer, is_servfail
from timing import ms, undisturbed, until
from upstream import Upstream, delayed, hosts, in_turn, silence

GOOD = hosts("192.0.2.1")
COUNT = 20
BY_DEFAULT = {"timeout": 2000, "retry": 2}
STALLS = 4  # datagrams more than needed, where this machine was busy


def answered(batch):
    replies = batch.resolve()
    return sum(is_answer(reply, "192.0.2.1") for reply in replies) == len(replies)


def is_asked_once(lab, label, latency):
    """Whether one query is enough for each of a batch."""
    batch = Batch(lab, label, COUNT, delayed(latency, GOOD))
    assert answered(batch)
    return sum(batch.counts()) <= 2 * COUNT + STALLS


@pytest.mark.parametrize("latency", [0.3, 0.8, 1.5])
def test_constant_latency(place, latency):
    """All is answered."""
    with Upstream() as upstream, labs.lab(place, upstream, **BY_DEFAULT, failure_ttl="60s") as lab:
        batch = Batch(lab, "slow", COUNT, delayed(latency, GOOD))
        assert answered(batch)
        assert max(batch.counts()) <= 1 + BY_DEFAULT["retry"]


def test_latency_below_the_wait(place):
    """Nothing is sent again, from the very first name on."""
    def once(_):
        with Upstream() as upstream, labs.lab(place, upstream, **BY_DEFAULT, failure_ttl="60s") as lab:
            return is_asked_once(lab, "below", 0.3)
    assert undisturbed(once)


def test_latency_is_learned(place):
    """A resolver known to be slow is given the time that it takes."""
    with Upstream() as upstream, labs.lab(place, upstream, **BY_DEFAULT, failure_ttl="60s") as lab:
        assert answered(Batch(lab, "before", COUNT, delayed(0.8, GOOD)))
        assert undisturbed(lambda i: is_asked_once(lab, f"after{i}-", 0.8))


def test_one_slow_target(place):
    """A slow target among quick ones is answered as well."""
    with Upstream() as upstream, labs.lab(place, upstream, **BY_DEFAULT, failure_ttl="60s") as lab:
        slow = Batch(lab, "slow", 2, delayed(1.2, GOOD))
        slow.start()
        assert answered(Batch(lab, "quick", COUNT, GOOD))
        assert all(is_answer(reply, "192.0.2.1") for reply in slow.replies())


@pytest.mark.parametrize("wait", [0.8, 1.8])
def test_reply_to_the_first_query(place, wait):
    """It comes after the retransmissions, which are lost."""
    with Upstream() as upstream, labs.lab(place, upstream, **BY_DEFAULT, failure_ttl="60s") as lab:
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        batch = Batch(lab, "lost", 10)
        for target in batch.targets:
            for rdtype in ("A", "AAAA"):
                upstream.script(target, rdtype, in_turn(delayed(wait, GOOD), silence))
        assert answered(batch)
        assert min(batch.counts()) >= 2


def test_first_of_two_resolvers(place):
    """The first resolver answers late, after the second one has been asked in vain."""
    with Upstream() as slow, Upstream() as dead, \
            labs.lab(place, slow, dead, **BY_DEFAULT, failure_ttl="60s") as lab:
        dead.default = silence
        assert answered(Batch(lab, "late", 10, delayed(1.2, GOOD)))


def test_reply_after_the_timeout(place):
    """Clients are told of the failure; what comes then is used."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=500, failure_ttl="60s") as lab:
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        name, target = lab.alias("late")
        gate = upstream.gate()
        upstream.both(target, gate(GOOD))
        assert is_servfail(lab.settle(name), SILENT)
        gate.open()
        until(lambda: is_answer(lab.ask(name), "192.0.2.1"))
        assert upstream.count(target, "A") == 1


def stopped(lab, label, duration):
    """Names whose replies come while the server is stopped for so long."""
    gate = lab.upstream.gate()
    batch = Batch(lab, label, COUNT, gate(GOOD))
    batch.start()
    batch.wait()
    lab.knot.process.send_signal(signal.SIGSTOP)
    gate.open()
    time.sleep(duration)
    lab.knot.process.send_signal(signal.SIGCONT)
    assert all(is_answer(reply, "192.0.2.1") for reply in batch.replies())
    return sum(batch.counts())


def test_stopped_beyond_the_timeout(place):
    """The thread runs again after the timeout, and the replies have been in its sockets all along."""
    timeout = ms(700)
    with Upstream() as upstream, labs.lab(place, upstream, timeout=timeout, failure_ttl="60s") as lab:
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        assert stopped(lab, "beyond", timeout / 1000 + 0.5) == 2 * COUNT


def test_stopped_beyond_the_wait(place):
    """Nothing is sent again before the sockets have been read."""
    with Upstream() as upstream, labs.lab(place, upstream, timeout=5000, retry=2, failure_ttl="60s") as lab:
        lab.warm(lab.alias("first", "192.0.2.1")[0])
        assert stopped(lab, "wait", 1.5) <= 2 * COUNT + STALLS
