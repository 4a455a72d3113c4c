# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions of knotd in user space per query, by callgrind: a static name against a warm ALIAS, unsigned and signed.

Other work on the machine changes the count by less than 0.2 %, so that two builds can be compared even there. Queries
come in bursts, as at full load: knotd takes up to ten at once, which saves 300 instructions for each.
"""

import pathlib
import re
import subprocess
import tempfile
from typing import NamedTuple

import dns.message
import dns.rdatatype

from client import alias, connect, frame, is_answer, is_nodata, query, read_frame
from common import options
from knotd import Knotd, Zone
from timing import seconds, until
from upstream import Upstream

PLAIN, SIGNED = "example.com", "example.org"
STATIC, FLAT = "fixed", "alias"  # of one length, and at one depth of Knot's tree of names
ADDRESS, TARGET = "192.0.2.1", "cdn.example.net"
TEXT = f"{STATIC} A {ADDRESS}\n{FLAT} {alias(TARGET)}"
DAY = 86400  # s, the TTL of the target: there are no refreshes
BURST = 50   # queries, which a socket's buffer takes three times
ONE_EACH = {"udp-workers": 1, "tcp-workers": 1, "background-workers": 1}


class Case(NamedTuple):
    title: str
    zone: str
    rdtype: str = "A"
    edns: int = 1232
    do: bool = False
    tcp: bool = False

    def is_right(self, reply):
        right = is_answer(reply, ADDRESS) if self.rdtype == "A" else is_nodata(reply)
        signed = {r.covers for r in reply.answer or reply.authority if r.rdtype == dns.rdatatype.RRSIG}
        expected = ("A",) if self.rdtype == "A" else ("SOA", "NSEC")
        return right and signed == {dns.rdatatype.from_text(t) for t in expected if self.do}


CASES = [
    Case("A, no EDNS", PLAIN, edns=None),
    Case("A", PLAIN),
    Case("A, signed, DO", SIGNED, do=True),
    Case("no AAAA, signed, DO", SIGNED, "AAAA", do=True),
]


class CountedKnotd(Knotd):
    """A knotd in callgrind, which counts from its start or, to load zones sooner, from count() on."""

    def __init__(self, path, *arguments, start=True):
        super().__init__(path, *arguments)
        self.vgdb = f"--vgdb-prefix={path}/vgdb"
        self.prefix = ["valgrind", "--tool=callgrind", self.vgdb, f"--callgrind-out-file={path}/counts",
                       f"--instr-atstart={'yes' if start else 'no'}"]

    def count(self):
        subprocess.run(["callgrind_control", self.vgdb, "--instr=on", str(self.process.pid)],
                       capture_output=True, timeout=seconds(20), check=True)

    def instructions(self):
        """Those of all threads since the last call."""
        command = ["callgrind_control", self.vgdb, "--dump", str(self.process.pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds(20), check=False)
        files = list(self.path.glob("counts.*"))
        assert len(files) == 1, done.stdout + done.stderr
        text = files[0].read_text()
        files[0].unlink()
        return int(re.search(r"^totals: (\d+)$", text, re.M)[1])


def main():
    limits = options(__doc__, queries=10000)
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as path, Upstream() as upstream:
        upstream.host(TARGET, ADDRESS, ttl=DAY)
        zones = [Zone(PLAIN, TEXT), Zone(SIGNED, TEXT, extra="dnssec-signing: on")]
        section = {"resolver": [upstream.address], "negative-ttl-max": DAY}
        with CountedKnotd(pathlib.Path(path), zones, {"default": section}, ONE_EACH) as knot:
            print("instructions         static   ALIAS  ratio")
            for case in CASES:
                static, flat = (per_query(knot, case, f"{label}.{case.zone}", limits.queries)
                                for label in (STATIC, FLAT))
                print(f"{case.title:19}  {static:6.0f}  {flat:6.0f}  {flat / static:5.3f}", flush=True)
            assert upstream.count() == 2, "the ALIAS was not warm"


def per_query(knot, case, name, queries):
    until(lambda: case.is_right(knot.ask(name, case.rdtype, tcp=True, edns=case.edns, do=case.do)))
    size = min(BURST, queries)
    burst(knot, case, name, size)
    knot.instructions()
    bursts = queries // size
    for _ in range(bursts):
        burst(knot, case, name, size)
    return knot.instructions() / (bursts * size)


def burst(knot, case, name, size):
    """Ask with each ID below `size`; all replies have to be right."""
    request = query(name, case.rdtype, case.edns, case.do)
    wire = request.to_wire()[2:]
    missing, looked_at = set(range(size)), None
    with connect("127.0.0.1", knot.port, case.tcp) as sock:
        for number in range(size):
            message = number.to_bytes(2, "big") + wire
            sock.sendall(frame(message) if case.tcp else message)
        while missing:
            reply = read_frame(sock) if case.tcp else sock.recv(65535)
            request.id = int.from_bytes(reply[:2], "big")
            missing.remove(request.id)
            if reply[2:] != looked_at:
                looked_at, reply = reply[2:], dns.message.from_wire(reply)
                assert request.is_response(reply) and case.is_right(reply), reply


if __name__ == "__main__":
    main()
