# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator at work: reloads, purges, and a stop in the middle of resolutions."""

import contextlib
import pathlib
import socket
import time

import crowd as crowds
from client import frame
from clients import question
from common import memory
from network import Weather
from stage import SANITIZED
from timing import seconds

RELOADS = 300
PAUSE = 0.03  # s: reloads closer together are but one for zones
BOUND = seconds(15)  # for the end of knotd, with a wait of 10 s in the hooks of TCP workers
MIB = 1 << 20


def usage(pid):
    """Resident memory that is not of files, in octets; descriptors; threads."""
    proc = pathlib.Path(f"/proc/{pid}")
    return memory(pid)[1], len(list(proc.joinpath("fd").iterdir())), len(list(proc.joinpath("task").iterdir()))


def test_reloads(open_stage):
    """300 reloads under load, every other one with a changed option: nothing is noticed, and nothing grows."""
    with open_stage() as stage:
        pid = stage.knot.process.pid
        with stage.fault():
            for number in range(RELOADS):
                if number % 2:
                    stage.knot.sections["default"]["ttl-max"] = 3600 + number
                stage.knot.reload()
                time.sleep(PAUSE)
                if number == RELOADS // 3:
                    then = usage(pid)
            now = usage(pid)
            stage.new_addresses()
        stage.recover()
    stage.promise(stale=False)
    stage.only("fresh", "warm")
    # Each reload has the records of thousands of names anew: what the allocator keeps varies.
    assert SANITIZED or now[0] <= 1.25 * then[0] + 4 * MIB, (then, now)
    assert now[1] <= then[1] + 2 * crowds.STREAMS and now[2] == then[2], (then, now)


def test_purge(open_stage):
    """Zones are purged and reloaded while the resolver is silent: the others go on, and the cache stays."""
    with open_stage() as stage:
        with stage.fault():
            stage.network.weather = Weather(loss=1)
            time.sleep(3)
            for _ in range(5):
                # The zone file stays, so that the zone comes back with the reload at once.
                stage.knot.knotc("-b", "-f", "zone-purge", "example.com", "+journal", "+timers", "+kaspdb")
                stage.knot.knotc("-b", "-f", "zone-reload", "example.com")
                time.sleep(1)
            stage.new_addresses()
            stage.network.weather = Weather()
        stage.recover()
    stage.promise(unresolved=True)


def test_terminated(open_stage, report):
    """SIGTERM while resolutions are under way and TCP clients wait: knotd ends well, and soon; its store has all."""
    with open_stage(cold_wait=10000) as stage, contextlib.ExitStack() as stack:
        stage.network.weather = Weather(loss=1)
        time.sleep(2)
        stage.crowd.finish()
        for number in list(crowds.COLD)[-4:]:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", stage.knot.port)))
            sock.sendall(frame(question(number, "A")))
        time.sleep(0.5)
        start = time.monotonic()
        stage.knot.stop()
        assert time.monotonic() - start < BOUND
        stage.knot.start()
        row = stage.at_once()
        report(row)
    assert row["stale"] == row["queries"] == 2 * crowds.WARM, row
