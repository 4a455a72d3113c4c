# SPDX-License-Identifier: GPL-2.0-or-later
"""A bad network between the module and its resolver: a relay for UDP and TCP on which things go wrong.

What goes wrong is drawn from a seeded generator, so that a run can be repeated as far as threads allow.
"""

import asyncio
import contextlib
import dataclasses
import random
import socket
import struct

from looped import Looped
from ports import free_port

RESEND = 0.2     # s: when TCP would send a lost segment again
LAG = 0.05       # s: by how much a datagram that is overtaken comes later
CHUNK = 65536
FLOWS_MAX = 200  # client sockets remembered


@dataclasses.dataclass(frozen=True)
class Weather:
    """What happens to datagrams, and by delay to streams; shares are of 1, times in seconds."""
    loss: float = 0
    duplicate: float = 0
    reorder: float = 0
    delay: float = 0
    jitter: float = 0


CLEAR = Weather()


class Network(Looped):
    """Listens on a port of 127.0.0.1 and passes on to `server`, an object with a port.

    `stream` says what becomes of TCP connections: "pass"; "close": closed at once; "reset": half of a reply, then RST;
    "silent": nothing comes back, and never will on connections that were used meanwhile, as when the other side has
    lost its state and the way back is closed.
    """

    def __init__(self, server, seed):
        super().__init__()
        self.server = ("127.0.0.1", server.port)
        self.port = free_port()
        self.address = f"127.0.0.1@{self.port}"
        self.chance = random.Random(seed)
        self.weather = CLEAR
        self.stream = "pass"
        self.streams = 0  # so far
        self.flows = {}
        self.tasks = set()

    async def _listen(self):
        where = ("127.0.0.1", self.port)
        self.front, _ = await self.loop.create_datagram_endpoint(lambda: Front(self), local_addr=where)
        await asyncio.start_server(self._accept, *where)

    # Datagrams

    def datagram(self, send):
        """Send it, or what the weather makes of that."""
        weather, draw = self.weather, self.chance.random
        for _ in range(1 + (draw() < weather.duplicate)):
            if draw() < weather.loss:
                continue
            wait = weather.delay + weather.jitter * draw() + LAG * (draw() < weather.reorder)
            if wait:
                self.loop.call_later(wait, send)
            else:
                send()

    async def flow(self, peer):
        """The way of one client's socket, with a socket of its own."""
        transport, _ = await self.loop.create_datagram_endpoint(
            lambda: Back(self, peer), remote_addr=self.server)
        return transport

    # Streams

    async def _accept(self, reader, writer):
        self.streams += 1
        if self.stream == "close":
            writer.close()
            return
        back_reader, back_writer = await asyncio.open_connection(*self.server)
        tasks = [asyncio.ensure_future(self._pump(reader, back_writer, False)),
                 asyncio.ensure_future(self._pump(back_reader, writer, True))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for each in (writer, back_writer):
            each.close()

    async def _pump(self, reader, writer, is_reply):
        dead = False
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                weather, draw = self.weather, self.chance.random
                await asyncio.sleep(weather.delay + weather.jitter * draw() + RESEND * (draw() < weather.loss))
                dead |= self.stream == "silent"
                if dead:
                    continue
                if is_reply and self.stream == "reset":
                    writer.write(data[:len(data) // 2])
                    await writer.drain()
                    linger_off = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_off)
                    return
                writer.write(data)


class Front(asyncio.DatagramProtocol):
    """What comes from clients."""

    def __init__(self, network):
        self.network = network

    def datagram_received(self, data, peer):
        task = self.network.loop.create_task(self._pass(data, peer))
        self.network.tasks.add(task)
        task.add_done_callback(self.network.tasks.discard)

    async def _pass(self, data, peer):
        flows = self.network.flows
        if peer not in flows:
            flows[peer] = asyncio.ensure_future(self.network.flow(peer))
            if len(flows) > FLOWS_MAX:
                (await flows.pop(next(iter(flows)))).close()
        transport = await flows[peer]
        self.network.datagram(lambda: transport.is_closing() or transport.sendto(data))


class Back(asyncio.DatagramProtocol):
    """What comes back for one of them."""

    def __init__(self, network, peer):
        self.network = network
        self.peer = peer

    def datagram_received(self, data, _):
        self.network.datagram(lambda: self.network.front.sendto(data, self.peer))
