# SPDX-License-Identifier: GPL-2.0-or-later
"""A resolver that truncates all over UDP, and TCP to it that does not work."""

import time

import pytest

import crowd as crowds
from network import Weather
from stage import FAULT, PARTLY
from upstream import truncated


@pytest.mark.parametrize("how", ["silent", "reset", "close"])
def test_stream(open_stage, how):
    """Half-open connections, RST in the middle of a reply, connections closed at once: like any other failure."""
    with open_stage() as stage:
        stage.upstream.default = truncated(stage.upstream.well)
        stage.calm()
        assert stage.network.streams > 0
        with stage.fault():
            stage.network.stream = how
            time.sleep(FAULT)
            stage.new_addresses()
            stage.network.stream = "pass"
        stage.recover()
    stage.promise(unresolved=True, within=PARTLY)


def test_busy(open_stage):
    """A half-open connection is given up, though queries over UDP go on all the time and c-ares is never idle."""
    with open_stage() as stage:
        upstream = stage.upstream
        whole, cut = upstream.well, truncated(upstream.well)

        async def some(exchange):
            """Half of the warm names, and nothing else, is truncated."""
            number = int(exchange.query.question[0].name.to_text()[1:].partition(".")[0])
            await (cut if number < crowds.WARM // 2 else whole)(exchange)
        upstream.default = some
        stage.network.weather = Weather(delay=0.04, jitter=0.02)
        stage.calm(3)
        with stage.fault():
            stage.network.stream = "silent"
            time.sleep(FAULT)
            stage.new_addresses()
            stage.network.stream = "pass"
        stage.recover()
    stage.promise(within=PARTLY)
