# SPDX-License-Identifier: GPL-2.0-or-later
"""A zone with an ALIAS of each kind, signed automatically."""

import lab as labs
from client import alias, rrset
from knotd import HEAD, Zone
from timing import until
from upstream import nxdomain

OWNERS = ["", "both", "v4", "none", "missing", "*.wild", "own", "many", "deep.under"]

TEXT = "\n".join([
    "@ " + alias("both.example.net"), "@ TXT text",
    "both " + alias("both.example.net"), "both MX 10 mail",
    "v4 " + alias("v4.example.net"), "v4 TXT text",
    "none " + alias("none.example.net"),
    "missing " + alias("missing.example.net"),
    "*.wild " + alias("both.example.net"),
    "dname DNAME wild", "to CNAME both", "towild CNAME x.wild", "tov4 CNAME v4", "*.cname CNAME both", "*.cname4 CNAME v4",
    "own " + alias("v4.example.net"), "own A 192.0.2.100", "own AAAA 2001:db8::100",
    "many " + alias("both.example.net"), "many " + alias("v4.example.net"),
    "deep.under " + alias("both.example.net"),
    "plain A 192.0.2.101",
    "svc HTTPS 1 both", "svc2 HTTPS 1 v4",
    "sub NS ns.sub", "ns.sub A 192.0.2.102",
])

# Where time has to pass
BRIEF = ["dnskey-ttl: 1", "zone-max-ttl: 1", "propagation-delay: 1"]
BRIEF_HEAD = HEAD.replace("$TTL 3600", "$TTL 1").replace("86400 300", "86400 1")


def policy(*lines):
    """A section with the signing policy `test`."""
    return "\n".join(["policy:", "  - id: test", *(f"    {line}" for line in lines)])


def signed(text=TEXT, more="", name="example.com"):
    return Zone(name, text, extra=f"dnssec-signing: on\ndnssec-policy: test\n{more}")


def hosts(upstream):
    upstream.host("both.example.net", "192.0.2.1", "192.0.2.2", "2001:db8::1")
    upstream.host("v4.example.net", "192.0.2.4", ttl=60)
    upstream.host("none.example.net")
    upstream.both("missing.example.net", nxdomain())


def start(place, upstream, lines, zones=None, **more):
    """A lab whose zones are signed by a policy with these lines."""
    hosts(upstream)
    return labs.lab(place, upstream, zones=zones or [signed()], extra=policy(*lines), **more)


def is_signed(lab, zone="example.com"):
    return until(lambda: rrset(lab.ask(zone, "SOA", do=True), "RRSIG"), 20)


def is_ready(lab, name):
    """Whether a name is resolved and the keys of its zone are read: until then a query over UDP with DO may get TC."""
    lab.warm(name)
    return rrset(lab.settle(name, do=True), "RRSIG")
