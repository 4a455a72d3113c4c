# SPDX-License-Identifier: GPL-2.0-or-later
"""A control socket between a client and knotd, on which things can go wrong."""

import contextlib
import socket
import struct
import threading

from timing import seconds


def item(text):
    """An item of a control message without its code: how it is found in the stream."""
    return struct.pack("!H", len(text)) + text.encode()


class Relay:
    """Listens on `path` and passes on what comes, to and from the socket `server`.

    What clients send is given to on_request(data), which may wait, and returns False to end that
    connection. Once `mute` is set, the next reply is the end of it instead. `replies` are
    (old, new) pairs of octets to change in replies.
    """

    def __init__(self, path, server, on_request=lambda data: True, replies=()):
        self.path = str(path)
        self.server = str(server)
        self.on_request = on_request
        self.replies = replies
        self.mute = threading.Event()

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client, socket.socket(socket.AF_UNIX) as server:
                    client.settimeout(seconds(10))
                    server.settimeout(seconds(10))
                    server.connect(self.server)
                    self._relay(client, server)

    def _relay(self, client, server):
        back = threading.Thread(target=self._reply, args=(client, server), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if not self.on_request(data):
                    break
                server.sendall(data)
        for sock in (client, server):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        back.join()

    def _reply(self, client, server):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.mute.is_set():
                    self.mute.clear()
                    client.shutdown(socket.SHUT_RDWR)
                    break
                for old, new in self.replies:
                    data = data.replace(old, new)
                client.sendall(data)
