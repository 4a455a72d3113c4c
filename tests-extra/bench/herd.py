# SPDX-License-Identifier: GPL-2.0-or-later
"""Many clients ask at the same moment for a name that was never resolved.

Each behaves as a resolver does: over UDP, and once more where the kernel has dropped a datagram,
over TCP when told so, and again after SERVFAIL.
"""

import asyncio
import collections
import resource
import time

import dns.message

from client import alias, frame, is_answer, is_servfail, is_truncated, query
from common import options, servers, verdict
from upstream import delayed, host

NAME, TARGET, ADDRESS = "new.example.com", "new.example.net", "192.0.2.1"
PATIENCE = 10  # seconds


class Datagram(asyncio.DatagramProtocol):
    """One question over UDP."""

    def __init__(self, reply):
        self.reply = reply

    def datagram_received(self, data, _):
        if not self.reply.done():
            self.reply.set_result(data)


class Herd:
    """The clients, and what they saw."""

    def __init__(self, port):
        self.where = ("127.0.0.1", port)
        self.seen = collections.Counter()
        self.wire = query(NAME).to_wire()
        self.start = None

    async def run(self, count):
        loop = asyncio.get_running_loop()
        sockets = []
        for _ in range(count):
            reply = loop.create_future()
            transport, _ = await loop.create_datagram_endpoint(
                lambda reply=reply: Datagram(reply), remote_addr=self.where)
            sockets.append((transport, reply))
        self.start = time.monotonic()
        for transport, _ in sockets:
            transport.sendto(self.wire)
        print(f"{count} queries sent in {1000 * (time.monotonic() - self.start):.0f} ms")
        ends = await asyncio.gather(*(asyncio.wait_for(self.client(*sock), PATIENCE)
                                      for sock in sockets), return_exceptions=True)
        for transport, _ in sockets:
            transport.close()
        return collections.Counter("right" if end is None else repr(end) for end in ends)

    async def client(self, transport, reply):
        done, _ = await asyncio.wait([reply], timeout=2)
        if not done:
            self.seen["UDP none"] += 1
            transport.sendto(self.wire)
        reply = self.classify("UDP", await reply)
        while reply != "answer":
            assert reply in ("TC", "SERVFAIL"), reply
            if reply == "SERVFAIL":
                await asyncio.sleep(0.05)
            reply = self.classify("TCP", await self.ask_tcp())

    async def ask_tcp(self):
        reader, writer = await asyncio.open_connection(*self.where)
        writer.write(frame(self.wire))
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.close()
        return reply

    def classify(self, transport, wire):
        reply = dns.message.from_wire(wire)
        kind = ("answer" if is_answer(reply, ADDRESS) else "TC" if is_truncated(reply)
                else "SERVFAIL" if is_servfail(reply) else "wrong")
        self.seen[f"{transport} {kind}"] += 1
        return kind


def main():
    limits = options(__doc__, clients=1000, delay=500)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with servers(f"new {alias(TARGET)}", udp_workers=2, timeout=10 * limits.delay) as (knot, upstream):
        upstream.both(TARGET, delayed(limits.delay / 1000, host(ADDRESS)))
        upstream.script(TARGET, "AAAA", delayed(limits.delay / 1000, host("2001:db8::1")))
        herd = Herd(knot.port)
        ends = asyncio.run(herd.run(limits.clients))
        took = time.monotonic() - herd.start
        asked = {rdtype: upstream.count(TARGET, rdtype) for rdtype in ("A", "AAAA")}
    print("clients:", dict(ends), f"after {took:.2f} s, upstream delay {limits.delay} ms")
    print("replies:", dict(herd.seen))
    print("upstream queries:", asked)
    verdict(ends == {"right": limits.clients} and asked == {"A": 1, "AAAA": 1},
            "one upstream query for A and AAAA each, a right answer for every client")


if __name__ == "__main__":
    main()
