# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of the names that stub.py makes: quick to ask, and they look at each reply."""

import collections
import random
import select
import socket
import struct
import time
from typing import NamedTuple

import dns.rcode

HEAD = struct.Struct("!6H")
TYPE = {"A": b"\0\1\0\1", "AAAA": b"\0\x1c\0\1"}
OPT, OPT_DO = bytes.fromhex("00002904d0000000000000"), bytes.fromhex("00002904d0000080000000")
ANSWER = struct.Struct("!HHHIH")
ADDRESS = {(1, 4): struct.Struct("!I"), (28, 16): struct.Struct("!IHHII")}
OPT_FIXED, EDE = 11, 15
LOST_AFTER = 2  # seconds


class Reply(NamedTuple):
    """`kind` is answer, TC, NODATA, the RCODE, malformed, or lost."""
    kind: str
    number: int = -1      # of the name that the address belongs to
    generation: int = -1  # of the address
    ttl: int = -1
    ede: int = None


def question(number, rdtype, id=0, zone="example.com", do=False):
    name = b"".join(bytes([len(label)]) + label.encode() for label in f"n{number}.{zone}.".split("."))
    return b"".join((HEAD.pack(id, 0, 1, 0, 0, 1), name, TYPE[rdtype], OPT_DO if do else OPT))


def parse(wire, do=False):
    """Of a reply to a query for one address; with DO it may have a signature."""
    rcode, pos = wire[3] & 15, wire.index(0, 12) + 5
    ancount = wire[6] << 8 | wire[7]
    reply = Reply("NODATA")
    if rcode:
        reply = Reply(dns.rcode.to_text(rcode))
    elif wire[2] & 2:
        reply = Reply("TC")
    elif ancount == 1 or do and ancount == 2:
        owner, rdtype, _, ttl, length = ANSWER.unpack_from(wire, pos)
        pos += ANSWER.size
        number, generation = _read_address(wire, pos, rdtype, length)
        pos += length
        reply = Reply("answer" if owner == 0xc00c and number >= 0 else "malformed",
                      number, generation, ttl)
    elif ancount:
        reply = Reply("malformed")
    return reply._replace(ede=_read_ede(wire, pos))


def _read_address(wire, pos, rdtype, length):
    layout = ADDRESS.get((rdtype, length))
    if not layout:
        return -1, -1
    if length == 4:
        address, = layout.unpack_from(wire, pos)
        return address & 0xffffff, address >> 24
    prefix, generation, zero, more_zero, number = layout.unpack_from(wire, pos)
    return (number, generation) if (prefix, zero, more_zero) == (0x20010db8, 0, 0) else (-1, -1)


def _read_ede(wire, pos):
    pos = wire.find(b"\0\0\x29", pos)
    if pos < 0:
        return None
    pos += OPT_FIXED
    while pos + 6 <= len(wire):
        code, length = struct.unpack_from("!HH", wire, pos)
        if code == EDE:
            return wire[pos + 4] << 8 | wire[pos + 5]
        pos += 4 + length
    return None


class Asker:
    """Asks for names in a zone over UDP; each reply goes to check(number, rdtype, reply, when, took)."""

    def __init__(self, port, check, zone="example.com", do=False, lost_after=LOST_AFTER):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)
        self.readable = select.poll()  # select() takes no descriptor above 1023
        self.readable.register(self.sock, select.POLLIN)
        self.check = check
        self.zone, self.do, self.lost_after = zone, do, lost_after
        self.count = 0
        self.asked = collections.OrderedDict()  # number, rdtype, question, since when, by message ID

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def at_rate(self, questions, rate, seconds):
        """Ask what an endless iterator of (number, rdtype) says, evenly."""
        start, first = time.monotonic(), self.count
        while (now := time.monotonic()) < start + seconds:
            for _ in range(min(256, int((now - start) * rate) - (self.count - first))):
                self._send(*next(questions))
            self._drop_lost(now)
            self._receive(0.002)

    def each(self, questions, window=64):
        """Ask each (number, rdtype) once, with so many under way."""
        for number, rdtype in questions:
            while len(self.asked) >= window:
                self._receive(0.1)
                self._drop_lost(time.monotonic())
            self._send(number, rdtype)
        self.finish()

    def finish(self):
        """Wait for what is under way."""
        while self.asked:
            self._receive(0.1)
            self._drop_lost(time.monotonic())

    def _send(self, number, rdtype):
        id = self.count & 0xffff
        wire = question(number, rdtype, id, self.zone, self.do)
        if id in self.asked:
            self._lose(id)
        self.asked[id] = (number, rdtype, wire[12:-len(OPT)], time.monotonic())
        self.count += 1
        try:
            self.sock.send(wire)
        except (BlockingIOError, ConnectionRefusedError):
            pass  # counts as lost in the end

    def _drop_lost(self, now):
        while self.asked:
            id, (*_, since) = next(iter(self.asked.items()))
            if since > now - self.lost_after:
                break
            self._lose(id)

    def _lose(self, id):
        number, rdtype, _, since = self.asked.pop(id)
        now = time.monotonic()
        self.check(number, rdtype, Reply("lost"), now, now - since)

    def _receive(self, wait):
        if not self.readable.poll(1000 * wait):
            return
        try:
            while True:
                wire = self.sock.recv(4096)
                now = time.monotonic()
                asked = self.asked.pop(wire[0] << 8 | wire[1], None)
                if asked:
                    number, rdtype, asked_for, since = asked
                    reply = parse(wire, self.do) if wire[12:12 + len(asked_for)] == asked_for else Reply("malformed")
                    self.check(number, rdtype, reply, now, now - since)
        except (BlockingIOError, ConnectionRefusedError):
            pass


def each_type(numbers):
    """Both types of each name, A of all first."""
    for rdtype in ("A", "AAAA"):
        for number in numbers:
            yield number, rdtype


def over_and_over(count):
    """A of all names in any order, then AAAA, and again in another order."""
    numbers, chance = list(range(count)), random.Random(1)
    while True:
        chance.shuffle(numbers)
        yield from each_type(numbers)


def warm(port, numbers, passes=60, pause=0.2, window=64, zone="example.com"):
    """Ask until each name has an answer of its own for both types."""
    left = list(each_type(numbers))
    for _ in range(passes):
        cold = []

        def check(number, rdtype, reply, *_):
            if reply.kind != "answer" or reply.number != number:
                cold.append((number, rdtype))
        with Asker(port, check, zone) as asker:
            asker.each(left, window)
        left = cold
        if not left:
            return
        time.sleep(pause)
    raise AssertionError(f"{len(left)} names are not resolved, e.g. n{left[0][0]} {left[0][1]}")
