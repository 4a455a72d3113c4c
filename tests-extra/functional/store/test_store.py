# SPDX-License-Identifier: GPL-2.0-or-later
"""The last good answers outlive the server."""

import contextlib
import ctypes
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest

import lab as labs
from client import STALE, alias, ede, is_answer, is_nodata, is_truncated, ttl
from knotd import Knotd, Zone
from timing import ms, seconds, sleep_until, until
from tree import TOP
from upstream import Upstream, silence


@pytest.fixture(name="upstream")
def fixture_upstream():
    with Upstream() as server:
        yield server


def server(path, upstream, **section):
    section = labs.options(upstream, keep_warm="1d", timeout=ms(1000), **section)
    return Knotd(path, [Zone("example.com", NAMES)], {"default": section})


HOSTS = {f"n{i}": f"192.0.2.{i}" for i in range(1, 21)}
NAMES = "\n".join(f"{name} {alias(name + '.example.net')}" for name in HOSTS)


def target(name):
    return f"{name}.example.net"


def fill(knot, upstream, names=HOSTS):
    """Has the names resolved."""
    for name in names:
        upstream.host(target(name), HOSTS[name])
        assert is_answer(knot.ask(f"{name}.example.com", tcp=True), HOSTS[name])
        assert is_nodata(knot.ask(f"{name}.example.com", "AAAA", tcp=True))


def all_written(knot):
    """Waits until all names are committed and counted; an idle server makes its counters known every ten seconds."""
    until(lambda: knot.stats()["cache-store[written]"] == 2 * len(HOSTS), 20, 0.1)


def works(knot, upstream):
    """A name not asked for before is resolved."""
    name = next(name for name in HOSTS if not upstream.count(target(name)))
    fill(knot, upstream, [name])


def served_at_once(knot, names=HOSTS):
    """All names are answered without the resolver's help, as stale."""
    for name in names:
        reply = knot.ask(f"{name}.example.com")
        assert is_answer(reply, HOSTS[name]), reply
        assert ede(reply) == STALE and ttl(reply) <= 30
        assert is_nodata(knot.ask(f"{name}.example.com", "AAAA"))


def fall_silent(upstream):
    upstream.scripts, upstream.default = {}, silence


def logs(knot, text, limit=10):
    """Waits for a line about the store, which a query for an ALIAS brings into the log."""
    def found():
        knot.ask("n1.example.com")
        return text in knot.log()
    until(found, limit, seconds(0.1))


def store_of(path):
    return path / "alias" / "store.db"


def test_restart(place, upstream):
    """After a restart with a dead resolver all names are served at once; then they get fresh."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream)
    fall_silent(upstream)
    with server(path, upstream) as knot:
        served_at_once(knot)
        for name in HOSTS:
            upstream.host(target(name), HOSTS[name])
        until(lambda: all(ede(knot.ask(f"{name}.example.com")) is None for name in HOSTS), 10)


def test_kill(place, upstream):
    """kill -9 loses nothing that has been written, which takes some seconds at most."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream)
        all_written(knot)
        knot.kill()
        fall_silent(upstream)
        knot.start()
        served_at_once(knot)


def test_unasked_refresh(place, upstream):
    """What was restored is refreshed by the server itself."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream)
    asked = upstream.count()
    with server(path, upstream):
        until(lambda: upstream.count() == asked + 2 * len(HOSTS), 10)


def test_too_old(place, upstream):
    """What was too old to be served when the server came back is not served."""
    path = place()
    with server(path, upstream, stale_max="1s") as knot:
        upstream.host(target("n1"), HOSTS["n1"], ttl=1)
        assert is_answer(knot.ask("n1.example.com", tcp=True), HOSTS["n1"])
    sleep_until(time.monotonic() + 3)
    fall_silent(upstream)
    with server(path, upstream, stale_max="1s") as knot:
        assert is_truncated(knot.ask("n1.example.com"))


def test_permissions(place, upstream):
    """Nobody but the server's user gets at the store."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1"])
        assert (path / "alias").stat().st_mode & 0o777 == 0o700
        for file in (path / "alias").iterdir():
            assert file.stat().st_mode & 0o777 == 0o600, file


@pytest.mark.parametrize("store", ["", "cache", "absolute"])
def test_place(place, upstream, store):
    """`store` names another place, relative to the databases or not; empty: none."""
    path = place()
    where = {"": None, "cache": path / "cache", "absolute": place() / "here"}[store]
    option = f'"{where}"' if store == "absolute" else f'"{store}"'
    with server(path, upstream, store=option) as knot:
        fill(knot, upstream)
        assert not (path / "alias").exists()
        if where:
            until((where / "store.db").exists)
    fall_silent(upstream)
    with server(path, upstream, store=option) as knot:
        if where:
            served_at_once(knot)
        else:
            assert is_truncated(knot.ask("n1.example.com"))


def test_other_resolver(place, upstream):
    """What the store has of one resolver is not served for another."""
    path = place()
    with server(path, upstream) as knot, Upstream() as other:
        fill(knot, upstream)
        other.default = silence
        for resolver, served in (other, False), (upstream, True):
            knot.sections["default"]["resolver"] = [resolver.address]
            knot.stop()
            knot.start()
            assert is_truncated(knot.ask("n1.example.com")) != served
        assert is_answer(knot.ask("n1.example.com"), HOSTS["n1"])


def test_evicted(place, upstream):
    """What has left the cache leaves the store."""
    path = place()
    with server(path, upstream, max_targets=5) as knot:
        fill(knot, upstream)
    fall_silent(upstream)
    with server(path, upstream, max_targets=100) as knot:
        replies = [knot.ask(f"{name}.example.com") for name in HOSTS]
        assert sum(map(is_truncated, replies)) == len(HOSTS) - 5


def test_two_servers(place, upstream):
    """A second server on the same store runs without, and says so."""
    path, second = place(), place()
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1"])
        with server(second, upstream, store=f'"{path}/alias"') as other:
            works(other, upstream)
            logs(other, "in use by another process, running without it")
        fill(knot, upstream, ["n3"])
    fall_silent(upstream)
    with server(path, upstream) as knot:
        served_at_once(knot, ["n1", "n3"])


def test_take_over(place, upstream):
    """When the first server on a store has gone, the second one has it, and what both know."""
    path, second = place(), place()
    with server(path, upstream) as knot, server(second, upstream, store=f'"{path}/alias"') as other:
        fill(knot, upstream, ["n1"])
        fill(other, upstream, ["n2"])
        logs(other, "in use by another process, running without it")
        knot.stop()
        logs(other, "written again", 30)
    fall_silent(upstream)
    with server(path, upstream) as knot:
        served_at_once(knot, ["n1", "n2"])


def query(path, sql):
    """What the file has while nobody writes to it."""
    with contextlib.closing(sqlite3.connect(f"file:{store_of(path)}?immutable=1", uri=True)) as database:
        return database.execute(sql).fetchall()


def count(path):
    """Number of answers in the file. It may be missing, be without the table yet, or be written to at this moment."""
    try:
        return len(query(path, "SELECT 1 FROM answers"))
    except sqlite3.DatabaseError:
        return 0


def test_table(place, upstream):
    """The file can be read with sqlite3, also while the server runs."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1"])
        before = time.time()
        until(lambda: count(path) == 2)
        rows = query(path, "SELECT target, type, kind, addresses, ttl, resolvers FROM answers ORDER BY type")
        assert rows == [("n1.example.net.", "A", "addresses", "192.0.2.1", 3600, upstream.address),
                        ("n1.example.net.", "AAAA", "NODATA", "", 3600, upstream.address)]
        for received, used in query(path, "SELECT received, used FROM answers"):
            assert before - 3 <= received <= before + 3 and before - 3 <= used <= before + 3


def test_nothing_mapped(place, upstream):
    """The kernel never ends the server because of the file: none of it is in its memory."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1"])
        until(store_of(path).exists)
        assert "/alias/" not in pathlib.Path(f"/proc/{knot.process.pid}/maps").read_text().replace(str(TOP), "")


def test_older_version(place, upstream):
    """Files of 0.1.0, which used LMDB, stay as they are; the log says so."""
    path = place()
    (path / "alias").mkdir(mode=0o700)
    old = path / "alias" / "0123456789abcdef.mdb"
    old.write_bytes(b"old")
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1"])
        logs(knot, "NAME.mdb beside it are of version 0.1.0 and not used")
    assert old.read_bytes() == b"old"
    assert len(re.findall("version 0.1.0", knot.log())) == 1


# Damage

def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def cut_within_page(file):
    os.truncate(file, file.stat().st_size - 1000)


def noise(file, start=0):
    # In place: the server never sees the file empty.
    with open(file, "r+b") as out:
        out.seek(start)
        out.write(random.Random(1).randbytes(file.stat().st_size - start))


def noise_behind_the_head(file):
    noise(file, 4096)


def foreign(file):
    file.write_text("# not a database\n" * 1000)


@pytest.mark.parametrize("damage", [cut, cut_within_page, noise, noise_behind_the_head, foreign])
def test_damaged(place, upstream, damage):
    """A damaged store is set aside, with an error in the log; the server works, and stores anew."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1", "n2"])
    file = store_of(path)
    damage(file)
    with server(path, upstream) as knot:
        works(knot, upstream)
        logs(knot, "moved to store.db.bad")
        assert "error: [example.com.] module 'mod-alias/default', store " in knot.log()
        assert file.with_name(file.name + ".bad").exists()
    fall_silent(upstream)
    with server(path, upstream) as knot:
        served_at_once(knot, ["n3"])


def cut_all(file):
    os.truncate(file, 0)


def remove(file):
    file.unlink()


def replace(file):
    other = file.with_name("other")
    shutil.copy(file, other)
    other.rename(file)


def remove_directory(file):
    shutil.rmtree(file.parent)


def move_directory(file):
    file.parent.rename(file.parent.with_name("moved"))


DAMAGED = "damaged, moved to store.db.bad, starting with an empty one"
FOREIGN = "not a store of mod-alias, moved to store.db.bad, starting with an empty one"
CHANGED = "changed or removed by another program, all answers are written again"


@pytest.mark.parametrize("damage, line", [
    (cut_all, CHANGED), (cut, DAMAGED), (cut_within_page, DAMAGED), (noise, FOREIGN), (noise_behind_the_head, DAMAGED),
    (foreign, FOREIGN), (remove, CHANGED), (replace, CHANGED), (remove_directory, CHANGED), (move_directory, CHANGED)])
def test_damaged_meanwhile(place, upstream, damage, line):
    """Whatever happens to the file while the server runs: it serves on, the log has one error, and all is stored anew."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream)
        until(lambda: count(path) == 2 * len(HOSTS))
        if damage in (noise, noise_behind_the_head):
            # Of the same size: known from what the server left there only once it has looked, which is after the commit.
            all_written(knot)
        damage(store_of(path))
        for name, address in HOSTS.items():
            assert is_answer(knot.ask(f"{name}.example.com"), address)
        logs(knot, line)
        until(lambda: count(path) == 2 * len(HOSTS), 10)
        assert len(re.findall("error: .* store ", knot.log())) == 1, knot.log()
    fall_silent(upstream)
    with server(path, upstream) as knot:
        served_at_once(knot)


def test_read_only(place, upstream):
    """A store that can't be written is not used; the log says why."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1"])
    store_of(path).chmod(0o400)
    with server(path, upstream) as knot:
        works(knot, upstream)
        knot.wait_log("can't be opened, running without it (Permission denied)")


def test_read_only_directory(place, upstream):
    """The same for its directory."""
    path = place()
    (path / "alias").mkdir(mode=0o500)
    with server(path, upstream) as knot:
        works(knot, upstream)
        knot.wait_log("can't be opened, running without it (")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("what", ["directory", "file"])
def test_owned_by_another(place, upstream, what):
    """A store of another user is not touched; the log says so."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream, ["n1"])
    file = store_of(path)
    content = file.read_bytes()
    os.chown(file if what == "file" else file.parent, 65534, 65534)
    with server(path, upstream) as knot:
        works(knot, upstream)
        knot.wait_log("can't be opened, running without it (")
    assert file.read_bytes() == content


def can_mount(path):
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", path],
                          capture_output=True, check=False).returncode == 0


@pytest.fixture(name="small_disk")
def fixture_small_disk(place, upstream):
    """A server whose store has a file system of its own."""
    path = place()
    (path / "alias").mkdir(mode=0o700)
    if not can_mount(path / "alias"):
        pytest.skip("no right to mount a file system")
    knot = server(path, upstream)
    knot.prefix = ["unshare", "-m", "sh", "-c",
                   'mount -t tmpfs -o size=128k,mode=700 tmpfs alias && exec "$@"', "sh"]
    with knot:
        works(knot, upstream)
        yield knot, pathlib.Path(f"/proc/{knot.process.pid}/root{path}/alias")


def resolve_until(knot, upstream, text):
    """Has new names resolved until the log has a text."""
    def found():
        rest = [name for name in HOSTS if not upstream.count(target(name))]
        if rest:
            fill(knot, upstream, rest[:1])
        assert is_answer(knot.ask("n1.example.com"), HOSTS["n1"])
        return text in knot.log()
    until(found, 20, seconds(0.5))


def test_full_disk(small_disk, upstream):
    """On a full disk all goes on but the store, which the log tells; with room again it is written."""
    knot, inside = small_disk
    until((inside / "store.db").exists)
    size = until(lambda: (inside / "store.db").stat().st_size)
    with contextlib.suppress(OSError), (inside / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 1024)
    resolve_until(knot, upstream, "not written, what was stored before stays, trying again (No space left on device)")
    (inside / "filler").unlink()
    resolve_until(knot, upstream, "written again")
    assert (inside / "store.db").stat().st_size >= size
    assert len(re.findall("error: .* store ", knot.log())) == 1


def test_read_only_meanwhile(small_disk, upstream):
    """The same where there is a read-only file system for a while."""
    knot, inside = small_disk
    until((inside / "store.db").exists)
    until(lambda: (inside / "store.db").stat().st_size)

    def inside_do(*command):
        subprocess.run(["nsenter", "-t", str(knot.process.pid), "-m", *command, knot.path / "alias"], check=True)
    inside_do("mount", "-t", "tmpfs", "-o", "ro", "tmpfs")
    resolve_until(knot, upstream, "not written, what was stored before stays, trying again (Read-only file system)")
    inside_do("umount")
    resolve_until(knot, upstream, "written again")
    assert len(re.findall("error: .* store ", knot.log())) == 1


@contextlib.contextmanager
def held(pid, name):
    """A thread of a process does not run any more, as one that a disk holds up; it ends with its process."""
    tid = next(int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
               if task.joinpath("comm").read_text() == f"{name}\n")
    results = []
    stopped = threading.Event()

    def trace():
        """All by one thread, the tracer, which has to take note of the end, too."""
        ptrace = ctypes.CDLL(None).ptrace
        ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        seize, interrupt, wait_all = 0x4206, 0x4207, 0x40000000
        results.append(ptrace(seize, tid, None, None) == 0 and ptrace(interrupt, tid, None, None) == 0
                       and os.WIFSTOPPED(os.waitpid(tid, wait_all)[1]))
        stopped.set()
        if results[0]:
            os.waitpid(tid, wait_all)
    tracer = threading.Thread(target=trace)
    tracer.start()
    stopped.wait()
    if not results[0]:
        tracer.join()
        pytest.skip("needs the right to trace a process")
    yield
    tracer.join()


@pytest.mark.skipif("KNOTD_PRELOAD" in os.environ or "KNOTD_WRAPPER" in os.environ, reason="they trace it themselves")
def test_hung_disk(place, upstream):
    """A disk that hangs holds up neither answers nor, for more than some seconds, the end of the server."""
    with server(place(), upstream) as knot:
        fill(knot, upstream, ["n1"])
        with held(knot.process.pid, "alias-store"):
            works(knot, upstream)
            start = time.monotonic()
            knot.stop()
            assert time.monotonic() - start < seconds(10)
