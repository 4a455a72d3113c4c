# SPDX-License-Identifier: GPL-2.0-or-later
"""What the module must leave alone, compared byte by byte with a knotd that has no module."""

import itertools

import dns.opcode
import pytest

import lab as labs
from client import alias, query
from knotd import Knotd, Zone

ALIAS = alias("beside.example.net")
NEVER = alias("never.example.net")

PLAIN = """\
@ A 192.0.2.1
@ AAAA 2001:db8::1
@ MX 10 mail
@ TXT "text"
mail A 192.0.2.2
www CNAME mail
out CNAME host.example.org.
gone CNAME nothing
a.b.c A 192.0.2.3
*.wild A 192.0.2.4
*.wild MX 10 mail
*.star CNAME mail
sub NS ns.sub
ns.sub A 192.0.2.5
moved DNAME example.org.
"""

# ALIAS beside other types; at and below a delegation and below a DNAME it has no meaning
NODES = f"""\
alias {ALIAS}
alias MX 10 alias
alias TXT "text"
alias CAA 0 issue "ca.example"
alias HTTPS 0 mail
to CNAME alias
*.any {ALIAS}
*.any TXT "text"
deleg NS ns.deleg
deleg {NEVER}
ns.deleg A 192.0.2.6
ns.deleg {NEVER}
x.deleg {NEVER}
*.deleg {NEVER}
*.below {NEVER}
moved.below DNAME example.org.
"""

NAMES = ["", "mail.", "www.", "out.", "gone.", "nothing.", "b.c.", "a.b.c.", "x.wild.", "wild.",
         "x.star.", "sub.", "x.sub.", "ns.sub.", "moved.", "x.moved.", "MaIl."]
TYPES = ["A", "AAAA", "MX", "TXT", "SOA", "NS", "DS", "CNAME", "ANY", "HTTPS", "TYPE65400"]
FORMS = [dict(edns=None), dict(edns=512), dict(edns=1232, do=True)]


@pytest.fixture(scope="module", name="pair")
def fixture_pair(place, upstream):
    """The same two zones without and with the module; the second zone never has it."""
    with_module = Zone("example.com", PLAIN + NODES)
    without = Zone("example.com", PLAIN + NODES, module="")
    other = Zone("example.org", PLAIN + NODES, module="")
    with Knotd(place(), [without, other]) as knot, \
            labs.lab(place, upstream, zones=[with_module, other]) as lab:
        yield knot, lab.knot


def same(pair, message, **way):
    without, with_module = (server.ask_raw(message.to_wire(), **way) for server in pair)
    assert without == with_module, message


@pytest.mark.parametrize("zone", ["example.com", "example.org"])
def test_names_without_alias(pair, zone):
    """Names without ALIAS and zones without the module are served as before."""
    for name, rdtype, form in itertools.product(NAMES, TYPES, FORMS):
        message = query(f"{name}{zone}", rdtype, **form)
        same(pair, message)
    for name, rdtype in itertools.product(NAMES, TYPES):
        same(pair, query(f"{name}{zone}", rdtype), tcp=True)


def test_other_types_of_alias(pair):
    """Every type but A, AAAA, ANY and the ALIAS itself is served as before."""
    types = [t for t in TYPES if t not in ("A", "AAAA", "ANY")] + ["CAA", "NSEC", "DNSKEY"]
    names = ["alias", "to", "x.any", "any", "*.any"]
    for name, rdtype, form in itertools.product(names, types, FORMS):
        same(pair, query(f"{name}.example.com", rdtype, **form))


def test_delegation_and_dname(pair, upstream):
    """Delegations and DNAMEs come before the ALIAS at or below them; nothing is resolved."""
    names = ["deleg", "x.deleg", "y.deleg", "ns.deleg", "a.x.deleg", "moved.below",
             "x.moved.below", "x.y.moved.below"]
    for name, rdtype, form in itertools.product(names, TYPES + ["TYPE65401"], FORMS):
        same(pair, query(f"{name}.example.com", rdtype, **form))
    assert upstream.count("never.example.net") == 0


def test_zone_without_module(pair):
    """A zone without the module shows its ALIAS like any other record."""
    for name, rdtype in itertools.product(["alias", "x.any"], ["A", "AAAA", "TYPE65401", "ANY"]):
        same(pair, query(f"{name}.example.org", rdtype))


def test_odd_queries(pair):
    """Other classes, versions, operations and broken packets get Knot's own replies."""
    odd = [query("alias.example.com", rdclass="CH"), query("alias.example.com", rdclass="HS"),
           query("elsewhere.example.net")]
    for message in odd:
        same(pair, message)
    version = query("alias.example.com")
    version.use_edns(edns=1)
    same(pair, version)
    status = query("example.com", "SOA")
    status.set_opcode(dns.opcode.STATUS)
    same(pair, status)
    broken = query("alias.example.com").to_wire()[:-12] + b"\xc0"
    without, with_module = (server.ask_raw(broken) for server in pair)
    assert without == with_module
