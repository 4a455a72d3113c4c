# SPDX-License-Identifier: GPL-2.0-or-later
"""Ports for the servers of a test run."""

import os
import random
import socket

_given = set()

# Of each test process in pytest-xdist: a number of its own, as a server takes its port some time after it was found free.
_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = 16


def free_port():
    """A port that is free for UDP and TCP, IPv4 and IPv6.

    It lies below the ephemeral range, so that no client gets it before the server starts.
    """
    while True:
        port = random.randrange(10000 + _process % _PROCESSES, 30000, _PROCESSES)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as sock:
                try:
                    sock.bind((address, port))
                except OSError:
                    return False
    return True
