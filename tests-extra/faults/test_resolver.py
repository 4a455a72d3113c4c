# SPDX-License-Identifier: GPL-2.0-or-later
"""A real resolver that is killed, stopped, or at the other end of a link that goes down."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

import pytest

import crowd as crowds
from conftest import OWN_NETWORK
from knotd import Knotd, Zone
from stage import FAULT, TARGETS, TTL, Numbers, addresses
from timing import until
from unbound import Unbound

# Which end of a link goes down, and the network on it: scenarios run side by side.
ENDS = {"near": "198.51.100", "far": "203.0.113"}
CLONE_NEWNET = 0x40000000


class Resolver(Unbound):
    def count(self):
        """How many queries for targets came."""
        return self.log().count(f".{TARGETS}. ")


class Authority(Knotd):
    """The zone of the targets, as Numbers has it."""

    def __init__(self, path, generation=1):
        super().__init__(path, [Zone(TARGETS, module="")])
        self.generation = generation

    def write(self):
        numbers = [*range(crowds.WARM), *crowds.COLD]
        self.zones[0].text = "\n".join(f"n{i} {TTL} {rdtype} {address}" for i in numbers for rdtype, address
                                       in addresses(i, self.generation).items())
        super().write()


@contextlib.contextmanager
def chain(place):
    """The resolver and the authority behind it."""
    with Authority(place()) as authority, Resolver(place(), {TARGETS: authority.port}) as unbound:
        yield unbound, authority


def renew(stage, authority):
    """New addresses, and time for the resolver to hear of them."""
    stage.new_addresses()
    authority.generation = stage.upstream.generation
    authority.reload()


def test_restart(open_stage, place):
    """unbound is killed, and comes back some time later with an empty cache."""
    with chain(place) as (unbound, authority), open_stage(resolver=unbound, count=unbound.count) as stage:
        with stage.fault():
            unbound.kill()
            time.sleep(FAULT)
            renew(stage, authority)
            unbound.start()
        stage.recover()
    stage.promise(unresolved=True)


def test_stop(open_stage, place):
    """SIGSTOP and SIGCONT: what it was asked meanwhile is answered late, and at once."""
    with chain(place) as (unbound, authority), open_stage(resolver=unbound, count=unbound.count) as stage:
        with stage.fault():
            unbound.process.send_signal(signal.SIGSTOP)
            time.sleep(FAULT)
            renew(stage, authority)
            unbound.process.send_signal(signal.SIGCONT)
        stage.recover()
    stage.promise(unresolved=True)


@pytest.fixture(name="link", params=ENDS)
def fixture_link(request):
    """A link to another network: its name, which end is to go down, and the process ID of the other network."""
    if not os.environ.get(OWN_NETWORK):
        pytest.skip("needs root, and a network namespace of its own: run.sh")
    end, network = request.param, ENDS[request.param]
    name = f"to-{end}"
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "-n", "sleep", "600"]) as far, \
            contextlib.ExitStack() as stack:
        stack.callback(far.kill)
        until(lambda: os.readlink(f"/proc/{far.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        ip("link", "add", name, "type", "veth", "peer", "name", name, "netns", str(far.pid))
        stack.callback(ip, "link", "delete", name)
        for number, inside in ((1, None), (2, far.pid)):
            ip("address", "add", f"{network}.{number}/24", "dev", name, inside=inside)
            ip("link", "set", name, "up", inside=inside)
        yield name, end, far.pid


def ip(*words, inside=None):
    subprocess.run([*(["nsenter", f"--target={inside}", "-n"] if inside else []), "ip", *words], check=True)


def test_link(open_stage, link):
    """The link to the resolver goes down, at its near end (no route) or its far one (no carrier)."""
    name, end, far = link
    inside = far if end == "far" else None
    with distant(far, f"{ENDS[end]}.2") as upstream, open_stage(resolver=upstream, upstream=upstream) as stage:
        with stage.fault():
            ip("link", "set", name, "down", inside=inside)
            time.sleep(FAULT)
            stage.new_addresses()
            ip("link", "set", name, "up", inside=inside)
        stage.recover()
    stage.promise(unresolved=True)


@contextlib.contextmanager
def distant(far, address):
    """A scripted resolver in that network."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        with open(f"/proc/{far}/ns/net", "rb") as there:
            set_network(there.fileno())
        with contextlib.ExitStack() as stack:
            upstream = stack.enter_context(Numbers(address, 53))
            set_network(home)
            yield upstream
    finally:
        set_network(home)
        os.close(home)


def set_network(namespace):
    """Sockets of this thread are made in that network from now on."""
    assert ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
