# SPDX-License-Identifier: GPL-2.0-or-later
"""What a signed zone may say: each reply judged record by record, without Knot's code or ours."""

import base64
import collections
import functools
import itertools

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from client import ALIAS, has, name_of, rrset
from timing import seconds

A, AAAA, ANY, CNAME, DNAME, DS, NS, NSEC, NSEC3, RRSIG, SOA = (dns.rdatatype.from_text(name) for name in (
    "A", "AAAA", "ANY", "CNAME", "DNAME", "DS", "NS", "NSEC", "NSEC3", "RRSIG", "SOA"))

# Types that a name with CNAME is asked for itself
DIRECT = {ANY, CNAME, NSEC, RRSIG}

# What the zone's keys are for: signed by the key-signing key
KEY_TYPES = {dns.rdatatype.from_text(name) for name in ("DNSKEY", "CDS", "CDNSKEY")}


def types_of(rdata):
    """The types in the bitmap of an NSEC or NSEC3."""
    return {256 * window + 8 * octet + bit for window, bitmap in rdata.windows
            for octet, value in enumerate(bitmap) for bit in range(8) if value & 0x80 >> bit}


def types_shown(reply):
    """All types that a reply gives away: those of its records, of what is signed, and in bitmaps."""
    shown = set()
    for found in (*reply.answer, *reply.authority, *reply.additional):
        shown |= {found.rdtype, found.covers}
        if found.rdtype in (NSEC, NSEC3):
            shown.update(*map(types_of, found))
    return shown


@functools.lru_cache(maxsize=None)
def _check_signature(owner, ttl, rdtype, rdatas, signature, signer, keys):
    """Raises unless it is valid; the same one comes with many replies."""
    found = dns.rrset.from_rdata_list(owner, ttl, rdatas)
    assert found.rdtype == rdtype
    dns.dnssec.validate_rrsig(found, signature, {signer: dns.rrset.from_rdata_list(signer, ttl, keys)})


class Set:
    """The records of an owner and type in a section, with their signatures."""

    def __init__(self):
        self.rdatas, self.signatures, self.ttls = [], [], set()


def sections_of(reply):
    """Answer, authority and additional section of a reply read with one_rr_per_rrset, as Sets by owner and type."""
    sections = []
    for records in (reply.answer, reply.authority, reply.additional):
        sets = collections.defaultdict(Set)
        for record in records:
            rdata = record[0]
            if record.rdtype == RRSIG:
                found = sets[record.name, rdata.type_covered]
                found.signatures.append(rdata)
            else:
                found = sets[record.name, record.rdtype]
                assert rdata not in found.rdatas, f"twice: {record}"
                found.rdatas.append(rdata)
            found.ttls.add(record.ttl)
        sections.append(sets)
    return sections


def is_synthesized(owner, rdtype, section):
    """Whether it is the CNAME that comes with a DNAME, never signed."""
    return rdtype == CNAME and any(above == DNAME and owner.is_subdomain(name) for name, above in section)


def follow(answer, name, asked):
    """The name at the end of the CNAMEs of an answer section; those of a DNAME are followed for any type but CNAME."""
    while (name, CNAME) in answer and (asked not in DIRECT or asked != CNAME and is_synthesized(name, CNAME, answer)):
        name = answer[name, CNAME].rdatas[0].target
    return name


class ServedZone:
    """The names of a zone as its server transfers it; `chain` has the NSEC or NSEC3 by owner."""

    def __init__(self, knot, name):
        self.knot = knot
        self.name = name_of(name)
        self.names, self.chain = collections.defaultdict(set), {}
        for message in dns.query.xfr("127.0.0.1", self.name, port=knot.port, relativize=False,
                                     lifetime=seconds(10)):
            for found in message.answer:
                if found.rdtype in (NSEC, NSEC3):
                    self.chain[found.name] = found[0]
                elif found.rdtype != RRSIG:
                    self.names[found.name].add(found.rdtype)
        self._complete()

    def _complete(self):
        """Leave out glue, and add the names that exist because of those below them."""
        for owner in [name for name in self.names if self.cut(name) not in (None, name)]:
            del self.names[owner]
        for owner in list(self.names):
            while owner != self.name:
                owner = owner.parent()
                self.names[owner] |= set()

    # Names

    def encloser(self, name):
        """The closest encloser of a name, itself where it exists."""
        while name not in self.names:
            name = name.parent()
        return name

    def source(self, name):
        """The name whose records answer for another: itself, a wildcard, or None."""
        if name in self.names:
            return name
        wildcard = dns.name.Name((b"*",) + self.encloser(name).labels)
        return wildcard if wildcard in self.names else None

    def cut(self, name):
        """The delegation that a name is at or below, or None."""
        while name != self.name and name.is_subdomain(self.name):
            if NS in self.names.get(name, ()):
                return name
            name = name.parent()
        return None


class SignedZone(ServedZone):
    """The same of a signed zone, with its keys. If shown, clients may see the ALIAS."""

    def __init__(self, knot, name, shown=False):
        super().__init__(knot, name)
        self.hidden = set() if shown else {ALIAS}
        self.keys = tuple(rrset(knot.ask(self.name, "DNSKEY", tcp=True), "DNSKEY"))
        self.signers = self.signers_now()
        self.nsec3 = next((r for r in self.chain.values() if r.rdtype == NSEC3), None)

    def signers_now(self):
        """(tag, algorithm) of the keys that sign the zone at this moment."""
        signatures = rrset(self.knot.ask(self.name, "SOA", tcp=True, do=True), "RRSIG")
        return {(s.key_tag, s.algorithm) for s in signatures}

    def _next_closer(self, name):
        encloser = self.encloser(name)
        return name.split(len(encloser) + 1)[1]

    def hashed(self, name):
        label = dns.dnssec.nsec3_hash(name, self.nsec3.salt, self.nsec3.iterations,
                                      self.nsec3.algorithm)
        return dns.name.Name((label.lower().encode(),) + self.name.labels)

    # Judging

    def check(self, reply, do=True):
        """Raises AssertionError at whatever is wrong with a reply."""
        self.check_sections(reply, sections_of(dns.message.from_wire(reply.raw, one_rr_per_rrset=True)), do)

    def check_sections(self, reply, sections, do=True):
        """The same for a reply whose sections are at hand; of a truncated one only what is there."""
        assert has(reply, "AA") or self.cut(reply.question[0].name), "not authoritative"
        whole = not has(reply, "TC")
        asked = reply.question[0].rdtype
        bare = asked in (ANY, RRSIG)  # signatures may be all there is
        if not do and not bare:
            for (owner, rdtype), found in itertools.chain(*(section.items() for section in sections)):
                assert rdtype == asked or rdtype not in (NSEC, NSEC3), f"{owner} {rdtype} without DO"
                assert not found.signatures, f"signature of {owner} {rdtype} without DO"
        for section in sections:
            for (owner, rdtype), found in section.items():
                assert rdtype not in self.hidden, "shows the ALIAS"
                if (do and whole and not (bare and not found.rdatas)
                        and not is_synthesized(owner, rdtype, section)):
                    self._check_set(owner, rdtype, found, section is sections[2])
        final = follow(sections[0], reply.question[0].name, asked)
        self._check_denials(reply, final, sections)
        if do and whole:
            self._check_proof(reply, final, sections)

    def _check_set(self, owner, rdtype, found, optional):
        what = f"{owner} {dns.rdatatype.to_text(rdtype)}"
        # Knot lowers the TTL of a negative reply's SOA, and leaves its signature's.
        assert len(found.ttls) == 1 or rdtype == SOA, f"TTLs of {what}: {found.ttls}"
        if self.cut(owner) and rdtype not in (NSEC, NSEC3, DS):
            assert not found.signatures, f"signed: {what}"
            return
        if optional and not found.signatures:
            return
        assert found.rdatas, f"signatures of nothing: {what}"
        expected = self.signers
        if rdtype in KEY_TYPES:
            expected = {(s.key_tag, s.algorithm) for s in found.signatures}
            assert expected, f"not signed: {what}"
        signers = collections.Counter((s.key_tag, s.algorithm) for s in found.signatures)
        assert signers == collections.Counter(expected), f"signers of {what}: {signers}, not {expected}"
        for signature in found.signatures:
            assert signature.signer == self.name, what
            assert max(found.ttls) <= signature.original_ttl, f"TTL above the original one: {what}"
            _check_signature(owner, min(found.ttls), rdtype, tuple(found.rdatas), signature, self.name,
                             self.keys)
            self._check_labels(owner, signature, what)

    def _check_labels(self, owner, signature, what):
        source = self.source(owner) if self.chain and owner not in self.chain else owner
        assert source is not None, f"no such name: {what}"
        expected = len(source) - 1 - source.is_wild()
        assert signature.labels == expected, f"labels of {what}: {signature.labels}, not {expected}"

    def _check_denials(self, reply, final, sections):
        """The NSEC or NSEC3 are those of the zone, but for the types of names with an ALIAS."""
        asked = reply.question[0].rdtype
        is_nodata = (reply.rcode() == dns.rcode.NOERROR and has(reply, "AA")
                     and not any(owner == final for owner, _ in sections[0]))
        where = self.source(final) if self.chain and final.is_subdomain(self.name) else final
        if where is not None and self.nsec3:
            where = self.hashed(where)
        for section in sections:
            for (owner, rdtype), found in section.items():
                if rdtype not in (NSEC, NSEC3) or not found.rdatas:
                    continue
                assert len(found.rdatas) == 1, f"several {owner} {rdtype}"
                denied = {asked} if is_nodata and owner == where else set()
                self._check_denial(owner, found.rdatas[0], denied)

    def _check_denial(self, owner, rdata, denied):
        types = types_of(rdata)
        if not self.chain:  # made by mod-onlinesign for this very name, and with its types
            assert rdata.next == dns.name.Name((b"\0",) + owner.labels), "not a minimal NSEC"
            real = self.names.get(self.source(owner) or owner, set())
            made = {A, AAAA} if ALIAS in real and not self.cut(owner) else set()
            assert (real | made) - denied - {ALIAS} <= types, f"types of {owner}: {types}"
            assert not types & denied, f"{owner} denies nothing: {types}"
            return
        # Who asks for NSEC may get an expanded wildcard's.
        own = self.chain.get(owner) or self.chain.get(self.source(owner))
        assert own is not None and own.rdtype == rdata.rdtype, f"not in the chain: {owner}"
        expected = types_of(own)
        if ALIAS in expected:
            expected = (expected - self.hidden | {A, AAAA}) - denied
        assert types == expected, f"types of {owner}: {sorted(types)}, not {sorted(expected)}"
        assert own.replace(windows=()) == rdata.replace(windows=()), f"not of the zone: {owner}"

    # Proofs

    def _check_proof(self, reply, final, sections):
        """What the reply denies is proven (RFC 4035, section 3.1.3; RFC 5155, section 7.2)."""
        if not self.chain or not final.is_subdomain(self.name):
            return
        asked = reply.question[0].rdtype
        proofs = [(owner, found.rdatas[0]) for (owner, rdtype), found in sections[1].items()
                  if rdtype in (NSEC, NSEC3)]
        matches, covers = self._proofs(proofs)
        source, cut = self.source(final), self.cut(final)
        # Where an expanded NSEC is the answer, Knot does not put it a second time as the proof.
        for owner, rdtype in () if asked == NSEC else sections[0]:
            if (owner not in self.names and owner.is_subdomain(self.name) and
                    not is_synthesized(owner, rdtype, sections[0])):
                assert covers(self._next_closer(owner)), f"wildcard without proof: {owner}"
        if cut and not (cut == final and asked == DS):
            types = matches(cut)
            assert covers(cut) if types is None else DS not in types, f"delegation without proof: {cut}"
        elif reply.rcode() == dns.rcode.NXDOMAIN:
            assert source is None, f"{final} exists"
            assert covers(self._next_closer(final)), f"not denied: {final}"
            assert covers(dns.name.Name((b"*",) + self.encloser(final).labels)), f"no wildcard proof: {final}"
        elif not any(owner == final for owner, _ in sections[0]):
            assert rrset(reply, "SOA", "authority"), "NODATA without SOA"
            assert source is not None, f"NODATA of {final}"
            if source != final:
                assert covers(self._next_closer(final)), f"wildcard without proof: {final}"
            types = matches(source)
            if types is None:  # an empty non-terminal, or a delegation left out (opt-out)
                assert covers(source), f"NODATA without proof: {final}"
                assert not self.names[source] or source == cut, final
            else:
                assert not types & {asked, None if asked in DIRECT else CNAME}, f"types of {source}: {types}"

    def _proofs(self, proofs):
        """Two functions: the types a proof has for a name, or None; whether one covers it."""
        def place(name):
            return self.hashed(name) if self.nsec3 else name

        def end(rdata):
            return (self._hash_owner(rdata.next) if self.nsec3 else rdata.next)

        def matches(name):
            return next((types_of(rdata) for owner, rdata in proofs if owner == place(name)), None)

        def covers(name):
            where = place(name)
            for owner, rdata in proofs:
                after, before = owner < where, where < end(rdata)
                if (after and before) or (end(rdata) <= owner and (after or before)):
                    return True
            return False
        return matches, covers

    def _hash_owner(self, raw):
        return dns.name.Name((base64.b32hexencode(raw).lower(),) + self.name.labels)
