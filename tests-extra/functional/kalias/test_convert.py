# SPDX-License-Identifier: GPL-2.0-or-later
"""kalias convert: ALIAS in zone files, in the form that the installed Knot reads, and back."""

import random
import re
import resource
import shutil
import subprocess

import dns.rdatatype
import dns.zone
import pytest

from client import ALIAS
from kalias import KALIAS, kalias
from timing import seconds
from zonefiles import RandomZone, generic, large_zone

KZONECHECK = shutil.which("kzonecheck")
needs_kzonecheck = pytest.mark.skipif(not KZONECHECK, reason="kzonecheck is not installed")

SEEDS = range(20)

@pytest.fixture
def convert(libknot):
    """Converts a text for a Knot that does not know ALIAS."""
    def run(text, *arguments, knot="old", **more):
        return kalias("convert", *arguments, input=text, env=libknot[knot], **more)
    return run


def kzonecheck(path, origin):
    done = subprocess.run([KZONECHECK, "-o", origin, path], capture_output=True, text=True,
                          timeout=seconds(60), check=False)
    assert done.returncode == 0, done.stdout + done.stderr


X, ABS = generic("x.example.com."), generic("cdn.provider.example.")
AT, DOT, BACKSLASH = (generic(name) for name in ("\\@.example.com.", "x\\..example.com.", "x\\\\."))
T = "TYPE65401"

# A text and what becomes of it, with the origin example.com
FORWARD = {
    "empty": ("", ""),
    "plain": ("a 1 IN ALIAS x\n", f"a 1 IN {T} {X}\n"),
    "absolute": ("a ALIAS cdn.provider.example.\n", f"a {T} {ABS}\n"),
    "aname": ("a ANAME x\n", f"a {T} {X}\n"),
    "any-case": ("a aLiAs x\nb Aname x\n", f"a {T} {X}\nb {T} {X}\n"),
    "target-case": ("a ALIAS X\n", f"a {T} {generic('X.example.com.')}\n"),
    "at": ("@ ALIAS @\n", f"@ {T} {generic('example.com.')}\n"),
    "escaped-at": ("a ALIAS \\@\n", f"a {T} {AT}\n"),
    "root": ("a ALIAS .\n", f"a {T} \\# 1 00\n"),
    "no-final-newline": ("a ALIAS x", f"a {T} {X}"),
    "crlf": ("a ALIAS x\r\nb ALIAS x ; c\r\n", f"a {T} {X}\nb {T} {X} ; c\n"),
    "bom": ("\ufeffa ALIAS x\n", f"a {T} {X}\n"),
    "tabs": ("a\t\t1\tIN\tALIAS\tx\t\n", f"a\t\t1\tIN\t{T}\t{X}\t\n"),
    "class-first": ("a IN 1h30m ALIAS x\n", f"a IN 1h30m {T} {X}\n"),
    "no-class": ("a 1 ALIAS x\n", f"a 1 {T} {X}\n"),
    "generic-class": ("a CLASS1 ALIAS x\n", f"a CLASS1 {T} {X}\n"),
    "class-case": ("a in ALIAS x\n", f"a in {T} {X}\n"),
    "inherited": ("a A 192.0.2.1\n ALIAS x\n\tIN ALIAS x\n", f"a A 192.0.2.1\n {T} {X}\n\tIN {T} {X}\n"),
    "owner-alias": ("ALIAS ALIAS x\nALIAS A 192.0.2.1\n", f"ALIAS {T} {X}\nALIAS A 192.0.2.1\n"),
    "owner-aname": ("ANAME IN ALIAS x\n", f"ANAME IN {T} {X}\n"),
    "owner-in": ("IN IN ALIAS x\nIN ALIAS x\n", f"IN IN {T} {X}\nIN {T} {X}\n"),
    "owner-number": ("3600 1 ALIAS x\n3600 ALIAS x\n", f"3600 1 {T} {X}\n3600 {T} {X}\n"),
    "target-alias": ("a ALIAS alias\n", f"a {T} {generic('alias.example.com.')}\n"),
    "target-in": ("a ALIAS IN\n", f"a {T} {generic('IN.example.com.')}\n"),
    "wildcard": ("* ALIAS x\n", f"* {T} {X}\n"),
    "comment": ("a ALIAS x ; ALIAS (\"\n;b ALIAS x\n", f"a {T} {X} ; ALIAS (\"\n;b ALIAS x\n"),
    "comment-close": ("a ALIAS x;c\n", f"a {T} {X};c\n"),
    "parentheses": ("a ( ALIAS x )\n", f"a ( {T} {X} )\n"),
    "parentheses-tight": ("a(ALIAS x)\n", f"a({T} {X})\n"),
    "parentheses-first": (" ( 1 ALIAS x )\n", f" ( 1 {T} {X} )\n"),
    "lines": ("a ( ; 1)\n 1 ; 2(\n ALIAS ; \"3\n\n x ) ; 4\nb ALIAS x\n",
              f"a ( ; 1)\n 1 ; 2(\n {T} ; \"3\n\n {X} ) ; 4\nb {T} {X}\n"),
    "lines-after": ("a ALIAS x (\n)\nb ALIAS x\n", f"a {T} {X} (\n)\nb {T} {X}\n"),
    "strings": ('a TXT "; (" ALIAS "\\"ALIAS x"\nb ALIAS x\n', f'a TXT "; (" ALIAS "\\"ALIAS x"\nb {T} {X}\n'),
    "string-lines": ('a TXT ( "c\nb ALIAS x\n" )\nb ALIAS x\n', f'a TXT ( "c\nb ALIAS x\n" )\nb {T} {X}\n'),
    "string-in-word": ('a HTTPS 1 . alpn="h2;(" port=1\nb ALIAS x\n',
                       f'a HTTPS 1 . alpn="h2;(" port=1\nb {T} {X}\n'),
    "string-backslash": ('a TXT "\\\\" ; "\nb ALIAS x\n', f'a TXT "\\\\" ; "\nb {T} {X}\n'),
    "quoted-type": ('a "ALIAS" x\n', 'a "ALIAS" x\n'),
    "rdata": ("a MX 10 ALIAS\na TXT ALIAS x\na TXT IN ALIAS x\n",
              "a MX 10 ALIAS\na TXT ALIAS x\na TXT IN ALIAS x\n"),
    "longer-type": ("a ALIASX x\na XALIAS x\n", "a ALIASX x\na XALIAS x\n"),
    "escapes": ("a\\;b ALIAS x\\.y\\032\\;\\(\\\"\n",
                f"a\\;b {T} \\# 21 07782e79203b2822076578616d706c6503636f6d00\n"),
    "escaped-dot-end": ("a ALIAS x\\.\n", f"a {T} {DOT}\n"),
    "escaped-backslash-end": ("a ALIAS x\\\\.\n", f"a {T} {BACKSLASH}\n"),
    "escaped-dot-number": ("a ALIAS x\\046\n", f"a {T} {DOT}\n"),
    "escaped-owner": ("\\$TTL ALIAS x\n\\  ALIAS x\n", f"\\$TTL {T} {X}\n\\  {T} {X}\n"),
    "not-utf-8": ("a TXT \udcff\udc80 ; \udcfe\nb ALIAS x ; ä\n",
                  f"a TXT \udcff\udc80 ; \udcfe\nb {T} {X} ; ä\n"),
    "origin": ("$ORIGIN a.\nb ALIAS x\n$ORIGIN c\nd ALIAS x\n",
               f"$ORIGIN a.\nb {T} {generic('x.a.')}\n$ORIGIN c\nd {T} {generic('x.c.a.')}\n"),
    "origin-case": ("$origin ( a. ) ; b\nb ALIAS x\n", f"$origin ( a. ) ; b\nb {T} {generic('x.a.')}\n"),
    "origin-root": ("$ORIGIN .\nb.c 1 IN ALIAS x.a\n", f"$ORIGIN .\nb.c 1 IN {T} {generic('x.a.')}\n"),
    "origin-at": ("$ORIGIN @\nb ALIAS x\n", f"$ORIGIN @\nb {T} {X}\n"),
    "ttl": ("$TTL 1h\n$ttl ALIAS\na ALIAS x\n", f"$TTL 1h\n$ttl ALIAS\na {T} {X}\n"),
    "directive-inner": (" $ORIGIN a.\nb ALIAS x\n", f" $ORIGIN a.\nb {T} {X}\n"),
    "generate": ("$GENERATE 1-2 a$ A 192.0.2.$\na ALIAS x\n", f"$GENERATE 1-2 a$ A 192.0.2.$\na {T} {X}\n"),
    "generic": (f"a {T} {ABS}\n", f"a {T} {ABS}\n"),
    "generic-lines": (f"a {T} \\# ( 1 ; ALIAS\n 00 )\nb ALIAS x\n", f"a {T} \\# ( 1 ; ALIAS\n 00 )\nb {T} {X}\n"),
    "generic-mnemonic": (f"a ALIAS ( {ABS} )\n", f"a {T} ( {ABS} )\n"),
    "number-name": (f"a {T} x\n", f"a {T} {X}\n"),
    "several": ("a ALIAS x\na ALIAS cdn.provider.example.\n", f"a {T} {X}\na {T} {ABS}\n"),
    "blank-lines": ("\n  \n\t; c\n\na ALIAS x\n\n", f"\n  \n\t; c\n\na {T} {X}\n\n"),
}

# The same with --to-alias
BACK = {
    "empty": ("", ""),
    "plain": (f"a 1 IN {T} {X}\n", "a 1 IN ALIAS x.example.com.\n"),
    "any-case": (f"a type65401 {X}\n", "a ALIAS x.example.com.\n"),
    "no-final-newline": (f"a {T} {X}", "a ALIAS x.example.com."),
    "crlf": (f"a {T} {X}\r\nb {T} {X} ; c\r\n", "a ALIAS x.example.com.\nb ALIAS x.example.com. ; c\n"),
    "tabs": (f"a\t{T}\t{X}\t;\tc\n", "a\tALIAS\tx.example.com.\t;\tc\n"),
    "pieces": (f"a {T} \\# 5 01 61 01  62 00  ; c\n", "a ALIAS a.b.  ; c\n"),
    "octets": (f"a {T} \\# 7 05 002e40ff5f 00\n", "a ALIAS \\000\\.\\@\\255_.\n"),
    "root": (f"a {T} \\# 1 00\n", "a ALIAS .\n"),
    "parentheses-line": (f"a {T} \\# 5 ( 0161 0162 00 ) ; c\n", "a ALIAS a.b. ; c\n"),
    "parentheses-around": (f"a ( {T} \\# 5 0161016200 )\n", "a ( ALIAS a.b. )\n"),
    "parentheses-lines": (f"a {T} \\# 5 ( 0161 ; a\n\t0162 ; b\n\t00 ) ; c\nb A 192.0.2.1\n",
                          "a ALIAS a.b. ( ; a\n ; b\n ) ; c\nb A 192.0.2.1\n"),
    "parentheses-before": (f"a ( ; c\n {T} ; d\n \\# 5 ; e\n 0161016200 )\n",
                           "a ( ; c\n ALIAS ; d\n a.b. ; e\n )\n"),
    "owner": (f"{T} {T} {X}\n {T} {X}\n", f"{T} ALIAS x.example.com.\n ALIAS x.example.com.\n"),
    "mnemonic": (f"a ALIAS {X}\nb ALIAS x\n", "a ALIAS x.example.com.\nb ALIAS x\n"),
    "aname": (f"a ANAME x\nb ANAME {X}\n", "a ALIAS x\nb ALIAS x.example.com.\n"),
    "number-name": (f"a {T} x\n", "a ALIAS x\n"),
    "other": (f"a TYPE65400 {X}\na TXT {T} {X}\n; {T} {X}\n", f"a TYPE65400 {X}\na TXT {T} {X}\n; {T} {X}\n"),
    "string": (f'a TXT "\\" {T} {X}"\n', f'a TXT "\\" {T} {X}"\n'),
}

# The same for a Knot that knows ALIAS
MNEMONIC = {
    "alias": ("a ALIAS x\n", "a ALIAS x\n"),
    "aname": ("a 1 IN aname x ; c\n", "a 1 IN ALIAS x ; c\n"),
    "generic": (f"a {T} {X}\nb ALIAS {X}\n", f"a {T} {X}\nb ALIAS {X}\n"),
    "generic-aname": (f"a ANAME {X}\n", f"a ALIAS {X}\n"),
}

# A text that is refused, the line, and what the error names
MALFORMED = {
    "no-target": ("a A 192.0.2.1\nb ALIAS\n", 2, "missing"),
    "two-targets": ("a ALIAS x y\n", 1, "one name"),
    "priority": ("\n\na ALIAS 10 x\n", 3, "one name"),
    "quoted": ('a ALIAS "x"\n', 1, "quoted"),
    "label-empty": ("a ALIAS x..y\n", 1, "labels"),
    "label-64": (f"a ALIAS {64 * 'x'}\n", 1, "labels"),
    "name-long": (f"a ALIAS {'.'.join(4 * [60 * 'x'])}\n", 1, "labels"),
    "escape": ("a ALIAS x\\256\n", 1, "\\DDD"),
    "escape-end": ("a ALIAS x\\\n", 1, "\\DDD"),
    "not-ascii": ("a ALIAS bücher.example.\n", 1, "ASCII"),
    "line-of-type": ("a (\n; c\n ALIAS\n\n x..y )\n", 3, "labels"),
    "after-lines": ('a TXT ( "x\ny" ; (\n)\n\n; c\nb ALIAS x..y\n', 6, "labels"),
    "after-crlf": ("a A 192.0.2.1\r\n\r\nb ALIAS x..y\r\n", 3, "labels"),
    "parenthesis-open": ("a ALIAS x\nb A (\n192.0.2.1\n\n", 2, "not closed"),
    "parenthesis-close": ("a ALIAS x\nb A 192.0.2.1 )\n", 2, "without an opening"),
    "string": ('a ALIAS x\nb TXT "y\nc TXT "z"\n', 2, "quoted string"),
    "string-end": ('a ALIAS x\nb TXT ( "y\n)\n', 2, "no end"),
    "zero": ("a ALIAS x\nb\0 A 192.0.2.1\n", 2, "\\000"),
    "origin": ("a ALIAS x\n$ORIGIN a..b\nb ALIAS x\n", 2, "labels"),
    "origin-missing": ("$ORIGIN ; a.\n", 1, "one name"),
    "origin-two": ("$ORIGIN a. b.\n", 1, "one name"),
    "generate": ("a ALIAS x\n$GENERATE 1-2 a$ 60 IN ALIAS x$\n", 2, "$GENERATE"),
    "generic": ("a ALIAS \\# 3 0161\n", 1, "number of octets"),
}

MALFORMED_BACK = {
    "length": (f"\na {T} \\# 21 {X.split()[2]}\n", 2, "number of octets"),
    "pointer": (f"a {T} \\# 2 c00c\n", 1, "compression"),
    "trailing": (f"a {T} \\# (\n 2 ; c\n 0000 )\n", 1, "octets after"),
    "not-hex": (f"a {T} \\# 1 0z\n", 1, "hexadecimal"),
    "no-rdata": (f"a {T}\n", 1, "missing"),
}


@pytest.mark.parametrize("text, expected", FORWARD.values(), ids=FORWARD)
def test_forward(convert, text, expected):
    """Type and target are replaced and nothing else; what is converted stays as it is."""
    assert convert(text, "-o", "example.com").stdout == expected
    assert convert(expected, "-o", "example.com").stdout == expected


@pytest.mark.parametrize("text, expected", BACK.values(), ids=BACK)
def test_back(convert, text, expected):
    """Generic records get the name of the type and an absolute target; what has them stays as it is."""
    assert convert(text, "--to-alias").stdout == expected
    assert convert(expected, "--to-alias").stdout == expected


@pytest.mark.parametrize("text, expected", MNEMONIC.values(), ids=MNEMONIC)
def test_mnemonic(convert, text, expected):
    """For a Knot that knows ALIAS only ANAME is replaced, for which no origin is needed."""
    assert convert(text, knot="new").stdout == expected


def check_refused(done, line, rule):
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: stdin:{line}: ") and done.stderr.count("\n") == 1
    assert rule in done.stderr


@pytest.mark.parametrize("text, line, rule", MALFORMED.values(), ids=MALFORMED)
def test_malformed(convert, text, line, rule):
    """An error has the line of the type and the rule, and nothing is printed."""
    check_refused(convert(text, "--origin", "example.com", check=False), line, rule)


@pytest.mark.parametrize("text, line, rule", MALFORMED_BACK.values(), ids=MALFORMED_BACK)
def test_malformed_back(convert, text, line, rule):
    """The same with --to-alias."""
    check_refused(convert(text, "--to-alias", check=False), line, rule)


def test_all_errors(convert):
    """All wrong records of a file are named at once."""
    done = convert("a ALIAS\nb ALIAS cdn.provider.example.\nc ALIAS x..y\n", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["stdin:1", "stdin:3"]


# Origin

def test_no_origin(convert):
    """The first relative target tells how to give the origin; absolute ones do without."""
    done = convert("a ALIAS cdn.provider.example.\nb ALIAS x\nc ALIAS @\n", check=False)
    check_refused(done, 2, "--origin ZONE")
    assert "$ORIGIN" in done.stderr
    absolute = convert("a ALIAS cdn.provider.example.\n$ORIGIN b\n$ORIGIN example.com.\nb ALIAS x\n")
    assert absolute.stdout == f"a {T} {ABS}\n$ORIGIN b\n$ORIGIN example.com.\nb {T} {X}\n"


def test_no_origin_mnemonic(convert):
    """Where targets stay names the first relative one is a warning; on the way back nothing is said."""
    text = f"a ALIAS cdn.provider.example.\nb ALIAS x\nc {T} x\n$ORIGIN d.\nd ALIAS x\n"
    done = convert(text, knot="new")
    assert done.stdout == text
    assert [line for line, said in warnings(done) if said.startswith("relative name, ") and "--origin ZONE" in said] == [2]
    for arguments, knot in (["-o", "example.com"], "new"), (["--to-alias"], "old"):
        assert "relative" not in convert(text, *arguments, knot=knot).stderr


SOA = "SOA ns.example.net. h.example.net. 1 2 3 4 5\n"


@pytest.mark.parametrize("head", [
    f"example.com. {SOA}", f"Example.COM. 1h IN {SOA}", f"$ORIGIN example.com.\n@ {SOA}$ORIGIN com.\n",
    f"$ORIGIN .\nexample.com {SOA}", f"$TTL 1\n; c\nns.example.net. A 192.0.2.1\nexample.com. {SOA}"])
def test_origin_of_soa(convert, head):
    """The SOA gives the origin, wherever it is, if its owner is absolute: no other zone can have this file."""
    head = "b.example.com. ALIAS x\n" + head
    name = generic("x.Example.COM." if "COM" in head else "x.example.com.")
    assert convert(head).stdout == head.replace("ALIAS x", f"{T} {name}")


@pytest.mark.parametrize("file", ["internal.zone", "example.com!inside.zone", "example.com.new.zone", "example.com.zone",
                                  "db.example.com"])
@pytest.mark.parametrize("head", ["", f"@ {SOA}", f"example.com {SOA}"])
def test_no_origin_of_file(convert, tmp_path, file, head):
    """The name of a file gives no origin, however much it looks like one."""
    path = tmp_path / file
    path.write_text(f"{head}a ALIAS lb\n")
    done = convert("", path, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: {path}:{1 + bool(head)}: relative name, " in done.stderr and "--origin" in done.stderr


# What is most likely a mistake

ZONE = f"$ORIGIN example.com.\n$TTL 1h\n@ {SOA}@ NS ns\n"  # four lines

# Records after these lines; what is warned about, with its line; and the comments that are added
DOUBTFUL = {
    "well": ("@ ALIAS x.y.\nwww ALIAS www2\n", [], []),
    "two-labels": ("a ALIAS cdn.provider.example\nb ALIAS b.c\n",
                   [(5, "target 'cdn.provider.example' has no final dot, it means cdn.provider.example.example.com., "
                        "which the zone does not have"), (6, "it means b.c.example.com.")],
                   ["cdn.provider.example.example.com.", "b.c.example.com."]),
    "two-labels-here": ("a ALIAS C.b\nb ALIAS d.w\nc.B A 192.0.2.1\n*.w A 192.0.2.1\n", [], []),
    "two-labels-parentheses": ("a ALIAS ( b.c\n ) ; d\n", [(5, "b.c.example.com.")], ["b.c.example.com."]),
    "two-labels-wildcard": ("* A 192.0.2.1\na ALIAS b.c\n", [(6, "it means b.c.example.com.")], ["b.c.example.com."]),
    "one-label-wildcard": ("* A 192.0.2.1\na ALIAS c\n", [], []),
    "two-labels-included": ("$INCLUDE b\na ALIAS b.c\n",
                            [(5, "included"), (6, "which the zone does not have, unless an included file has it")],
                            ["b.c.example.com."]),
    "escaped-dot": ("a ALIAS b\\.c\n", [(5, "no host name has")], []),
    "itself": ("a ALIAS A\n", [(5, "a.example.com. is its own target")], []),
    "eight": (8 * "a ALIAS b\n", [], []),
    "nine": (5 * "a ALIAS b\n" + "b A 192.0.2.1\n" + 4 * "a ALIAS b\n", [(5, "has 9 targets, of which 8 count")], []),
    "delegation": ("d NS ns\nd ALIAS x.y.\na.b.d ALIAS x.y.\ne ALIAS x.y.\n",
                   [(6, "d.example.com. is at or below a delegation"), (7, "a.b.d.example.com. is at or below")], []),
    "dname": ("d DNAME x.\nd ALIAS x.y.\na.d ALIAS x.y.\n", [(7, "a.d.example.com. is below a DNAME")], []),
    "cname": ("c ALIAS x.y.\nc CNAME x.\n", [(5, "c.example.com. has a CNAME as well")], []),
    "other-zone": ("a.example.org. ALIAS x.y.\n", [(5, "a.example.org. is not in the zone")], []),
    "owner-ttl": ("3600 ALIAS x.y.\n3600 1 ALIAS x.y.\n", [(5, "owner '3600' is a TTL")], []),
    "odd-target": ("a ALIAS a=b\nb ALIAS localhost.\n", [(5, "no host name has"), (6, "one label only")], []),
    "converted": (f"a {T} {generic('192.0.2.1.')}\n", [(5, "is an address")], []),
    "malformed": (f"a {T} \\# 2 0161\n", [(5, "RDATA ends within the name")], []),
}


def warnings(done):
    """(line, text) of each."""
    return [(int(line), text) for line, text in re.findall(r"^warning: stdin:(\d+): (.*)", done.stderr, re.M)]


@pytest.mark.parametrize("text, expected, comments", DOUBTFUL.values(), ids=DOUBTFUL)
def test_doubtful(convert, text, expected, comments):
    """An ALIAS that will not be served or is most likely not meant is converted, and named with its line."""
    done = convert(ZONE + text)
    said = warnings(done)
    assert [line for line, _ in said] == [line for line, _ in expected]
    assert all(part in text for (_, text), (_, part) in zip(said, expected))
    assert re.findall(r"(?<= ; )\S+\.example\.com\.(?=$| ; d$)", done.stdout, re.M) == comments
    assert "ALIAS" not in done.stdout
    assert convert(done.stdout).stdout == done.stdout


@pytest.mark.parametrize("record, rule", [
    ("a ALIAS 192.0.2.1", "target '192.0.2.1' is an address"), ("a ALIAS 2001:db8::1", "is an address"),
    ("a ALIAS 192.0.2.1.", "is an address"), ("a ALIAS https://cdn.provider.example/", "is a URL"),
    ("a ALIAS cdn.provider.example:443", "has a port"),
    ("www.Example.com ALIAS x.y.", "owner 'www.Example.com' ends with the name of the zone"),
    ("example.com ALIAS x.y.", "has no final dot")])
def test_impossible(convert, record, rule):
    """What can't be meant is an error."""
    done = convert(f"{ZONE}{record}\n", check=False)
    check_refused(done, 5, rule)


@pytest.mark.parametrize("rdtype, program", [("TYPE65280", "Technitium"), ("type65357", "Simple DNS Plus")])
def test_private_type(convert, rdtype, program):
    """The number that another program has for its ALIAS is one, if there is a name behind it, and is said."""
    other = f"b {rdtype} \\# 3 0161ff\n"
    for arguments, converted in (([], f"{T} {ABS}"), (["--to-alias"], "ALIAS cdn.provider.example.")):
        done = convert(f"a 60 IN {rdtype} {ABS} ; c\n{other}", *arguments)
        assert done.stdout == f"a 60 IN {converted} ; c\n{other}"
        [(line, said)] = warnings(done)
        assert line == 1 and rdtype.upper() in said and program in said


def test_other_zone(convert):
    """The wrong zone on the command line is seen."""
    text = f"example.com. {SOA}www.example.com. ALIAS x.y.\n"
    assert not warnings(convert(text))
    assert [said for _, said in warnings(convert(text, "-o", "example.org"))] == [
        "www.example.com. is not in the zone, and left out by Knot DNS"]


@pytest.mark.parametrize("head, line", [(f"example.com {SOA}", 1), (f"@ {SOA}", None), (f"com {SOA}", None),
                                        (f"$ORIGIN .\nexample.com {SOA}", None), (f"example.com. {SOA}", None)])
def test_soa_without_dot(convert, head, line):
    """If it can't be known whether the SOA lacks its dot, one is asked for the zone."""
    done = convert(f"{head}www.example.com. ALIAS x.y.\n")
    assert [said for _, said in warnings(done)] == (
        ["owner 'example.com' of the SOA has no final dot: name the zone with --origin ZONE"] if line else [])


def test_nothing_doubtful_back(convert):
    """The way back says nothing about what records mean."""
    assert not warnings(convert(f"{ZONE}a {T} {generic('192.0.2.1.')}\n", "--to-alias"))


@pytest.mark.parametrize("text, said", [
    ("a A 192.0.2.1\n", "warning: stdin: 0 records converted, 0 were"),
    (f"a {T} {ABS}\nb {T} {ABS}\n", "warning: stdin: 0 records converted, 2 were"),
    (f"a ALIAS x.y.\nb {T} {ABS}\n", "1 record converted"), ("a ALIAS x.y.\nb ANAME x.y.\n", "2 records converted")])
def test_number(convert, text, said):
    """The last line has the number of records converted, and none is a warning."""
    assert convert(text).stderr.splitlines()[-1].startswith(said)
    if "2 records" in said:
        assert convert(convert(text).stdout, "--to-alias").stderr == "2 records converted\n"


# CNAMEs that were flattened

# In the style of Cloudflare's exports
CLOUDFLARE = """\
;; Domain:     example.net.
example.net\t3600\tIN\tSOA\tann.ns.provider.example. dns.provider.example. 7 10000 2400 604800 3600
example.net.\t86400\tIN\tNS\tann.ns.provider.example.
mail.example.net.\t1\tIN\tA\t192.0.2.25 ; cf_tags=cf-proxied:false
app.example.net.\t1\tIN\tCNAME\tapp.host.example. ; cf_tags=cf-flatten-cname:true,cf-proxied:false
api.example.net.\t120\tIN\tCNAME\tapi.host.example. ; cf_tags=cf-proxied:true,cf-flatten-cname:false
old.example.net.\t1\tIN\tCNAME\told.host.example. ; cf_tags=cf-flatten-cname
example.net.\t1\tIN\tCNAME\tcdn.host.example. ; ours cf_tags=cf-proxied:false
example.net.\t1\tIN\tMX\t10 mail.example.net.
example.net.\t1\tIN\tTXT\t"1 IN CNAME"
"""


def flattened(text, *names):
    """The export as it should come out, for the first labels of names."""
    text = text.replace("example.net\t", "example.net.\t", 1)
    text = re.sub(r"^(\S+\t)1\t", r"\g<1>300\t", text, flags=re.M) if names else text
    for name in names:
        text = re.sub(rf"^({name}\.\S+\t\d+\tIN\t)CNAME\t(\S+)",
                      lambda match: f"{match[1]}{T}\t{generic(match[2])}", text, flags=re.M)
    return text


@pytest.mark.parametrize("what, names", [
    (["apex"], ["example"]), (["tagged"], ["app", "old"]), (["all"], ["app", "api", "old", "example"]),
    (["api"], ["api"]), (["API.example.net."], ["api"]), (["apex", "tagged"], ["example", "app", "old"])])
def test_flatten(convert, what, names):
    """CNAMEs that are named become ALIAS, TTLs of 1 are raised, and nothing else changes."""
    arguments = [argument for name in what for argument in ("--flatten", name)]
    done = convert(CLOUDFLARE, "-o", "example.net", *arguments)
    assert done.stdout == flattened(CLOUDFLARE, *names)
    said = dict(warnings(done))
    assert said.keys() == {2} | ({8} if "example" not in names else set()) and "final dot" in said[2]
    assert "\nTTLs of 1 that became 300: 6\n" in done.stderr
    assert "behind Cloudflare's proxy, and will show your own servers: 1\n" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"{len(names)} record")


@pytest.mark.parametrize("what", ["all", "tagged"])
def test_flatten_attributes(convert, what):
    """Names that are not for hosts are left, unless they are given by name."""
    text = "".join(f"{owner} 60 IN CNAME x.y. ; cf_tags=cf-flatten-cname\n"
                   for owner in ("a_b", "s._domainkey", "_acme-challenge", "_", "_acme-challenge.w"))
    done = convert(text, "-o", "example.com", "--flatten", what, "--flatten", "_")
    assert [line.split()[0] for line in done.stdout.splitlines() if T in line] == ["a_b", "_"]
    assert "CNAMEs that stay, as a label of their names begins with _: 3\n" in done.stderr
    done = convert(text.split("\n")[1] + "\n", "-o", "example.com", "--flatten", what)
    assert T not in done.stdout and "no such CNAME" not in done.stderr and "begins with _: 1\n" in done.stderr


def test_flatten_not(convert):
    """Without the option a CNAME that can't be is named with its line, and what to give for it."""
    done = convert(CLOUDFLARE + "mail.example.net. 1 IN CNAME x.y.\n", "-o", "example.net")
    assert done.stdout == flattened(CLOUDFLARE) + "mail.example.net. 1 IN CNAME x.y.\n"
    said = dict(warnings(done))
    assert said.keys() == {2, 8, 11}
    assert "--flatten apex " in said[8] and "--flatten mail.example.net. " in said[11]
    assert "TTLs" not in done.stderr


def test_flatten_forms(convert):
    """A CNAME may be written in all ways; what only looks like one stays."""
    text = f"{ZONE}a IN 1 cname x\n 1 CNAME ( ; c\n x.y. )\nb TXT CNAME\n1 1 IN CNAME 1\n"
    done = convert(text, "--flatten", "a", "--flatten", "1")
    assert done.stdout == (f"{ZONE}a IN 300 {T} {X}\n 300 {T} ( ; c\n {generic('x.y.')} )\nb TXT CNAME\n"
                           f"1 300 IN {T} {generic('1.example.com.')}\n")


def test_flatten_behind_soa(convert):
    """A CNAME that inherits the owner of a SOA that lacks its dot is at the apex."""
    text = f"example.com {SOA} CNAME x.y.\n"
    done = convert(text + " TXT x\n", "-o", "example.com", "--flatten", "apex")
    assert done.stdout == f"example.com. {SOA} {T} {generic('x.y.')}\n TXT x\n"
    assert [line for line, _ in warnings(done)] == [1]
    assert "example.com. has a CNAME and other records" in dict(warnings(convert(text, "-o", "example.com")))[2]
    done = convert(text, "-o", "example.com", "--flatten", "apex", "--to-alias")
    assert done.stdout == text.replace("CNAME", "ALIAS") and not warnings(done)


def test_flatten_mnemonic(convert):
    """A Knot that knows ALIAS gets that, and so does the way back."""
    for arguments, knot in (([], "new"), (["--to-alias"], "old")):
        assert convert("a 60 CNAME x\nb CNAME x\n", "--flatten", "a", "-o", "example.com", *arguments,
                       knot=knot).stdout == "a 60 ALIAS x\nb CNAME x\n"


@pytest.mark.parametrize("what", ["apex", "tagged", "all", "b", "example.com"])
def test_flatten_nothing(convert, what):
    """What is to be flattened and is not there is said."""
    done = convert("b.example.com. A 192.0.2.1\n", "-o", "example.com", "--flatten", what)
    assert f"warning: stdin: --flatten {what}: there is no such CNAME\n" in done.stderr


# What Knot DNS does not read

# A record that it does not, and what is said of it
UNREADABLE = {
    "url": ("a URL https://www.example.net/", "URL: unsupported record type"),
    "lua": ('a 60 IN LUA A "ifportup(443, {\'192.0.2.1\'})"', "LUA: unsupported record type"),
    "cli53": ("a AWS ALIAS A x.y. Z123 false", "AWS: unsupported record type: see migration"),
    "azure": ("a 60 IN AZURE ALIAS x.y.", "AZURE: unsupported record type: see migration"),
    "r53": ("a IN R53_ALIAS A x.y. Z123", "R53_ALIAS: unsupported record type: see migration"),
    "generate": ("$GENERATE 1-2 a$ A 192.0.2.$", "$GENERATE"),
    "other-directive": ("$UNKNOWN x", "can't read this $UNKNOWN: invalid directive"),
    "one-word": ("a", "can't read this entry: "),
    "utf-8-owner": ("bücher A 192.0.2.1", "IDNA"),
    "utf-8-target": ("a CNAME bücher.example.", "IDNA"),
    "address": ("a A 192.0.2.256", "A: invalid IPv4 address"),
    "lines": ("a (\n A 192.0.2.256 )", "A: invalid IPv4 address"),
    "relative-origin": ("$ORIGIN b", "origin"),
    "number": ("a MX x.y.", "MX: invalid number"),
}


@pytest.mark.parametrize("text, rule", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(convert, text, rule):
    """What Knot does not read is named with its line, and what is read around it is not."""
    around = "b {} A 192.0.2.1\nc {} TXT x ; c\n\n"
    text = f"{ZONE}{around.format(1, 2)}{text}\n{around.format(3, 4)}"
    done = convert(text)
    assert done.stdout == text
    [(line, said)] = warnings(done)
    assert line == 8 and rule in said
    assert not warnings(convert(text, "--to-alias"))


def test_unreadable_inherited(convert):
    """Records that inherit the owner of what is not read are read, each by itself; without any owner they are not."""
    text = f"{ZONE}b 60 URL x\n A 192.0.2.1\n\tIN 60 AAAA 2001:db8::\n A 192.0.2.256\n TXT x\n$ORIGIN c\n TXT x\n"
    assert [line for line, _ in warnings(convert(text))] == [5, 8, 10]
    assert [line for line, _ in warnings(convert(" A 192.0.2.1\n"))] == [1]


def test_readable(convert):
    """What Knot reads is not named, whatever is odd about it."""
    text = (ZONE + "a TXT ( \"x\ny\" )\n$TTL 5\nb TYPE65400 \\# 1 00\n\tA 192.0.2.1\n$ORIGIN x.example.com.\n@ A 192.0.2.1\n"
            "; only a comment ( \"\nd HTTPS 1 . alpn=h2 ; ü")
    done = convert(text)
    assert done.stdout == text and not warnings(done)


# Records in comments

COMMENTED = {
    "dnsimple": ("; b.example.com. 60 IN ALIAS cdn.provider.example.\n", f"b.example.com. 60 IN {T} {ABS}\n"),
    "dnscontrol": (";@ IN ALIAS cdn.provider.example.\n", f"@ IN {T} {ABS}\n"),
    "aname": (";;\tb  ANAME  cdn.provider.example. ; c\n", f"b  {T}  {ABS} ; c\n"),
    "blanks": ("  ; b 60 ALIAS x.y.\n", f"b 60 {T} {generic('x.y.')}\n"),
    "inherited": (";  60 IN ALIAS x.y.\n", f"\t60 IN {T} {generic('x.y.')}\n"),
    "relative": ("; b IN ALIAS www\n", f"b IN {T} {generic('www.example.com.')}\n"),
    "generic": (f"; b {T} {ABS}\n", f"b {T} {ABS}\n"),
    "no-final-newline": ("; b IN ALIAS x.y.", f"b IN {T} {generic('x.y.')}"),
    "owner-digits": ("; 37b.example.com. 60 IN ALIAS cdn.provider.example.\n", f"37b.example.com. 60 IN {T} {ABS}\n"),
    "owner-ttl": (";3d  60 IN ALIAS x.y.\n", f"3d  60 IN {T} {generic('x.y.')}\n"),
    "owner-ttl-blank": ("; 3d 60 IN ALIAS x.y.\n", f"3d 60 IN {T} {generic('x.y.')}\n"),
    "owner-class": ("; IN IN ALIAS x.y.\n", f"IN IN {T} {generic('x.y.')}\n"),
    "inherited-ttl": (";\t1h IN ALIAS x.y.\n", f"\t1h IN {T} {generic('x.y.')}\n"),
}
PROSE = ["ALIAS means that a name has the addresses of another.", "an ALIAS record", "ALIAS", "a b ALIAS c",
         "use ALIAS here.", "3 ALIAS records.", "the ALIAS (see below", 'ALIAS "x', "$ORIGIN ALIAS x.", "b CNAME x.y.",
         "b IN TXT ALIAS", "ALIAS x", "b ALIAS x", "b IN ALIAS x y", "defined in ALIAS records",
         "defined in ALIAS x.y.", "b 3rd ALIAS x.y.", "b CLASS1 ALIAS x.y.", f"b in {T} {ABS}"]


@pytest.mark.parametrize("text, record", COMMENTED.values(), ids=COMMENTED)
def test_commented(convert, text, record):
    """A whole record in a comment is named, and taken if that is wished."""
    head = "a A 192.0.2.1\n"
    done = convert(head + text, "-o", "example.com")
    assert done.stdout == head + text
    [(line, said)] = warnings(done)
    assert line == 2 and "--commented" in said
    done = convert(head + text, "-o", "example.com", "--commented")
    assert done.stdout == head + record and not warnings(done)


@pytest.mark.parametrize("prose", PROSE)
def test_prose(convert, prose):
    """Prose is left alone."""
    text = f"a A 192.0.2.1\n; {prose}\n;{prose}\nb A 192.0.2.1 ; {prose}\n"
    for arguments in ([], ["--commented"]):
        done = convert(text, "-o", "example.com", *arguments)
        assert done.stdout == text and not warnings(done)


def test_commented_number(convert):
    """A TTL where the owner stands is taken for one only if there is another TTL, or no blank before it."""
    done = convert("a A 192.0.2.1\n;3d   IN ALIAS x.y.\n", "-o", "example.com", "--commented")
    assert done.stdout == f"a A 192.0.2.1\n3d   IN {T} {generic('x.y.')}\n"
    assert [said for _, said in warnings(done)] == [
        "owner '3d' is a TTL: the owner comes first; if it is the owner, give a TTL as well"]


def test_commented_origin(convert):
    """A record in a comment has the origin of its place."""
    text = "$ORIGIN a.\n; b IN ALIAS x\n$ORIGIN c.\n; b IN ALIAS x\n"
    assert convert(text, "--commented").stdout == \
        f"$ORIGIN a.\nb IN {T} {generic('x.a.')}\n$ORIGIN c.\nb IN {T} {generic('x.c.')}\n"


def test_commented_owner(convert):
    """No record gets its owner from what was a comment."""
    text = "a A 192.0.2.1\n; b IN ALIAS x.y.\n\n AAAA 2001:db8::1\n"
    check_refused(convert(text, "--commented", check=False), 4, "no owner")
    assert convert(text).stdout == text
    for fine in ("; A.example.com. IN ALIAS x.y.", ";@ IN ALIAS x.y.\n;a IN ALIAS x.y."):
        done = convert(f"a A 192.0.2.1\n{fine}\n AAAA 2001:db8::1\n", "--commented", "-o", "example.com")
        assert not warnings(done) and done.stdout.endswith("\n AAAA 2001:db8::1\n")
    for fine in (" AAAA", "c AAAA"):
        convert(f"a A 192.0.2.1\n; {'IN' if fine[0] == ' ' else 'b IN'} ALIAS x.y.\n{fine} 2001:db8::1\n", "--commented")


@pytest.mark.parametrize("record", ["a A 192.0.2.1", "a ALIAS x.y.", "a ( ; c\n A 192.0.2.1 )"])
def test_commented_behind(convert, record):
    """A whole record behind another one is named, and never taken."""
    for arguments in ([], ["--commented"]):
        done = convert(f"{record} ; b.c. IN ALIAS x.y.\n\n", *arguments)
        assert done.stdout.endswith(" ; b.c. IN ALIAS x.y.\n\n")
        [(line, said)] = warnings(done)
        assert line == record.count("\n") + 1 and "a line of its own" in said


def test_commented_inherited(convert):
    """What is said about a record without owner is about the one before, not about its own first word."""
    zone = f"{ZONE}60 CNAME x.\na CNAME x.\n;b 60 ALIAS x.y.\n"
    assert not warnings(convert(f"{ZONE}60 CNAME x.\na A 192.0.2.1\n; 60 IN ALIAS x.y.\n", "--commented"))
    assert not warnings(convert(f"{zone}; 60 IN ALIAS x.y.\n", "--commented"))
    [(_, said)] = warnings(convert(zone.replace(";b", ";"), "--commented"))
    assert said.startswith("a.example.com. has a CNAME")


def test_commented_ttl(convert):
    """A TTL of 1 is raised there, too."""
    assert convert("; b 1 IN ALIAS x.y.\n", "--commented", "--flatten", "a").stdout == f"b 300 IN {T} {generic('x.y.')}\n"


def test_commented_errors(convert):
    """What is wrong in a comment that is taken is an error."""
    text = "a A 192.0.2.1\n; b IN ALIAS 192.0.2.1\n"
    check_refused(convert(text, "-o", "example.com", "--commented", check=False), 2, "is an address")


# Command line and files

@pytest.mark.parametrize("arguments, error", [
    (["-x"], "unknown option"), (["--to-alia", "-xo"], "unknown option"), (["-o"], "needs a zone"), (["--flatten"], "--flatten"),
    (["-o", "a..b"], "origin"), (["-o", ""], "origin"), (["-o", "@"], "origin"), (["a", "b"], "more than one")])
def test_misuse(convert, arguments, error):
    """A wrong command line is told with the usage."""
    done = convert("a A 192.0.2.1\n", *arguments, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert error in done.stderr and "Usage: kalias [options] convert " in done.stderr


@pytest.mark.parametrize("path, error", [("/nonexistent/a", "No such file"), ("/", "directory")])
def test_unreadable_file(convert, path, error):
    """A file that can't be read is an error with its name."""
    done = convert("", path, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.lower().startswith(f"error: {path}: ") and error.lower() in done.stderr.lower()


def test_standard_input(convert):
    """A dash is standard input, options may come behind."""
    assert convert("a ALIAS x\n", "-", "-o", "example.com").stdout == f"a {T} {X}\n"


def test_full_disk(tmp_path):
    """Output that can't be written is an error."""
    path = tmp_path / "zone"
    path.write_text("a A 192.0.2.1\n")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([KALIAS, "convert", path], stdout=full, stderr=subprocess.PIPE,
                              timeout=seconds(20), text=True, check=False)
    assert done.returncode == 1 and "standard output" in done.stderr


# What is no zone file
FOREIGN = {
    "json": ('{\n  "ResourceRecordSets": [\n', "JSON"),
    "json-list": ('[\n {"name": "a"}]\n', "JSON"),
    "json-line": ('[{"name": "a"}]', "JSON"),
    "yaml": ("# zone\n---\n'':\n  - type: ALIAS\n    value: cdn.provider.example.\n", "octoDNS"),
    "yaml-bare": ("www:\n  type: ALIAS\n  value: cdn.provider.example.\n", "octoDNS"),
    "tinydns": ("# data\n.example.com:192.0.2.53:a:3600\n+www.example.com:192.0.2.1:300\n", "tinydns"),
    "tinydns-soa": ("Zexample.com:ns1.example.com:hostmaster.example.com\n", "tinydns"),
    "javascript": ('var REG = NewRegistrar("none");\n', "DNSControl"),
    "javascript-zone": ('// ours\nD("example.com", REG, ALIAS("@", "cdn.provider.example."));\n', "DNSControl"),
    "html": ("<!DOCTYPE html>\n<title>Log in</title>\n", "HTML"),
    "csv": ("name,type,ttl,data\nwww,ALIAS,300,cdn.provider.example\n", "CSV"),
}


@pytest.mark.parametrize("text, name", FOREIGN.values(), ids=FOREIGN)
def test_foreign(convert, text, name):
    """What other tools keep is called by its name, and not read as a zone."""
    done = convert(text, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: stdin: this is ") and name in done.stderr
    assert "samples/README.md" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf16(convert, tmp_path, codec):
    """UTF-16 is called UTF-16."""
    path = tmp_path / "zone"
    path.write_bytes("a ALIAS x\n".encode(codec))
    done = convert("", path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {path}: this is UTF-16: save it as UTF-8\n")


# $INCLUDE

@pytest.fixture
def included(convert):
    """Converts a text; gives the lines of the warnings."""
    def run(text, *arguments):
        done = convert(text, *arguments)
        assert done.stdout == text
        return [line for line in done.stderr.splitlines() if " included file " in line]
    return run


def not_converted(line, file, origin=None):
    """The warning."""
    return (f"warning: stdin:{line}: included file '{file}' is not converted along with this one: "
            f"convert it by itself, with --origin {origin or 'ZONE'}")


def test_include(included):
    """Each file that is included is named, with the line, and with the origin that it has there."""
    text = "a A 192.0.2.1\n$INCLUDE b ; c\n$include sub/c x.\n$INCLUDE d e\n$ORIGIN f\n$INCLUDE b\n$INCLUDE g h ; i\n"
    expected = [not_converted(2, "b", "example.com."), not_converted(3, "sub/c", "x."),
                not_converted(4, "d", "e.example.com."), not_converted(6, "b", "f.example.com."),
                not_converted(7, "g", "h.f.example.com.")]
    assert included(text, "-o", "example.com") == expected
    assert included(text, "-o", "example.com", "--to-alias") == expected


def test_include_no_origin(included):
    """Where the origin is not known, the warning says that one is needed."""
    assert included("$INCLUDE b\n$INCLUDE c d\n$INCLUDE e f.\n$ORIGIN g\n$INCLUDE h\n$ORIGIN i.\n$INCLUDE j k..l\n") == [
        not_converted(1, "b"), not_converted(2, "c"), not_converted(3, "e", "f."), not_converted(5, "h"),
        not_converted(7, "j")]


def test_include_names(included):
    """The name of a file may be quoted and have escapes; without a name there is nothing to say."""
    assert included('$INCLUDE "b c"\n$INCLUDE d\\ e f.\n$INCLUDE ""\n$INCLUDE\n$INCLUDE ( "g"\n h. )\n') == [
        not_converted(1, "b c"), not_converted(2, "d\\ e", "f."), not_converted(3, ""), not_converted(5, "g", "h.")]


# Whole zones

# As `pdnsutil list-zone` prints it
PDNS = """\
$ORIGIN .
*.example.com\t60\tIN\tALIAS\tWild.Provider.Example.
a\\.b.example.com\t3600\tIN\tALIAS\tx\\.y.example.
example.com\t300\tIN\tALIAS\tcdn.provider.example.
example.com\t3600\tIN\tMX\t10 mail.example.com.
example.com\t3600\tIN\tNS\tns1.example.com.
example.com\t3600\tIN\tSOA\tns1.example.com hostmaster.example.com 1 10800 3600 1209600 300
example.com\t3600\tIN\tTXT\t"v=spf1 ; mx (x) \\"q\\" -all" "second"
mail.example.com\t3600\tIN\tA\t192.0.2.25
ns1.example.com\t3600\tIN\tA\t192.0.2.53
odd.example.com\t3600\tIN\tALIAS\t\\061a\\"b.example.
sub.example.com\t3600\tIN\tCAA\t0 issue "letsencrypt.org; validationmethods=dns-01"
svc.example.com\t3600\tIN\tHTTPS\t1 . alpn="h2,h3"
"""


def records(text):
    """All records of a zone, read by dnspython; PTR stands for ALIAS."""
    zone = dns.zone.from_text(text, "example.com", relativize=False)
    return sorted((name, ttl, ALIAS if rdata.rdtype == dns.rdatatype.PTR else rdata.rdtype, rdata.to_wire())
                  for name, ttl, rdata in zone.iterate_rdatas())


@needs_kzonecheck
def test_pdns(convert, tmp_path):
    """What PowerDNS prints means the same to Knot after the conversion."""
    path = tmp_path / "zone"
    path.write_text(convert(PDNS).stdout)
    assert records(path.read_text()) == records(PDNS.replace("ALIAS", "PTR"))
    kzonecheck(path, "example.com")


@pytest.mark.parametrize("seed", SEEDS)
def test_random(convert, seed):
    """A zone of any looks is converted octet for octet as expected, and to records of the same meaning."""
    zone = RandomZone(seed, 300)
    forward = convert(zone.text, "-o", "example.com").stdout
    assert forward == zone.generic
    assert records(forward) == records(zone.known)
    assert convert(zone.text.replace("\n", "\r\n"), "-o", "example.com").stdout == zone.generic
    back = convert(forward, "--to-alias").stdout
    assert T not in back
    assert convert(back).stdout == forward


@needs_kzonecheck
@pytest.mark.parametrize("seed", SEEDS)
def test_random_loads(convert, tmp_path, seed):
    """Knot reads such a zone."""
    path = tmp_path / "example.com.zone"
    path.write_text(convert(RandomZone(seed, 300).text, "-o", "example.com").stdout)
    kzonecheck(path, "example.com")


@pytest.mark.parametrize("seed", SEEDS)
def test_random_without(convert, seed):
    """A zone without ALIAS comes out as it is, both ways."""
    text = RandomZone(seed, 300).known
    assert convert(text).stdout == text
    assert convert(text, "--to-alias").stdout == text


@pytest.mark.parametrize("seed", SEEDS)
def test_garbage(convert, seed):
    """Any octets come out as they are, or not at all and with an error."""
    source = random.Random(seed)
    refused = 0
    for _ in range(20):
        text = "".join(source.choices(["a", " ", "\t", "\n", "\r\n", "(", ")", '"', "\\", ";", "$", "@", "IN",
                                       "\udcff", "AL", "TYPE65400", "\\#"],
                                      [8, 8, 2, 8, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1], k=source.randrange(60)))
        done = convert(text, check=False)
        refused += done.returncode
        assert (done.returncode, done.stdout) in [(0, text.replace("\r\n", "\n")), (1, "")]
        assert (done.returncode == 1) == done.stderr.startswith("error: stdin:")
    assert 0 < refused < 20


def test_large(convert, tmp_path):
    """A zone of 100,000 records takes no time to speak of, comes back the same, and loads."""
    text, expected = large_zone(100000)
    path = tmp_path / "example.com.zone"
    path.write_text(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    forward = convert("", path).stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < seconds(1)
    assert forward == expected
    assert convert(forward, "--to-alias").stdout == text
    if KZONECHECK:
        path.write_text(forward)
        kzonecheck(path, "example.com")
