# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptors, memory and disk run out, and are there again."""

import contextlib
import os
import pathlib
import re
import resource
import struct
import subprocess
import time

import pytest

import crowd as crowds
from client import OTHER
from stage import FAULT, PARTLY, SANITIZED

NONE_LEFT = 3      # descriptors: those that every program has
ROOM = 64 << 10    # octets


@contextlib.contextmanager
def limit(knot, what, value):
    """A soft limit of a running knotd, which ends with the block."""
    pid = knot.process.pid
    soft, hard = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (value, hard))
    yield
    resource.prlimit(pid, what, (soft, hard))


def test_descriptors(open_stage):
    """No descriptor can be opened, neither for TCP clients nor for queries to the resolver."""
    with open_stage() as stage:
        with stage.fault():
            with limit(stage.knot, resource.RLIMIT_NOFILE, NONE_LEFT):
                time.sleep(FAULT)
                stage.new_addresses()
        stage.recover()
    stage.promise(whole=True, slow_tcp=True)


def store_of(knot):
    """The store's file as knotd sees it."""
    return pathlib.Path(f"/proc/{knot.process.pid}/root{knot.path}/alias/store.db")


def can_mount(path):
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", path],
                          capture_output=True, check=False).returncode == 0


def test_full_disk(open_stage, tmp_path):
    """The disk of the store is full: a line in the log, and nothing else."""
    if not can_mount(tmp_path):
        pytest.skip("no right to mount a file system")

    def prepare(knot):
        (knot.path / "alias").mkdir(mode=0o700)
        knot.prefix = ["unshare", "-m", "sh", "-c",
                       'mount -t tmpfs -o size=256k,mode=700 tmpfs alias && exec "$@"', "sh"]
    with open_stage(prepare=prepare) as stage:
        with stage.fault():
            filler = store_of(stage.knot).with_name("filler")
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 1024)
            stage.knot.wait_log("not written, what was stored before stays, trying again (No space", 20)
            stage.new_addresses()
            filler.unlink()
        stage.recover()
        stage.knot.wait_log("written again", 20)
    stage.promise(stale=False)
    stage.only("fresh", "warm")


def test_file_size(open_stage):
    """The store has reached the largest size that a file may have."""
    with open_stage() as stage:
        with stage.fault():
            with limit(stage.knot, resource.RLIMIT_FSIZE, 4096):
                stage.knot.wait_log("not written, what was stored before stays, trying again (", 20)
                stage.new_addresses()
        stage.recover()
        stage.knot.wait_log("written again", 20)
    stage.promise(stale=False)
    stage.only("fresh", "warm")


def size_of(knot, field):
    text = pathlib.Path(f"/proc/{knot.process.pid}/status").read_text()
    return 1024 * int(re.search(rf"{field}:\s+(\d+) kB", text)[1])


@pytest.mark.skipif(SANITIZED, reason="sanitizers end the process when there is no memory")
def test_memory(open_stage):
    """No memory can be had, while thousands of names are asked for the first time. A refresh may do with what is freed."""
    with open_stage(cold=False) as stage:
        with stage.fault():
            with limit(stage.knot, resource.RLIMIT_AS, size_of(stage.knot, "VmSize") + ROOM), \
                    limit(stage.knot, resource.RLIMIT_DATA, size_of(stage.knot, "VmData") + ROOM):
                stage.crowd.herd(crowds.COLD, FAULT)
                assert stage.knot.stats()["resolver-limited[max-targets]"] > 0  # targets that could not be added
                stage.new_addresses()
        stage.recover()
    stage.promise(stale=False, whole=True, within=PARTLY)


@pytest.mark.skipif(SANITIZED, reason="sanitizers have an allocator of their own")
@pytest.mark.parametrize("per_mille, least, most", [(1000, 0, 0xffffffff), (100, 0, 4096), (1000, 16384, 0xffffffff)],
                         ids=["all", "some", "large"])
def test_allocations(open_stage, tmp_path, monkeypatch, per_mille, least, most):
    """All, some small or all large allocations fail in the threads that resolve; large ones from when the next thing
    to be large is the table of the cache, with 1024 targets."""
    rule = tmp_path / "rule"
    rule.write_bytes(struct.pack("=III", 0, 0, 0))
    monkeypatch.setenv("NOMEM_FILE", str(rule))
    monkeypatch.setenv("KNOTD_PRELOAD", os.environ["FAULTS_NOMEM"])

    def set_rule(*numbers):
        with rule.open("r+b", buffering=0) as file:
            file.write(struct.pack("=III", *numbers))
    with open_stage(cold=False) as stage:
        stage.crowd.reasons.add(OTHER)
        with stage.fault():
            stage.crowd.herd(crowds.COLD[:1000], FAULT / 4)
            assert 900 < stage.knot.stats()["cache-targets"] < 1024
            set_rule(per_mille, least, most)
            stage.crowd.herd(crowds.COLD[1000:3000], FAULT)
            stage.new_addresses()
            set_rule(0, 0, 0)
        stage.recover()
    stage.promise(stale=not least, whole=True, within=PARTLY)
