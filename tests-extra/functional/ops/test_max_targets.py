# SPDX-License-Identifier: GPL-2.0-or-later
"""The number of targets is bounded; the least recently used leave."""

import time

import lab as labs
from client import is_answer, is_nodata, query
from timing import sleep_until, until
from upstream import Upstream


def asked_again(lab, name, target):
    """Whether a query for a name makes one to the resolver."""
    before = lab.upstream.count(target, "A")
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    return lab.upstream.count(target, "A") > before


def test_least_recently_used(place):
    """Above max-targets the one that was not used for the longest time leaves."""
    with Upstream() as upstream, labs.lab(place, upstream, max_targets=3) as lab:
        a, b, c, d = (lab.alias(label, "192.0.2.1") for label in "abcd")
        for name, _ in (a, b, c):
            lab.warm(name)
        sleep_until(time.monotonic() + 1.2)
        for name, _ in (a, c):
            assert is_answer(lab.ask(name), "192.0.2.1")
        lab.warm(d[0])
        assert not asked_again(lab, *a) and not asked_again(lab, *c) and not asked_again(lab, *d)
        assert asked_again(lab, *b)


def test_many_targets(place):
    """Far more names than targets are all answered, and knotd holds on to no more than allowed."""
    with Upstream() as upstream, labs.lab(place, upstream, max_targets=5) as lab:
        names = [lab.alias(f"n{i}", "192.0.2.1") for i in range(50)]
        for _ in range(2):
            for name, _ in names:
                assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
        kept = sum(not asked_again(lab, *name) for name in reversed(names[-5:]))
        assert kept == 5
        assert all(upstream.count(target, "A") >= 2 for _, target in names[:40])


def test_lowered(place):
    """A lower limit is met soon after a reload, a higher one at once."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        names = [lab.alias(f"n{i}", "192.0.2.1") for i in range(20)]
        for name, _ in names:
            lab.warm(name)
        lab.knot.sections["default"]["max_targets"] = 2
        lab.knot.reload()
        pool = list(names)
        until(lambda: asked_again(lab, *pool.pop()), 20, 1)
        lab.knot.sections["default"]["max_targets"] = 100
        lab.knot.reload()
        for name in names:
            asked_again(lab, *name)
        assert not any(asked_again(lab, *name) for name in names)


def test_clients_make_no_targets(place):
    """What clients ask for makes no query to the resolver: only the zone's targets are resolved."""
    with Upstream() as upstream, labs.lab(place, upstream) as lab:
        _, target = lab.alias("*.wild", "192.0.2.1")
        for i in range(100):
            assert is_answer(lab.ask(f"n{i}.wild.example.com", tcp=True), "192.0.2.1")
            lab.ask(f"n{i}.example.com")
            lab.knot.ask_raw(query(f"n{i}.example.org").to_wire())
        assert is_nodata(lab.ask("x.wild.example.com", "AAAA"))
        assert upstream.count() == upstream.count(target) == 2
