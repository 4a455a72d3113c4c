# SPDX-License-Identifier: GPL-2.0-or-later
"""Zone files with ALIAS, as odd as they may be written."""

import random

import dns.name

from client import alias

ZONE = "example.com."
HEAD = "$TTL 3600\n@ SOA ns admin 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n"

ORIGINS = [ZONE, "Sub.example.com.", "a\\.b.example.com."]
OWNERS = ["@", "*", "a", "ALIAS", "IN", "aname", "a.b", "x.example.com.", "a\\.b", "a\\;\\(b", "\\$ttl", "3600"]
TARGETS = ["@", "a", "ALIAS", "cdn.provider.example.", "CDN", "a\\.b", "a\\;b\\.\\065", "in", "_a", "\\@"]
TYPES = ["ALIAS", "alias", "ANAME", "aName"]
PREFIXES = ["", "3600 ", "IN ", "3600 IN ", "in\t", "60m\tIN\t"]  # the order that dnspython knows
COMMENTS = ["", "; a", ";ALIAS x", "; (", "; )", '; "', "; \\", ";; a ALIAS b. ; c"]
OTHERS = ["A 192.0.2.1", 'TXT "ALIAS x" ALIAS "; ("', 'TXT a\\"b\\;c "\\"" "\\\\"', "MX 10 ALIAS",
          'HTTPS 1 . alpn="h2,h3" port=53', "TYPE65400 \\# 3 abcdef", "SRV 0 0 53 alias"]
BLANKS = [" ", "\t", "  ", " \t "]


def generic(target):
    """The RDATA of a target in generic form."""
    return alias(target).split(maxsplit=1)[1]


class RandomZone:
    """A zone file in three versions that a seed gives.

    `text` has ALIAS, `generic` what has to become of it, and `known` another
    type instead, one that every reader of zone files knows.
    """

    def __init__(self, seed, count):
        self._random = random.Random(seed)
        self._origin = ZONE
        self._versions = [HEAD, HEAD, HEAD]
        for _ in range(count):
            self._random.choices([self._add_alias, self._add_other, self._add_filler, self._add_origin],
                                 [6, 6, 3, 1])[0]()
        self.text, self.generic, self.known = self._versions

    def _put(self, *versions):
        versions = versions * (3 // len(versions))
        self._versions = [old + new for old, new in zip(self._versions, versions)]

    def _pick(self, choices):
        return self._random.choice(choices)

    def _put_gap(self, lines):
        """What is between two words, over several lines within parentheses."""
        gap = self._pick(BLANKS)
        while lines and self._random.random() < 0.3:
            gap += self._pick(COMMENTS) + "\n" + self._pick(["", " ", "\t"])
        self._put(gap)

    def _put_record(self, *words):
        """Words are texts, or three of them."""
        owner = self._pick(["", *OWNERS])
        self._put(owner + self._pick(BLANKS) + self._pick(PREFIXES))
        lines = self._random.random() < 0.3
        self._put("(" if lines else "")
        for index, word in enumerate(words):
            if index > 0:
                self._put_gap(lines)
            self._put(*word) if isinstance(word, tuple) else self._put(word)
        if lines:
            self._put_gap(lines)
            self._put(")")
        self._put(self._pick(["", *BLANKS]) + self._pick(COMMENTS) + "\n")

    def _add_alias(self):
        rdtype, target = self._pick(TYPES), self._pick(TARGETS)
        absolute = dns.name.from_text(target, dns.name.from_text(self._origin))
        self._put_record((rdtype, "TYPE65401", "PTR"), (target, generic(absolute), target))

    def _add_other(self):
        self._put_record(self._pick(OTHERS))

    def _add_filler(self):
        self._put(self._pick(["", *BLANKS]) + self._pick(COMMENTS) + "\n")

    def _add_origin(self):
        self._origin = self._pick(ORIGINS)
        self._put(f"$ORIGIN {self._origin}{self._pick(['', ' ', ' ; ALIAS', chr(9)])}\n")


def large_zone(count):
    """A zone file with ALIAS every tenth record, and what has to become of it."""
    lines, expected = [HEAD], [HEAD]
    for index in range(count):
        if index % 10 == 0:
            target = f"host{index}.provider.example."
            lines.append(f"n{index}\t3600\tIN\tALIAS\t{target}\t; {index}\n")
            expected.append(f"n{index}\t3600\tIN\tTYPE65401\t{generic(target)}\t; {index}\n")
        else:
            lines.append(f'n{index}\t3600\tIN\tTXT\t"ALIAS {index}; ("\n')
            expected.append(lines[-1])
    return "".join(lines), "".join(expected)
