# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that a zone's writer has filled: instructions of knotd in user space per query, by callgrind.

The writer of one zone must not be able to make queries so expensive that the other zones of the server suffer. Each name
with an ALIAS has beside it a name with the same records and no ALIAS, which shows what Knot itself spends on the crowd.
"""

import pathlib
import tempfile
from typing import NamedTuple

from client import addresses, alias, has, is_nodata
from common import options, verdict
from instructions import DAY, ONE_EACH, CountedKnotd, per_query
from knotd import Zone
from upstream import Upstream
from zonecheck import only_malformed

ADDRESS, OTHER, TARGET = "192.0.2.1", "A 192.0.2.2", "cdn.example.net"
PLAIN, MERGE, DENY, SIGNED = "example.com", "merge.test", "deny.test", "example.org"

# TARGET is before all of these in canonical order.
MALFORMED = only_malformed(*(rf"TYPE65401 \# 5 05{i:08x}" for i in range(20000)))
DENIED = [alias(f"name-{i:05}.denied.test") for i in range(5000)]
LABELS = "a." * 115  # a name of almost 255 octets
LONG = [alias(f"name-{i:05}.{LABELS}denied.test") for i in range(5000)]
SIBLINGS = [f"A 10.0.{i // 250}.{i % 250}" for i in range(2000)]
TYPES = [rf"TYPE{i} \# 0" for i in range(1000, 6000)]
SHARES = [f"shares-{i}.example.net" for i in range(8)]  # targets with 64 addresses each
SHARED = [f"10.1.{i}.{j}" for i in range(len(SHARES)) for j in range(64)]

# Instructions of an ALIAS beyond twice what Knot spends without it; the most are those of 32 long names.
GOAL = 300000


class Case(NamedTuple):
    title: str
    zone: str
    label: str          # of the name with ALIAS; the one without has "no-" before it
    rdtype: str = "A"
    do: bool = False
    tcp: bool = False
    counts: tuple = (1,)  # addresses in the answer, with and without ALIAS; over UDP many are truncated
    edns: int = 1232

    def is_right(self, reply):
        if self.rdtype == "ANY":
            return bool(reply.answer)
        if self.rdtype == "AAAA":
            return is_nodata(reply)
        return has(reply, "TC") or len(addresses(reply)) in self.counts


CASES = [
    Case("plain", PLAIN, "plain"),
    Case("20,000 malformed", PLAIN, "malformed"),
    Case("5,000 denied", DENY, "denied"),
    Case("5,000 denied, long names", DENY, "long"),
    Case("8 x 64 addresses, UDP", PLAIN, "shares", counts=(512,)),
    Case("8 x 64 addresses, TCP", PLAIN, "shares", tcp=True, counts=(512,)),
    Case("2,000 siblings, TCP", MERGE, "siblings", tcp=True, counts=(2001, 2000)),
    Case("5,000 types", PLAIN, "types"),
    Case("5,000 types, merge", MERGE, "types", counts=(2, 1)),
    Case("5,000 types, no AAAA", PLAIN, "types", "AAAA"),
    Case("plain, DO", SIGNED, "plain", do=True),
    Case("plain, DO, no AAAA", SIGNED, "plain", "AAAA", do=True),
    Case("1,000 types, DO", SIGNED, "types", do=True),
    Case("1,000 types, DO, no AAAA", SIGNED, "types", "AAAA", do=True),
    Case("1,000 types, DO, ANY", SIGNED, "types", "ANY", do=True),
]


def records(label, *texts):
    return [f"{label} {text}" for text in texts]


def zones():
    good, own = alias(TARGET), f"A {ADDRESS}"
    plain = [*records("plain", good), *records("no-plain", own)]
    types = [*records("types", *TYPES, good), *records("no-types", *TYPES, own)]
    text = {
        PLAIN: [*plain, *types, *records("malformed", good, *MALFORMED), *records("no-malformed", own),
                *records("shares", *map(alias, SHARES)), *records("no-shares", *(f"A {a}" for a in SHARED))],
        MERGE: [*records("siblings", good, *SIBLINGS), *records("no-siblings", *SIBLINGS),
                *records("types", *TYPES, OTHER, good), *records("no-types", *TYPES, own)],
        DENY: [*records("denied", good, *DENIED), *records("no-denied", own),
               *records("long", good, *LONG), *records("no-long", own)],
        SIGNED: [*plain, *records("types", *TYPES[:1000], OTHER, good), *records("no-types", *TYPES[:1000], own)],
    }
    module = {MERGE: "mod-alias/merge", DENY: "mod-alias/deny"}
    return [Zone(zone, "\n".join(lines), module.get(zone, "mod-alias/default"),
                 "dnssec-signing: on" if zone == SIGNED else "") for zone, lines in text.items()]


def main():
    limits = options(__doc__, queries=100)
    most = 0
    with tempfile.TemporaryDirectory(prefix="mod-alias.") as path, Upstream() as upstream:
        upstream.host(TARGET, ADDRESS, ttl=DAY)
        for i, target in enumerate(SHARES):
            upstream.host(target, *SHARED[i::len(SHARES)], ttl=DAY)
        section = {"resolver": [upstream.address], "negative-ttl-max": DAY}
        sections = {"default": section, "merge": {**section, "sibling": "merge"},
                    "deny": {**section, "deny-target": ["denied.test"]}}
        with CountedKnotd(pathlib.Path(path), zones(), sections, ONE_EACH, start=False) as knot:
            knot.count()
            print("instructions                no ALIAS    ALIAS     more")
            for case in CASES:
                queries = max(1, limits.queries // 10) if case.tcp else limits.queries
                static, flat = (per_query(knot, case, f"{label}.{case.zone}", queries)
                                for label in (f"no-{case.label}", case.label))
                most = max(most, flat - 2 * static)
                print(f"{case.title:26} {static:9.0f} {flat:8.0f} {flat - static:8.0f}", flush=True)
    verdict(most < GOAL, f"no name with ALIAS takes {GOAL} instructions more than twice the name without")


if __name__ == "__main__":
    main()
