# SPDX-License-Identifier: GPL-2.0-or-later
"""An ALIAS that cannot be followed: RDATA that is no name, and a name that is its own target."""

import pytest

import lab as labs
from client import SILENT, alias, is_answer, is_nodata, is_servfail
from upstream import silence
from zonecheck import REFUSED, knows_alias

OWN = "192.0.2.100"

MALFORMED = {
    "empty": r"TYPE65401 \# 0",
    "cut": r"TYPE65401 \# 3 056162",
    "rootless": r"TYPE65401 \# 3 026162",
    "trailing": r"TYPE65401 \# 4 01610000",
    "pointer": r"TYPE65401 \# 2 c00c",
    "long": r"TYPE65401 \# 257 " + "0161" * 128 + "00",
}


@pytest.fixture(scope="module", name="lab")
def fixture_lab(place, upstream):
    with labs.lab(place, upstream, failure_ttl="60s") as lab:
        yield lab


def warnings(lab, name, text):
    return [line for line in lab.knot.log().splitlines() if name in line and text in line]


@pytest.mark.skipif(knows_alias(), reason=REFUSED)
@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed(lab, fault):
    """RDATA that is no name is ignored: the name is as without ALIAS; the log says so once."""
    name = f"bad-{fault}.example.com"
    lab.add(f"bad-{fault} 3600 {MALFORMED[fault]}")
    for rdtype in ("A", "AAAA", "A"):
        for tcp in (False, True):
            assert is_nodata(lab.ask(name, rdtype, tcp=tcp))
    assert len(warnings(lab, name, "malformed")) == 1
    lab.add(f"bad-{fault} 3600 A {OWN}")
    assert is_answer(lab.ask(name), OWN)


@pytest.mark.skipif(knows_alias(), reason=REFUSED)
def test_malformed_beside_a_good_one(lab):
    """A good ALIAS beside it works."""
    name, _ = lab.alias("half", "192.0.2.1")
    lab.add(f"half 3600 {MALFORMED['trailing']}")
    assert is_answer(lab.ask(name, tcp=True), "192.0.2.1")
    assert is_answer(lab.ask(name), "192.0.2.1")
    assert len(warnings(lab, name, "malformed")) == 1


def crowd(label, malformed):
    """So many records that are no names. In canonical order they are before those of a name."""
    return [rf"{label} 3600 TYPE65401 \# 2 00{i:02x}" for i in range(malformed)]


@pytest.mark.skipif(knows_alias(), reason=REFUSED)
@pytest.mark.parametrize("malformed, served, beyond", [(31, True, False), (32, False, True), (200, False, True)])
def test_crowd(lab, malformed, served, beyond):
    """The first 32 records of a name are looked at, and the rest is as if it were not there: the log says so once."""
    label = f"crowd-{malformed}"
    name, _ = lab.alias(label, "192.0.2.1")
    lab.add(*crowd(label, malformed))
    lab.warm(name)
    for tcp in (False, True):
        reply = lab.ask(name, tcp=tcp)
        assert is_answer(reply, "192.0.2.1") if served else is_nodata(reply)
    assert len(warnings(lab, name, "malformed")) == 1
    assert len(warnings(lab, name, "more than 32 records, the rest is ignored")) == beyond
    lab.add(f"{label} 3600 A {OWN}")
    assert is_answer(lab.ask(name), "192.0.2.1" if served else OWN)


def test_many_good_ones(lab):
    """Where eight targets are usable, it is said that there are more of these."""
    for i in range(40):
        lab.upstream.host(f"t{i}.example.net", "192.0.2.1")
        lab.add(f"forty 3600 {alias(f't{i}.example.net')}")
    lab.warm("forty.example.com")
    assert len(warnings(lab, "forty.example.com", "more than 8 targets")) == 1
    assert not warnings(lab, "forty.example.com", "more than 32 records")


@pytest.mark.parametrize("label", ["self", "SELF2"])
def test_self(lab, label):
    """An ALIAS to itself is SERVFAIL at once; nobody is asked; the log says so once."""
    name = f"{label.lower()}.example.com"
    lab.upstream.both(name, silence)
    lab.add(f"{label.lower()} 3600 {alias(f'{label}.example.com')}")
    for tcp in (False, True):
        for rdtype in ("A", "AAAA"):
            assert is_servfail(lab.ask(name, rdtype, tcp=tcp), SILENT)
    assert lab.upstream.count(name) == 0
    assert len(warnings(lab, name, "itself")) == 1


def test_self_with_own_address(lab):
    """Own addresses serve here as for any target that fails."""
    lab.add(f"selfown 3600 {alias('selfown.example.com')}", f"selfown 3600 A {OWN}")
    assert is_answer(lab.ask("selfown.example.com"), OWN)
