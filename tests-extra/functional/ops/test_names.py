# SPDX-License-Identifier: GPL-2.0-or-later
"""The module under its two names, mod-xalias and mod-alias, of which each has a file."""

import pytest

import names
from client import alias, is_answer

TEXT = f"a {alias('t.example.net')}\nb A 192.0.2.2"

two = pytest.mark.skipif(len(names.FILES) < 2, reason="Knot has a mod-alias of its own")


def knotd(path, upstream, modules):
    upstream.host("t.example.net", "192.0.2.1")
    return names.knotd(path, modules, dict.fromkeys(modules, TEXT), options=[f"resolver: {upstream.address}"])


def test_free_name():
    """mod-xalias is there with each version of Knot."""
    assert "mod-xalias" in names.FILES


@pytest.mark.parametrize("name", names.FILES)
def test_name(place, upstream, name):
    """knotd finds the name in the file."""
    with knotd(place(), upstream, {"example.com": [f"{name}/default"]}) as knot:
        assert is_answer(knot.ask("a.example.com", tcp=True), "192.0.2.1")


@two
def test_both_names(place, upstream):
    """Zones of one server may have different names. The second module can't use the store, and says so."""
    modules = {"example.com": ["mod-alias/default"], "example.org": ["mod-xalias/default"]}
    with knotd(place(), upstream, modules) as knot:
        for _ in range(2):
            for zone in modules:
                assert is_answer(knot.ask(f"a.{zone}", tcp=True), "192.0.2.1")
            knot.wait_log("in use by another process")
            knot.reload()


@two
@pytest.mark.parametrize("modules", [["mod-alias/default", "mod-xalias/default"], ["mod-xalias", "mod-alias/default"]])
def test_both_names_in_a_zone(place, upstream, modules):
    """They count as the module twice."""
    with knotd(place(), upstream, {"example.com": modules}) as knot:
        assert knot.log().count("must be listed only once in option 'module' of the zone") == 2
        assert is_answer(knot.ask("b.example.com"), "192.0.2.2")
