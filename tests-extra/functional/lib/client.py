# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking a DNS server and reading its replies."""

import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from timing import seconds

ALIAS = dns.rdatatype.from_text("TYPE65401")

OTHER, STALE, NOT_READY, SILENT, FAILED = 0, 3, 14, 22, 23  # extended DNS errors, RFC 8914


def name_of(name):
    """Names may be given as text or, for odd bytes, as dns.name.Name."""
    return name if isinstance(name, dns.name.Name) else dns.name.from_text(name)


def alias(target):
    """The ALIAS record in the generic form of RFC 3597, for a zone file."""
    wire = name_of(target).to_wire()
    return f"TYPE65401 \\# {len(wire)} {wire.hex()}"


def query(name, rdtype="A", edns=1232, do=False, **more):
    return dns.message.make_query(name_of(name), rdtype, use_edns=edns is not None and 0,
                                  payload=edns, want_dnssec=do, **more)


def frame(wire):
    return struct.pack("!H", len(wire)) + wire


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            raise EOFError("connection closed")
        data += chunk
    return data


def read_frame(sock):
    return read_exactly(sock, struct.unpack("!H", read_exactly(sock, 2))[0])


def connect(address, port, tcp):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    sock.settimeout(seconds(5))
    sock.connect((address, port))
    return sock


def exchange(wire, address, port, tcp=False):
    """Send one message and return the raw reply."""
    with connect(address, port, tcp) as sock:
        if tcp:
            sock.sendall(frame(wire))
            return read_frame(sock)
        sock.send(wire)
        return sock.recv(65535)


class Server:
    """What can be asked: anything with a port on 127.0.0.1 and ::1."""

    port = None

    def ask_raw(self, wire, tcp=False, v6=False):
        return exchange(wire, "::1" if v6 else "127.0.0.1", self.port, tcp)

    def ask(self, name, rdtype="A", tcp=False, v6=False, **options):
        """The parsed reply; its bytes are in .raw."""
        message = query(name, rdtype, **options)
        wire = self.ask_raw(message.to_wire(), tcp, v6)
        reply = dns.message.from_wire(wire)
        assert message.is_response(reply)
        reply.raw = wire
        return reply

    def tcp(self):
        return connect("127.0.0.1", self.port, True)


def rrset(reply, rdtype="A", section="answer"):
    """The only RRset of a type in a section, or None."""
    rdtype = dns.rdatatype.from_text(rdtype)
    found = [r for r in getattr(reply, section) if r.rdtype == rdtype]
    assert len(found) <= 1
    return found[0] if found else None


def addresses(reply, rdtype="A"):
    found = rrset(reply, rdtype)
    return sorted(rdata.address for rdata in found) if found else []


def ttl(reply, rdtype="A"):
    return rrset(reply, rdtype).ttl


def every_ttl(reply):
    """The TTL of each record of the answer; dnspython shows one for a whole RRset."""
    return [r.ttl for r in dns.message.from_wire(reply.raw, one_rr_per_rrset=True).answer]


def ede(reply):
    """The extended DNS error of a reply, or None."""
    codes = [option.code for option in reply.options if option.otype == dns.edns.OptionType.EDE]
    return int(codes[0]) if codes else None


def has(reply, flag):
    return bool(reply.flags & dns.flags.from_text(flag))


def is_answer(reply, *expected, rdtype="A"):
    """A whole authoritative answer of exactly these addresses."""
    return (reply.rcode() == dns.rcode.NOERROR and has(reply, "AA") and not has(reply, "TC")
            and addresses(reply, rdtype) == sorted(expected))


def is_nodata(reply):
    """An authoritative NODATA: no answer, and the zone's own SOA."""
    return (reply.rcode() == dns.rcode.NOERROR and has(reply, "AA") and not has(reply, "TC")
            and not reply.answer and rrset(reply, "SOA", "authority") is not None)


def is_truncated(reply):
    """`Come back over TCP`: TC, and no section holds anything."""
    return (reply.rcode() == dns.rcode.NOERROR and has(reply, "AA") and has(reply, "TC")
            and not (reply.answer or reply.authority or reply.additional))


def is_servfail(reply, *codes):
    """SERVFAIL, with one of these extended errors where any is given."""
    return reply.rcode() == dns.rcode.SERVFAIL and not reply.answer and (
        not codes or ede(reply) in codes)
