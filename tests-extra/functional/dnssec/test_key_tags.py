# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of a zone that have the same tag, which is a hint only (RFC 4034, appendix B): the one that signs the zone signs here."""

import base64
import subprocess

import dns.dnssec
import dns.rdata
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import lab as labs
import proof
from autosign import OWNERS, hosts, is_ready, is_signed, policy, signed
from client import is_answer, rrset
from knotd import KEYMGR, Knotd


def dnskey(key):
    """The public part of a key for signing zones."""
    point = key.public_key().public_numbers()
    public = base64.b64encode(point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")).decode()
    return dns.rdata.from_text("IN", "DNSKEY", f"256 3 13 {public}")


def twins():
    """Two keys of the same tag: among some hundreds there are always two."""
    seen = {}
    while True:
        key = ec.generate_private_key(ec.SECP256R1())
        other = seen.setdefault(dns.dnssec.key_id(dnskey(key)), key)
        if other is not key:
            return key, other


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def prepare(place, upstream):
    """A knotd that is not started yet, the ZSK of its zone, and keymgr, which may add `other`, of the same tag."""
    hosts(upstream)
    other, active = sorted(twins(), key=lambda key: dnskey(key).key)  # in the order of the zone: the wrong one comes first
    knot = Knotd(place(), [signed()], {"default": labs.options(upstream)}, extra=policy("manual: on"))
    knot.write()

    def keymgr(*arguments):
        subprocess.run([KEYMGR, "-c", "knot.conf", "example.com", *arguments], cwd=knot.path, check=True,
                       capture_output=True)

    knot.path.joinpath("active.pem").write_bytes(pem(active))
    knot.path.joinpath("other.pem").write_bytes(pem(other))
    knot.path.joinpath("other.key").write_text(f"example.com. IN DNSKEY {dnskey(other).to_text()}\n")
    keymgr("generate", "algorithm=13", "ksk=yes")
    keymgr("import-pem", "active.pem", "algorithm=13", "zsk=yes")
    return knot, dnskey(active), keymgr


@pytest.mark.parametrize("published", ["public", "inactive"])
def test_same_tag(place, upstream, published):
    """Another signer's DNSKEY (RFC 8901), and a key that does not sign yet or any more."""
    knot, active, keymgr = prepare(place, upstream)
    if published == "public":
        keymgr("import-pub", "other.key")
    else:
        keymgr("import-pem", "other.pem", "algorithm=13", "zsk=yes", "active=+1d")
    with knot:
        lab = labs.Lab(knot, upstream)
        is_signed(lab)
        assert is_ready(lab, "both.example.com")
        zone = proof.Zone(knot, owners=OWNERS)
        tags = [dns.dnssec.key_id(key) for key in zone.keys()]
        assert len(tags) == 3 and tags.count(dns.dnssec.key_id(active)) == 2
        for name, rdtype in (("both.example.com", "A"), ("both.example.com", "MX"), ("x.wild.example.com", "AAAA")):
            reply = zone.ask(name, rdtype, tcp=True)
            for section in (reply.answer, reply.authority):
                assert all(len(found) == 1 for found in section if found.rdtype == proof.RRSIG), reply
        reply = zone.ask("both.example.com")
        assert is_answer(reply, "192.0.2.1", "192.0.2.2")
        dns.dnssec.validate_rrsig(rrset(reply), rrset(reply, "RRSIG")[0], {zone.name: [active]})
