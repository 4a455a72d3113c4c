# SPDX-License-Identifier: GPL-2.0-or-later
"""The fast resolver (stub.c) as a process, and zones of names n0, n1, ... whose targets it knows."""

import contextlib
import os
import pathlib
import socket
import struct
import tempfile
from typing import NamedTuple

from knotd import Knotd, Zone
from ports import free_port
from process import Process

STUB = os.environ.get("ALIAS_STUB", "")
SEEN = struct.Struct("=QII")
TYPES = {1: "A", 28: "AAAA"}


class Seen(NamedTuple):
    """A query that the stub got."""
    time: float  # as time.monotonic()
    number: int
    rdtype: str


class Stub(Process):
    """What it answers is said by control()."""

    def __init__(self, path, log=False, **settings):
        path.mkdir(exist_ok=True)
        super().__init__(path)
        self.control_port = free_port()
        self.address = f"127.0.0.1@{self.port}"
        self.seen_file = path / "seen" if log else None
        self.settings = settings

    def command(self):
        return [STUB, str(self.port), str(self.control_port), *filter(None, [self.seen_file])]

    def is_up(self):
        return self.control(**self.settings) is not None

    def stop(self):
        self.kill()

    def control(self, **settings):
        """Change settings; return the number of queries so far."""
        self.settings |= settings
        text = " ".join(f"{key} {value}" for key, value in settings.items())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.connect(("127.0.0.1", self.control_port))
            sock.send(text.encode())
            return sum(int(word) for word in sock.recv(256).split())

    def seen(self):
        """All queries since the start, with log=True."""
        self.control()
        return [Seen(ms / 1000, number, TYPES.get(rdtype, str(rdtype))) for ms, number, rdtype
                in SEEN.iter_unpack(whole(self.seen_file.read_bytes()))]


def whole(data):
    return data[:len(data) // SEEN.size * SEEN.size]


def alias_record(number, ttl=None):
    """A name n0, n1, ... and its target n0.example.net or n0.t60.example.net, ..."""
    labels = [f"n{number}", *([f"t{ttl}"] if ttl else []), "example", "net", ""]
    rdata = b"".join(bytes([len(label)]) + label.encode() for label in labels)
    return f"n{number} TYPE65401 \\# {len(rdata)} {rdata.hex()}"


def aliases(count):
    """The text of a zone with so many names."""
    return "\n".join(map(alias_record, range(count)))


@contextlib.contextmanager
def stubbed(text, zones=(), log=False, settings=None, udp_workers=1, extra="", **section):
    """A knotd with the zone example.com and others, and the stub behind its module."""
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as place:
        path = pathlib.Path(place)
        with Stub(path / "stub", log, **(settings or {})) as stub:
            section = {"resolver": [stub.address], **section}
            with Knotd(path, [Zone("example.com", text), *zones], {"default": section},
                       {"udp-workers": udp_workers}, extra) as knot:
                yield knot, stub
