# SPDX-License-Identifier: GPL-2.0-or-later
"""Several resolvers are asked in order of preference; one that is dead is left out until it is back."""

import contextlib

import pytest

import lab as labs
from batch import Batch
from client import FAILED, is_answer, is_servfail
from timing import undisturbed, until
from upstream import Upstream, delayed, failure, hosts, silence

FIRST, SECOND = hosts("192.0.2.1"), hosts("192.0.2.2")
COUNT = 20
STRAYS = 4  # lookups of a batch that may go another way: those that see whether a resolver is back


@contextlib.contextmanager
def two_resolvers(place, **options):
    """Their answers can be told apart."""
    with Upstream() as first, Upstream() as second, labs.lab(place, first, second, failure_ttl="60s", **options) as lab:
        first.default, second.default = FIRST, SECOND
        lab.first, lab.second = first, second
        yield lab


@pytest.fixture(name="lab")
def fixture_lab(place):
    with two_resolvers(place, timeout=2000, retry=2) as lab:
        yield lab


def come_from_first(lab, batch):
    return all(is_answer(reply, "192.0.2.1") for reply in batch.replies()) and not any(batch.counts(lab.second))


def all_from_first(lab, label):
    def once(i):
        batch = Batch(lab, f"{label}{i}-", COUNT)
        batch.start()
        return come_from_first(lab, batch)
    return undisturbed(once)


def test_first_is_asked(lab):
    """As long as it answers, nobody else is asked."""
    assert all_from_first(lab, "n")


def test_slow_first(lab):
    """The first one is waited for, as if it were the only one."""
    lab.first.default = delayed(0.3, FIRST)
    assert all_from_first(lab, "n")


def test_target_that_fails(place):
    """A target that is SERVFAIL at both resolvers moves nobody to the second one."""
    def once(_):
        with two_resolvers(place) as lab:
            bad = Batch(lab, "bad", 3)
            for target in bad.targets:
                for resolver in (lab.first, lab.second):
                    resolver.both(target, failure("SERVFAIL"))
            others = Batch(lab, "under-way", COUNT, delayed(0.3, FIRST))
            others.start()
            others.wait()
            assert all(is_servfail(reply, FAILED) for reply in bad.resolve())
            return (come_from_first(lab, others) and all_from_first(lab, "then")
                    and set(bad.counts(lab.first) + bad.counts(lab.second)) == {1})
    assert undisturbed(once)


def test_target_that_is_silent(lab):
    """Nor does one that gets no reply at either."""
    bad = Batch(lab, "bad", 1)
    for resolver in (lab.first, lab.second):
        resolver.both(bad.targets[0], silence)
    bad.start()
    bad.replies()
    assert all_from_first(lab, "then")


def test_dead_and_back(lab):
    """The first one dies: after a while names are not sent there first. It comes back: it is asked again."""
    rounds = iter(range(1000))
    assert all_from_first(lab, "before")
    lab.first.default = silence

    def left_out():
        batch = Batch(lab, f"dead{next(rounds)}-", 5)
        assert all(is_answer(reply, "192.0.2.2") for reply in batch.resolve())
        return sum(batch.counts(lab.first)) <= 2
    until(left_out, 10)
    batch = Batch(lab, "without", COUNT)
    assert all(is_answer(reply, "192.0.2.2") for reply in batch.resolve())
    assert sum(batch.counts(lab.first)) <= STRAYS and sum(batch.counts(lab.second)) <= 2 * COUNT + STRAYS

    lab.first.default = FIRST

    def back():
        batch = Batch(lab, f"back{next(rounds)}-", 5)
        return all(is_answer(reply, "192.0.2.1") for reply in batch.resolve())
    until(back, 10, 0.2)
    assert all_from_first(lab, "after")
