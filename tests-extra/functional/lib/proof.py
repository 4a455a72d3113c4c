# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a reply is proven, record by record, and tells the truth about the owners of an ALIAS.

By dnspython, which shares no code with Knot.
"""

import dns.dnssec
import dns.name
import dns.rdatatype
import dns.rrset

from client import ALIAS, name_of

A, AAAA, RRSIG, NSEC, NSEC3, DNSKEY, NS, SOA, CNAME, DNAME = (dns.rdatatype.from_text(t) for t in (
    "A", "AAAA", "RRSIG", "NSEC", "NSEC3", "DNSKEY", "NS", "SOA", "CNAME", "DNAME"))


def types_of(rdata):
    """The types in the bitmap of an NSEC or NSEC3."""
    return {window * 256 + i * 8 + bit for window, bitmap in rdata.windows
            for i, octet in enumerate(bitmap) for bit in range(8) if octet & (0x80 >> bit)}


def signers(reply):
    """Key tags that a reply is signed with."""
    return {rdata.key_tag for section in (reply.answer, reply.authority) for found in section
            if found.rdtype == RRSIG for rdata in found}


class Zone:
    """A signed zone as a validator sees it: its keys, and the owners of an ALIAS."""

    def __init__(self, server, name="example.com", owners=(), exposed=False):
        self.server = server
        self.exposed = exposed
        self.name = name_of(name)
        self.owners = {name_of(f"{label}.{name}" if label else name) for label in owners}

    def keys(self):
        """The DNSKEY set, signed by itself."""
        reply = self.server.ask(self.name, "DNSKEY", tcp=True, do=True)
        [keys] = [found for found in reply.answer if found.rdtype == DNSKEY]
        [rrsigs] = [found for found in reply.answer if found.rdtype == RRSIG]
        dns.dnssec.validate(keys, rrsigs, {self.name: keys})
        return keys

    def ask(self, name, rdtype="A", **options):
        """A reply of which all is proven and true."""
        keys = self.keys()
        reply = self.server.ask(name, rdtype, do=True, **options)
        self.check(reply, keys)
        return reply

    def check(self, reply, keys, truth=True):
        """Without `truth`, the signatures only."""
        denied = self._denied(reply)
        for section in (reply.answer, reply.authority):
            sets = [found for found in section if found.rdtype != RRSIG and not self._is_unsigned(found, section)]
            rrsigs = [found for found in section if found.rdtype == RRSIG]
            for found in sets:
                [own] = [s for s in rrsigs if s.name == found.name and s.covers == found.rdtype]
                self._check_signatures(found, own, keys)
                if truth and found.rdtype in (NSEC, NSEC3):
                    self._check_truth(found, denied)
            if reply.question[0].rdtype != dns.rdatatype.ANY:  # for which signatures may be all the answer
                assert len(rrsigs) == len(sets), reply
        for found in reply.additional:
            if truth and found.rdtype in (NSEC, NSEC3):
                self._check_truth(found, denied)

    def _is_unsigned(self, found, section):
        """A delegation, or the CNAME that goes with a DNAME."""
        if found.rdtype == CNAME:
            return any(s.rdtype == DNAME and found.name.is_subdomain(s.name) for s in section)
        return found.rdtype == NS and found.name != self.name

    def _check_signatures(self, found, rrsigs, keys):
        assert found.ttl == rrsigs.ttl, (found, rrsigs)
        known = {(dns.dnssec.key_id(key), key.algorithm) for key in keys}
        for rrsig in rrsigs:
            assert (rrsig.key_tag, rrsig.algorithm) in known, "signed with a key that is not published"
            assert found.ttl <= rrsig.original_ttl
            dns.dnssec.validate_rrsig(found, rrsig, {self.name: keys})

    def _denied(self, reply):
        """The owner at the end of the CNAMEs and the type that a NODATA denies there, or None."""
        [question] = reply.question
        name, rdtype = question.name, question.rdtype
        for found in reply.answer:
            if found.name == name and found.rdtype == rdtype:
                return None
            if found.name == name and found.rdtype == CNAME:
                name = found[0].target
        if reply.rcode() != 0 or not any(found.rdtype == SOA for found in reply.authority):
            return None
        wildcards = [o for o in self.owners if o.is_wild() and name.is_subdomain(o.parent())]
        return (name if name in self.owners or not wildcards else wildcards[0]), rdtype

    def _check_truth(self, found, denied):
        [rdata] = found
        types = types_of(rdata)
        owners = [owner for owner in self.owners
                  if found.name == (owner if found.rdtype == NSEC else self._hashed(owner, rdata))]
        assert (ALIAS in types) == (self.exposed and owners != []), found
        for owner in owners:
            for rdtype in (A, AAAA):
                assert (rdtype in types) == (denied != (owner, rdtype)), (found, denied)

    def _hashed(self, owner, rdata):
        label = dns.dnssec.nsec3_hash(owner, rdata.salt, rdata.iterations, rdata.algorithm)
        return dns.name.Name((label.lower().encode(),) + self.name.labels)
