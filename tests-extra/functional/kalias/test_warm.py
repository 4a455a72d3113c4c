# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias warm: afterwards the server knows the addresses of all names."""

import pytest

import lab as labs
from client import addresses, alias, has, is_truncated
from kalias import Knot
from knotd import Zone
from upstream import delayed, failure, host, silence

NAMES = [f"n{i}" for i in range(150)]


@pytest.fixture(name="knot")
def fixture_knot(place, upstream):
    """All targets are well; each of the second zone's names has one of the first zone's."""
    for name in NAMES:
        upstream.host(f"{name}.warm.example.net", "192.0.2.1", "2001:db8::1")
    # Its other addresses are known long before.
    upstream.script("n149.warm.example.net", "AAAA", delayed(1, host("2001:db8::1")))
    text = "\n".join(f"{name} {alias(f'{name}.warm.example.net')}" for name in NAMES)
    zones = [Zone("example.com", text + f"\n*.wild {alias('n0.warm.example.net')}\nn0 {alias('n1.warm.example.net')}"),
             Zone("example.net", text.partition("\n")[0]), Zone("unserved.example", text, module="")]
    with Knot(place(), zones, {"default": labs.options(upstream, timeout=6000)}) as knot:
        yield knot


def test_all(knot, upstream):
    """Every name is answered over UDP at once, and its target was looked up once."""
    before = upstream.count()
    assert is_truncated(knot.ask("n7.example.com"))
    done = knot.kalias("warm")
    assert done.stdout == f"{len(NAMES) + 2} asked: {len(NAMES) + 2} resolved, 0 fail, 0 without a result\n"
    assert not done.stderr
    assert upstream.count() - before == 2 * len(NAMES)
    for name in [f"{name}.example.com" for name in [*NAMES, "x.wild"]] + ["n0.example.net"]:
        for rdtype in ("A", "AAAA"):
            reply = knot.ask(name, rdtype)
            assert addresses(reply, rdtype) and not has(reply, "TC")
    assert upstream.count() - before == 2 * len(NAMES)


def test_one_zone(knot, upstream):
    """With a zone only its names are asked for."""
    assert knot.kalias("warm", "example.net").stdout == "1 asked: 1 resolved, 0 fail, 0 without a result\n"
    assert is_truncated(knot.ask("n1.example.com"))
    assert knot.kalias("warm", "unserved.example").stdout.startswith("0 asked")
    assert "no such zone" in knot.refused("warm", "absent.example")
    knot.refused("warm", "a", "b", status=2)


def test_failing(knot, upstream):
    """Targets that fail are counted, and do not keep others waiting; a server that does not resolve is an error."""
    upstream.both("n3.warm.example.net", failure("SERVFAIL"))
    upstream.both("n4.warm.example.net", silence)
    assert knot.kalias("warm", "example.com").stdout == (
        f"{len(NAMES) + 1} asked: {len(NAMES) - 1} resolved, 2 fail, 0 without a result\n")


def test_not_resolved(place, upstream):
    """Names without a result make the exit status 1, after 15 seconds without any progress."""
    gate = upstream.gate()
    upstream.both("late.example.net", gate(silence))
    with Knot(place(), [Zone("example.com", f"late {alias('late.example.net')}")],
              {"default": labs.options(upstream)}) as knot:
        done = knot.kalias("warm", check=False)
        assert (done.returncode, done.stdout) == (1, "1 asked: 0 resolved, 0 fail, 1 without a result\n")
        gate.open()
