# SPDX-License-Identifier: GPL-2.0-or-later
"""A TTL with the highest bit set is a long one (RFC 8767, section 4), and counts as seven days at most."""

import pytest

import lab as labs
from client import is_answer, is_nodata, rrset, ttl
from knotd import HEAD, Zone
from upstream import answer, host, nodata

LONGEST = 2**31 - 1
WEEK = 7 * 86400


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    zone = Zone("example.com", head=HEAD.replace("86400 300", f"86400 {LONGEST}"))
    with labs.lab(place, upstream, zones=[zone], ttl_max=LONGEST, negative_ttl_max=LONGEST) as lab:
        yield lab


@pytest.mark.parametrize("value", [LONGEST, 2**31, 2**31 + 60, 2**32 - 1])
def test_addresses(lab, value):
    name, target = lab.alias(f"a{value}", ttl=LONGEST)
    lab.upstream.script(target, "A", host("192.0.2.1", ttl=value))
    reply = lab.settle(name)
    assert is_answer(reply, "192.0.2.1") and WEEK - 60 <= ttl(reply) <= WEEK


@pytest.mark.parametrize("value", [2**31, 2**32 - 1])
def test_negative(lab, value):
    """The zone's SOA in a NODATA has what is left of the target's."""
    name, target = lab.alias(f"n{value}", ttl=LONGEST)
    lab.upstream.both(target, nodata(ttl=value, minimum=value))
    reply = lab.settle(name)
    assert is_nodata(reply) and rrset(reply, "SOA", "authority").ttl >= 3600 - 60


def test_lowest_of_a_chain(lab):
    name, target = lab.alias("chain", ttl=LONGEST)
    lab.upstream.script(target, "A", answer(f"@ {2**31} CNAME c.example.net.", "c.example.net. 100 A 192.0.2.1"))
    reply = lab.settle(name)
    assert is_answer(reply, "192.0.2.1") and 40 <= ttl(reply) <= 100
