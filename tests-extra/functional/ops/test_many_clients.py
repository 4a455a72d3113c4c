# SPDX-License-Identifier: GPL-2.0-or-later
"""A thousand clients at once ask for a name that was never resolved."""

import asyncio
import collections
import itertools

import dns.message

import lab as labs
from client import addresses, frame, has, is_servfail, is_truncated, query
from timing import ms, seconds, until
from upstream import host, silence

CLIENTS = 1000
DEAD = 600
SOCKETS = 20  # so that neither file descriptors nor receive buffers run short
ADDRESS = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}


class Replies(asyncio.DatagramProtocol):
    """Replies by message ID."""

    def __init__(self):
        self.waiting = collections.defaultdict(asyncio.Future)

    def datagram_received(self, data, _):
        future = self.waiting[data[:2]]
        if not future.done():
            future.set_result(data)


async def ask_udp(transport, replies, wire):
    """A datagram may get lost in a burst; its client asks again."""
    for _ in range(5):
        transport.sendto(wire)
        try:
            return await asyncio.wait_for(asyncio.shield(replies.waiting[wire[:2]]), seconds(2))
        except asyncio.TimeoutError:
            pass
    raise AssertionError("no reply over UDP")


async def ask_tcp(port, wire):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(frame(wire))
        size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(size)
    finally:
        writer.close()


async def client(number, name, port, socket, connections, truncated):
    """UDP, then TCP, as a resolver does; SERVFAIL is asked again. Calls truncated() in between."""
    rdtype = "A" if number % 2 else "AAAA"
    wire = query(name, rdtype, id=number).to_wire()
    reply = dns.message.from_wire(await ask_udp(*socket, wire))
    over = "udp"
    while has(reply, "TC") or is_servfail(reply):
        if over == "udp":
            assert is_truncated(reply)
            truncated()
        over = "tcp"
        async with connections:
            reply = dns.message.from_wire(await ask_tcp(port, wire))
        assert not has(reply, "TC")
        if is_servfail(reply):
            await asyncio.sleep(0.05)
    assert addresses(reply, rdtype) == [ADDRESS[rdtype]]


async def burst(name, port, truncated):
    connections = asyncio.Semaphore(100)
    loop = asyncio.get_running_loop()
    sockets = [await loop.create_datagram_endpoint(Replies, remote_addr=("127.0.0.1", port))
               for _ in range(SOCKETS)]
    try:
        await asyncio.gather(*(
            client(i, name, port, sockets[i % SOCKETS], connections, truncated)
            for i in range(CLIENTS)))
    finally:
        for transport, _ in sockets:
            transport.close()


def test_single_flight(place, upstream):
    """Exactly one query for A and one for AAAA goes out; everybody gets the right answer."""
    with labs.lab(place, upstream) as lab:
        name, target = lab.alias("popular")
        gate = upstream.gate()
        for rdtype, address in ADDRESS.items():
            upstream.script(target, rdtype, gate(host(address)))
        turn = itertools.count(1)

        def truncated():
            if next(turn) == CLIENTS // 2:
                gate.open()
        asyncio.run(burst(name, lab.knot.port, truncated))
        assert upstream.count(target, "A") == 1
        assert upstream.count(target, "AAAA") == 1


def test_silent_names_do_not_hold_up_others(place, upstream):
    """While hundreds of targets get no reply, a healthy new one is resolved soon."""
    with labs.lab(place, upstream, timeout=ms(1000)) as lab:
        dead = [lab.alias(f"dead{i}") for i in range(DEAD)]
        for _, target in dead:
            upstream.both(target, silence)
        for _ in range(10):
            for name, _ in dead:
                assert not lab.ask(name).answer
        name, _ = lab.alias("alive", "192.0.2.1")
        until(lambda: addresses(lab.ask(name)) == ["192.0.2.1"], 20)
