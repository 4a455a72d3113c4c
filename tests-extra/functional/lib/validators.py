# SPDX-License-Identifier: GPL-2.0-or-later
"""The validating resolvers of the tests, and what is asked of each of them."""

import dns.rcode

from bind import Named
from client import has, rrset
from kresd import Kresd
from unbound import Unbound


def _unbound(*more):
    return lambda path, port, anchors: Unbound(path, dict.fromkeys(anchors, port), anchors, more=more)


# By sort: called with a directory, the port of the authority, and the anchors of the zones. The first one
# wants signatures by all algorithms of the DS set, and uses denials for what was asked only.
VALIDATORS = {"unbound": _unbound("aggressive-nsec: no", "harden-algo-downgrade: yes"),
              "aggressive": _unbound("aggressive-nsec: yes"),
              "kresd": Kresd,
              "bind": Named}


def is_signed(knot, zone):
    return rrset(knot.ask(zone, "SOA", tcp=True, do=True), "RRSIG")


def anchor(knot, zone):
    """The zone's key-signing keys as a trust anchor file, empty for a zone that is not signed."""
    keys = rrset(knot.ask(zone, "DNSKEY", tcp=True), "DNSKEY")
    return "".join(line + "\n" for line in keys.to_text().splitlines() if " DNSKEY 257 " in line) if keys else ""


def fresh(place, knot, sort, *zones):
    """A validator that knows nothing but the zones' keys."""
    return VALIDATORS[sort](place(), knot.port, {zone: anchor(knot, zone) for zone in zones})


def proven(validator, name, rdtype, weak=False):
    """The validator's reply, proven. What an opt-out span denies is not (RFC 5155, section 9.2): weak."""
    reply = validator.ask(name, rdtype, tcp=True, do=True)
    assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN), f"{name} {rdtype}: {reply}"
    assert has(reply, "AD") or weak, f"{name} {rdtype}: {reply}"
    return reply
