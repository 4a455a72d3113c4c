# SPDX-License-Identifier: GPL-2.0-or-later
"""A scripted resolver: it says what the test wants, rightly or wrongly, and remembers who asked.

A script is an async function that gets an Exchange and sends any number of replies. Scripts are
composed: delayed(0.2, host("192.0.2.1")), forged(wrong_id, host("192.0.2.1")).
"""

import asyncio
import copy
import dataclasses
import socket
import threading
import time
import typing

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from client import frame
from looped import Looped
from ports import free_port
from timing import seconds

SOA = "example.net. {ttl} SOA ns.example.net. admin.example.net. 1 3600 600 86400 {minimum}"


@dataclasses.dataclass(frozen=True)
class Seen:
    """A query as it came."""
    name: str
    rdtype: str
    transport: str
    payload: int  # EDNS payload, -1 without EDNS
    time: float
    question: str  # the name with its letters as they came
    id: int
    port: int      # the source port


@dataclasses.dataclass
class Exchange:
    """A query being answered, and the ways back to the client."""
    query: dns.message.Message
    udp: bool
    write: typing.Callable     # bytes, as they are
    close: typing.Callable     # ends a TCP connection
    write_other: typing.Callable = None  # UDP: from another socket

    def reply(self, records=(), authority=(), rcode="NOERROR"):
        message = dns.message.make_response(copy.deepcopy(self.query), recursion_available=True)
        message.set_rcode(dns.rcode.from_text(rcode))
        message.answer = [self.rrset(text) for text in records]
        message.authority = [self.rrset(text) for text in authority]
        return message

    def rrset(self, text):
        """One line of a zone file; @ is the name as asked."""
        asked = self.query.question[0].name.to_text()
        owner, ttl, rdtype, rdata = (asked if word == "@" else word
                                     for word in text.split(maxsplit=3))
        return dns.rrset.from_text(owner, int(ttl), "IN", rdtype, rdata)

    def limit(self):
        return max(512, self.query.payload) if self.udp else 65535

    def send(self, message):
        wire = message if isinstance(message, bytes) else message.to_wire(max_size=65535)
        if self.udp and not isinstance(message, bytes) and len(wire) > self.limit():
            wire = empty_truncated(message).to_wire()
        self.write(wire if self.udp else frame(wire))


def empty_truncated(message):
    message.flags |= dns.flags.TC
    message.answer = []
    message.authority = []
    return message


# Scripts of a resolver in good health

def answer(*records, authority=(), rcode="NOERROR"):
    async def script(exchange):
        exchange.send(exchange.reply(records, authority, rcode))
    return script


def host(*addresses, ttl=3600):
    """Addresses of one family right at the name."""
    return answer(*(f"@ {ttl} {'AAAA' if ':' in a else 'A'} {a}" for a in addresses))


def hosts(*addresses, ttl=3600):
    """The addresses of the family asked for, at any name; NODATA where there are none."""
    scripts = {rdtype: host(*family, ttl=ttl) if family else nodata()
               for rdtype, family in by_family(addresses).items()}

    async def script(exchange):
        await scripts[dns.rdatatype.to_text(exchange.query.question[0].rdtype)](exchange)
    return script


def by_family(addresses):
    return {rdtype: [a for a in addresses if mark in a] for rdtype, mark in (("A", "."), ("AAAA", ":"))}


def nodata(ttl=3600, minimum=3600):
    return answer(authority=[SOA.format(ttl=ttl, minimum=minimum)])


def nxdomain(ttl=3600, minimum=3600):
    return answer(authority=[SOA.format(ttl=ttl, minimum=minimum)], rcode="NXDOMAIN")


def root():
    """No address, but an answer: what the module asks to see whether a resolver works at all."""
    return answer(authority=[". 86400 SOA a.root-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400"])


def failure(rcode):
    return answer(rcode=rcode)


async def silence(_):
    """Nothing comes back."""


# Scripts of trouble, around another script

def delayed(wait, script):
    async def later(exchange):
        await asyncio.sleep(wait)
        await script(exchange)
    return later


def in_turn(*scripts):
    """Each script answers one query; the last one answers all the rest."""
    turns = list(scripts)

    async def script(exchange):
        await (turns.pop(0) if len(turns) > 1 else turns[0])(exchange)
    return script


def together(*scripts):
    """Several replies to one query, in this order."""
    async def script(exchange):
        for each in scripts:
            await each(exchange)
    return script


def by_transport(udp, tcp):
    async def script(exchange):
        await (udp if exchange.udp else tcp)(exchange)
    return script


def by_edns(edns, plain):
    async def script(exchange):
        await (edns if exchange.query.edns >= 0 else plain)(exchange)
    return script


def by_type(**scripts):
    async def script(exchange):
        await scripts[dns.rdatatype.to_text(exchange.query.question[0].rdtype)](exchange)
    return script


def forged(edit, script):
    """The replies of a script, changed by edit(message), which returns a message or bytes."""
    async def forge(exchange):
        changed = dataclasses.replace(exchange)
        changed.send = lambda message: exchange.send(edit(message))
        await script(changed)
    return forge


def from_elsewhere(script):
    """Replies that leave from another socket than the one that was asked."""
    async def elsewhere(exchange):
        await script(dataclasses.replace(exchange, write=exchange.write_other))
    return elsewhere


def truncated(script):
    """TC over UDP, whatever the size; the whole reply over TCP."""
    return by_transport(forged(empty_truncated, script), script)


async def hang_up(exchange):
    """Half of a TCP message, then the end of the connection."""
    exchange.write(b"\x01\x00\x12\x34")
    exchange.close()


class Gate:
    """Replies of gate(script) are held back until open()."""

    def __init__(self, upstream):
        self.loop = upstream.loop
        self.event = asyncio.Event()

    def __call__(self, script):
        async def held(exchange):
            await self.event.wait()
            await script(exchange)
        return held

    def open(self):
        self.loop.call_soon_threadsafe(self.event.set)


class Upstream(Looped):
    """The resolver itself: one thread, UDP and TCP on one loopback port."""

    def __init__(self, address="127.0.0.1", port=None):
        super().__init__()
        self.host_address = address
        self.port = port or free_port()
        self.address = f"{address}@{self.port}"  # as in knot.conf
        self.scripts = {("", "A"): root()}
        self.default = failure("REFUSED")
        self.seen = []
        self.changed = threading.Condition()

    # Scripting

    def script(self, name, rdtype, script):
        self.scripts[name.lower().rstrip("."), rdtype] = script

    def both(self, name, script):
        """The same behaviour for A and AAAA."""
        self.script(name, "A", script)
        self.script(name, "AAAA", script)

    def host(self, name, *addresses, ttl=3600):
        """A healthy target: its addresses, and NODATA for the family it lacks."""
        for rdtype, family in by_family(addresses).items():
            self.script(name, rdtype, host(*family, ttl=ttl) if family else nodata())

    def gate(self):
        return Gate(self)

    # What was asked

    def queries(self, name=None, rdtype=None):
        name = name and name.lower().rstrip(".")
        with self.changed:
            return [q for q in self.seen
                    if name in (None, q.name) and rdtype in (None, q.rdtype)]

    def count(self, name=None, rdtype=None):
        return len(self.queries(name, rdtype))

    def wait(self, name, rdtype=None, count=1, limit=5):
        """Wait for the count-th query for a name."""
        with self.changed:
            came = self.changed.wait_for(lambda: self.count(name, rdtype) >= count, seconds(limit))
        assert came, f"{self.count(name, rdtype)} of {count} queries for {name} {rdtype or ''}"

    def wait_both(self, name, count=1, limit=5):
        self.wait(name, "A", count, limit)
        self.wait(name, "AAAA", count, limit)

    # Serving

    async def _listen(self):
        upstream = self

        class Datagrams(asyncio.DatagramProtocol):
            def datagram_received(self, data, peer):
                upstream._receive(data, peer[1], True, lambda wire: sock.sendto(wire, peer),
                                  lambda: None, lambda wire: other.sendto(wire, peer))

        where = (self.host_address, self.port)
        other, _ = await self.loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(self.host_address, 0))
        transport, _ = await self.loop.create_datagram_endpoint(Datagrams, local_addr=where)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)  # nothing is lost while it is busy
        sock = sock.dup()  # asyncio before Python 3.12 sends no empty datagram
        await asyncio.start_server(self._stream, *where)

    async def _stream(self, reader, writer):
        port = writer.get_extra_info("peername")[1]
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                self._receive(await reader.readexactly(size), port, False, writer.write, writer.close)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _receive(self, data, port, udp, write, close, write_other=None):
        query = dns.message.from_wire(data)
        question = query.question[0]
        asked = question.name.to_text().rstrip(".")
        seen = Seen(asked.lower(), dns.rdatatype.to_text(question.rdtype), "udp" if udp else "tcp",
                    query.payload if query.edns >= 0 else -1, time.monotonic(), asked, query.id, port)
        with self.changed:
            self.seen.append(seen)
            self.changed.notify_all()
        script = self.scripts.get((seen.name, seen.rdtype), self.default)
        exchange = Exchange(query, udp, write, close, write_other)
        asyncio.get_running_loop().create_task(script(exchange))
