#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seeds of the corpora, seed-* in corpus/TARGET: an input for each thing that a target's format can say.

What fuzzing adds has other names and stays.
"""

import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent / "corpus"
A, NS, CNAME, SOA, AAAA, OPT, RRSIG, NSEC = 1, 2, 5, 6, 28, 41, 46, 47


def write(target, **seeds):
    folder = HERE / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / f"seed-{name.replace('_', '-')}").write_bytes(data)


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def record(owner, rrtype, rdata, ttl=300, rrclass=1):
    return name(owner) + struct.pack(">HHIH", rrtype, rrclass, ttl, len(rdata)) + rdata


def reply(question, answer=(), authority=(), additional=(), flags=0x8180, rcode=0):
    head = struct.pack(">6H", 1, flags | rcode, 1, len(answer), len(authority), len(additional))
    return head + name("a.example") + struct.pack(">HH", question, 1) + b"".join([*answer, *authority, *additional])


def replies():
    addresses = [record("a.example", A, bytes([192, 0, 2, i]), ttl) for i, ttl in ((2, 60), (1, 300), (2, 300))]
    soa = record("example", SOA, b"\0\0" + struct.pack(">5I", 1, 2, 3, 4, 60))
    chain = [record("a.example", CNAME, name("b.example")), record("b.example", CNAME, name("c.example"), 30),
             record("c.example", AAAA, bytes(15) + b"\1")]
    loop = [record("a.example", CNAME, name("b.example")), record("b.example", CNAME, name("a.example"))]
    many = [record("a.example", A, bytes([10, 0, 0, i])) for i in range(70)]
    seeds = dict(
        addresses=b"\0" + reply(A, addresses),
        restored=b"\4" + reply(A, addresses),
        held=b"\2" + reply(A, addresses),
        chain=b"\1" + reply(AAAA, chain),
        loop=b"\0" + reply(A, loop),
        many=b"\0" + reply(A, many),
        odd_ttl=b"\0" + reply(A, [record("a.example", A, b"\xc0\0\2\1", 0x80000000)]),
        nodata=b"\0" + reply(A, authority=[soa]),
        nodata_bare=b"\0" + reply(A),
        referral=b"\0" + reply(A, authority=[record("example", NS, name("b.example"))]),
        nxdomain=b"\0" + reply(A, loop[:1], [soa], rcode=3),
        empty_cname=b"\0" + reply(A, [record("a.example", CNAME, b"", rrclass=254)]),
        empty_soa=b"\0" + reply(A, authority=[record("example", SOA, b"", rrclass=254)]),
        empty_address=b"\0" + reply(A, [record("a.example", A, b"", rrclass=254)]),
        formerr=b"\0" + reply(A, rcode=1),
        servfail=b"\0" + reply(A, addresses, rcode=2),
        truncated=b"\0" + reply(A, addresses, flags=0x8380))
    write("fuzz_reply", **seeds)
    # The server's replies have signatures and extended errors besides.
    rrsig = record("a.example", RRSIG, struct.pack(">H", A) + bytes(16) + b"\0sig")
    nsec = record("a.example", NSEC, name("kalias-checl.example") + b"\0\1\x40")
    ede = b"\0" + struct.pack(">HHIHHHH", OPT, 1232, 0, 6, 15, 2, 3)
    write("fuzz_observed", **seeds, signed=b"\0" + reply(A, [*addresses, rrsig]),
          empty_rrsig=b"\0" + reply(A, [*addresses, record("a.example", RRSIG, b"", rrclass=254)]),
          denial=b"\0" + reply(A, authority=[soa, nsec]),
          empty_nsec=b"\0" + reply(A, authority=[record("a.example", NSEC, b"", rrclass=254)]),
          error=b"\0" + reply(A, addresses, additional=[ede]))


def records():
    def row(target, rrtype, kind, addresses, ttl=300):
        texts = (target, rrtype, kind, addresses)
        return struct.pack(">3I", 1700000000, 1700000060, ttl) + b"".join(text.encode() + b"\0" for text in texts)

    write("fuzz_record",
          a=row("a.example.", "A", "addresses", "192.0.2.1 192.0.2.2"),
          aaaa=row("a.example.", "AAAA", "addresses", "2001:db8::1"),
          nodata=row("a.example.", "A", "NODATA", ""),
          nxdomain=row(r"a\.b\000.example.", "AAAA", "NXDOMAIN", "", ttl=0),
          root=row(".", "A", "NODATA", ""),
          upper_case=row("A.example.", "A", "NODATA", ""),
          many=row("a.example.", "A", "addresses", " ".join(f"192.0.2.{i}" for i in range(65))),
          no_address=row("a.example.", "A", "addresses", ""),
          odd_address=row("a.example.", "A", "addresses", "192.0.2.1 2001:db8::1"),
          odd_kind=row("a.example.", "A", "bad", ""),
          no_target=row("", "A", "NODATA", ""))


def bitmaps():
    types, alias = bytes.fromhex("0006400100080003"), bytes.fromhex("ff10") + bytes(15) + b"\x40"
    next_name, nsec3 = name("b.example"), bytes.fromhex("0101000502aabb03010203")
    write("fuzz_nsec",
          nsec=b"\0" + next_name + types + alias,
          nsec3=b"\1" + nsec3 + types + alias,
          exposed=b"\2" + next_name + types + alias,
          denied_a=b"\4" + next_name + types + alias,
          denied_aaaa=b"\x09" + nsec3 + types + alias,
          alias_only=b"\0" + next_name + alias,
          no_types=b"\0" + next_name,
          no_order=b"\0" + next_name + alias + types,
          cut=b"\0" + next_name + types + alias[:-1],
          cut_head=b"\1" + nsec3[:9],
          odd_window=b"\0" + next_name + b"\0\x21" + bytes(33))


def keys():
    key, other = bytes.fromhex("0101030d") + bytes(64), bytes.fromhex("0100030f") + bytes(32)

    def dnskey(data):
        return bytes([len(data)]) + data

    write("fuzz_keys",
          signer=b"\xff",
          with_another=dnskey(key) + b"\xfe\xff",
          two_named=dnskey(key) + b"\xfe" + dnskey(other) + b"\xfe",
          many=b"".join(dnskey(key[:-1] + bytes([i])) + b"\xfe" for i in range(10)),
          many_dnskeys=b"\xff" + b"".join(dnskey(key[:6] + bytes([i])) for i in range(70)),
          unused=dnskey(key) + b"\x93" + struct.pack(">H", SOA) + bytes(17),
          short=dnskey(key[:3]) + b"\xfe",
          none=b"\xfe")


def answers():
    """The first choice of all, over UDP and TCP; the rest is for fuzzing to find."""
    write("fuzz_answer", udp=bytes(64), tcp=bytes(13) + b"\1" + bytes(50))


def zone_files():
    generic = r"\# 22 0363646e0870726f7669646572076578616d706c6500"
    write("fuzz_convert",
          name=b"\1@ 3600 ALIAS cdn.provider.example.\nwww MX 10 mail\n",
          relative=b"\1www IN ALIAS cdn\n",
          no_origin=b"\0www ALIAS cdn\n",
          origin=b"\0$ORIGIN example.\n$TTL 1h\n@ ANAME cdn\n ANAME cdn2 ; too\n",
          generic=f"\1@ TYPE65401 {generic}\n".encode(),
          mnemonic=f"\3@ ALIAS {generic}\n\t300 ANAME b\n".encode(),
          lines=b"\1@ ( 3600 ; comment\n TYPE65401 \\# 3\n 01 ; more\n 6100 )\r\n",
          quoted=b'\1@ TXT "a;b" "c\\"d"\n@ ALIAS "x"\n',
          escaped=b"\1a\\.b ALIAS \\065\\.b.c.\n",
          at=b"\1a ALIAS @\n",
          include=b"\1$INCLUDE other\n$GENERATE 1-2 a$ A 192.0.2.$\n",
          generate=b"\1$GENERATE 1-2 a$ ALIAS b$\n",
          commented=b"\5; a IN ALIAS b.c\n;  60 IN ANAME d.e. ; f\n ;; @ ALIAS g\nh A 192.0.2.1\n",
          flatten=b"\x09zone.example 1 SOA a b 1 1 1 1 1\n@ 1 CNAME b.c. ; cf_tags=x\na 1 CNAME b\n"
                  b"d CNAME e ; cf_tags=cf-flatten-cname\n",
          private=b"\1a TYPE65280 \\# 3 016100\nb TYPE65357 \\# 3 016100\n",
          doubtful=b"\1a ALIAS b.c ; d\na NS e\nf.a ALIAS g.\ng DNAME h.\nk.g ALIAS a.b.\n1 ALIAS 1\n",
          not_closed=b"\1a ALIAS ( b\n")


if __name__ == "__main__":
    replies()
    records()
    bitmaps()
    zone_files()
    answers()
    keys()
