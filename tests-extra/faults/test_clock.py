# SPDX-License-Identifier: GPL-2.0-or-later
"""The wall clock jumps by days, forwards and back, while knotd runs and while it does not."""

import pathlib
import time

import pytest

import crowd as crowds
from network import Weather
from stage import FAULT, SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="libfaketime and sanitizers wait for each other at the start")
DAY = 86400


@pytest.fixture(name="clock")
def fixture_clock(tmp_path, monkeypatch):
    """Sets the wall clock of the servers off, by so many days."""
    file = tmp_path / "clock"

    def jump(days):
        temporary = file.with_suffix(".new")
        temporary.write_text(f"{days:+d}d\n")
        temporary.rename(file)
    jump(0)
    monkeypatch.setenv("KNOTD_PRELOAD", library())
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return jump


def library():
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("no libfaketime")
    return str(found[0])


def log_has(knot, days):
    """Whether knotd has the clock set, which its log tells."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * DAY)) in knot.log()


def test_jumps(open_stage, clock):
    """TTLs, refreshes and stale answers go by a clock that does not jump."""
    with open_stage() as stage:
        with stage.fault():
            for days in (9, -30, 400, 0):
                clock(days)
                stage.calm(2)
                stage.knot.knotc("status")
                assert log_has(stage.knot, days)
            before = stage.crowd.select()
            stage.network.weather = Weather(loss=1)
            for days in (9, -30, 0):
                clock(days)
                time.sleep(FAULT / 3)
            stage.new_addresses()
            stage.network.weather = Weather()
        stage.recover()
    assert {each.kind for each in before if each.what != "cold"} == {"fresh"}
    stage.promise(unresolved=True)


@pytest.mark.parametrize("days, kept", [(-30, True), (0, True), (6, False), (400, False)])
def test_restart(open_stage, report, clock, days, kept):
    """After a restart the store is judged by the wall clock: too old when it has gone on by more than stale-max, just
    received when it was set back."""
    with open_stage() as stage:
        stage.crowd.finish()
        stage.knot.stop()
        clock(days)
        stage.network.weather = Weather(loss=1)
        stage.knot.start()
        row = stage.at_once()
        report(row)
    assert row["stale" if kept else "TC"] == row["queries"] == 2 * crowds.WARM, row


def test_wrong_for_a_while(open_stage, report, clock):
    """A start with the wall clock a month ahead, and nothing that can be resolved, deletes nothing from the store."""
    with open_stage() as stage:
        stage.crowd.finish()
        stage.network.weather = Weather(loss=1)
        for days in (30, 0):
            stage.knot.stop()
            clock(days)
            stage.knot.start()
            row = stage.at_once()
            report(row)
            time.sleep(3)  # in which the store would be written
    assert row["stale"] == row["queries"] == 2 * crowds.WARM, row
