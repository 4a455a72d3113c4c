# SPDX-License-Identifier: GPL-2.0-or-later
"""A bad network between the module and its resolver: clients hardly notice."""

import time

import pytest

from network import CLEAR, Weather
from stage import FAULT, PARTLY

WEATHERS = {
    "loss": Weather(loss=0.3),
    "delay": Weather(delay=0.25, jitter=0.1),  # each way
    "reorder": Weather(reorder=0.3),
    "duplicate": Weather(duplicate=0.5),
    "all": Weather(loss=0.3, delay=0.25, jitter=0.1, reorder=0.3, duplicate=0.5),
}


@pytest.mark.parametrize("kind", WEATHERS)
def test_weather(open_stage, kind):
    """Loss, delay, reordering, duplicates: retransmissions and refreshes ahead of expiry make up for them."""
    with open_stage() as stage:
        with stage.fault():
            stage.network.weather = WEATHERS[kind]
            time.sleep(FAULT)
            stage.new_addresses()
            stage.network.weather = CLEAR
        stage.recover()
    stage.promise(stale=False, within=PARTLY)
    assert len([each for each in stage.crowd.select("cold", stage.began, stage.ended) if each.kind == "fresh"]) > 3


def test_cut(open_stage):
    """Nothing gets through."""
    with open_stage() as stage:
        with stage.fault():
            stage.network.weather = Weather(loss=1)
            time.sleep(FAULT)
            stage.new_addresses()
            stage.network.weather = CLEAR
        stage.recover()
    stage.promise(unresolved=True)

