# SPDX-License-Identifier: GPL-2.0-or-later
"""More than one ALIAS at a name."""

import pytest

import lab as labs
from client import addresses, alias, every_ttl, is_answer, is_nodata
from upstream import failure, nodata, nxdomain

# States of a target without addresses to give
NOTHING = {"nodata": nodata(), "nxdomain": nxdomain(), "failing": failure("SERVFAIL")}


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    with labs.lab(place, upstream, failure_ttl="60s") as lab:
        yield lab


def test_union(lab):
    """Several ALIAS give the addresses of all their targets, each once."""
    for i, target_addresses in enumerate((["192.0.2.1", "192.0.2.2"], ["192.0.2.2", "192.0.2.3"])):
        lab.upstream.host(f"union-{i}.example.net", *target_addresses, ttl=100 * (i + 1))
        lab.add(f"union 3600 {alias(f'union-{i}.example.net')}")
    lab.warm("union.example.com")
    reply = lab.ask("union.example.com")
    assert is_answer(reply, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert max(every_ttl(reply)) <= 100
    assert is_nodata(lab.ask("union.example.com", "AAAA", tcp=True))


@pytest.mark.parametrize("state", NOTHING)
def test_union_with_nothing(lab, state):
    """A target that gives nothing does not hide the addresses of another."""
    name, _ = lab.alias(f"part-{state}", "192.0.2.1")
    lab.upstream.both(f"none-{state}.example.net", NOTHING[state])
    lab.add(f"part-{state} 3600 {alias(f'none-{state}.example.net')}")
    lab.warm(name)
    assert is_answer(lab.ask(name), "192.0.2.1")


def test_eight_targets(lab):
    """Of nine targets eight are used, and the log says so once."""
    for i in range(9):
        lab.upstream.host(f"t{i}.example.net", f"192.0.2.{i}")
        lab.add(f"nine 3600 {alias(f't{i}.example.net')}")
    for _ in range(3):
        assert len(addresses(lab.ask("nine.example.com", tcp=True))) == 8
    lab.warm("nine.example.com")
    assert len(addresses(lab.ask("nine.example.com"))) == 8
    assert sum("nine.example.com" in line for line in lab.knot.log().splitlines()) == 1
