# SPDX-License-Identifier: GPL-2.0-or-later
"""A keystore that hangs, as on a dead NFS server or with a token that does not answer: only what needs our signature suffers."""

import contextlib
import os
import pathlib
import subprocess
import time

import pytest

import proof
from autosign import OWNERS, TEXT, signed, start
from client import NOT_READY, is_answer, is_nodata, is_servfail, is_truncated, rrset
from knotd import KEYMGR
from timing import seconds, until

AT_ONCE = 0.5  # s
HANGS = "the keystore of the zone's policy does not answer"
OTHER = "example.org"
APEX = [("example.com", rdtype) for rdtype in ("DNSKEY", "SOA", "NS", "MX", "TXT", "NSEC3PARAM")]
BESIDE = [("v4.example.com", "TXT"), ("plain.example.com", "A"), ("svc.example.com", "HTTPS"), ("to.example.com", "CNAME"),
          ("own.example.com", "TXT")]


class Fifos:
    """FIFOs in place of a zone's keys. Who opens one hangs."""

    def __init__(self, knot, zone="example.com"):
        listed = subprocess.run([KEYMGR, "-c", "knot.conf", zone, "list"], cwd=knot.path, check=True,
                                capture_output=True, text=True).stdout
        paths = [knot.path / "keys" / "keys" / f"{line.split()[0]}.pem" for line in listed.splitlines()]
        self.keys = {path: path.read_bytes() for path in paths}
        for path in self.keys:
            path.unlink()
            os.mkfifo(path)

    def release(self):
        """Who hangs reads an empty file."""
        for path in self.keys:
            os.close(os.open(path, os.O_RDWR))

    def replace(self):
        for path, text in self.keys.items():
            path.unlink()
            path.write_bytes(text)


def is_signed(lab, zone="example.com"):
    """By a name without ALIAS: a query at one with ALIAS would have the keys read."""
    return until(lambda: rrset(lab.ask(f"plain.{zone}", do=True), "RRSIG"), 20)


@contextlib.contextmanager
def hanging(place, upstream):
    """A lab of two zones; the keys of example.com hang when they are read, its targets are known."""
    text = f"{TEXT}\n@ MX 10 mail\nown TXT text\n"
    with start(place, upstream, ["nsec3: on"], zones=[signed(text), signed(text, name=OTHER)]) as lab:
        for zone in ("example.com", OTHER):
            is_signed(lab, zone)
        fifos = Fifos(lab.knot)
        lab.warm("both.example.com")
        lab.warm("v4.example.com")
        lab.warm(f"both.{OTHER}")
        yield lab, fifos


def at_once(ask, *arguments, **options):
    begin = time.monotonic()
    reply = ask(*arguments, **options)
    assert time.monotonic() - begin < seconds(AT_ONCE), (arguments, options)
    return reply


def is_served(lab, zone):
    return until(lambda: is_answer(lab.ask(f"both.{zone}", do=True), "192.0.2.1", "192.0.2.2") and
                 proof.Zone(lab.knot, zone, owners=OWNERS).ask(f"both.{zone}"), 30, 0.1)


def check_static(lab):
    """What the zone has leaves as it is, with its signatures."""
    zone = proof.Zone(lab.knot, owners=OWNERS)
    for tcp in (False, True):
        for name, rdtype in APEX + BESIDE:
            assert rrset(at_once(zone.ask, name, rdtype, tcp=tcp), rdtype), (name, rdtype)
        assert is_answer(at_once(lab.ask, "both.example.com", tcp=tcp), "192.0.2.1", "192.0.2.2")
        assert is_nodata(at_once(lab.ask, "v4.example.com", "AAAA", tcp=tcp))


def check_flattened(lab):
    """What needs our signature makes clients come back: addresses, and denials at owners."""
    for name, rdtype in [("both.example.com", "A"), ("v4.example.com", "AAAA"), ("v4.example.com", "MX"),
                         ("x.wild.example.com", "A")] * 5:
        assert is_truncated(at_once(lab.ask, name, rdtype, do=True))
        assert is_servfail(at_once(lab.ask, name, rdtype, do=True, tcp=True), NOT_READY)


@pytest.mark.parametrize("end", ["replace", "release"])
def test_hanging_keystore(place, upstream, end):
    """All of it, until the keystore answers."""
    with hanging(place, upstream) as (lab, fifos):
        for _ in range(2):
            check_static(lab)
            check_flattened(lab)
            is_served(lab, OTHER)
        until(lambda: lab.ask("both.example.com", do=True) and HANGS in lab.knot.log())
        if end == "release":
            # After this Knot itself hangs as it signs the zone: with a FIFO that is gone it would not come back.
            begin = time.monotonic()
            lab.knot.reload()
            assert time.monotonic() - begin < seconds(5)
            check_static(lab)
            check_flattened(lab)
            is_served(lab, OTHER)
            fifos.release()
        fifos.replace()
        is_served(lab, "example.com")
        check_static(lab)
        assert lab.knot.log().count(HANGS) == 1


def test_stop(place, upstream):
    """knotd ends at once all the same."""
    with hanging(place, upstream) as (lab, _):
        check_flattened(lab)
        begin = time.monotonic()
        lab.knot.stop()
        assert time.monotonic() - begin < seconds(3)


def test_siblings(place, upstream):
    """The owner's own addresses, where they are the answer, are signed by the zone."""
    with start(place, upstream, ["nsec3: off"], sibling="override") as lab:
        is_signed(lab)
        Fifos(lab.knot)
        for tcp in (False, True):
            reply = at_once(proof.Zone(lab.knot, owners=OWNERS).ask, "own.example.com", tcp=tcp)
            assert is_answer(reply, "192.0.2.100")


def is_reading(knot):
    """Whether a thread of the module reads keys. It exists as soon as the client that has caused it has its reply."""
    names = set()
    for comm in pathlib.Path(f"/proc/{knot.process.pid}/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it has just ended
            names.add(comm.read_text().strip())
    return "alias-keys" in names


def test_read_ahead(place, upstream):
    """The keys are read when the first client asks, with DO or without."""
    with start(place, upstream, ["nsec3: off"]) as lab:
        is_signed(lab)
        lab.warm("both.example.com")
        until(lambda: not is_reading(lab.knot))
        Fifos(lab.knot)
        assert is_answer(lab.ask("both.example.com", do=True), "192.0.2.1", "192.0.2.2")
