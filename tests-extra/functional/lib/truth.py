# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether replies about a zone with ALIAS are true.

What has to be said is what a second knotd says over TCP. It has no module; its zone has the addresses that clients
should get written in it, and STAND_IN in place of each ALIAS. signedzone.py judges signatures, proofs and type bitmaps.
"""

import dataclasses
import functools
import typing

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from client import ALIAS, FAILED, NOT_READY, SILENT, ede, has
from signedzone import A, AAAA, ANY, NSEC, NSEC3, RRSIG, SOA, ServedZone, SignedZone, follow, sections_of
from volley import Asked, ask

ANSWER, AUTHORITY, ADDITIONAL = range(3)
SECTIONS = ("answer", "authority", "additional")
KNOWN_BITS = dns.flags.QR | dns.flags.AA | dns.flags.TC | 0xf  # the last four are the RCODE
ADDRESS = (A, AAAA)
DENIALS = (NSEC, NSEC3)
HTTPS, SVCB = (dns.rdatatype.from_text(name) for name in ("HTTPS", "SVCB"))

# Takes as much space in a type bitmap as an ALIAS does
STAND_IN = dns.rdatatype.from_text("TYPE65400")

# Space that mod-alias reserves for a signature by mod-onlinesign, and more that is left unused
RESERVED = 300


@dataclasses.dataclass(frozen=True)
class Shown:
    """What clients get for A or AAAA at the owner of an ALIAS.

    `kind` is addresses (those of targets), own (the owner's own, for want of others), override (its own, whatever the
    targets have), negative (NODATA because of targets), nothing (NODATA because of the record), unknown, failed.
    """
    kind: str
    addresses: tuple = ()
    limit: typing.Callable = None  # the longest TTL in a reply, by when the query was sent and its reply received
    late: bool = False             # at first unknown
    own: bool = False              # unknown, but a TCP client gets the owner's own after a wait in vain

    def is_known(self):
        return self.kind not in ("unknown", "failed")

    def errors(self):
        """Extended errors that a SERVFAIL may have."""
        return {"unknown": (NOT_READY, SILENT, FAILED), "failed": (SILENT, FAILED)}.get(
            self.kind, (NOT_READY,) if self.late else ())


def either(shown):
    """What ANY gets, given what A and AAAA get."""
    for kinds in (("addresses", "own", "override"), ("unknown",), ("failed",), ("negative",), ("nothing",)):
        for each in shown:
            if each.kind in kinds:
                limits = [one.limit for one in shown if one.limit]
                return dataclasses.replace(each, limit=lambda *times: min(limit(*times) for limit in limits))
    raise ValueError(shown)


class Reply:
    """A reply, read once. By section, `data` has what RRsets say, and `denials` the owners and types of NSEC, NSEC3."""

    def __init__(self, wire, **options):
        self.message = dns.message.from_wire(wire, one_rr_per_rrset=True, **options)
        self.records = (self.message.answer, self.message.authority, self.message.additional)
        self.sections = sections_of(self.message)
        self.size = len(wire)
        self.tc = has(self.message, "TC")
        self.rcode = self.message.rcode()
        self.is_empty = not any(self.sections)
        self.data = [{key: frozenset(map(_plain, found.rdatas)) for key, found in section.items()
                      if found.rdatas and key[1] not in DENIALS} for section in self.sections]
        self.denials = [{key for key in section if key[1] in DENIALS} for section in self.sections]

    def kind(self):
        """TC, data (of which there may be none), or the RCODE of a refusal or failure."""
        if self.rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return dns.rcode.to_text(self.rcode)
        return "TC" if self.tc else "data"


def _plain(rdata):
    """Without the serial, as each server that signs has its own."""
    if rdata.rdtype == SOA:
        return rdata.mname, rdata.rname, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum
    return rdata


@functools.lru_cache(maxsize=20000)
def _read(wire):
    return Reply(b"\0\0" + wire)


def read(wire):
    return _read(wire[2:])


@dataclasses.dataclass(frozen=True)
class Case:
    """What a query is about: the whole of what has to be said, and the name at the end of the CNAMEs."""
    whole: Reply
    final: dns.name.Name
    owner: dns.name.Name = None  # whose ALIAS it is: that name or a wildcard
    shown: Shown = None          # for A, AAAA and ANY there
    others: frozenset = frozenset()  # for ANY: the owner's other types


class Judge:
    """Judges the replies for one zone; shown(owner, rdtype) has a Shown for each name with an ALIAS.

    `signing` is empty, online for mod-onlinesign, or something else.
    """

    def __init__(self, knot, plain, name, signing, shown):
        self.zone = (SignedZone if signing else ServedZone)(knot, name)
        self.plain = plain
        self.signing = signing
        self.shown = shown
        self.wholes = {}     # what the second knotd says
        self.cases = {}
        self.proven = set()  # replies that the keys have been used on
        self.true = set()    # queries and replies without a fault

    # What has to be said

    def learn(self, questions):
        """Ask the second knotd for all that replies will be compared with."""
        self._learn({(asked.name, asked.rdtype, asked.do) for asked in questions})
        # ANY may get any type.
        self._learn({(asked.name, rdtype, asked.do) for asked in questions if asked.rdtype == ANY
                     for rdtype in {*ADDRESS, *self._case(asked).others}})

    def _learn(self, wanted):
        questions = [Asked(name, rdtype, 1232, do, tcp=True) for name, rdtype, do in wanted - set(self.wholes)]
        for told in ask(self.plain.port, questions):
            self.wholes[told.asked.name, told.asked.rdtype, told.asked.do] = read(told.wire)

    def _owner(self, name):
        """The name with an ALIAS that answers for another, or None."""
        if not name.is_subdomain(self.zone.name) or self.zone.cut(name):
            return None
        source = self.zone.source(name)
        return source if source and ALIAS in self.zone.names[source] else None

    def _case(self, asked):
        key = (asked.name, asked.rdtype, asked.do)
        if key not in self.cases:
            whole = self.wholes[key]
            final = follow(whole.sections[ANSWER], asked.name, asked.rdtype)
            owner = self._owner(final)
            case = Case(whole, final, owner)
            if owner is not None and asked.rdtype in ADDRESS:
                case = Case(whole, final, owner, self.shown(owner, asked.rdtype))
            elif owner is not None and asked.rdtype == ANY:
                others = frozenset(self.zone.names[owner] - {A, AAAA, ALIAS})
                case = Case(whole, final, owner, either([self.shown(owner, rdtype) for rdtype in ADDRESS]), others)
            self.cases[key] = case
        return self.cases[key]

    # Judging

    def judge(self, told, reply=None):
        """Each fault of a reply: its kind, and what is wrong. `reply` is what has been read of it, if anything."""
        try:
            reply = reply or read(told.wire)
        except Exception as error:  # of dnspython, or a record that is there twice
            return [("malformed", repr(error))]
        asked, case = told.asked, self._case(told.asked)
        faults = list(self._judge_ttls(told, case, reply))
        if (asked, told.wire[2:]) not in self.true:
            more = list(self._judge_head(asked, reply, told.wire)) or list(self._judge_reply(asked, case, reply))
            if not more:
                self.true.add((asked, told.wire[2:]))
            faults += more
        return faults

    def _judge_head(self, asked, reply, wire):
        message, question = reply.message, asked.question()
        if wire[4:6] != b"\0\1" or wire[12:12 + len(question)] != question:
            yield "question not echoed", ""
        if not has(message, "QR") or message.flags & ~KNOWN_BITS:
            yield "flags", f"{message.flags:x}"
        if message.edns != (-1 if asked.payload is None else 0) or message.ednsflags != asked.do * dns.flags.DO:
            yield "OPT", f"EDNS {message.edns}, flags {message.ednsflags:x}"
        if any(record.rdclass != dns.rdataclass.IN for section in reply.records for record in section):
            yield "class", ""
        if asked.tcp and reply.tc:
            yield "TC over TCP", ""
        if not asked.tcp and len(wire) > (asked.payload or 512):
            yield "too large", f"{len(wire)} octets"

    def _judge_reply(self, asked, case, reply):
        if case.owner is not None and asked.rdtype == RRSIG:
            yield from self._judge_signatures(case, reply)
            return
        if reply.kind() not in ("data", "TC"):
            yield from self._judge_error(asked, case, reply)
            return
        if case.shown is not None and not case.shown.is_known():
            faults = list(self._judge_unknown(asked, case, reply))
            if faults or reply.is_empty:
                yield from faults
                return
        if ede(reply.message) is not None:
            yield "extended error", f"{ede(reply.message)} where none is due"
        if has(reply.message, "AA") != has(case.whole.message, "AA"):
            yield "AA", dns.flags.to_text(reply.message.flags)
        if reply.tc:
            yield from self._judge_truncated(asked, case, reply)
        elif case.shown is not None and asked.rdtype == ANY:
            yield from self._judge_any(asked, case, reply)
        else:
            yield from self._judge_whole(asked, case, reply)
        yield from self._judge_additional(asked, case, reply)
        yield from self._judge_proof(asked, reply)

    def _judge_error(self, asked, case, reply):
        """SERVFAIL, REFUSED and other errors."""
        kind, code = reply.kind(), ede(reply.message)
        if case.shown is None:
            if not (reply.rcode == case.whole.rcode or self._has_no_space(asked, reply)
                    or kind == "REFUSED" and case.owner is not None and asked.rdtype == ALIAS and self._is_online()):
                yield f"{kind}, not {case.whole.kind()}", ""
        elif kind == "REFUSED" and asked.rdtype == ANY and self._is_online() and not case.others:
            if case.shown.kind not in ("negative", "nothing"):  # whose NODATA could not be proven
                yield f"{_text(asked)} of what is {case.shown.kind}: {kind}", ""
        elif kind != "SERVFAIL" or not (case.shown.errors() or case.shown.kind in ("negative", "nothing")
                                        and self._has_no_space(asked, reply)):
            yield f"{_text(asked)} of what is {case.shown.kind}: {kind}", f"EDE {code}"
        elif case.shown.kind == "unknown" and not asked.tcp:
            yield "SERVFAIL over UDP of what is unknown", f"EDE {code}"
        elif case.shown.errors() and code not in case.shown.errors() + (None,) * (asked.payload is None):
            yield "extended error", f"{code}, not one of {case.shown.errors()}"
        if reply.rcode == dns.rcode.SERVFAIL and not reply.is_empty:
            yield "SERVFAIL with records", ""

    def _is_online(self):
        return self.signing == "online"

    def _has_no_space(self, asked, reply):
        """Whether mod-onlinesign has no space for a denial and its signatures, and fails, as it does by itself."""
        if not self._is_online() or reply.rcode != dns.rcode.SERVFAIL or asked.tcp or not asked.do:
            return False
        [told] = ask(self.plain.port, [asked])
        return read(told.wire).rcode == dns.rcode.SERVFAIL

    def _judge_unknown(self, asked, case, reply):
        """A reply other than SERVFAIL where targets are unknown or have failed."""
        is_unknown = case.shown.kind == "unknown"
        if reply.is_empty and reply.tc:
            if not is_unknown:
                yield f"{_text(asked)} of what is failed: TC", ""
            return
        types = ADDRESS if asked.rdtype == ANY else (asked.rdtype,)
        if not (case.others or any(self._is_known(case.owner, rdtype, asked) for rdtype in types)):
            got = [dns.rdatatype.to_text(rdtype) for owner, rdtype in reply.data[ANSWER] if owner == case.final]
            yield f"{_text(asked)} of what is {case.shown.kind}: {', '.join(got) or 'NODATA'}", ""

    def _is_known(self, owner, rdtype, asked):
        shown = self.shown(owner, rdtype)
        return shown.is_known() or shown.own and asked.tcp

    def _judge_signatures(self, case, reply):
        """A reply to a query for RRSIG: REFUSED, where those of the ALIAS are all there are."""
        if reply.rcode == dns.rcode.REFUSED:
            return
        if reply.rcode != dns.rcode.NOERROR:
            yield f"RRSIG: {reply.kind()}", ""
        for owner, rdtype in reply.sections[ANSWER]:
            if owner == case.final and rdtype not in self.zone.names[case.owner] - {ALIAS} | {NSEC}:
                yield "RRSIG of a type that is not there", dns.rdatatype.to_text(rdtype)

    def _judge_truncated(self, asked, case, reply):
        """What there is is true, and the rest has no space."""
        for number in (ANSWER, AUTHORITY):
            for key, rdatas in reply.data[number].items():
                if asked.rdtype != ANY and not rdatas <= case.whole.data[number].get(key, frozenset()):
                    yield f"untrue in a truncated {SECTIONS[number]} section", _text_of(key)
        # The second knotd may have other data for ANY.
        size = self.wholes[asked.name, A, asked.do].size if case.shown and asked.rdtype == ANY else case.whole.size
        if size + RESERVED < (asked.payload or 512):
            yield "TC without need", f"{size} octets for {asked.payload or 512}"

    def _judge_whole(self, asked, case, reply):
        """The same records as in the whole reply."""
        whole = case.whole
        if reply.rcode != whole.rcode:
            yield f"{dns.rcode.to_text(reply.rcode)}, not {dns.rcode.to_text(whole.rcode)}", ""
            return
        for number in (ANSWER, AUTHORITY):
            have, want = reply.data[number], whole.data[number]
            for key in (have.keys() | want.keys()) if have != want else ():
                if have.get(key) != want.get(key):
                    what = "missing" if key not in have else "needless" if key not in want else "wrong"
                    yield f"{what} {dns.rdatatype.to_text(key[1])} in the {SECTIONS[number]} section", _text_of(key)
            # Of an expanded wildcard asked for its NSEC, Knot may put that as the proof, too.
            needless = reply.denials[number] - whole.denials[number] if asked.rdtype != NSEC else set()
            missing = whole.denials[number] - reply.denials[number]
            if needless or missing:
                yield f"other denials in the {SECTIONS[number]} section", f"{[*map(_text_of, needless | missing)]}"

    def _judge_any(self, asked, case, reply):
        """One RRset that a query for its type gets as well."""
        found = {key: rdatas for key, rdatas in reply.data[ANSWER].items() if key[0] == case.final}
        denials = reply.denials[ANSWER]
        if len(found) + len(denials) > 1:
            yield "ANY: several RRsets", f"{[*map(_text_of, found)]}"
        for key in reply.data[ANSWER].keys() ^ case.whole.data[ANSWER].keys():
            if key[0] != case.final:
                yield "ANY: another way to the end of the CNAMEs", _text_of(key)
        for key, rdatas in found.items():
            rdtype = dns.rdatatype.to_text(key[1])
            if key[1] in ADDRESS and not self._is_known(case.owner, key[1], asked):
                yield f"ANY: {rdtype} of what is {self.shown(case.owner, key[1]).kind}", ""
            elif rdatas != self.wholes[asked.name, key[1], asked.do].data[ANSWER].get(key):
                yield f"ANY: {rdtype} that a query for it would not get", _text_of(key)
        if not found and not denials:
            if case.others or case.shown.kind not in ("negative", "nothing"):
                yield f"ANY: NODATA of what is {case.shown.kind}", ""
            if [*reply.data[AUTHORITY]] != [(self.zone.name, SOA)]:
                yield "ANY: NODATA without SOA", ""

    def _judge_additional(self, asked, case, reply):
        """Addresses of an owner of ALIAS are those that a query for them gets; others are as in the whole reply."""
        is_open = case.shown is not None and asked.rdtype == ANY  # which RRset it is for
        have, want = reply.data[ADDITIONAL], case.whole.data[ADDITIONAL]
        for key, rdatas in have.items():
            owner = self._owner(key[0])
            if owner is not None and key[1] in ADDRESS:
                shown, got = self.shown(owner, key[1]), {rdata.address for rdata in rdatas}
                if not shown.is_known() or set(shown.addresses) != got:
                    yield (f"additional section: {dns.rdatatype.to_text(key[1])} that a query for it would not get",
                           f"{key[0]} {sorted(got)}, {shown.kind} {shown.addresses}")
            elif not is_open and rdatas != want.get(key):
                yield "untrue in the additional section", _text_of(key)
        # Where Knot would add a denial of an address that is not there, it must not add the other one either.
        adds_denials = asked.do and any(rdtype in (HTTPS, SVCB) for _, rdtype in reply.sections[ANSWER])
        for key in want.keys() - have.keys() if asked.tcp and not is_open else ():
            owner = self._owner(key[0])
            if owner is None or self.shown(owner, key[1]).kind == "override" and not adds_denials:
                yield "missing in the additional section", _text_of(key)

    def _judge_proof(self, asked, reply):
        """Signatures, proofs, type bitmaps; and that the ALIAS is not shown."""
        if any(rdtype == ALIAS for section in reply.sections for _, rdtype in section):
            yield "shows the ALIAS", ""
        # mod-onlinesign gives NSEC that are asked for behind a DNAME the owner of that.
        if not self.signing or self._is_online() and asked.rdtype == NSEC or reply in self.proven:
            return
        try:
            self.zone.check_sections(reply.message, reply.sections, asked.do)
            self.proven.add(reply)
        except Exception as error:  # AssertionError, or what dnspython says about signatures
            yield f"DNSSEC: {_first_words(error)}", repr(error)[:300]

    # TTLs

    def _judge_ttls(self, told, case, reply):
        """No longer than what comes of targets may live; all else as in the zone."""
        if reply.rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return
        answered = [key for key in reply.sections[ANSWER] if key[0] == case.final]
        for number in range(len(SECTIONS)):
            for key, found in reply.sections[number].items():
                shown = None
                if (number == ANSWER and key[0] == case.final and key[1] in ADDRESS and case.owner is not None
                        and found.rdatas):
                    shown = self.shown(case.owner, key[1])
                elif number == AUTHORITY and not answered:
                    shown = case.shown
                rdtype, ttl = dns.rdatatype.to_text(key[1]), max(found.ttls)
                if shown is not None and shown.kind in ("addresses", "negative"):
                    if ttl > (limit := shown.limit(told.sent, told.received)):
                        what = f"{rdtype}, {shown.kind}"
                        yield f"TTL above that of targets: {what}", f"{_text_of(key)} {ttl} > {limit:.1f}"
                elif (zone := case.whole.sections[number].get(key)) and found.ttls != zone.ttls:
                    yield f"TTL not that of the zone: {rdtype}", f"{_text_of(key)} {found.ttls}, not {zone.ttls}"


def _text(asked):
    return dns.rdatatype.to_text(asked.rdtype)


def _text_of(key):
    return f"{key[0]} {dns.rdatatype.to_text(key[1])}"


def _first_words(error):
    """What an error is about, without the names and numbers behind."""
    return (str(error) or repr(error)).split(":")[0].split("\n")[0].split(" of ")[0]
