# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a change by kalias set or unset stays, and what is said if the zone file undoes it."""

import pytest

import lab as labs
from client import alias
from kalias import Knot
from knotd import Zone
from timing import until

LOAD, EDIT = "next load", "next edit"

# What undoes a change: by domain, after the items that say so
ZONES = {
    "written.example": ("zonefile-sync: 0\nzonefile-load: difference-no-serial", None),
    "no-serial.example": ("zonefile-sync: -1\nzonefile-load: difference-no-serial", LOAD),
    "difference.example": ("zonefile-sync: -1\nzonefile-load: difference", EDIT),
    "whole.example": ("zonefile-sync: -1\nzonefile-load: whole", EDIT),
    "default.example": ("zonefile-sync: -1", EDIT),
    "unkept.example": ("zonefile-sync: -1\njournal-content: none", LOAD),
    "template.example": ("template: unwritten", LOAD),
}

OLD, NEW = [(3600, "old.example.net.")], [(3600, "new.example.net.")]


@pytest.fixture(scope="module", name="knot")
def fixture_knot(place, upstream):
    directory = place()
    zones = [Zone(name, "old " + alias("old.example.net"), extra=items if "journal" in items else f"journal-content: all\n{items}")
             for name, (items, _) in ZONES.items()]
    template = ["  - id: unwritten", f"    storage: {directory}", "    journal-content: all", "    zonefile-sync: -1",
                "    zonefile-load: difference-no-serial", "    module: mod-alias/default"]
    upstream.host("new.example.net", "192.0.2.1")
    with Knot(directory, zones, {"default": labs.options(upstream)}, template=template) as knot:
        knot.write_zone = lambda zone: None  # from now on
        yield knot


def edit(knot, zone, *lines):
    """Edit the zone file, and have it loaded."""
    file = knot.path / f"{zone}.zone"
    text = file.read_text().replace("SOA ns admin 1 ", "SOA ns admin 9 ")
    file.write_text("\n".join([text, *lines, "edited TXT text", ""]))
    knot.knotc("-b", "zone-reload", zone)
    until(lambda: knot.ask(f"edited.{zone}", "TXT").answer)


def test_undone(knot):
    """What undoes a change is what kalias says, and the change stays if its advice is followed."""
    said = {zone: (knot.kalias("set", zone, "new", "new.example.net").stderr, knot.kalias("unset", zone, "old").stderr)
            for zone in ZONES}
    until(lambda: "old" not in (knot.path / "written.example.zone").read_text())
    for zone, (_, undone_by) in ZONES.items():
        for text in said[zone]:
            assert text.count("\n") == (0 if undone_by is None else text.count("put this line") + 1)
            assert undone_by is None or f"warning: zone {zone}.: the {undone_by}" in text

    knot.stop()
    knot.start()
    for zone, (_, undone_by) in ZONES.items():
        stays = undone_by != LOAD
        assert (knot.records(zone, "new"), knot.records(zone, "old")) == ((NEW, []) if stays else ([], OLD)), zone

    for zone, (_, undone_by) in ZONES.items():
        if undone_by is not None:
            edit(knot, zone)
            assert (knot.records(zone, "new"), knot.records(zone, "old")) == ([], OLD), zone


def test_advice(knot):
    """The line that is to be put into the zone file does what set did."""
    said = knot.kalias("set", "no-serial.example", "kept", "60", "new.example.net").stderr
    assert "in place of any other ALIAS there:\n" in said
    edit(knot, "no-serial.example", said.splitlines()[-1])
    assert knot.records("no-serial.example", "kept") == [(60, "new.example.net.")]
    assert "in place of" not in knot.kalias("set", "--add", "no-serial.example", "kept", "new2.example.net").stderr
