# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking a server thousands of things within seconds: messages go out and come back as bytes."""

import collections
import socket
import struct
import time
import typing

import dns.flags
import dns.name
import dns.rdatatype

from client import connect, frame, read_frame
from timing import seconds

WINDOW = 64       # queries under way
LOST_AFTER = 2.0  # seconds without any reply: then datagrams are sent again
TRIES = 3

ID = struct.Struct("!H")
HEAD = struct.Struct("!5H")  # behind the ID
OPT = struct.Struct("!BHHIH")


class Asked(typing.NamedTuple):
    """A query; without payload it has no EDNS."""
    name: dns.name.Name
    rdtype: int
    payload: int | None
    do: bool = False
    tcp: bool = False

    def question(self):
        return self.name.to_wire() + struct.pack("!HH", self.rdtype, 1)

    def wire(self, number):
        """The message, with an ID by the number of the query."""
        has_edns = self.payload is not None
        opt = OPT.pack(0, dns.rdatatype.OPT, self.payload, dns.flags.DO if self.do else 0, 0) if has_edns else b""
        return ID.pack(number & 0xffff) + HEAD.pack(0, 1, 0, 0, int(has_edns)) + self.question() + opt


class Told(typing.NamedTuple):
    """What came back, when it had been asked for, and when it came (time.monotonic())."""
    asked: Asked
    wire: bytes
    sent: float
    received: float


def ask_udp(port, questions):
    """The replies, in the order in which they came."""
    told = []
    waiting = collections.deque((number, asked, 1) for number, asked in enumerate(questions))
    under_way = {}  # by ID: number, query, which try it is, when it was sent
    with connect("127.0.0.1", port, tcp=False) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.settimeout(seconds(LOST_AFTER))
        while waiting or under_way:
            while waiting and len(under_way) < WINDOW:
                number, asked, attempt = waiting.popleft()
                under_way[number & 0xffff] = number, asked, attempt, time.monotonic()
                sock.send(asked.wire(number))
            try:
                wire = sock.recv(65535)
            except TimeoutError:
                for number, asked, attempt, _ in under_way.values():
                    assert attempt < TRIES, f"no reply: {asked}"
                    waiting.append((number, asked, attempt + 1))
                under_way.clear()
                continue
            number, asked, _, sent = under_way.pop(*ID.unpack_from(wire), (None,) * 4)
            if asked:
                told.append(Told(asked, wire, sent, time.monotonic()))
    return told


def ask_tcp(port, questions):
    """The same over one connection."""
    told = []
    with connect("127.0.0.1", port, tcp=True) as sock:
        for start in range(0, len(questions), WINDOW):
            part, sent = questions[start:start + WINDOW], time.monotonic()
            sock.sendall(b"".join(frame(asked.wire(number)) for number, asked in enumerate(part)))
            for _ in part:
                wire = read_frame(sock)
                told.append(Told(part[ID.unpack_from(wire)[0]], wire, sent, time.monotonic()))
    return told


def ask(port, questions):
    """All replies, first those over UDP."""
    return (ask_udp(port, [asked for asked in questions if not asked.tcp])
            + ask_tcp(port, [asked for asked in questions if asked.tcp]))
