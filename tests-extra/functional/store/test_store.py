# SPDX-License-Identifier: GPL-2.0-or-later
"""The last good answers outlive the server."""

import contextlib
import os
import pathlib
import random
import subprocess
import time

import pytest

import lab as labs
from client import STALE, alias, ede, is_answer, is_nodata, is_truncated, ttl
from knotd import Knotd, Zone
from timing import ms, seconds, sleep_until, until
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


def store_of(path):
    files = list((path / "alias").glob("*.mdb"))
    assert len(files) == 1
    return files[0]


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
    """kill -9 loses nothing that is older than three seconds."""
    path = place()
    with server(path, upstream) as knot:
        fill(knot, upstream)
        sleep_until(time.monotonic() + 3)
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
        assert not where or list(where.glob("*.mdb"))
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
            other.wait_log("in use by another process, running without it")
        fill(knot, upstream, ["n3"])
    fall_silent(upstream)
    with server(path, upstream) as knot:
        served_at_once(knot, ["n1", "n3"])


# Damage

def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def cut_within_page(file):
    os.truncate(file, file.stat().st_size - 1000)


def noise(file):
    file.write_bytes(random.Random(1).randbytes(file.stat().st_size))


def noise_behind_the_head(file):
    content = file.read_bytes()
    file.write_bytes(content[:8192] + random.Random(2).randbytes(len(content) - 8192))


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
        knot.wait_log(f"moved to {file.name}.bad")
        assert "error: [example.com.] module 'mod-alias/default', store " in knot.log()
        assert file.with_name(file.name + ".bad").exists()
    fall_silent(upstream)
    with server(path, upstream) as knot:
        served_at_once(knot, ["n3"])


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


def test_full_disk(place, upstream):
    """On a full disk all goes on but the store, which the log tells; with room again it is written."""
    path = place()
    (path / "alias").mkdir(mode=0o700)
    if not can_mount(path / "alias"):
        pytest.skip("no right to mount a file system")
    knot = server(path, upstream)
    knot.prefix = ["unshare", "-m", "sh", "-c",
                   'mount -t tmpfs -o size=128k,mode=700 tmpfs alias && exec "$@"', "sh"]
    with knot:
        works(knot, upstream)
        inside = pathlib.Path(f"/proc/{knot.process.pid}/root{path}/alias")
        store = next(inside.glob("*.mdb"))
        with contextlib.suppress(OSError), (inside / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 1024)
        for name in list(HOSTS)[4:12]:
            fill(knot, upstream, [name])

        def failed():
            assert is_answer(knot.ask("n5.example.com"), HOSTS["n5"])
            return "not written, what was stored before stays, trying again (No space" in knot.log()
        until(failed, 10)
        (inside / "filler").unlink()
        size = store.stat().st_size

        def written():
            rest = [name for name in HOSTS if not upstream.count(target(name))]
            if rest:
                fill(knot, upstream, rest[:1])
            knot.ask("n5.example.com")
            return "written again" in knot.log()
        until(written, 20, seconds(0.5))
        assert store.stat().st_size >= size
